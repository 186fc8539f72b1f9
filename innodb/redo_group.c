/* innodb/redo_group.c: see redo_group.h.
 *
 * The bundle being built lies in a buffer of its own; when it is complete it moves to an arena,
 * with an entry (key, place) in an array. Entries are made in log order, so a stable sort by key
 * alone is all that is needed; a radix sort is stable and takes few passes, as most bytes of the
 * keys are alike. When the memory is used up all bundles go, sorted, to a run. As soon as
 * MERGE_RUNS runs of one level stand at the end they are merged to one of the next level: the
 * number of runs, and with it what a cursor costs, grows with the logarithm of the redo. Runs stay
 * in log order throughout. */
#include "innodb/redo_group.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/map64.h"
#include "base/mem.h"
#include "innodb/redo_merge.h"
#include "innodb/redo_run.h"
#include "innodb/redo_varint.h"

enum {
    MEMORY_MIN = 1 << 20,
    BLOCK_MIN = 64 << 10,
    BLOCK_MAX = 1 << 20,
    OPEN_KEPT = 64 << 10, /* of the buffer of the open bundle between bundles */
    CURSOR_BYTES = 64 << 10,
    MERGE_BYTES_MIN = 32 << 10,
    MERGE_RUNS = 16,
    RECORD_HEAD_MAX = 2 + REDO_VARINT_MAX,
    TYPE_BEHIND = 7, /* in the head of a record: its type is the next byte */
};

struct block {
    struct block *next;
    size_t size, used;
    uint8_t bytes[] __attribute__((aligned(8)));
};

struct redo_group {
    uint64_t limit, block_bytes;
    char *spill_dir;
    enum redo_run_form run_form;
    bool sealed;

    bool open; /* the bundle being built */
    uint64_t open_key;
    lsn_t open_start, open_end;
    uint8_t *open_buf;
    size_t open_len, open_cap;

    struct block *blocks; /* the first is the one being filled */
    uint64_t blocks_held;
    struct redo_entry *entries;
    size_t n_entries, cap_entries;

    struct redo_run **runs; /* oldest redo first */
    unsigned *levels;       /* of each: merges behind it */
    size_t n_runs, cap_runs, cap_levels;
    uint64_t runs_held;

    struct redo_group_space *spaces;
    size_t n_spaces, cap_spaces;
    struct map64 space_index; /* id -> position, until sealed */
    size_t last_space;        /* position used last */

    struct redo_group_stats stats;
};

/* --- life ------------------------------------------------------------------------------------- */

struct err *redo_group_new(struct redo_group **out, uint64_t memory_bytes, const char *spill_dir)
{
    struct redo_group *g = mem_zalloc(sizeof *g);
    g->limit = memory_bytes < MEMORY_MIN ? MEMORY_MIN : memory_bytes;
    g->block_bytes = g->limit / 16;
    if (g->block_bytes < BLOCK_MIN)
        g->block_bytes = BLOCK_MIN;
    if (g->block_bytes > BLOCK_MAX)
        g->block_bytes = BLOCK_MAX;
    g->spill_dir = mem_strdup(spill_dir);
    *out = g;
    return NULL;
}

static void free_blocks(struct redo_group *g)
{
    while (g->blocks) {
        struct block *next = g->blocks->next;
        free(g->blocks);
        g->blocks = next;
    }
    g->blocks_held = 0;
}

void redo_group_keep_secret(struct redo_group *g)
{
    g->run_form = REDO_RUN_SECRET;
}

