/* verify/lineage.c: see lineage.h. */
#include "verify/lineage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "archive/reader.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/text.h"
#include "verify/chain.h"
#include "verify/manifest_read.h"

enum { BASE_ID_MAX = 64, ARCHIVE_ID_DIGITS = 16 };

/* ---- rows ---- */

static void row_fini(struct lineage_row *row)
{
    free(row->id);
    free(row->error);
    free(row->server);
    free(row->base_id);
    free(row->unfit);
    free(row->broken);
    json_decref(row->facts);
}

static bool parse_time(int64_t *out, const char *text, const char *format)
{
    struct tm tm = {0};
    if (!strptime(text, format, &tm))
        return false;
    *out = timegm(&tm);
    return true;
}

static bool parse_archive_id(uint64_t *out, const char *text)
{
    if (strlen(text) != ARCHIVE_ID_DIGITS || strspn(text, "0123456789abcdef") != ARCHIVE_ID_DIGITS)
        return false;
    *out = strtoull(text, NULL, 16);
    return true;
}

/* name: of the archive, for messages, as below. */
static struct err *take_base(struct lineage_row *row, const json_t *m, const char *name)
{
    const char *base = manifest_text(m, "base", NULL);
    if (!base || strlen(base) > BASE_ID_MAX)
        return err_make(CORRUPT, "%s: manifest: an incremental backup without the id of its base",
                        name);
    if (!parse_archive_id(&row->base_archive_id, manifest_text(m, "chain.base_archive", "")))
        return err_make(CORRUPT, "%s: manifest: chain.base_archive is no archive id", name);
    row->base_id = mem_strdup(base);
    row->base_lsn = manifest_u64(m, "lsn.base");
    return NULL;
}

static json_t *list_facts(const json_t *m, const struct lineage_row *row)
{
    static const char *const keys[] = {"type",  "base", "chain",  "started", "finished",
                                       "bytes", "lsn",  "server", "damaged"};
    json_t *facts = json_object();
    json_object_set_new(facts, "id", json_string(row->id));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *value = json_object_get(m, keys[i]);
        json_object_set(facts, keys[i], value ? value : json_null());
    }
    return facts;
}

static struct err *take_manifest(struct lineage_row *row, const json_t *m, const char *name)
{
    const char *type = manifest_text(m, "type", "full");
    row->full = !strcmp(type, "full");
    if (!row->full && strcmp(type, "incremental"))
        return err_make(FAILED, "%s: manifest: its type is neither full nor incremental", name);
    if (!row->full)
        TRY(take_base(row, m, name));
    const char *where = manifest_text(m, "server.datadir", "");
    row->server = mem_strdup(
        manifest_text(m, "server.server_uuid", manifest_text(m, "server.server_uid", where)));
    row->to = manifest_u64(m, "lsn.to");
    row->damaged = json_is_true(manifest_value(m, "damaged"));
    if (!parse_time(&row->finished, manifest_text(m, "finished", ""), "%Y-%m-%dT%H:%M:%SZ"))
        parse_time(&row->finished, row->id, "%Y%m%dT%H%M%SZ");
    row->facts = list_facts(m, row);
    return NULL;
}

static struct err *read_row(struct lineage_row *row, struct repo *repo)
{
    AUTO(archive_reader) reader = NULL;
    json_auto_t *manifest = NULL;
    TRY(repo_try_reader(&reader, &row->unsure, repo, row->id));
    const char *name = archive_reader_name(reader);
    TRY(manifest_parse(&manifest, archive_reader_manifest(reader), name));
    row->archive_id = archive_reader_id(reader);
    TRY(take_manifest(row, manifest, name));
    struct err *unfit = chain_check_place(reader, manifest_text(manifest, "id", ""), repo, row->id);
    row->unfit = unfit ? mem_strdup(unfit->message) : NULL;
    err_free(unfit);
    json_object_set_new(row->facts, "sealed", json_boolean(archive_reader_is_sealed(reader)));
    json_object_set_new(row->facts, "signed", json_boolean(archive_reader_is_signed(reader)));
    return NULL;
}

