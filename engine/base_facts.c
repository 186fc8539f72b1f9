/* engine/base_facts.c: see base_facts.h. */
#include "engine/base_facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archive/format.h"
#include "engine/page_watch.h"

enum {
    VERSION = 1,
    FACTS_MAGIC = 8,
    ITEM_SPACE = 'S',
    ITEM_PLAIN = 'P',
    ITEM_INDEX_ID = 'I',
    ITEM_TRACKING = 'T',
    ITEM_ESCAPED = 'X',
    ITEM_END = 'E',
    MARK_BIRTH = 1,
    MARK_PROVES = 2,
    PLAIN_VIEW = 1,
    PLAIN_UNCLOSED = 2,
    PLAIN_ONLINE_ARIA = 4,
    NAME_MAX_BYTES = 8192,
    NSEC_MAX = 999999999,
    FACTS_MAX = 1 << 30,
    SPACES_MAX =
        16
        << 20, /* that a backup can have copied behind a reset point: more than there are files */
};

static const char magic[FACTS_MAGIC] = {'\x93', 'm', 'b', 'e', 'B', 'A', 'S', '\n'};

/* --- writing --- */

static void put_time(struct out_bytes *o, struct timespec t)
{
    out_zigzag(o, t.tv_sec);
    out_varint(o, (uint64_t)t.tv_nsec);
}

static void put_mark(struct out_bytes *o, const struct file_mark *m)
{
    out_varint(o, (m->has_birth ? MARK_BIRTH : 0u) | (m->proves ? MARK_PROVES : 0u));
    out_varint(o, m->inode);
    if (m->has_birth)
        put_time(o, m->birth);
    out_varint(o, m->size);
    put_time(o, m->mtime);
    put_time(o, m->ctime);
}

static void put_text(struct out_bytes *o, const char *text)
{
    const size_t n = text ? strlen(text) : 0;
    out_varint(o, n);
    out_bytes_put(o, text, n);
}

static void put_item(struct out_bytes *o, char kind)
{
    out_bytes_put(o, &kind, 1);
}

void base_facts_put_head(struct out_bytes *o, int64_t server_start, const struct file_mark *system)
{
    out_bytes_put(o, magic, FACTS_MAGIC);
    out_varint(o, VERSION);
    out_zigzag(o, server_start);
    put_mark(o, system);
}

void base_facts_put_space(struct out_bytes *o, const struct space_fact *f)
{
    put_item(o, ITEM_SPACE);
    out_varint(o, f->id);
    out_varint(o, f->first_page);
    out_varint(o, f->page_size);
    out_varint(o, f->page_lsn);
    put_mark(o, &f->mark);
    out_varint(o, f->n_witnesses);
    for (uint32_t i = 0; i < f->n_witnesses; i++) {
        out_varint(o, f->witnesses[i].page);
        out_varint(o, f->witnesses[i].lsn);
    }
}

void base_facts_put_plain(struct out_bytes *o, const struct plain_fact *f)
{
    put_item(o, ITEM_PLAIN);
    put_text(o, f->name);
    put_text(o, f->content);
    out_varint(o, (f->is_view ? PLAIN_VIEW : 0u) | (f->unclosed ? PLAIN_UNCLOSED : 0u) |
                      (f->online_aria ? PLAIN_ONLINE_ARIA : 0u));
    put_mark(o, &f->mark);
    out_varint(o, f->size);
    out_bytes_put(o, f->hashes, (size_t)plain_fact_blocks(f->size) * BLOCK_HASH);
}

