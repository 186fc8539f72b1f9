/* restore/page_verify.c: see page_verify.h. The ranges of all files are worked on in their order, so that few tablespaces are being
 * checked at a time; whoever does the last range of one finishes it. */
#include "restore/page_verify.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"
#include "restore/space_verify.h"

/* One tablespace: files[first, first + n). */
struct space_work {
    size_t first, n;
    size_t ranges_left;
    bool learnt;                 /* page 0 makes sense */
    bool lost;                   /* a range could not be read: what hangs together is not known */
    bool no_room;                /* for what is noted of its pages: none is checked */
    struct space_verify *verify; /* NULL: before the first range, and after the last */
};

struct run {
    const struct page_verify_options *o;
    struct recovery recovery;
    struct page_range_env env;
    struct restored_files files;
    struct damage damage;
    struct index_defs *defs;
    struct space_verify_options verify_options;
    struct space_work *spaces;
    size_t n_spaces;
    size_t *space_of;     /* by file */
    size_t end_range;     /* of what is to be done now */
    pthread_mutex_t lock; /* guards all below, and the spaces */
    size_t next_space, next_range;
    uint64_t n_pages;
    struct err *no_room; /* of the first tablespace that has none; owned */
};

/* --- which tablespaces there are -------------------------------------------------------------- */

static void group_files(struct run *r)
{
    r->spaces = mem_zalloc(r->files.n * sizeof *r->spaces);
    r->space_of = mem_zalloc(r->files.n * sizeof *r->space_of);
    for (size_t i = 0; i < r->files.n; i++) {
        if (!r->files.items[i].plan->first_page)
            r->spaces[r->n_spaces++].first = i;
        r->spaces[r->n_spaces - 1].n++;
        r->space_of[i] = r->n_spaces - 1;
    }
}

/* Before anything is made that is as large as page 0 says. */
static struct err *learn_more(struct run *r, struct space_work *s)
{
    struct restored_file *files = &r->files.items[s->first];
    struct err *e = NULL;
    for (size_t k = 0; k < s->n && !e; k++)
        e = restored_file_justify(&files[k], &r->env);
    if (!e)
        e = space_verify_learn(&r->verify_options, files, s->n);
    s->learnt = !e;
    return damage_take(&r->damage, e, "tablespace %" PRIu32, files->plan->id);
}

static struct err *learn_work(void *ctx, bool *more)
{
    struct run *r = ctx;
    pthread_mutex_lock(&r->lock);
    const size_t i = r->next_space++;
    pthread_mutex_unlock(&r->lock);
    *more = i < r->n_spaces;
    if (!*more)
        return NULL;
    struct space_work *s = &r->spaces[i];
    s->learnt = true;
    for (size_t k = s->first; k < s->first + s->n; k++) {
        struct restored_file *f = &r->files.items[k];
        TRY(signals_check());
        TRY(damage_take(&r->damage,
                        restored_file_learn(f, &r->env, key_file_keys(r->recovery.keys)),
                        "tablespace %" PRIu32, f->plan->id));
        s->learnt = s->learnt && f->exists;
    }
    return s->learnt ? learn_more(r, s) : NULL;
}

/* Of a tablespace whose page 0 is damaged, or that has no pages, nothing is checked. */
static void cut(struct run *r)
{
    uint64_t total = 0;
    for (size_t i = 0; i < r->files.n; i++) {
        r->files.items[i].exists = r->spaces[r->space_of[i]].learnt;
        total += r->files.items[i].exists ? r->files.items[i].size : 0;
    }
    restored_files_cut(&r->files, r->recovery.chain.n);
    for (size_t i = 0; i < r->files.n_ranges; i++)
        r->spaces[r->space_of[r->files.ranges[i].file]].ranges_left++;
    progress_phase(r->o->recovery.progress, "pages", total);
}

/* --- their pages ------------------------------------------------------------------------------ */

static struct err *begin_range(struct run *r, const struct restored_range **range,
                               struct space_work **space)
{
    struct err *e = NULL;
    *range = NULL;
    pthread_mutex_lock(&r->lock);
    if (r->next_range < r->end_range) {
        *range = &r->files.ranges[r->next_range++];
        struct space_work *s = *space = &r->spaces[r->space_of[(*range)->file]];
        if (!s->verify && !s->no_room)
            e = space_verify_new(&s->verify, &r->verify_options, &r->files.items[s->first], s->n);
        s->no_room = s->no_room || e;
    }
    if (e && e->kind == ERR_IO) { /* the other tablespaces may need less room */
        r->no_room = err_first(r->no_room, e);
        e = NULL;
    }
    pthread_mutex_unlock(&r->lock);
    return e;
}

