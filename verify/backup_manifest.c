/* verify/backup_manifest.c: see backup_manifest.h. */
#include "verify/backup_manifest.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct err *number(uint64_t *out, const json_t *manifest, const char *group, const char *key)
{
    const json_t *value = json_object_get(json_object_get(manifest, group), key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return err_make(CORRUPT, "manifest: no number %s.%s", group, key);
    *out = (uint64_t)json_integer_value(value);
    return NULL;
}

static struct err *text(const char **out, const json_t *value, const char *key)
{
    *out = json_string_value(value);
    return *out ? NULL : err_make(CORRUPT, "manifest: no text %s", key);
}

static struct err *take_server(struct backup_manifest *m, const json_t *manifest)
{
    const json_t *server = json_object_get(manifest, "server");
    const char *flavour, *uuid = json_string_value(json_object_get(server, "server_uuid"));
    uint64_t size;
    TRY(text(&flavour, json_object_get(server, "flavour"), "server.flavour"));
    m->family = redo_family_find(flavour);
    if (!m->family)
        return err_make(REFUSED, "the backup is of a %s server, which this mbe does not know",
                        flavour);
    TRY(number(&size, manifest, "server", "page_size"));
    if (size < INNODB_PAGE_SIZE_MIN || size > INNODB_PAGE_SIZE_MAX || size & (size - 1))
        return err_make(CORRUPT, "manifest: server.page_size %" PRIu64 " is no page size", size);
    m->page_size = (uint32_t)size;
    m->server_uuid = uuid ? mem_strdup(uuid) : NULL;
    return NULL;
}

static struct err *take_lsn(struct backup_manifest *m, const json_t *manifest)
{
    TRY(number(&m->from, manifest, "lsn", "from"));
    TRY(number(&m->to, manifest, "lsn", "to"));
    if (m->from < m->family->lsn_min || m->to < m->from)
        return err_make(CORRUPT,
                        "manifest: lsn.from %" PRIu64 " and lsn.to %" PRIu64 " are no range",
                        m->from, m->to);
    return NULL;
}

static struct err *take_archive_id(uint64_t *out, const json_t *value)
{
    const char *hex;
    char *end;
    TRY(text(&hex, value, "chain.base_archive"));
    if (strspn(hex, "0123456789abcdef") != 16 || hex[16])
        return err_make(CORRUPT, "manifest: chain.base_archive is not 16 hex digits");
    *out = strtoull(hex, &end, 16);
    return NULL;
}

static struct err *take_chain(struct backup_manifest *m, const json_t *manifest)
{
    const json_t *chain = json_object_get(manifest, "chain");
    const char *type = json_string_value(json_object_get(manifest, "type")), *base, *full;
    uint64_t length;
    m->length = 1;
    if (!type || !strcmp(type, "full"))
        return NULL;
    if (strcmp(type, "incremental"))
        return err_make(REFUSED, "the backup is of a type that this mbe does not know: %s", type);
    TRY(text(&base, json_object_get(manifest, "base"), "base"));
    TRY(text(&full, json_object_get(chain, "full"), "chain.full"));
    TRY(take_archive_id(&m->base_archive, json_object_get(chain, "base_archive")));
    TRY(number(&length, manifest, "chain", "length"));
    TRY(number(&m->base_lsn, manifest, "lsn", "base"));
    if (length < 2 || length > UINT32_MAX)
        return err_make(CORRUPT, "manifest: chain.length %" PRIu64 " is none of an increment",
                        length);
    m->length = (uint32_t)length;
    m->base = mem_strdup(base);
    m->full = mem_strdup(full);
    return NULL;
}

static struct err *take(struct backup_manifest *m, const json_t *manifest)
{
    const char *id = json_string_value(json_object_get(manifest, "id"));
    m->id = mem_strdup(id ? id : "");
    TRY(take_server(m, manifest));
    TRY(take_lsn(m, manifest));
    m->redo_encrypted =
        json_is_true(json_object_get(json_object_get(manifest, "redo"), "encrypted"));
    return take_chain(m, manifest);
}

struct err *backup_manifest_load(struct backup_manifest *out, const struct archive_reader *reader)
{
    json_error_t why;
    json_auto_t *manifest =
        json_loads(archive_reader_manifest(reader), JSON_REJECT_DUPLICATES, &why);
    *out = (struct backup_manifest){0};
    if (!manifest)
        return err_make(CORRUPT, "manifest: line %d: %s", why.line, why.text);
    struct err *e = take(out, manifest);
    if (e)
        backup_manifest_fini(out);
    return e;
}

void backup_manifest_fini(struct backup_manifest *m)
{
    free(m->server_uuid);
    free(m->id);
    free(m->full);
    free(m->base);
    *m = (struct backup_manifest){0};
}
