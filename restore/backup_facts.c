/* restore/backup_facts.c: see backup_facts.h. */
#include "restore/backup_facts.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "innodb/space_map.h"
#include "server/replication_sql.h"

enum { SPACE_MAP_MAX = 64 << 20 };

static struct err *parse(json_t **out, const char *text, size_t len, const char *what)
{
    json_error_t e;
    *out = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    if (!*out)
        return err_make(CORRUPT, "%s: line %d: %s", what, e.line, e.text);
    return json_is_object(*out) ? NULL : err_make(CORRUPT, "%s: not a JSON object", what);
}

/* A string or number as text; NULL when absent. */
static char *optional_text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (json_is_string(v))
        return mem_strdup(json_string_value(v));
    if (json_is_integer(v))
        return mem_printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return NULL;
}

/* "10.11.19" of "10.11.19-MariaDB-0+deb12u1"; digits and dots only, so that it is safe to write anywhere. */
static char *version_number(const char *version)
{
    char *number = mem_strdup(version);
    number[strspn(number, "0123456789.")] = '\0';
    return number;
}

/* A set or position of GTIDs; NULL when absent. */
static struct err *load_gtids(char **out, const json_t *gtid, const char *key)
{
    *out = optional_text(gtid, key);
    return !*out || replication_is_gtid_text(*out)
               ? NULL
               : err_make(CORRUPT, "manifest: gtid.%s is nothing of the kind", key);
}

static uint64_t optional_number(const json_t *object, const char *key)
{
    const json_int_t n = json_integer_value(json_object_get(object, key));
    return n > 0 ? (uint64_t)n : 0;
}

static void load_replica(struct replica_coordinates *r, const json_t *replica)
{
    const uint64_t port = optional_number(replica, "master_port");
    r->connection_name = optional_text(replica, "connection_name");
    r->master_host = optional_text(replica, "master_host");
    r->master_port = port <= UINT16_MAX ? (unsigned)port : 0;
    r->relay_master_log_file = optional_text(replica, "relay_master_log_file");
    r->exec_master_log_pos = optional_number(replica, "exec_master_log_pos");
    r->gtid_slave_pos = optional_text(replica, "gtid_slave_pos");
    r->using_gtid = optional_text(replica, "using_gtid");
}

static struct err *load_coordinates(struct coordinates *c, const json_t *manifest)
{
    const json_t *binlog = json_object_get(manifest, "binlog");
    const json_t *gtid = json_object_get(manifest, "gtid");
    const json_t *replicas = json_object_get(manifest, "replicas");
    c->binlog_file = optional_text(binlog, "file");
    c->binlog_position = optional_number(binlog, "position");
    TRY(load_gtids(&c->gtid_binlog_pos, gtid, "binlog_pos"));
    TRY(load_gtids(&c->gtid_current_pos, gtid, "current_pos"));
    TRY(load_gtids(&c->gtid_executed, gtid, "executed"));
    c->n_replicas = json_array_size(replicas);
    c->replicas = mem_zalloc((c->n_replicas + 1) * sizeof *c->replicas);
    for (size_t i = 0; i < c->n_replicas; i++)
        load_replica(&c->replicas[i], json_array_get(replicas, i));
    return NULL;
}

static struct err *load_manifest(struct backup_facts *f, const struct chain_link *l)
{
    const struct backup_manifest *m = &l->manifest;
    const char *text = archive_reader_manifest(l->reader);
    json_auto_t *manifest = NULL;
    TRY(parse(&manifest, text, strlen(text), "manifest"));
    const json_t *server = json_object_get(manifest, "server");
    const char *version = json_string_value(json_object_get(server, "version"));
    if (!version)
        return err_make(CORRUPT, "manifest: no text server.version");
    if (!server_flavour_of_text(&f->flavour, m->family->flavour))
        return err_make(REFUSED, "the backup is of a %s server, which this mbe cannot restore",
                        m->family->flavour);
    f->family = m->family;
    f->from = m->from;
    f->to = m->to;
    f->page_size = m->page_size;
    f->offline = json_is_true(json_object_get(manifest, "offline"));
    f->server_version = version_number(version);
    f->data_file_path = optional_text(server, "innodb_data_file_path");
    f->lower_case_table_names = optional_text(server, "lower_case_table_names");
    f->undo_tablespaces = optional_text(server, "innodb_undo_tablespaces");
    f->directories = optional_text(server, "innodb_directories");
    return load_coordinates(&f->coordinates, manifest);
}