void redo_group_free(struct redo_group *g)
{
    if (!g)
        return;
    free_blocks(g);
    for (size_t i = 0; i < g->n_runs; i++)
        redo_run_free(g->runs[i]);
    free(g->runs);
    free(g->levels);
    free(g->entries);
    free(g->open_buf);
    free(g->spaces);
    map64_fini(&g->space_index);
    free(g->spill_dir);
    free(g);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Bytes that a spill gives back. An entry counts twice: sorting takes a second array. */
static uint64_t spillable(const struct redo_group *g)
{
    return g->blocks_held + 2 * g->cap_entries * sizeof *g->entries + g->open_cap;
}

/* Bytes that stay whatever is spilled, with those that writing a run takes. */
static uint64_t fixed(const struct redo_group *g)
{
    return g->runs_held + REDO_RUN_WRITE_BYTES + g->cap_spaces * sizeof *g->spaces +
           g->space_index.cap * 17;
}

/* Bytes that bundles may take; a quarter of the limit at least, or each of them would become a run
 * of its own. */
static uint64_t budget(const struct redo_group *g)
{
    const uint64_t least = g->limit / 4, stays = fixed(g);
    return g->limit > stays + least ? g->limit - stays : least;
}

static void note_peak(struct redo_group *g)
{
    g->stats.memory = spillable(g) + fixed(g);
    if (g->stats.memory > g->stats.memory_peak)
        g->stats.memory_peak = g->stats.memory;
}

static size_t grown_entries(const struct redo_group *g)
{
    return g->cap_entries ? g->cap_entries + g->cap_entries / 2 : 1024;
}

static uint64_t block_size_for(const struct redo_group *g, size_t n)
{
    return n > g->block_bytes - sizeof(struct block) ? n + sizeof(struct block) : g->block_bytes;
}

static bool has_room(const struct redo_group *g, size_t n)
{
    return g->blocks && g->blocks->size - g->blocks->used >= n;
}

/* What taking in a bundle of n arena bytes would add. */
static uint64_t growth(const struct redo_group *g, size_t n)
{
    uint64_t bytes = has_room(g, n) ? 0 : block_size_for(g, n);
    if (g->n_entries == g->cap_entries)
        bytes += 2 * (grown_entries(g) - g->cap_entries) * sizeof *g->entries;
    return bytes;
}

static void *arena_alloc(struct redo_group *g, size_t n)
{
    if (!has_room(g, n)) {
        const uint64_t size = block_size_for(g, n);
        struct block *b = mem_alloc(size);
        *b = (struct block){.next = g->blocks, .size = size - sizeof *b};
        g->blocks = b;
        g->blocks_held += size;
    }
    void *p = g->blocks->bytes + g->blocks->used;
    g->blocks->used += n;
    return p;
}

/* --- runs ------------------------------------------------------------------------------------- */

/* Stable, by key: one pass for each byte in which the keys differ. */
static void sort_entries(struct redo_entry *entries, size_t n)
{
    enum { DIGITS = 8, VALUES = 256 };
    size_t count[DIGITS][VALUES] = {0};
    for (size_t i = 0; i < n; i++)
        for (unsigned d = 0; d < DIGITS; d++)
            count[d][entries[i].key >> (8 * d) & 0xFF]++;
    struct redo_entry *scratch = mem_alloc(n * sizeof *scratch), *from = entries, *to = scratch;
    for (unsigned d = 0; n && d < DIGITS; d++) {
        size_t *start = count[d], at = 0;
        if (start[from[0].key >> (8 * d) & 0xFF] == n)
            continue;
        for (size_t v = 0; v < VALUES; v++) {
            const size_t here = start[v];
            start[v] = at;
            at += here;
        }
        for (size_t i = 0; i < n; i++)
            to[start[from[i].key >> (8 * d) & 0xFF]++] = from[i];
        struct redo_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, n * sizeof *entries);
    free(scratch);
}

/* Writes what m gives to a new run. */
static struct err *write_run(struct redo_run **out, struct redo_merge *m,
                             const struct redo_group *g)
{
    AUTO(redo_run) run = NULL;
    TRY(redo_run_new(&run, g->spill_dir, g->run_form));
    for (;;) {
        struct redo_bundle b;
        bool more;
        TRY(redo_merge_next(m, &b, &more));
        if (!more)
            break;
        TRY(redo_run_put(run, &b));
    }
    TRY(redo_run_seal(run));
    *out = run;
    run = NULL;
    return NULL;
}

static struct err *merge_to_run(struct redo_run **out, const struct redo_group *g,
                                struct redo_run *const *runs, size_t n_runs,
                                const struct redo_entry *entries, size_t n_entries)
{
    size_t bytes = (size_t)(g->limit / (2 * MERGE_RUNS));
    if (bytes < MERGE_BYTES_MIN)
        bytes = MERGE_BYTES_MIN;
    if (bytes > CURSOR_BYTES)
        bytes = CURSOR_BYTES;
    struct redo_merge m;
    struct err *e = redo_merge_init(&m, runs, n_runs, entries, n_entries, 0, UINT64_MAX, bytes);
    if (!e)
        e = write_run(out, &m, g);
    redo_merge_fini(&m);
    return e;
}

static void push_run(struct redo_group *g, struct redo_run *run, unsigned level)
{
    mem_grow(&g->runs, &g->cap_runs, g->n_runs, sizeof *g->runs);
    mem_grow(&g->levels, &g->cap_levels, g->n_runs, sizeof *g->levels);
    g->runs[g->n_runs] = run;
    g->levels[g->n_runs++] = level;
    g->runs_held += redo_run_memory(run);
}

static void pop_run(struct redo_group *g)
{
    struct redo_run *run = g->runs[--g->n_runs];
    g->runs_held -= redo_run_memory(run);
    redo_run_free(run);
}

/* Merges the runs at the end for as long as MERGE_RUNS of them are of one level. */
static struct err *merge_levels(struct redo_group *g)
{
    while (g->n_runs >= MERGE_RUNS &&
           g->levels[g->n_runs - MERGE_RUNS] == g->levels[g->n_runs - 1]) {
        const unsigned level = g->levels[g->n_runs - 1];
        struct redo_run *merged;
        TRY(merge_to_run(&merged, g, g->runs + g->n_runs - MERGE_RUNS, MERGE_RUNS, NULL, 0));
        for (int i = 0; i < MERGE_RUNS; i++)
            pop_run(g);
        push_run(g, merged, level + 1);
    }
    return NULL;
}

static struct err *spill(struct redo_group *g)
{
    struct redo_run *run;
    sort_entries(g->entries, g->n_entries);
    TRY(merge_to_run(&run, g, NULL, 0, g->entries, g->n_entries));
    push_run(g, run, 0);
    g->stats.runs_spilled++;
    g->n_entries = 0;
    free_blocks(g);
    return merge_levels(g);
}

/* --- adding ----------------------------------------------------------------------------------- */

static void note_space(struct redo_group *g, space_id_t id, page_no_t page)
{
    uint64_t at = g->last_space;
    if (at >= g->n_spaces || g->spaces[at].id != id) {
        if (!map64_get(&g->space_index, id, &at)) {
            mem_grow(&g->spaces, &g->cap_spaces, g->n_spaces, sizeof *g->spaces);
            at = g->n_spaces++;
            g->spaces[at] = (struct redo_group_space){.id = id};
            map64_put(&g->space_index, id, at);
        }
        g->last_space = at;
    }
    if (page > g->spaces[at].last_page)
        g->spaces[at].last_page = page;
}

static void push_entry(struct redo_group *g, struct redo_entry entry)
{
    if (g->n_entries == g->cap_entries) {
        g->cap_entries = grown_entries(g);
        g->entries = mem_realloc(g->entries, g->cap_entries * sizeof *g->entries);
    }
    g->entries[g->n_entries++] = entry;
}

/* Moves the open bundle to the arena, after a spill if there is no room. */
static struct err *close_bundle(struct redo_group *g)
{
    if (!g->open)
        return NULL;
    const size_t size = (sizeof(struct redo_entry_data) + g->open_len + 7) & ~(size_t)7;
    if (g->n_entries && spillable(g) + growth(g, size) > budget(g))
        TRY(spill(g));
    struct redo_entry_data *data = arena_alloc(g, size);
    data->mtr_start = g->open_start;
    data->mtr_len = (uint32_t)(g->open_end - g->open_start);
    data->len = (uint32_t)g->open_len;
    memcpy(data->bytes, g->open_buf, g->open_len);
    push_entry(g, (struct redo_entry){.key = g->open_key, .data = data});
    note_space(g, (space_id_t)(g->open_key >> 32), (page_no_t)g->open_key);
    note_peak(g);
    g->stats.bundles++;
    g->stats.bytes += g->open_len;
    g->open = false;
    if (g->open_cap > OPEN_KEPT) {
        free(g->open_buf);
        g->open_buf = NULL;
        g->open_cap = 0;
    }
    return NULL;
}

/* A record in a bundle: "same page" and type as the high nibble, the length of the body as the low one. Type 7: a byte with
 * the type follows. Length 0: a varint follows, of 0 for no body, else of length - 15. Never longer than in the log. */
static size_t put_head(uint8_t *to, const struct redo_record *rec)
{
    const uint32_t n = rec->body_len;
    const unsigned type = rec->type < TYPE_BEHIND ? rec->type : TYPE_BEHIND;
    size_t at = 1;
    to[0] = (uint8_t)((unsigned)rec->same_page << 7 | type << 4);
    if (type == TYPE_BEHIND)
        to[at++] = (uint8_t)rec->type;
    if (n >= 1 && n <= 15)
        to[0] |= (uint8_t)n;
    else
        at += put_varint(to + at, n ? n - 15 : 0);
    return at;
}

bool redo_bundle_next(const struct redo_bundle *b, size_t *at, struct redo_record *rec)
{
    struct reader r = reader_of(b->data + *at, b->len - *at);
    if (rd_left(&r) == 0)
        return false;
    const uint8_t head = rd_u8(&r);
    const unsigned type = (head >> 4 & 7) == TYPE_BEHIND ? rd_u8(&r) : head >> 4 & 7;
    uint32_t n = head & 15;
    if (n == 0) {
        const uint32_t v = rd_varint(&r);
        n = v ? v + 15 : 0;
    }
    *rec = (struct redo_record){
        .type = type,
        .space = b->space,
        .page = b->page,
        .same_page = head >> 7,
        .body = r.p,
        .body_len = n,
    };
    const uint8_t *body = rd_bytes(&r, n);
    assert(body); /* put_head wrote it; a run carries checksums */
    *at = b->len - rd_left(&r);
    return true;
}

struct err *redo_group_add(struct redo_group *g, const struct redo_record *rec, lsn_t mtr_start,
                           lsn_t mtr_end)
{
    const uint64_t key = redo_bundle_key(rec->space, rec->page);
    assert(!g->sealed && rec->type <= UINT8_MAX);
    if (!g->open || g->open_key != key || g->open_start != mtr_start) {
        TRY(close_bundle(g));
        g->open = true;
        g->open_key = key;
        g->open_start = mtr_start;
        g->open_end = mtr_end;
        g->open_len = 0;
    }
    uint8_t head[RECORD_HEAD_MAX];
    const size_t n_head = put_head(head, rec);
    if (rec->body_len > REDO_BUNDLE_MAX || n_head + rec->body_len > REDO_BUNDLE_MAX - g->open_len)
        return err_make(CORRUPT, "LSN %" PRIu64 ": a mini-transaction of more than %d bytes",
                        mtr_start, REDO_BUNDLE_MAX);
    mem_grow(&g->open_buf, &g->open_cap, g->open_len + n_head + rec->body_len, 1);
    memcpy(g->open_buf + g->open_len, head, n_head);
    if (rec->body_len)
        memcpy(g->open_buf + g->open_len + n_head, rec->body, rec->body_len);
    g->open_len += n_head + rec->body_len;
    return NULL;
}

static int compare_spaces(const void *a, const void *b)
{
    const struct redo_group_space *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

struct err *redo_group_seal(struct redo_group *g)
{
    TRY(close_bundle(g));
    g->sealed = true;
    free(g->open_buf);
    g->open_buf = NULL;
    g->open_cap = 0;
    sort_entries(g->entries, g->n_entries);
    if (g->n_spaces)
        qsort(g->spaces, g->n_spaces, sizeof *g->spaces, compare_spaces);
    map64_fini(&g->space_index);
    note_peak(g);
    return NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

void redo_group_stats(const struct redo_group *g, struct redo_group_stats *out)
{
    *out = g->stats;
}

const struct redo_group_space *redo_group_spaces(const struct redo_group *g, size_t *n)
{
    assert(g->sealed);
    *n = g->n_spaces;
    return g->spaces;
}

struct redo_group_cursor {
    struct redo_merge merge;
};

struct err *redo_group_cursor_open(struct redo_group_cursor **out, const struct redo_group *g,
                                   space_id_t space, page_no_t page_from, page_no_t page_to)
{
    assert(g->sealed);
    *out = NULL;
    AUTO(redo_group_cursor) c = mem_zalloc(sizeof *c);
    if (page_from < page_to)
        TRY(redo_merge_init(&c->merge, g->runs, g->n_runs, g->entries, g->n_entries,
                            redo_bundle_key(space, page_from), redo_bundle_key(space, page_to - 1),
                            CURSOR_BYTES));
    *out = c;
    c = NULL;
    return NULL;
}

struct err *redo_group_cursor_next(struct redo_group_cursor *c, struct redo_bundle *b, bool *more)
{
    return redo_merge_next(&c->merge, b, more);
}

void redo_group_cursor_free(struct redo_group_cursor *c)
{
    if (!c)
        return;
    redo_merge_fini(&c->merge);
    free(c);
}