static json_t *error_facts(const struct lineage_row *row)
{
    /* A message may quote bytes of a damaged archive; jansson takes UTF-8 only. */
    AUTO_FREE char *quoted = text_json(row->error);
    json_t *facts = json_object();
    json_object_set_new(facts, "id", json_string(row->id));
    json_object_set_new(facts, "error", json_loads(quoted, JSON_DECODE_ANY, NULL));
    return facts;
}

static void add_row(struct lineage *l, struct repo *repo, const char *id)
{
    struct lineage_row row = {.id = mem_strdup(id)};
    struct err *e = read_row(&row, repo);
    if (e && e->os_errno == ENOENT) {
        err_free(e);
        row_fini(&row);
        return;
    }
    if (e) {
        row.error = mem_strdup(e->message);
        row.unsure |= e->kind != ERR_CORRUPT;
        row.facts = error_facts(&row);
        err_free(e);
    }
    mem_grow(&l->rows, &l->cap, l->n, sizeof *l->rows);
    l->rows[l->n++] = row;
}

static struct err *add_rows(struct lineage *l, struct repo *repo, const struct backup_ids *list)
{
    for (size_t i = 0; i < list->n; i++) {
        TRY(signals_check());
        add_row(l, repo, list->ids[i]);
    }
    return NULL;
}

struct err *lineage_load(struct lineage *out, struct repo *repo)
{
    struct backup_ids list;
    *out = (struct lineage){0};
    TRY(repo_list(&list, repo));
    struct err *e = add_rows(out, repo, &list);
    backup_ids_fini(&list);
    if (e)
        lineage_fini(out);
    else
        lineage_link(out);
    return e;
}

void lineage_fini(struct lineage *l)
{
    for (size_t i = 0; i < l->n; i++)
        row_fini(&l->rows[i]);
    free(l->rows);
    free(l->order);
    *l = (struct lineage){0};
}

/* ---- bases ---- */

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(struct lineage_row *const *)a)->id, (*(struct lineage_row *const *)b)->id);
}

static void link_base(struct lineage *l, struct lineage_row *row, struct lineage_row *const *by_id)
{
    struct lineage_row wanted = {.id = row->base_id};
    struct lineage_row *const key = &wanted;
    struct lineage_row *const *found =
        row->base_id ? bsearch(&key, by_id, l->n, sizeof *by_id, compare_ids) : NULL;
    free(row->broken);
    row->broken = NULL;
    row->base = LINEAGE_NONE;
    if (!found)
        return;
    if (!(*found)->error && (*found)->archive_id != row->base_archive_id)
        row->broken = mem_printf("needs %s, but the backup of that name here is another one: its "
                                 "archive is %016" PRIx64 ", not %016" PRIx64,
                                 row->base_id, (*found)->archive_id, row->base_archive_id);
    else if (!(*found)->error && (*found)->to != row->base_lsn)
        row->broken = mem_printf("needs %s up to LSN %" PRIu64 ", but that ends at %" PRIu64,
                                 row->base_id, row->base_lsn, (*found)->to);
    else
        row->base = (size_t)(*found - l->rows);
}

static void link_bases(struct lineage *l)
{
    AUTO_FREE struct lineage_row **by_id = mem_alloc(l->n * sizeof *by_id);
    for (size_t i = 0; i < l->n; i++)
        by_id[i] = &l->rows[i];
    qsort(by_id, l->n, sizeof *by_id, compare_ids);
    for (size_t i = 0; i < l->n; i++)
        link_base(l, &l->rows[i], by_id);
}

/* Rows whose bases lead back to them are no work of ours, but must not keep us busy for ever. */
static void cut_circles(struct lineage *l)
{
    AUTO_FREE size_t *seen_from = mem_zalloc(l->n * sizeof *seen_from); /* plus 1; 0: not seen */
    for (size_t i = 0; i < l->n; i++) {
        size_t at = i;
        for (; at != LINEAGE_NONE && !seen_from[at]; at = l->rows[at].base)
            seen_from[at] = i + 1;
        if (at == LINEAGE_NONE || seen_from[at] != i + 1)
            continue;
        l->rows[at].broken = mem_printf("needs %s, which needs it in turn", l->rows[at].base_id);
        l->rows[at].base = LINEAGE_NONE;
    }
}