void base_facts_put_last_index_id(struct out_bytes *o, uint64_t id)
{
    put_item(o, ITEM_INDEX_ID);
    out_varint(o, id);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* How many there are, and each less the one before it: ascending, each once. Sorts them. */
static void put_numbers(struct out_bytes *o, uint64_t *numbers, size_t n)
{
    size_t kept = n > 0;
    if (n)
        qsort(numbers, n, sizeof *numbers, by_number);
    for (size_t i = 1; i < n; i++)
        if (numbers[i] != numbers[kept - 1])
            numbers[kept++] = numbers[i];
    out_varint(o, kept);
    for (size_t i = 0; i < kept; i++)
        out_varint(o, numbers[i] - (i ? numbers[i - 1] : 0));
}

static void put_escaped(struct out_bytes *o, const struct tracking_state *t)
{
    const size_t most = t->n_pages > t->n_spaces ? t->n_pages : t->n_spaces;
    AUTO_FREE uint64_t *numbers = mem_alloc((most + 1) * sizeof *numbers);
    put_item(o, ITEM_ESCAPED);
    for (size_t i = 0; i < t->n_pages; i++)
        numbers[i] = t->pages[i];
    put_numbers(o, numbers, t->n_pages);
    for (size_t i = 0; i < t->n_spaces; i++)
        numbers[i] = t->spaces[i];
    put_numbers(o, numbers, t->n_spaces);
}

void base_facts_put_tracking(struct out_bytes *o, const struct tracking_state *t)
{
    put_item(o, ITEM_TRACKING);
    out_varint(o, t->begin);
    out_varint(o, t->reset);
    if (t->knows_escaped)
        put_escaped(o, t);
}

void base_facts_put_end(struct out_bytes *o)
{
    put_item(o, ITEM_END);
}

/* --- reading --- */

static struct timespec get_time(struct reader *r)
{
    struct timespec t;
    t.tv_sec = rd_zigzag(r);
    t.tv_nsec = (long)rd_varint_max(r, NSEC_MAX);
    return t;
}

static struct file_mark get_mark(struct reader *r)
{
    struct file_mark m = {0};
    const uint64_t flags = rd_varint_max(r, MARK_BIRTH | MARK_PROVES);
    m.has_birth = flags & MARK_BIRTH;
    m.proves = flags & MARK_PROVES;
    m.inode = rd_varint(r);
    if (m.has_birth)
        m.birth = get_time(r);
    m.size = rd_varint_max(r, CONTENT_SIZE_MAX);
    m.mtime = get_time(r);
    m.ctime = get_time(r);
    return m;
}

/* NULL when it is empty, or (ran_out) when it does not fit or has a NUL in it. Owned by caller. */
static char *get_text(struct reader *r)
{
    const size_t n = (size_t)rd_varint_max(r, NAME_MAX_BYTES);
    const uint8_t *p = rd_bytes(r, n);
    if (!p || !n)
        return NULL;
    if (memchr(p, 0, n)) {
        r->ran_out = true;
        return NULL;
    }
    return mem_printf("%.*s", (int)n, (const char *)p);
}

static void get_space(struct base_facts *out, struct reader *r)
{
    struct space_fact f = {.id = (space_id_t)rd_varint_max(r, UINT32_MAX)};
    f.first_page = (page_no_t)rd_varint_max(r, UINT32_MAX);
    f.page_size = (uint32_t)rd_varint_max(r, INNODB_PAGE_SIZE_MAX);
    f.page_lsn = rd_varint(r);
    f.mark = get_mark(r);
    f.n_witnesses = (uint32_t)rd_varint_max(r, rd_left(r) / 2); /* each takes two bytes at least */
    f.witnesses = mem_alloc((f.n_witnesses + (size_t)1) * sizeof *f.witnesses);
    for (uint32_t i = 0; i < f.n_witnesses; i++) {
        f.witnesses[i].page = (page_no_t)rd_varint_max(r, UINT32_MAX);
        f.witnesses[i].lsn = rd_varint(r);
    }
    mem_grow(&out->spaces, &out->cap_spaces, out->n_spaces, sizeof *out->spaces);
    out->spaces[out->n_spaces++] = f;
}

static void get_plain(struct base_facts *out, struct reader *r)
{
    mem_grow(&out->plains, &out->cap_plains, out->n_plains, sizeof *out->plains);
    struct plain_fact *f = &out->plains[out->n_plains++];
    *f = (struct plain_fact){.name = get_text(r)};
    f->content = get_text(r);
    const uint64_t flags = rd_varint_max(r, PLAIN_VIEW | PLAIN_UNCLOSED | PLAIN_ONLINE_ARIA);
    f->is_view = flags & PLAIN_VIEW;
    f->unclosed = flags & PLAIN_UNCLOSED;
    f->online_aria = flags & PLAIN_ONLINE_ARIA;
    f->mark = get_mark(r);
    f->size = rd_varint_max(r, CONTENT_SIZE_MAX);
    const uint64_t blocks = plain_fact_blocks(f->size);
    if (r->ran_out || !f->name || blocks > rd_left(r) / BLOCK_HASH) {
        r->ran_out = true;
        return;
    }
    const size_t n = (size_t)blocks * BLOCK_HASH;
    f->hashes = mem_alloc(n + 1);
    memcpy(f->hashes, rd_bytes(r, n), n);
}

static void get_tracking(struct base_facts *out, struct reader *r)
{
    const bool again = out->tracking.begin;
    out->tracking.begin = rd_varint(r);
    out->tracking.reset = rd_varint(r);
    if (again || !out->tracking.begin || out->tracking.reset < out->tracking.begin)
        r->ran_out = true;
}

static void get_escaped(struct base_facts *out, struct reader *r)
{
    struct tracking_state *t = &out->tracking;
    if (!t->begin || t->knows_escaped) {
        r->ran_out = true;
        return;
    }
    t->knows_escaped = true;
    const uint64_t n_pages = rd_varint_max(r, PAGE_WATCH_MAX);
    for (uint64_t i = 0, last = 0; i < n_pages && !r->ran_out; i++) {
        last += rd_varint_max(r, UINT64_MAX - last);
        tracking_state_add_page(t, last);
    }
    const uint64_t n_spaces = rd_varint_max(r, SPACES_MAX);
    for (uint64_t i = 0, last = 0; i < n_spaces && !r->ran_out; i++) {
        last += rd_varint_max(r, UINT32_MAX - last);
        tracking_state_add_space(t, (space_id_t)last);
    }
}

static void get_last_index_id(struct base_facts *out, struct reader *r)
{
    const bool again = out->last_index_id != 0;
    out->last_index_id = rd_varint(r);
    if (again || !out->last_index_id)
        r->ran_out = true;
}

static int by_space(const void *a, const void *b)
{
    const struct space_fact *x = a, *y = b;
    return x->id != y->id ? (x->id > y->id) - (x->id < y->id)
                          : (x->first_page > y->first_page) - (x->first_page < y->first_page);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct plain_fact *)a)->name, ((const struct plain_fact *)b)->name);
}

