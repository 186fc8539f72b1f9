/* tests/fuzz/tree_check_fuzz.c: hostile pages of one tablespace, each by itself, how they hang together and which segments they are
 * of, and what is read of the
 * definitions of indexes in them. Byte 0 says which family's;
 * the rest is up to 16 pages of 4096 bytes: page 0 with its extent descriptors, then index pages or anything. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"
#include "innodb/key_order.h"
#include "innodb/sdi.h"
#include "innodb/segment_check.h"
#include "innodb/space_use.h"
#include "innodb/sys_tables.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE_SIZE = 4096, PAGES_MAX = 16 };

struct pages {
    uint8_t *all;
    bool mariadb;
};

static struct err *read_page(void *ctx, struct index_checked *page, page_no_t no)
{
    const struct pages *p = ctx;
    *page = (struct index_checked){p->all + (size_t)no * PAGE_SIZE, PAGE_SIZE, p->mariadb};
    return NULL;
}

static bool is_live(void *ctx, uint64_t index_id)
{
    (void)ctx;
    return index_id & 1;
}

static void take_report(void *ctx, page_no_t no, const char *what)
{
    (void)ctx;
    if (no >= PAGES_MAX || !what[0])
        abort();
}

/* What is done with records of a page that is whole. */
static void read_records(const struct index_checked *page)
{
    static const struct key_columns keys[] = {
        {.n = 3,
         .columns = {{.len = 4, .nullable = true}, {.len = 8, .descending = true}, {.len = 300}}},
        {.n = 3,
         .n_nullable = 30,
         .columns = {{.kind = KEY_BINARY, .nullable = true},
                     {.kind = KEY_PADDED, .is_long = true},
                     {.kind = KEY_PADDED}}},
        {.n = 2, .n_nullable = KEY_NULLABLE_UNKNOWN, .columns = {{.kind = KEY_PADDED}, {.len = 1}}},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *why = key_order_check(page, &keys[i]);
        if (why && !why[0])
            abort();
    }
    for (uint32_t r = index_check_next(page, 0); r; r = index_check_next(page, r))
        for (int table = 0; table < SYS_TABLE_COUNT; table++) {
            struct sys_row row;
            if (sys_table_row(&row, page, r, (enum sys_table)table) && row.name_len > PAGE_SIZE)
                abort();
        }
}

static void learn(struct page_fact *fact, const struct index_checked *page)
{
    struct index_records records;
    struct index_facts f;
    const char *why = index_check(&f, &records, page);
    if (why && !why[0])
        abort();
    fact->index_id = f.index_id;
    fact->prev = f.prev;
    fact->next = f.next;
    fact->level = f.level;
    fact->n_recs = f.n_recs;
    fact->rtree = f.rtree;
    fact->root = f.root;
    fact->kind = why ? PAGE_KIND_DAMAGED : PAGE_KIND_INDEX;
    if (!why)
        read_records(page);
}

static struct err *read_raw(void *ctx, const uint8_t **page, page_no_t no)
{
    const struct pages *p = ctx;
    *page = p->all + (size_t)no * PAGE_SIZE;
    return NULL;
}

static struct err *read_frame(void *ctx, const uint8_t **frame, page_no_t no, bool raw)
{
    (void)raw;
    return read_raw(ctx, frame, no);
}

static struct err *take_text(void *ctx, uint32_t type, const char *text, size_t len)
{
    (void)ctx;
    (void)type;
    if (text[len] != '\0')
        abort();
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct page_fact facts[PAGES_MAX] = {0};
    struct extent_fact extents[PAGES_MAX] = {0};
    struct space_format format;
    if (size < 1 + PAGE_SIZE)
        return 0;
    const page_no_t n =
        (page_no_t)((size - 1) / PAGE_SIZE < PAGES_MAX ? (size - 1) / PAGE_SIZE : PAGES_MAX);
    struct pages p = {.all = malloc((size_t)n * PAGE_SIZE), .mariadb = data[0] & 1};
    const struct tree_check t = {.facts = facts,
                                 .n_pages = n,
                                 .ctx = &p,
                                 .read = read_page,
                                 .is_live = is_live,
                                 .report = take_report};
    if (!p.all)
        abort();
    memcpy(p.all, data + 1, (size_t)n * PAGE_SIZE);
    if (taken(space_format_decode(&format, 3 << 6, PAGE_SIZE)) &&
        !space_use_note(facts, n, &format, 0, p.all))
        segment_note(extents, n, &format, 0, p.all);
    for (page_no_t no = 1; no < n; no++) {
        struct index_checked page;
        if (taken(read_page(&p, &page, no)) &&
            index_check_is_type(be16(page.frame + FIL_TYPE), p.mariadb))
            learn(&facts[no], &page);
    }
    if (!taken(tree_check_run(&t)))
        abort();
    const struct segment_check segments = {.format = &format,
                                           .facts = facts,
                                           .n_pages = n,
                                           .extents = extents,
                                           .ctx = &p,
                                           .read = read_raw,
                                           .is_live = is_live,
                                           .report = take_report};
    if (!taken(segment_check_run(&segments)))
        abort();
    const struct sdi_walk w = {
        .format = &format, .n_pages = n, .ctx = &p, .read = read_frame, .take = take_text};
    if (!taken(sdi_walk_run(&w, n > 1 ? n - 1 : 0)))
        abort();
    free(p.all);
    return 0;
}
