/* innodb/tree_check_test.c: a small tree is whole, and each rule finds what breaks it: pages 3 (root, level 1) and 4 to 8 (leaves) of
 * index 20, page 9 the lonely root of index 21; or one of three levels, page 3 over 10 and 11. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"
#include "innodb/tree_check.h"

enum { SIZE = 4096, N = 12, ROOT = 3, LEAF = 4, LEAVES = 5, LONELY = 9, MIDDLE = 10, CHILD = 4 };

struct tree {
    struct page_fact facts[N];
    uint8_t root[SIZE], middle[2][SIZE];
    bool live;
    unsigned n_reports;
    char all[1024]; /* "PAGE what\n"... */
};

static uint32_t origin(uint32_t heap_no)
{
    return COMP_HEAP + COMP_EXTRA + (heap_no - 2) * (COMP_EXTRA + CHILD + 4);
}

/* A page of `n` node pointers to pages from `child` on: a key of 4 bytes from `key` on, the child page. */
static void make_above(uint8_t *p, uint16_t level, uint32_t n, page_no_t child, uint32_t key)
{
    struct index_page ix = {p, SIZE, true, 2};
    memset(p, 0, SIZE);
    index_page_create(p, SIZE, FIL_TYPE_INDEX, true);
    put_be32(p + 8, PAGE_NO_NONE);
    put_be32(p + 12, PAGE_NO_NONE);
    put_be16(p + INDEX_LEVEL, level);
    put_be16(p + INDEX_HEAP_TOP, (uint16_t)(origin(n + 2) - COMP_EXTRA));
    put_be16(p + INDEX_N_HEAP, (uint16_t)(INDEX_COMP_FLAG | (n + 2)));
    put_be16(p + INDEX_N_RECS, (uint16_t)n);
    for (uint32_t h = 2; h < n + 2; h++) {
        index_page_set_heap_no(&ix, origin(h), h);
        p[origin(h) - 3] |= 1;
        put_be32(p + origin(h), key + h - 2);
        put_be32(p + origin(h) + CHILD, child + h - 2);
        index_page_set_next(&ix, origin(h), h < n + 1 ? origin(h + 1) : COMP_SUPREMUM);
    }
    p[origin(2) - COMP_EXTRA] |= 0x10;
    index_page_set_next(&ix, COMP_INFIMUM, origin(2));
    index_page_set_n_owned(&ix, COMP_SUPREMUM, n + 1);
}

static void make_root(uint8_t *p, uint32_t n)
{
    make_above(p, 1, n, LEAF, 0x80000002u);
}

static struct page_fact fact(uint64_t id, uint16_t level, page_no_t prev, page_no_t next)
{
    return (struct page_fact){.index_id = id,
                              .prev = prev,
                              .next = next,
                              .level = level,
                              .n_recs = 5,
                              .kind = PAGE_KIND_INDEX,
                              .use = PAGE_USE_USED};
}

static void make_tree(struct tree *t)
{
    memset(t, 0, sizeof *t);
    make_root(t->root, LEAVES);
    t->live = true;
    t->facts[ROOT] = fact(20, 1, PAGE_NO_NONE, PAGE_NO_NONE);
    t->facts[ROOT].root = true;
    for (page_no_t i = 0; i < LEAVES; i++)
        t->facts[LEAF + i] = fact(20, 0, i ? LEAF + i - 1 : PAGE_NO_NONE,
                                  i + 1 < LEAVES ? LEAF + i + 1 : PAGE_NO_NONE);
    t->facts[LONELY] = fact(21, 0, PAGE_NO_NONE, PAGE_NO_NONE);
    t->facts[LONELY].root = true;
}

/* Pages 3 (level 2) over 10 and 11 (level 1) over 4, 5 and 6, 7. */
static void make_high_tree(struct tree *t)
{
    make_tree(t);
    t->facts[LEAF + 4] = (struct page_fact){0};
    t->facts[LEAF + 3].next = PAGE_NO_NONE;
    t->facts[ROOT].level = 2;
    make_above(t->root, 2, 2, MIDDLE, 0x80000001u);
    make_above(t->middle[0], 1, 2, LEAF, 0x80000000u);
    make_above(t->middle[1], 1, 2, LEAF + 2, 0x80000002u);
    put_be32(t->middle[0] + 12, MIDDLE + 1);
    put_be32(t->middle[1] + 8, MIDDLE);
    t->middle[1][origin(2) - COMP_EXTRA] &= (uint8_t)~0x10;
    t->facts[MIDDLE] = fact(20, 1, PAGE_NO_NONE, MIDDLE + 1);
    t->facts[MIDDLE + 1] = fact(20, 1, MIDDLE, PAGE_NO_NONE);
}

/* Into a buffer that the next call overwrites. */
static struct err *read_page(void *ctx, struct index_checked *page, page_no_t no)
{
    static uint8_t frame[SIZE];
    struct tree *t = ctx;
    assert_true(no == ROOT || no >= MIDDLE);
    memcpy(frame, no == ROOT ? t->root : t->middle[no - MIDDLE], SIZE);
    *page = (struct index_checked){frame, SIZE, false};
    return NULL;
}

static bool is_live(void *ctx, uint64_t index_id)
{
    const struct tree *t = ctx;
    (void)index_id;
    return t->live;
}

static void report(void *ctx, page_no_t no, const char *what)
{
    struct tree *t = ctx;
    const size_t n = strlen(t->all);
    t->n_reports++;
    snprintf(t->all + n, sizeof t->all - n, "%u %s\n", no, what);
}

