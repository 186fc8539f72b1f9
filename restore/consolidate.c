/* restore/consolidate.c: see consolidate.h.
 *
 * The new archive is what the last backup of the chain would have been, had it been a full one: its redo, its space map, its
 * notes for a later increment, its coordinates, and of every file all of it. Of a page that the last archive stores that is the
 * image there. Of any other it is the newest image below, brought forward by the redo of the older archives, as a restore of
 * the backup before the last would do; what was changed after that backup ended is in the last archive, as image or as redo.
 *
 * Invariants:
 *  K1 No redo is applied that the new archive holds itself.
 *  K2 A page that no redo changes is copied as it is stored: an encrypted one needs no key.
 *  K3 It is listed when all of it is durable, like any other backup; the chain is not touched. */
#include "restore/consolidate.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"
#include "restore/backup_facts.h"
#include "restore/overlay.h"
#include "restore/page_range.h"
#include "restore/redo_scan.h"
#include "verify/chain_files.h"
#include "verify/key_file.h"

enum { RANGE_BYTES = 4 << 20 }; /* work item of a thread; see page_stream.c */

struct consolidation {
    const struct consolidate_options *options;
    struct chain chain;
    struct chain_files files;
    struct backup_facts facts;
    struct key_file *keys;
    struct repo_draft *draft;
    struct archive_writer *writer;
    struct redo_scan redo; /* of all archives but the last */
    struct page_range_env env;
    uint32_t *ids; /* in the new archive, by entry of the last one */

    pthread_mutex_t lock; /* guards the two below */
    uint32_t next_entry;
    uint64_t next_offset;
    _Atomic uint64_t pages_recovered;
};

static const struct archive_attr *entry(const struct consolidation *c, uint32_t i)
{
    return archive_reader_entry(chain_last(&c->chain)->reader, i);
}

/* --- which file --- */

static enum archive_kind whole_kind(enum archive_kind kind)
{
    switch (kind) {
    case ARCHIVE_SPACE_DELTA:
        return ARCHIVE_SPACE;
    case ARCHIVE_PLAIN_DELTA:
        return ARCHIVE_PLAIN;
    case ARCHIVE_EXTERNAL_DELTA:
        return ARCHIVE_EXTERNAL;
    default:
        return kind;
    }
}

static struct err *add_entries(struct consolidation *c)
{
    c->ids = mem_alloc(c->files.n * sizeof *c->ids);
    for (uint32_t i = 0; i < c->files.n; i++) {
        struct archive_attr attr = *entry(c, i);
        attr.kind = whole_kind(attr.kind);
        TRY(archive_entry_add(c->writer, &attr, &c->ids[i]));
        TRY(archive_entry_set(c->writer, c->ids[i], &attr));
    }
    return NULL;
}

/* What page_range wants to know of a file of the last archive; borrows its name. */
static struct space_plan plan_of(const struct consolidation *c, uint32_t i, char *name)
{
    const struct archive_attr *a = entry(c, i);
    const struct redo_trim *trim = redo_scan_trim(&c->redo, a->space_id);
    struct space_plan p = {.id = a->space_id,
                           .parts = &c->files.of[i],
                           .name = name,
                           .first_page = a->first_page,
                           .base_size = a->size,
                           .base_flags = a->space_flags};
    map64_get(&c->facts.older_imports, p.id, &p.void_below);
    if (trim) {
        p.trim_lsn = trim->lsn;
        p.trim_page = trim->page;
    }
    return p;
}

/* --- one range of it --- */

struct item {
    struct consolidation *c;
    uint32_t entry;
    uint64_t from, to;
    struct space_format format;
    struct space_key key;
};

static struct err *put(void *ctx, const uint8_t *data, size_t len, uint64_t at)
{
    const struct item *item = ctx;
    return archive_write(item->c->writer, item->c->ids[item->entry], at, data, len);
}

/* The entry with page 0 of the tablespace of entry i: another one for further files of the system tablespace. */
static uint32_t first_file_of(const struct consolidation *c, uint32_t i)
{
    const struct archive_attr *a = entry(c, i);
    for (uint32_t k = 0; a->first_page && k < c->files.n; k++) {
        const struct archive_attr *b = entry(c, k);
        if (archive_is_space(b->kind) && b->space_id == a->space_id && !b->first_page)
            return k;
    }
    return i;
}

static struct err *find_key(void *ctx, const struct space_key **key)
{
    struct item *item = ctx;
    const struct consolidation *c = item->c;
    const uint32_t first = first_file_of(c, item->entry);
    AUTO_FREE char *name = mem_strdup(entry(c, first)->path);
    AUTO_FREE uint8_t *page = mem_alloc_aligned(c->env.page_size);
    const struct space_plan plan = plan_of(c, first, name);
    TRY(page_range_page_0(page, &c->env, &plan));
    TRY_AT(space_key_find(&item->key, &item->format, page, key_file_keys(c->keys)), "%s", name);
    *key = &item->key;
    return NULL;
}