static struct err *sort(struct base_facts *f)
{
    if (f->n_spaces)
        qsort(f->spaces, f->n_spaces, sizeof *f->spaces, by_space);
    if (f->n_plains)
        qsort(f->plains, f->n_plains, sizeof *f->plains, by_name);
    for (size_t i = 1; i < f->n_spaces; i++)
        if (!by_space(&f->spaces[i - 1], &f->spaces[i]))
            return err_make(CORRUPT, BASE_FACTS_PATH ": space %" PRIu32 " is there twice",
                            f->spaces[i].id);
    for (size_t i = 1; i < f->n_plains; i++)
        if (!by_name(&f->plains[i - 1], &f->plains[i]))
            return err_make(CORRUPT, BASE_FACTS_PATH ": %s is there twice", f->plains[i].name);
    return NULL;
}

static struct err *parse(struct base_facts *out, struct reader *r)
{
    const size_t len = rd_left(r);
    const uint8_t *p = rd_bytes(r, FACTS_MAGIC);
    if (!p || memcmp(p, magic, FACTS_MAGIC))
        return err_make(CORRUPT, BASE_FACTS_PATH ": does not begin as one");
    const uint64_t version = rd_varint(r);
    if (!r->ran_out && version != VERSION)
        return err_hint(
            err_make(FAILED, BASE_FACTS_PATH ": version %" PRIu64 " is not known", version),
            "A newer mbe wrote it.");
    out->server_start = rd_zigzag(r);
    out->system = get_mark(r);
    for (;;) {
        const size_t at = len - rd_left(r);
        const uint8_t kind = rd_u8(r);
        if (!r->ran_out && kind == ITEM_SPACE)
            get_space(out, r);
        else if (!r->ran_out && kind == ITEM_PLAIN)
            get_plain(out, r);
        else if (!r->ran_out && kind == ITEM_INDEX_ID)
            get_last_index_id(out, r);
        else if (!r->ran_out && kind == ITEM_TRACKING)
            get_tracking(out, r);
        else if (!r->ran_out && kind == ITEM_ESCAPED)
            get_escaped(out, r);
        else if (!r->ran_out && kind == ITEM_END)
            break;
        else
            r->ran_out = true;
        if (r->ran_out)
            return err_make(CORRUPT, BASE_FACTS_PATH ": item at offset %zu makes no sense", at);
    }
    if (rd_left(r))
        return err_make(CORRUPT, BASE_FACTS_PATH ": %zu bytes behind the end", rd_left(r));
    return sort(out);
}

struct err *base_facts_parse(struct base_facts *out, const void *data, size_t len)
{
    struct reader r = reader_of(data, len);
    *out = (struct base_facts){0};
    struct err *e = parse(out, &r);
    if (e)
        base_facts_fini(out);
    return e;
}

struct err *base_facts_load(struct base_facts *out, bool *present, struct archive_reader *r)
{
    *out = (struct base_facts){0};
    const int64_t at = archive_reader_find(r, BASE_FACTS_PATH);
    *present = at >= 0;
    if (!*present)
        return NULL;
    const uint64_t size = archive_reader_entry(r, (uint32_t)at)->size;
    if (size > FACTS_MAX)
        return err_make(CORRUPT, BASE_FACTS_PATH ": %" PRIu64 " bytes are too many", size);
    AUTO_FREE uint8_t *data = mem_alloc((size_t)size + 1);
    TRY(archive_read(r, (uint32_t)at, 0, data, (size_t)size));
    return base_facts_parse(out, data, (size_t)size);
}

void base_facts_fini(struct base_facts *f)
{
    for (size_t i = 0; i < f->n_spaces; i++)
        free(f->spaces[i].witnesses);
    for (size_t i = 0; i < f->n_plains; i++) {
        free(f->plains[i].name);
        free(f->plains[i].content);
        free(f->plains[i].hashes);
    }
    free(f->spaces);
    free(f->plains);
    tracking_state_fini(&f->tracking);
    *f = (struct base_facts){0};
}

const struct space_fact *base_facts_space(const struct base_facts *f, space_id_t id,
                                          page_no_t first_page)
{
    const struct space_fact key = {.id = id, .first_page = first_page};
    return f->n_spaces ? bsearch(&key, f->spaces, f->n_spaces, sizeof key, by_space) : NULL;
}

const struct plain_fact *base_facts_plain(const struct base_facts *f, const char *name)
{
    const struct plain_fact key = {.name = (char *)(uintptr_t)name};
    return f->n_plains ? bsearch(&key, f->plains, f->n_plains, sizeof key, by_name) : NULL;
}