static void run(struct tree *t)
{
    const struct tree_check check = {.facts = t->facts,
                                     .n_pages = N,
                                     .ctx = t,
                                     .read = read_page,
                                     .is_live = is_live,
                                     .report = report};
    assert_null(tree_check_run(&check));
}

static void expect(struct tree *t, const char *text)
{
    run(t);
    assert_string_equal(t->all, text);
}

static void a_whole_tree_has_nothing_to_report(void **state)
{
    struct tree t;
    (void)state;
    make_tree(&t);
    expect(&t, "");
    assert_int_equal(t.facts[6].father, ROOT + 1);
}

static void links_must_be_mutual(void **state)
{
    struct tree t;
    (void)state;
    make_tree(&t);
    t.facts[5].next = 7;
    run(&t);
    assert_non_null(
        strstr(t.all, "5 names page 7 as the next one, which names page 6 as the one before it\n"));
    assert_non_null(strstr(
        t.all, "6 names page 5 as the previous one, which names page 7 as the one behind it\n"));
    make_tree(&t);
    t.facts[8].next = 4711;
    run(&t);
    assert_non_null(
        strstr(t.all, "8 names page 4711 as the next one, behind the end of the tablespace\n"));
    make_tree(&t);
    t.facts[4].prev = LONELY;
    run(&t);
    assert_non_null(
        strstr(t.all, "4 of index 20 names page 9 as the previous one, which is of index 21\n"));
    make_tree(&t);
    t.facts[6].kind = PAGE_KIND_OTHER;
    run(&t);
    assert_non_null(strstr(t.all, "5 names page 6 as the next one, which is no index page\n"));
}

static void an_index_has_one_root(void **state)
{
    struct tree t;
    (void)state;
    make_tree(&t);
    t.facts[LONELY].index_id = 20;
    expect(&t, "9 is a second root of index 20, besides page 3\n");
    make_tree(&t);
    t.facts[6].index_id = 99;
    run(&t);
    assert_non_null(strstr(t.all, "6 is of index 99, which has no root\n"));
}

static void node_pointers_lead_to_the_level_below_in_its_order(void **state)
{
    struct tree t;
    (void)state;
    make_tree(&t);
    put_be32(t.root + origin(4) + CHILD, 8); /* instead of 6 */
    run(&t);
    assert_non_null(
        strstr(t.all, "3 leads to page 8 where page 6 is the next one of the level below\n"));
    assert_non_null(strstr(t.all, "6 is in use, and no node pointer of index 20 leads to it\n"));
    make_tree(&t);
    put_be32(t.root + origin(5) + CHILD, 11);
    run(&t);
    static const char astray[] =
        "3 has a node pointer that leads to no page of level 0 of its index\n";
    assert_non_null(strstr(t.all, astray));
    make_tree(&t);
    for (unsigned rec = 2; rec < 2 + LEAVES;
         rec++) /* a page that is not what it was: that is said once */
        put_be32(t.root + origin(rec) + CHILD, 11);
    run(&t);
    assert_non_null(strstr(t.all, astray));
    assert_null(strstr(strstr(t.all, astray) + 1, astray));
    make_tree(&t);
    make_root(t.root, LEAVES - 1);
    run(&t);
    assert_non_null(strstr(
        t.all, "3 has no node pointer to page 8, which is the next one of the level below\n"));
}

static void node_pointers_above_others_have_the_key_of_the_first_one_there(void **state)
{
    struct tree t;
    (void)state;
    make_high_tree(&t);
    expect(&t, ""); /* the key of the first node pointer is another one, and does not count */
    make_high_tree(&t);
    put_be32(t.root + origin(3), 0x80000003u);
    expect(&t, "3 leads to page 11 with another key than the first one there\n");
    make_high_tree(&t);
    put_be32(t.middle[1] + origin(2), 0x80000001u);
    expect(&t, "3 leads to page 11 with another key than the first one there\n");
}

static void an_index_that_is_being_built_has_no_tree_yet(void **state)
{
    struct tree t;
    (void)state;
    make_tree(&t);
    t.facts[ROOT].level = 0;
    t.facts[ROOT].n_recs = 0;
    expect(&t, "");
}

static void an_index_that_is_being_removed_has_lost_pages(void **state)
{
    struct tree t;
    (void)state;
    make_tree(&t);
    t.live = false;
    t.facts[6].use = PAGE_USE_FREE;
    expect(&t, "");
    make_tree(&t);
    t.facts[6].use = PAGE_USE_FREE;
    run(&t);
    assert_non_null(strstr(t.all, "5 names page 6 as the next one, which is marked free\n"));
}

static void of_damaged_pages_nothing_more_is_said(void **state)
{
    struct tree t;
    (void)state;
    make_tree(&t);
    t.facts[ROOT].kind = PAGE_KIND_DAMAGED;
    expect(&t, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_tree_has_nothing_to_report),
        cmocka_unit_test(links_must_be_mutual),
        cmocka_unit_test(an_index_has_one_root),
        cmocka_unit_test(node_pointers_lead_to_the_level_below_in_its_order),
        cmocka_unit_test(node_pointers_above_others_have_the_key_of_the_first_one_there),
        cmocka_unit_test(an_index_that_is_being_built_has_no_tree_yet),
        cmocka_unit_test(an_index_that_is_being_removed_has_lost_pages),
        cmocka_unit_test(of_damaged_pages_nothing_more_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
