/* verify/archive_check.c: see archive_check.h. In this order:
 *  1 the index is opened; if that fails the chunks are read all the same, so that the damage is
 *    told in full;
 *  2 every chunk, front to back;
 *  3 every entry by the index, every page of the tablespaces, with several threads;
 *  4 the redo log. */
#include "verify/archive_check.h"

#include <inttypes.h>
#include <string.h>

#include "archive/reader.h"
#include "base/signals.h"
#include "innodb/space_map.h"
#include "verify/backup_manifest.h"
#include "verify/content_check.h"
#include "verify/damage.h"
#include "verify/redo_entry.h"

struct chunk_walk {
    const char *name;
    struct damage *damage;
    struct progress *progress;
    uint64_t chunks_damaged;
};

static struct err *on_piece(void *ctx, uint32_t entry, uint64_t offset, const uint8_t *data,
                            uint64_t len)
{
    struct chunk_walk *w = ctx;
    (void)entry;
    (void)offset;
    (void)data;
    progress_add(w->progress, len);
    return signals_check();
}

static struct err *on_damage(void *ctx, const char *what)
{
    struct chunk_walk *w = ctx;
    w->chunks_damaged++;
    damage_report(w->damage, "%s: %s", w->name, what);
    return signals_check();
}

static struct err *check_chunks(struct archive_check_result *out, struct repo *repo, const char *id,
                                struct source *source, struct damage *damage,
                                struct progress *progress)
{
    struct chunk_walk w = {.name = source->name, .damage = damage, .progress = progress};
    const struct archive_walk walk = {.on_piece = on_piece, .on_damage = on_damage, .ctx = &w};
    bool complete = false;
    struct err *e = repo_walk(repo, id, source, &walk, &complete);
    if (!e && !complete)
        damage_report(damage, "%s: is incomplete: no final record at its end", w.name);
    out->chunks_damaged = w.chunks_damaged;
    return e;
}

static struct err *check_redo(struct archive_check_result *out, struct archive_reader *reader,
                              const struct backup_manifest *facts, struct damage *damage,
                              struct progress *progress)
{
    struct redo_walk w = {.from = facts->from, .to = facts->to};
    struct err *e = redo_entry_walk(reader, facts->family, &w, progress);
    out->redo_unopened = w.unopened;
    if (w.unopened)
        log_info(damage->log, "verify",
                 "%s is encrypted: checked as it is stored; its records cannot be read without the "
                 "server's key",
                 REDO_PATH);
    return damage_take(damage, e, "%s", REDO_PATH);
}

static uint64_t content_bytes(const struct archive_reader *reader)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < archive_reader_n_entries(reader); i++)
        sum += archive_reader_entry(reader, i)->size;
    return sum;
}

static struct err *check_contents(struct archive_check_result *out, struct archive_reader *reader,
                                  const struct backup_manifest *facts,
                                  const struct archive_check_options *o, struct damage *damage)
{
    struct content_result content;
    struct progress *progress = o->progress;
    const struct content_check options = {
        .reader = reader,
        .chain = o->chain,
        .page_size = facts->page_size,
        .parallel = o->parallel,
        .damage = damage,
        .progress = progress,
    };
    out->entries = archive_reader_n_entries(reader);
    progress_phase(progress, "pages", content_bytes(reader));
    struct err *e = content_check_run(&content, &options);
    out->bytes = content.bytes;
    out->pages = content.pages;
    out->pages_damaged = content.pages_damaged;
    return e ? e : check_redo(out, reader, facts, damage, progress);
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static struct err *check_opened(struct archive_check_result *out, struct archive_reader *reader,
                                const struct archive_check_options *o, struct damage *damage)
{
    struct backup_manifest facts;
    TRY(backup_manifest_load(&facts, reader));
    struct err *e = check_contents(out, reader, &facts, o, damage);
    backup_manifest_fini(&facts);
    return e;
}

static struct err *sum_up(const struct archive_check_result *r, uint64_t n_damaged,
                          const char *name)
{
    if (!n_damaged)
        return NULL;
    return err_make(CORRUPT,
                    "%s: %" PRIu64 " place%s damaged (%" PRIu64 " chunk%s, %" PRIu64 " page%s)",
                    name, n_damaged, n_damaged == 1 ? " is" : "s are", r->chunks_damaged,
                    plural(r->chunks_damaged), r->pages_damaged, plural(r->pages_damaged));
}

struct err *archive_check(struct archive_check_result *out, struct repo *repo, const char *id,
                          const struct archive_check_options *options)
{
    struct damage damage = {.log = options->log};
    struct progress *progress = options->progress;
    AUTO(archive_reader) reader = NULL;
    AUTO(source) source = NULL;
    *out = (struct archive_check_result){0};
    TRY(repo_open_source(&source, repo, id));
    struct err *index_error = repo_open_reader(&reader, repo, id);
    progress_phase(progress, "chunks", index_error ? 0 : content_bytes(reader));
    out->unopened =
        index_error && index_error->kind == ERR_SEALED && repo_sealing_key(repo) == NULL;
    out->is_signed = reader && archive_reader_is_signed(reader);
    if (out->unopened) {
        err_free(index_error);
        index_error = NULL;
    }
    if (index_error && index_error->kind != ERR_CORRUPT)
        return index_error;
    struct err *e = check_chunks(out, repo, id, source, &damage, progress);
    if (e || index_error)
        return err_first(e, index_error);
    if (out->unopened)
        return sum_up(out, damage.n, source->name);
    TRY_AT(check_opened(out, reader, options, &damage), "%s", source->name);
    return sum_up(out, damage.n, source->name);
}
