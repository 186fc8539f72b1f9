/* archive/sink_fanout.c: see sink_fanout.h.
 *
 *  F1 What is appended is cut into blocks, in one list that all branches walk along, each from its own place in it. A block goes
 *     when the last branch that wants it has taken it. As all go the same way, that is always the list's first.
 *  F2 There are MEMORY_BLOCKS blocks in memory at most. When they are used up, and some branch has taken nearly all there is, the
 *     oldest one goes to the file: it is a slow one that wants it. When no branch is near the end, all are slow, and to write to
 *     the file would make them slower: then who appends waits.
 *  F3 While the sink is held who appends waits for no branch: the file grows beyond its bound instead. */
#include "archive/sink_fanout.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    BLOCK = 1 << 20,
    MEMORY_BLOCKS = 48,
    NEAR_THE_END = 8, /* blocks */
};
_Static_assert((int)MEMORY_BLOCKS > 2 * (int)SINK_BRANCHES_MAX,
               "there is a block that no branch is just taking");

struct block {
    struct block *next; /* behind it in the archive; NULL: it is the last */
    uint8_t *data;      /* NULL: it is in the file alone */
    size_t n;
    unsigned wanted; /* branches that have not taken it yet */
    unsigned users;  /* who looks at data without having the lock */
    bool in_file;
    uint64_t slot; /* place in the file, in blocks */
};

struct fanout;

struct branch {
    struct fanout *all;
    struct sink_branch *is;
    pthread_t thread;
    struct block *next; /* to be taken; NULL: none that is full */
    size_t left;        /* blocks from there on */
    bool failed;
};

struct fanout {
    struct sink sink;
    struct sink_fanout_options options;
    char *dir;
    struct block *filling; /* the appender's alone; NULL: none begun */
    size_t n_threads;
    struct sink_branch *const *is; /* those of the branches */

    pthread_mutex_t lock; /* guards what is below, and the fields of blocks and branches */
    pthread_cond_t changed;
    struct branch branches[SINK_BRANCHES_MAX];
    size_t n, n_failed;
    struct block *first, **end; /* full ones that somebody wants, oldest first */
    size_t in_memory;           /* blocks, with the one that is being filled */
    int fd;                     /* -1: there was no need of it yet */
    uint64_t n_slots, n_free;   /* places in the file, and which of them are free */
    uint64_t *free_slots;
    size_t cap_free;
    bool spill_failed;
    bool held;
    bool ended;     /* nothing will be appended */
    bool abandoned; /* what was not taken is of no use any more */
};

static struct fanout *self_of(struct sink *s)
{
    return (struct fanout *)s; /* the first member */
}

/* ---- blocks; all with the lock ---- */

static void drop_data(struct fanout *f, struct block *b)
{
    free(b->data);
    b->data = NULL;
    f->in_memory--;
}

static void give_slot_back(struct fanout *f, uint64_t slot)
{
    mem_grow(&f->free_slots, &f->cap_free, (size_t)f->n_free, sizeof *f->free_slots);
    f->free_slots[f->n_free++] = slot;
}

static void free_block(struct fanout *f, struct block *b)
{
    if (b->data)
        drop_data(f, b);
    if (b->in_file)
        give_slot_back(f, b->slot);
    free(b);
}

/* Frees what nobody wants any more: F1. */
static void trim(struct fanout *f)
{
    while (f->first && !f->first->wanted && !f->first->users) {
        struct block *b = f->first;
        f->first = b->next;
        if (!f->first)
            f->end = &f->first;
        free_block(f, b);
    }
    pthread_cond_broadcast(&f->changed);
}

static void use_end(struct fanout *f, struct block *b)
{
    if (!--b->users && b->in_file)
        drop_data(f, b);
}

/* ---- the branches' side ---- */

/* The next block, waited for; NULL: there will be none. *data: its bytes in memory, which stay there until block_done; NULL: it is in the
 * file. */
static struct block *next_block(struct branch *br, const uint8_t **data)
{
    struct fanout *f = br->all;
    pthread_mutex_lock(&f->lock);
    while (!br->next && !f->ended && !f->abandoned)
        pthread_cond_wait(&f->changed, &f->lock);
    struct block *b = f->abandoned ? NULL : br->next;
    *data = b ? b->data : NULL;
    if (*data)
        b->users++;
    pthread_mutex_unlock(&f->lock);
    return b;
}

