/* archive/repo_fanout.c: see repo_fanout.h. */
#include "archive/repo_fanout.h"

#include <stdlib.h>
#include <string.h>

#include "archive/repo_kind.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/temp_dir.h"

enum {
    TRIES_MAX = 4,       /* for an id that is free everywhere */
    ANOTHER_SECOND = 10, /* tenths of one */
};

struct fanout_draft {
    struct repo_draft draft;
    struct destination *destinations;
    size_t n_destinations;
    struct log *log;
    struct temp_dir *
        dir; /* in none of the repositories: what happens to one of them is nothing to the others */
    /* Of those where a backup was begun: the draft there, and what the fan-out knows it by. */
    struct destination *begun[SINK_BRANCHES_MAX];
    struct repo_draft *drafts[SINK_BRANCHES_MAX];
    struct sink_branch *branches[SINK_BRANCHES_MAX];
    size_t n;
};

/* ---- destinations ---- */

void destination_init(struct destination *d, struct repo *repo)
{
    *d = (struct destination){
        .repo = repo, .branch.name = repo_is_stream(repo) ? "standard output" : repo_name(repo)};
}

void destination_fini(struct destination *d)
{
    err_free(d->branch.error);
}

void destination_fail(struct destination *d, struct err *e, struct log *log)
{
    sink_branch_fail(&d->branch, e, log);
}

struct err *destinations_error(struct destination *destinations, size_t n)
{
    struct sink_branch *branches[SINK_BRANCHES_MAX];
    for (size_t i = 0; i < n; i++)
        branches[i] = &destinations[i].branch;
    return sink_branches_error(branches, n);
}

/* ---- the beginning ---- */

static void free_drafts(struct fanout_draft *f)
{
    while (f->n)
        repo_draft_free(f->drafts[--f->n]);
}

static void fanout_draft_free(struct repo_draft *draft)
{
    struct fanout_draft *f = (struct fanout_draft *)draft; /* the first member, as below */
    if (draft->sink)
        draft->sink->free(draft->sink);
    free_drafts(f);
    temp_dir_close(f->dir);
    free(f);
}

static struct err *begin_there(struct fanout_draft *f, struct destination *d, const char *type)
{
    const char *like = f->n ? repo_draft_id(f->drafts[0]) : NULL;
    struct err *e = repo_begin(&f->drafts[f->n], d->repo, like, type);
    if (e && e->kind == ERR_INTERRUPTED)
        return e;
    if (e) {
        destination_fail(d, e, f->log);
        return NULL;
    }
    d->branch.sink = repo_draft_sink(f->drafts[f->n]);
    f->branches[f->n] = &d->branch;
    f->begun[f->n++] = d;
    return NULL;
}

/* A draft whose id is not the first one's; NULL: there is none. */
static const struct destination *find_other_id(const struct fanout_draft *f)
{
    for (size_t i = 1; i < f->n; i++)
        if (strcmp(repo_draft_id(f->drafts[i]), repo_draft_id(f->drafts[0])))
            return f->begun[i];
    return NULL;
}

static struct err *wait_for_another_second(void)
{
    for (int i = 0; i < ANOTHER_SECOND; i++) {
        TRY(signals_check());
        clock_sleep_ms(100);
    }
    return NULL;
}

static struct err *begin_all(struct fanout_draft *f, const char *type)
{
    for (int try = 1;; try++) {
        for (size_t i = 0; i < f->n_destinations; i++)
            if (!f->destinations[i].branch.error)
                TRY(begin_there(f, &f->destinations[i], type));
        TRY(destinations_error(f->destinations, f->n_destinations));
        const struct destination *other = find_other_id(f);
        if (!other)
            return NULL;
        if (try == TRIES_MAX)
            return err_hint(err_make(REFUSED,
                                     "%s and %s: there is no id for a backup that is free in both",
                                     f->begun[0]->branch.name, other->branch.name),
                            "They are the same repository, most likely.");
        free_drafts(f);
        TRY(wait_for_another_second());
    }
}

static struct err *open_draft(struct fanout_draft *f, const char *type,
                              const struct repo_fanout_options *options)
{
    const struct repo_options temp = {.tmp_dir = options->tmp_dir, .log = options->log};
    TRY(repo_temp_dir(&f->dir, &temp));
    TRY(begin_all(f, type));
    f->draft.id = repo_draft_id(f->drafts[0]);
    f->draft.dir = temp_dir_path(f->dir);
    const struct sink_fanout_options sink = {
        .dir = f->draft.dir, .spill_max = options->spill_max, .log = options->log};
    return sink_fanout_open(&f->draft.sink, f->branches, f->n, &sink);
}

/* ---- the end ---- */

static struct err *fanout_publish(struct repo_draft *draft)
{
    struct fanout_draft *f = (struct fanout_draft *)draft;
    for (size_t i = 0; i < f->n; i++) {
        struct err *e = f->begun[i]->branch.error ? NULL : repo_publish(f->drafts[i]);
        if (e)
            destination_fail(f->begun[i], e, f->log);
    }
    return destinations_error(f->destinations, f->n_destinations);
}

static const struct repo_kind fanout_kind = {
    .publish = fanout_publish,
    .draft_free = fanout_draft_free,
};

struct err *repo_fanout_begin(struct repo_draft **out, struct destination *destinations, size_t n,
                              const char *type, const struct repo_fanout_options *options)
{
    if (n == 1)
        return repo_begin(out, destinations[0].repo, NULL, type);
    struct fanout_draft *f = mem_zalloc(sizeof *f);
    f->draft.kind = &fanout_kind;
    f->destinations = destinations;
    f->n_destinations = n;
    f->log = options->log;
    struct err *e = open_draft(f, type, options);
    if (e)
        fanout_draft_free(&f->draft);
    else
        *out = &f->draft;
    return e;
}