/* ---- the tree ---- */

/* Of each row its first and, while the lists are made, its last dependent, and the next one of the same base. */
struct kin {
    size_t first, last, next;
};

static void adopt(struct kin *kin, size_t base, size_t i)
{
    if (kin[base].first == LINEAGE_NONE)
        kin[base].first = i;
    else
        kin[kin[base].last].next = i;
    kin[base].last = i;
}

static struct kin *make_kin(const struct lineage *l)
{
    struct kin *kin = mem_alloc(l->n * sizeof *kin);
    for (size_t i = 0; i < l->n; i++)
        kin[i] = (struct kin){LINEAGE_NONE, LINEAGE_NONE, LINEAGE_NONE};
    for (size_t i = 0; i < l->n; i++)
        if (l->rows[i].base != LINEAGE_NONE)
            adopt(kin, l->rows[i].base, i);
    return kin;
}

/* The row behind `at` in the tree below `root`. No recursion: chains may be long. */
static size_t next_in_tree(const struct lineage *l, const struct kin *kin, size_t root, size_t at)
{
    if (kin[at].first != LINEAGE_NONE)
        return kin[at].first;
    while (at != root && kin[at].next == LINEAGE_NONE)
        at = l->rows[at].base;
    return at == root ? LINEAGE_NONE : kin[at].next;
}

static void put_in_order(struct lineage *l)
{
    AUTO_FREE struct kin *kin = make_kin(l);
    size_t n = 0;
    free(l->order);
    l->order = mem_alloc(l->n * sizeof *l->order);
    for (size_t root = 0; root < l->n; root++) {
        if (l->rows[root].base != LINEAGE_NONE)
            continue;
        for (size_t at = root; at != LINEAGE_NONE; at = next_in_tree(l, kin, root, at))
            l->order[n++] = at;
    }
}

/* What is above the row has been settled. */
static void settle(struct lineage *l, size_t i)
{
    struct lineage_row *row = &l->rows[i];
    const struct lineage_row *base = row->base == LINEAGE_NONE ? NULL : &l->rows[row->base];
    row->level = base ? base->level + 1 : 0;
    row->full_row = LINEAGE_NONE;
    row->n_chain = 0;
    if (row->broken)
        return;
    if (row->error)
        row->broken = mem_strdup("cannot be read");
    else if (row->unfit)
        row->broken = mem_strdup(row->unfit);
    else if (row->damaged)
        row->broken = mem_strdup("holds corrupt pages");
    else if (!base && !row->full)
        row->broken = mem_printf("needs %s, which is not here", row->base_id);
    else if (base && base->broken)
        row->broken =
            mem_printf("needs %s, which %s", base->id,
                       base->error || base->damaged ? base->broken : "cannot be restored");
    else if (base && base->n_chain == CHAIN_MAX)
        row->broken = mem_printf("is the end of a chain of more than %d archives", CHAIN_MAX);
    if (row->broken)
        return;
    row->full_row = base ? base->full_row : i;
    row->n_chain = base ? base->n_chain + 1 : 1;
}

void lineage_link(struct lineage *l)
{
    link_bases(l);
    cut_circles(l);
    put_in_order(l);
    for (size_t i = 0; i < l->n; i++)
        settle(l, l->order[i]);
}

/* ---- questions ---- */

struct err *lineage_find(size_t *row, const struct lineage *l, const struct repo *repo,
                         const char *id)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->rows[i].id, id)) {
            *row = i;
            return NULL;
        }
    return err_hint(err_make(USAGE, "%s: has no backup %s", repo_name(repo), id),
                    "See `mbe list` for the ids there are.");
}

size_t lineage_add_dependents(const struct lineage *l, bool *chosen)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const size_t at = l->order[i], base = l->rows[at].base;
        if (chosen[at] || base == LINEAGE_NONE || !chosen[base])
            continue;
        chosen[at] = true;
        n++;
    }
    return n;
}