static struct err *merge_pages(struct item *item)
{
    struct consolidation *c = item->c;
    const struct archive_attr *a = entry(c, item->entry);
    AUTO_FREE char *name = mem_strdup(a->path);
    const struct space_plan plan = plan_of(c, item->entry, name);
    const struct page_range range = {.space = &plan,
                                     .format = &item->format,
                                     .from = item->from,
                                     .to = item->to,
                                     .ctx = item,
                                     .key = find_key,
                                     .put = put};
    uint64_t n_recovered = 0;
    TRY_AT(space_format_decode(&item->format, a->space_flags, c->env.page_size), "%s", a->path);
    struct err *e = page_range_run(&n_recovered, &c->env, &range);
    atomic_fetch_add(&c->pages_recovered, n_recovered);
    space_key_wipe(&item->key);
    return e;
}

static struct err *merge_bytes(struct item *item)
{
    struct consolidation *c = item->c;
    AUTO(overlay) overlay = NULL;
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(OVERLAY_WINDOW);
    struct overlay_window w = {.buf = buf, .at = item->from, .unit = OVERLAY_GRANULE};
    TRY(overlay_open(&overlay, &c->chain, &c->files.of[item->entry], item->from, item->to));
    for (; w.at < item->to; w.at += w.len) {
        w.len = item->to - w.at < OVERLAY_WINDOW ? (size_t)(item->to - w.at) : OVERLAY_WINDOW;
        TRY(signals_check());
        TRY(overlay_fill(overlay, &w));
        for (size_t from = 0, to; overlay_next_run(&w, &from, &to); from = to)
            TRY(put(item, buf + from, to - from, w.at + from));
        progress_add(c->options->progress, w.len);
    }
    return NULL;
}

static bool take_item(struct consolidation *c, struct item *item)
{
    pthread_mutex_lock(&c->lock);
    while (c->next_entry < c->files.n && c->next_offset >= entry(c, c->next_entry)->size) {
        c->next_entry++;
        c->next_offset = 0;
    }
    const bool taken = c->next_entry < c->files.n;
    if (taken) {
        const uint64_t size = entry(c, c->next_entry)->size, from = c->next_offset;
        *item = (struct item){.c = c,
                              .entry = c->next_entry,
                              .from = from,
                              .to = size - from < RANGE_BYTES ? size : from + RANGE_BYTES};
        c->next_offset = item->to;
    }
    pthread_mutex_unlock(&c->lock);
    return taken;
}

static struct err *work(void *ctx, bool *more)
{
    struct item item;
    *more = take_item(ctx, &item);
    if (!*more)
        return NULL;
    const bool is_space = archive_is_space(entry(item.c, item.entry)->kind);
    return is_space ? merge_pages(&item) : merge_bytes(&item);
}

/* --- what is recorded about it --- */

static json_t *ids_of(const struct chain *chain)
{
    json_t *list = json_array();
    for (size_t i = 0; i < chain->n; i++)
        json_array_append_new(list, json_string(chain->links[i].id));
    return list;
}

/* A page that was damaged in one of the backups may be so in this one. */
static void take_damage(json_t *to, const struct chain_link *l)
{
    json_auto_t *from = json_loads(archive_reader_manifest(l->reader), 0, NULL);
    json_t *pages = json_object_get(to, "corrupt_pages");
    if (!json_is_true(json_object_get(from, "damaged")))
        return;
    json_object_set_new(to, "damaged", json_true());
    if (json_is_array(pages))
        json_array_extend(pages, json_object_get(from, "corrupt_pages"));
}