/* Owned by caller. */
static struct err *read_map(json_t **out, struct archive_reader *reader)
{
    const int64_t at = archive_reader_find(reader, SPACE_MAP_PATH);
    if (at < 0)
        return err_make(CORRUPT, "%s is missing in the archive", SPACE_MAP_PATH);
    const uint64_t size = archive_reader_entry(reader, (uint32_t)at)->size;
    if (size > SPACE_MAP_MAX)
        return err_make(CORRUPT, "%s: %" PRIu64 " bytes are too many", SPACE_MAP_PATH, size);
    AUTO_FREE char *text = mem_alloc((size_t)size + 1);
    TRY(archive_read(reader, (uint32_t)at, 0, text, (size_t)size));
    return parse(out, text, (size_t)size, SPACE_MAP_PATH);
}

/* Of several LSNs of one space the highest counts. */
static struct err *take_imports(struct map64 *out, const json_t *map)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(map, "imports"), i, item)
    {
        const json_t *id = json_object_get(item, "id"), *lsn = json_object_get(item, "lsn");
        uint64_t before;
        if (!json_is_integer(id) || !json_is_integer(lsn))
            return err_make(CORRUPT, "%s: imports[%zu] lacks id or lsn", SPACE_MAP_PATH, i);
        if (!map64_get(out, (uint64_t)json_integer_value(id), &before) ||
            (uint64_t)json_integer_value(lsn) > before)
            map64_put(out, (uint64_t)json_integer_value(id), (uint64_t)json_integer_value(lsn));
    }
    return NULL;
}

static struct err *load_map(struct backup_facts *f, struct archive_reader *reader)
{
    json_auto_t *map = NULL;
    TRY(read_map(&map, reader));
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(map, "ghosts"), i, item)
    {
        if (!json_is_integer(item))
            return err_make(CORRUPT, "%s: ghosts[%zu] is no space id", SPACE_MAP_PATH, i);
        map64_put(&f->ghosts, (uint64_t)json_integer_value(item), 1);
    }
    TRY(take_imports(&f->imports, map));
    json_array_foreach(json_object_get(map, "created"), i, item)
    {
        const json_t *id = json_object_get(item, "id"), *name = json_object_get(item, "name");
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) > UINT32_MAX || !json_is_string(name))
            return err_make(CORRUPT, "%s: created[%zu] lacks id or name", SPACE_MAP_PATH, i);
        mem_grow(&f->created, &f->cap_created, f->n_created, sizeof *f->created);
        f->created[f->n_created++] = (struct created_space){(space_id_t)json_integer_value(id),
                                                            mem_strdup(json_string_value(name))};
    }
    return NULL;
}

static struct err *load_older_imports(struct backup_facts *f, struct archive_reader *reader)
{
    json_auto_t *map = NULL;
    TRY(read_map(&map, reader));
    return take_imports(&f->older_imports, map);
}

static struct err *load(struct backup_facts *f, const struct chain *chain)
{
    const struct chain_link *last = chain_last(chain);
    TRY_AT(load_manifest(f, last), "%s", archive_reader_name(last->reader));
    TRY_AT(load_map(f, last->reader), "%s", archive_reader_name(last->reader));
    for (size_t i = 0; i + 1 < chain->n; i++)
        TRY_AT(load_older_imports(f, chain->links[i].reader), "%s",
               archive_reader_name(chain->links[i].reader));
    return NULL;
}

struct err *backup_facts_load(struct backup_facts *out, const struct chain *chain)
{
    *out = (struct backup_facts){0};
    struct err *e = load(out, chain);
    if (e)
        backup_facts_fini(out);
    return e;
}

void backup_facts_fini(struct backup_facts *f)
{
    coordinates_fini(&f->coordinates);
    free(f->server_version);
    free(f->data_file_path);
    free(f->lower_case_table_names);
    free(f->undo_tablespaces);
    free(f->directories);
    map64_fini(&f->ghosts);
    map64_fini(&f->imports);
    map64_fini(&f->older_imports);
    for (size_t i = 0; i < f->n_created; i++)
        free(f->created[i].name);
    free(f->created);
    *f = (struct backup_facts){0};
}