static struct err *take_block(struct branch *br, const struct block *b, const uint8_t *data)
{
    const struct fanout *f = br->all;
    struct sink *sink = br->is->sink;
    AUTO_FREE uint8_t *buffer = NULL;
    if (!data) {
        size_t got;
        buffer = mem_alloc_aligned(BLOCK);
        TRY(file_pread(f->fd, buffer, b->n, b->slot * BLOCK, &got, f->dir));
        if (got < b->n)
            return err_make(IO, "%s: what was kept there is gone", f->dir);
        data = buffer;
    }
    TRY(sink->append(sink, data, b->n));
    br->is->bytes += b->n;
    return NULL;
}

static void block_done(struct branch *br, struct block *b, bool in_memory)
{
    struct fanout *f = br->all;
    pthread_mutex_lock(&f->lock);
    br->next = b->next;
    br->left--;
    b->wanted--;
    if (in_memory)
        use_end(f, b);
    trim(f);
    pthread_mutex_unlock(&f->lock);
}

static struct err *take_all(struct branch *br)
{
    const uint8_t *data;
    struct block *b;
    while ((b = next_block(br, &data))) {
        struct err *e = take_block(br, b, data);
        block_done(br, b, data != NULL);
        TRY(e);
    }
    return NULL;
}

/* It wants nothing any more. */
static void branch_failed(struct branch *br, struct err *e)
{
    struct fanout *f = br->all;
    sink_branch_fail(br->is, e, f->options.log);
    pthread_mutex_lock(&f->lock);
    for (struct block *b = br->next; b; b = b->next)
        b->wanted--;
    br->next = NULL;
    br->failed = true;
    f->n_failed++;
    trim(f);
    pthread_mutex_unlock(&f->lock);
}

static void *run_branch(void *arg)
{
    struct branch *br = arg;
    struct sink *sink = br->is->sink;
    struct err *e = take_all(br);
    if (!e && br->all->ended) /* it changes no more: there was nothing left */
        e = sink->commit(sink);
    if (e)
        branch_failed(br, e);
    return NULL;
}

/* ---- the file; with the lock ---- */

static struct block *oldest_unused(const struct fanout *f)
{
    struct block *b = f->first;
    while (b && (!b->data || b->users))
        b = b->next;
    return b;
}

/* Writes the block to the file, without the lock meanwhile. */
static struct err *write_block(struct fanout *f, const struct block *b, uint64_t slot)
{
    pthread_mutex_unlock(&f->lock);
    struct err *e = f->fd < 0 ? file_open_nameless(&f->fd, f->dir) : NULL;
    if (!e)
        e = file_pwrite(f->fd, b->data, b->n, slot * BLOCK, f->dir);
    pthread_mutex_lock(&f->lock);
    return e;
}

static struct err *spill(struct fanout *f, struct block *b)
{
    const uint64_t slot = f->n_free ? f->free_slots[--f->n_free] : f->n_slots++;
    b->users++;
    struct err *e = write_block(f, b, slot);
    if (e) {
        give_slot_back(f, slot);
    } else {
        b->slot = slot;
        b->in_file = true;
    }
    use_end(f, b);
    trim(f);
    return e;
}

static bool somebody_is_near_the_end(const struct fanout *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (!f->branches[i].failed && f->branches[i].left < NEAR_THE_END)
            return true;
    return false;
}

/* F2, F3 */
static bool may_spill(const struct fanout *f)
{
    const uint64_t used = (f->n_slots - f->n_free) * BLOCK;
    const bool has_room =
        !f->spill_failed && f->options.spill_max >= BLOCK && used <= f->options.spill_max - BLOCK;
    return f->held || (has_room && somebody_is_near_the_end(f));
}

/* Frees memory for a block, or waits for what may have changed then. */
static struct err *make_room(struct fanout *f)
{
    struct block *b = may_spill(f) ? oldest_unused(f) : NULL;
    if (!b) {
        pthread_cond_wait(&f->changed, &f->lock);
        return NULL;
    }
    struct err *e = spill(f, b);
    if (!e || f->held)
        return e;
    log_warning(f->options.log, "repository", "%s: the backup waits for its slowest destination",
                e->message);
    err_free(e);
    f->spill_failed = true;
    return NULL;
}

/* ---- the appender's side ---- */

static struct err *begin_block(struct fanout *f)
{
    struct err *e = NULL;
    pthread_mutex_lock(&f->lock);
    while (!e && f->n_failed < f->n && f->in_memory >= MEMORY_BLOCKS)
        e = make_room(f);
    if (!e && f->n_failed == f->n)
        e = sink_branches_error(f->is, f->n);
    f->in_memory += e ? 0 : 1;
    pthread_mutex_unlock(&f->lock);
    if (e)
        return e;
    f->filling = mem_zalloc(sizeof *f->filling);
    f->filling->data = mem_alloc_aligned(BLOCK);
    return NULL;
}