static struct err *end_range(struct run *r, struct space_work *s, uint64_t n_pages, bool lost)
{
    pthread_mutex_lock(&r->lock);
    r->n_pages += n_pages;
    s->lost = s->lost || lost;
    const bool last = --s->ranges_left == 0;
    pthread_mutex_unlock(&r->lock);
    if (!last)
        return NULL;
    struct err *e = s->lost ? NULL : space_verify_finish(s->verify);
    space_verify_free(s->verify);
    s->verify = NULL;
    return damage_take(&r->damage, e, "%s", r->files.items[s->first].plan->name);
}

static struct err *range_work(void *ctx, bool *more)
{
    struct run *r = ctx;
    const struct restored_range *range;
    struct space_work *space;
    uint64_t n_pages = 0;
    TRY(begin_range(r, &range, &space));
    *more = range != NULL;
    if (!range)
        return NULL;
    if (!space->verify)
        return end_range(r, space, 0, true);
    const struct restored_file *file = &r->files.items[range->file];
    struct err *e = space_verify_range(space->verify, file, range->from, range->to, &n_pages);
    const bool lost = e != NULL;
    TRY(damage_take(&r->damage, e, "%s: from byte %" PRIu64 " on", file->plan->name, range->from));
    return end_range(r, space, n_pages, lost);
}

/* The system tablespace by itself first: MariaDB's definitions of indexes are in it. */
static struct err *check_all(struct run *r)
{
    while (r->end_range < r->files.n_ranges && r->files.ranges[r->end_range].file < r->spaces[0].n)
        r->end_range++;
    TRY(workers_run(r->o->parallel, range_work, r));
    r->end_range = r->files.n_ranges;
    return workers_run(r->o->parallel, range_work, r);
}

static void report_missing_root(void *ctx, const struct index_def *def, const uint64_t *found)
{
    struct run *r = ctx;
    for (size_t i = 0; i < r->n_spaces; i++) {
        const struct space_work *s = &r->spaces[i];
        const struct space_plan *plan = r->files.items[s->first].plan;
        if (plan->id != def->space || !s->learnt || s->lost)
            continue;
        if (found)
            damage_report(&r->damage,
                          "%s: page %" PRIu32 ": is the root of index %" PRIu64
                          ", and by the server's dictionary that of index %" PRIu64,
                          plan->name, def->root, *found, def->id);
        else
            damage_report(&r->damage,
                          "%s: page %" PRIu32
                          ": is no root, and by the server's dictionary that of index %" PRIu64,
                          plan->name, def->root, def->id);
    }
}

/* --- the phases ------------------------------------------------------------------------------- */

static struct err *run(struct run *r)
{
    struct recovery *from = &r->recovery;
    TRY(recovery_open(from, &r->o->recovery));
    TRY(recovery_read_redo(from, r->o->scratch));
    /* Nothing is written: where does not matter. */
    TRY(layout_make(&from->layout, chain_last(&from->chain)->reader, &from->files, &from->facts,
                    &from->redo, ".", "/"));
    r->env = recovery_page_env(from);
    r->verify_options = (struct space_verify_options){.env = &r->env,
                                                      .end = from->facts.to,
                                                      .scratch = r->o->scratch,
                                                      .damage = &r->damage,
                                                      .defs = r->defs};
    restored_files_init(&r->files, &from->layout);
    group_files(r);
    TRY(workers_run(r->o->parallel, learn_work, r));
    cut(r);
    TRY(check_all(r));
    index_defs_missing(r->defs, r, report_missing_root);
    struct err *e = r->no_room;
    r->no_room = NULL;
    return e;
}

struct err *page_verify_run(struct page_verify_result *out,
                            const struct page_verify_options *options)
{
    struct run r = {.o = options, .damage = {.log = options->recovery.log}};
    const double started = clock_seconds();
    pthread_mutex_init(&r.lock, NULL);
    r.defs = index_defs_new();
    struct err *e = run(&r), *damage = NULL;
    *out = (struct page_verify_result){r.n_spaces, r.n_pages, r.damage.n};
    if (!e)
        log_info(options->recovery.log, options->recovery.task,
                 "pages checked: %zu tablespaces, %" PRIu64 " pages in %.1f s", r.n_spaces,
                 r.n_pages, clock_seconds() - started);
    if (r.damage.n)
        damage = err_make(CORRUPT, "%s: %" PRIu64 " place%s of what it restores to %s damaged",
                          archive_reader_name(chain_last(&r.recovery.chain)->reader), r.damage.n,
                          r.damage.n == 1 ? "" : "s", r.damage.n == 1 ? "is" : "are");
    e = err_after(damage, e);
    err_free(r.no_room);
    for (size_t i = 0; i < r.n_spaces; i++)
        space_verify_free(r.spaces[i].verify);
    free(r.spaces);
    free(r.space_of);
    index_defs_free(r.defs);
    restored_files_fini(&r.files);
    recovery_fini(&r.recovery);
    pthread_mutex_destroy(&r.lock);
    return e;
}