/* The manifest of the last backup, but for what makes it an increment. */
static struct err *describe(char **text, const struct consolidation *c)
{
    const struct chain_link *last = chain_last(&c->chain);
    struct archive_writer_stats stats;
    archive_writer_stats(c->writer, &stats);
    json_auto_t *m = json_loads(archive_reader_manifest(last->reader), 0, NULL);
    json_t *bytes = json_object_get(m, "bytes");
    const char *id = repo_draft_id(c->draft);
    bool bad =
        json_object_set_new(m, "id", json_string(id)) ||
        json_object_set_new(m, "type", json_string("full")) ||
        json_object_set_new(m, "base", json_null()) ||
        json_object_set_new(
            m, "chain", json_pack("{s:s, s:i, s:n}", "full", id, "length", 1, "base_archive")) ||
        json_object_set_new(m, "change_map", json_null()) ||
        json_object_set_new(json_object_get(m, "lsn"), "base", json_null()) ||
        json_object_set_new(m, "consolidated_from", ids_of(&c->chain));
    if (json_is_object(bytes))
        bad = bad || json_object_set_new(bytes, "read", json_integer((json_int_t)stats.bytes_in)) ||
              json_object_set_new(bytes, "stored", json_integer((json_int_t)stats.bytes_stored)) ||
              json_object_set_new(bytes, "changed", json_null());
    for (size_t i = 0; i + 1 < c->chain.n; i++)
        take_damage(m, &c->chain.links[i]);
    *text = bad ? NULL : json_dumps(m, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    return *text ? NULL : err_make(FAILED, "out of memory while describing the backup");
}

/* --- the phases --- */

static struct err *begin(struct consolidation *c)
{
    const struct consolidate_options *o = c->options;
    TRY(chain_open(&c->chain, o->repo, o->backup_id));
    const struct chain_link *last = chain_last(&c->chain);
    if (c->chain.n == 1)
        return err_make(REFUSED, "backup %s is a full one already", last->id);
    if (archive_reader_is_signed(last->reader) && !repo_signing_key(o->repo))
        return err_hint(
            err_make(REFUSED, "backup %s is signed, and what is made of it would not be", last->id),
            "Give the key to sign it with: --sign-key=FILE.");
    TRY(chain_files_make(&c->files, &c->chain));
    TRY(backup_facts_load(&c->facts, &c->chain));
    TRY(key_file_open(&c->keys, c->facts.family, o->keyring_file, o->keyring_pass_file));
    TRY(redo_scan_check_keys(&c->chain, c->chain.n - 1, key_file_keys(c->keys)));
    TRY(repo_begin(&c->draft, o->repo, last->id, "full"));
    struct archive_writer_options how = o->archive;
    how.seal_with = repo_sealing_key(o->repo);
    how.sign_with = repo_signing_key(o->repo);
    return archive_writer_open(&c->writer, repo_draft_sink(c->draft), &how);
}

static struct err *read_redo(struct consolidation *c)
{
    const struct consolidate_options *o = c->options;
    const struct redo_scan_options scan = {.memory = o->memory,
                                           .spill_dir = repo_draft_dir(c->draft),
                                           .keys = key_file_keys(c->keys),
                                           .progress = o->progress};
    uint64_t bytes = 0;
    for (size_t i = 0; i + 1 < c->chain.n; i++)
        bytes += c->chain.links[i].manifest.to - c->chain.links[i].manifest.from;
    progress_phase(o->progress, "redo", bytes);
    TRY(redo_scan_run(&c->redo, &c->chain, c->chain.n - 1, &scan));
    c->env = (struct page_range_env){.chain = &c->chain,
                                     .group = c->redo.group,
                                     .family = c->facts.family,
                                     .page_size = c->facts.page_size,
                                     .redo_links = c->chain.n - 1,
                                     .progress = o->progress};
    return NULL;
}

static struct err *merge(struct consolidation *c)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < c->files.n; i++)
        bytes += entry(c, i)->size;
    progress_phase(c->options->progress, "pages", bytes);
    TRY(add_entries(c));
    return workers_run(c->options->parallel, work, c);
}

static struct err *publish(struct consolidation *c)
{
    AUTO_FREE char *manifest = NULL;
    progress_phase(c->options->progress, "publish", 0);
    TRY(describe(&manifest, c));
    TRY(archive_writer_finish(c->writer, manifest));
    struct sink *sink = repo_draft_sink(c->draft);
    TRY(sink->commit(sink));
    TRY(signals_check());
    return repo_publish(c->draft);
}

static struct err *run(struct consolidation *c)
{
    TRY(begin(c));
    TRY(read_redo(c));
    TRY(merge(c));
    return publish(c);
}

struct err *consolidate_run(char **id, const struct consolidate_options *options)
{
    struct consolidation c = {.options = options};
    const double started = clock_seconds();
    pthread_mutex_init(&c.lock, NULL);
    struct err *e = chain_hint(run(&c), &c.chain, options->repo);
    if (!e) {
        *id = mem_strdup(repo_draft_id(c.draft));
        log_info(options->log, "consolidate",
                 "backup %s made of %zu archives in %.1f s, %" PRIu64 " pages recovered", *id,
                 c.chain.n, clock_seconds() - started, c.pages_recovered);
    }
    archive_writer_free(c.writer);
    repo_draft_free(c.draft);
    redo_scan_fini(&c.redo);
    key_file_free(c.keys);
    backup_facts_fini(&c.facts);
    chain_files_fini(&c.files);
    chain_close(&c.chain);
    free(c.ids);
    pthread_mutex_destroy(&c.lock);
    return e;
}