/* Everybody who is still there wants the block that was filled. */
static void end_block(struct fanout *f)
{
    struct block *b = f->filling;
    f->filling = NULL;
    pthread_mutex_lock(&f->lock);
    *f->end = b;
    f->end = &b->next;
    for (size_t i = 0; i < f->n; i++) {
        struct branch *br = &f->branches[i];
        if (br->failed)
            continue;
        b->wanted++;
        br->left++;
        if (!br->next)
            br->next = b;
    }
    trim(f);
    pthread_mutex_unlock(&f->lock);
}

static struct err *fanout_append(struct sink *s, const void *data, size_t n)
{
    struct fanout *f = self_of(s);
    for (const uint8_t *from = data; n;) {
        if (!f->filling)
            TRY(begin_block(f));
        struct block *b = f->filling;
        const size_t room = BLOCK - b->n, k = n < room ? n : room;
        memcpy(b->data + b->n, from, k);
        b->n += k;
        from += k;
        n -= k;
        if (b->n == BLOCK)
            end_block(f);
    }
    return NULL;
}

static void fanout_hold(struct sink *s, bool held)
{
    struct fanout *f = self_of(s);
    pthread_mutex_lock(&f->lock);
    f->held = held;
    pthread_mutex_unlock(&f->lock);
}

/* why: why there is nothing to wait for any more. */
static void join_threads(struct fanout *f, bool *why)
{
    pthread_mutex_lock(&f->lock);
    *why = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    for (; f->n_threads; f->n_threads--)
        pthread_join(f->branches[f->n_threads - 1].thread, NULL);
}

static struct err *fanout_commit(struct sink *s)
{
    struct fanout *f = self_of(s);
    if (f->filling)
        end_block(f);
    join_threads(f, &f->ended);
    return sink_branches_error(f->is, f->n);
}

static void fanout_free(struct sink *s)
{
    struct fanout *f = self_of(s);
    join_threads(f, &f->abandoned);
    for (struct block *b = f->first, *next; b; b = next) {
        next = b->next;
        free_block(f, b);
    }
    if (f->filling)
        free_block(f, f->filling);
    if (f->fd >= 0)
        close(f->fd);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f->free_slots);
    free(f->dir);
    free(f);
}

static struct err *start_threads(struct fanout *f)
{
    for (; f->n_threads < f->n; f->n_threads++) {
        struct branch *br = &f->branches[f->n_threads];
        const int rc = pthread_create(&br->thread, NULL, run_branch, br);
        if (rc)
            return err_new_os(rc, __FILE__, __LINE__, "cannot start a thread for %s", br->is->name);
    }
    return NULL;
}

struct err *sink_fanout_open(struct sink **out, struct sink_branch *const *branches, size_t n,
                             const struct sink_fanout_options *options)
{
    if (n > SINK_BRANCHES_MAX)
        return err_make(FAILED, "%zu destinations, %d at most", n, SINK_BRANCHES_MAX);
    struct fanout *f = mem_zalloc(sizeof *f);
    f->sink = (struct sink){
        .append = fanout_append, .commit = fanout_commit, .hold = fanout_hold, .free = fanout_free};
    f->options = *options;
    f->dir = mem_strdup(options->dir);
    f->is = branches;
    f->n = n;
    f->end = &f->first;
    f->fd = -1;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    for (size_t i = 0; i < n; i++)
        f->branches[i] = (struct branch){.all = f, .is = branches[i]};
    struct err *e = start_threads(f);
    if (e) {
        fanout_free(&f->sink);
        return e;
    }
    *out = &f->sink;
    return NULL;
}

/* ---- who failed ---- */

void sink_branch_fail(struct sink_branch *b, struct err *e, struct log *log)
{
    const bool names_it = !strncmp(e->message, b->name, strlen(b->name));
    b->error = names_it ? e : err_wrap(e, "%s", b->name);
    if (e->kind != ERR_INTERRUPTED) /* that is told once */
        log_warning(log, "repository", "%s; this destination is left out", b->error->message);
}

struct err *sink_branches_error(struct sink_branch *const *branches, size_t n)
{
    AUTO_FREE char *all = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!branches[i]->error)
            return NULL;
        char *more = all ? mem_printf("%s; %s", all, branches[i]->error->message)
                         : mem_strdup(branches[i]->error->message);
        free(all);
        all = more;
    }
    const struct err *first = branches[0]->error;
    for (size_t i = 0; i < n;
         i++) /* whatever failed before, that is why there is no other attempt */
        if (branches[i]->error->kind == ERR_INTERRUPTED)
            first = branches[i]->error;
    struct err *e = err_new(first->kind, __FILE__, __LINE__, "%s", all);
    return first->hint ? err_hint(e, "%s", first->hint) : e;
}
