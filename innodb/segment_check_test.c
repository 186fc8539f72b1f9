/* innodb/segment_check_test.c: a small tablespace is whole, and each rule finds what breaks it. Pages of 4096 bytes, 256 to an extent:
 * extent 0 of single pages: 0, the inodes on 2, root 3 (level 1) and leaf 4 of index 20; extent 1 of the segment of its leaves, page
 * 256 a leaf; extents 2 and 3 free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"
#include "innodb/segment_check.h"

enum {
    SIZE = 4096,
    EXTENT = 256,
    N_EXTENTS = 4,
    N = N_EXTENTS * EXTENT,
    SPACE = 7,
    ROOT = 3,
    LEAF = 4,
    FAR_LEAF = EXTENT,
    INODES_ON = 2,
    XDES_SIZE = 24 + 64,
    INODE_SIZE = 64 + 2 * EXTENT,
    TOP = 50, /* inodes */
    LEAVES = TOP + INODE_SIZE,
    TOP_ID = 1,
    LEAVES_ID = 2,
};

struct space {
    uint8_t pages[ROOT + 1][SIZE];
    struct page_fact facts[N];
    struct extent_fact extents[N_EXTENTS];
    bool inodes_lost, dead;
    char all[1024]; /* "PAGE what\n"... */
};

static uint8_t *xdes(struct space *s, uint32_t extent)
{
    return s->pages[0] + FSP_XDES + extent * XDES_SIZE;
}

static void put_address(uint8_t *p, page_no_t page, uint32_t offset)
{
    put_be32(p, page);
    put_be16(p + 4, (uint16_t)offset);
}

/* The list of extents[0, n) at the base. */
static void put_list(struct space *s, uint8_t *base, const uint32_t *extents, uint32_t n)
{
    put_be32(base, n);
    put_address(base + 4, PAGE_NO_NONE, 0);
    put_address(base + 10, PAGE_NO_NONE, 0);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = FSP_XDES + extents[i] * XDES_SIZE + 8;
        uint8_t *before = i ? xdes(s, extents[i - 1]) + 14 : base + 4;
        put_address(before, 0, at);
        put_address(base + 10, 0, at);
        put_address(xdes(s, extents[i]) + 8, i ? 0 : PAGE_NO_NONE,
                    i ? FSP_XDES + extents[i - 1] * XDES_SIZE + 8 : 0);
        put_address(xdes(s, extents[i]) + 14, PAGE_NO_NONE, 0);
    }
}

static void put_inode(struct space *s, uint32_t at, uint64_t id, page_no_t single)
{
    uint8_t *inode = s->pages[INODES_ON] + at;
    put_be64(inode, id);
    for (uint32_t i = 0; i < 3; i++)
        put_list(s, inode + 12 + i * 16, NULL, 0);
    put_be32(inode + 60, 97937874);
    memset(inode + 64, 0xFF, 2 * EXTENT);
    put_be32(inode + 64 + 8, single);
}

static void put_header(uint8_t *p, uint32_t inode)
{
    put_be32(p, SPACE);
    put_address(p + 4, INODES_ON, inode);
}

static void put_index_page(struct space *s, page_no_t no, uint16_t level)
{
    s->facts[no] = (struct page_fact){
        .index_id = 20, .level = level, .kind = PAGE_KIND_INDEX, .root = no == ROOT};
}

static void make(struct space *s)
{
    static const uint32_t single[] = {0}, of_leaves[] = {1}, unused[] = {3, 2};
    memset(s, 0, sizeof *s);
    put_list(s, s->pages[0] + 62, unused, 2);
    put_list(s, s->pages[0] + 78, single, 1);
    put_list(s, s->pages[0] + 94, NULL, 0);
    put_list(s, s->pages[0] + 118, NULL, 0);
    put_be32(s->pages[0] + 134, 1);
    put_address(s->pages[0] + 138, INODES_ON, 38);
    put_address(s->pages[0] + 144, INODES_ON, 38);
    put_be16(s->pages[INODES_ON] + FIL_TYPE, FIL_TYPE_INODE);
    put_address(s->pages[INODES_ON] + 38, PAGE_NO_NONE, 0);
    put_address(s->pages[INODES_ON] + 44, PAGE_NO_NONE, 0);
    put_inode(s, TOP, TOP_ID, ROOT);
    put_inode(s, LEAVES, LEAVES_ID, LEAF);
    put_list(s, s->pages[INODES_ON] + LEAVES + 28, of_leaves, 1);
    put_be32(xdes(s, 0) + 20, 2);
    put_be64(xdes(s, 1), LEAVES_ID);
    put_be32(xdes(s, 1) + 20, 4);
    put_be32(xdes(s, 2) + 20, 1);
    put_be32(xdes(s, 3) + 20, 1);
    put_header(s->pages[ROOT] + 74, LEAVES);
    put_header(s->pages[ROOT] + 84, TOP);
    put_index_page(s, ROOT, 1);
    put_index_page(s, LEAF, 0);
    put_index_page(s, FAR_LEAF, 0);
    for (page_no_t no = 0; no < N; no++)
        s->facts[no].use = no <= LEAF || no == FAR_LEAF ? PAGE_USE_USED : PAGE_USE_FREE;
}

static struct err *read_page(void *ctx, const uint8_t **page, page_no_t no)
{
    struct space *s = ctx;
    assert_true(no <= ROOT);
    *page = no == INODES_ON && s->inodes_lost ? NULL : s->pages[no];
    return NULL;
}

static bool is_live(void *ctx, uint64_t index_id)
{
    const struct space *s = ctx;
    assert_int_equal(index_id, 20);
    return !s->dead;
}

static void report(void *ctx, page_no_t no, const char *what)
{
    struct space *s = ctx;
    const size_t n = strlen(s->all);
    snprintf(s->all + n, sizeof s->all - n, "%u %s\n", no, what);
}

static void expect(struct space *s, const char *text)
{
    struct space_format format;
    assert_null(space_format_decode(&format, 3 << 6, SIZE));
    assert_int_equal(segment_n_extents(&format, N), N_EXTENTS);
    memset(s->extents, 0, sizeof s->extents);
    segment_note(s->extents, N, &format, 0, s->pages[0]);
    const struct segment_check check = {.format = &format,
                                        .space = SPACE,
                                        .facts = s->facts,
                                        .n_pages = N,
                                        .extents = s->extents,
                                        .ctx = s,
                                        .read = read_page,
                                        .is_live = is_live,
                                        .report = report};
    s->all[0] = '\0';
    assert_null(segment_check_run(&check));
    assert_string_equal(s->all, text);
}

static void a_whole_tablespace_has_nothing_to_report(void **state)
{
    struct space s;
    (void)state;
    make(&s);
    expect(&s, "");
    put_be32(xdes(&s, 1) + 20, 5); /* lent to the segment */
    expect(&s, "");
}

static void a_list_is_as_long_as_it_says(void **state)
{
    struct space s;
    (void)state;
    make(&s);
    put_be32(s.pages[0] + 62, 3);
    expect(&s, "0 has a list of 2 extents that is not as long as it says\n");
    make(&s);
    put_address(s.pages[0] + 72, 0, FSP_XDES + 8);
    expect(&s, "0 has a list of 2 extents that is not as long as it says\n");
    make(&s);
    put_be32(s.pages[0] + 134, 2);
    expect(&s, "0 has a list of 1 pages of segment inodes that is not as long as it says\n");
}

static void a_list_leads_to_extents_that_fit_it(void **state)
{
    struct space s;
    (void)state;
    make(&s);
    put_address(xdes(&s, 3) + 14, 0, FSP_XDES + 9);
    expect(&s, "0 has a list of extents that leads to page 0, byte 159: there is none\n");
    s.facts[FAR_LEAF].level = 1; /* which does not hide what is wrong with indexes */
    expect(&s, "0 has a list of extents that leads to page 0, byte 159: there is none\n"
               "256 is of index 20, and in segment 2 instead of 1\n");
    make(&s);
    put_address(s.pages[INODES_ON] + LEAVES + 28 + 4, N, FSP_XDES + 8);
    expect(&s, "2 has a list of extents that leads to page 1024, byte 158: there is none\n");
    make(&s);
    put_be32(xdes(&s, 3) + 20, 3);
    expect(&s,
           "0 the extent from page 768 on has not the state or segment of the list that it is in "
           "(base on page 0)\n");
    make(&s);
    put_be64(xdes(&s, 1), 9);
    s.facts[FAR_LEAF].use = PAGE_USE_FREE;
    expect(&s,
           "0 the extent from page 256 on has not the state or segment of the list that it is in "
           "(base on page 2)\n");
    make(&s);
    put_address(xdes(&s, 2) + 8, PAGE_NO_NONE, 0);
    expect(&s,
           "0 the extent from page 512 on names another one before it than its list has (base on "
           "page 0)\n");
}

static void an_extent_is_in_one_list(void **state)
{
    static const uint32_t short_list[] = {3};
    struct space s;
    (void)state;
    make(&s);
    put_address(xdes(&s, 2) + 14, 0, FSP_XDES + 3 * XDES_SIZE + 8);
    expect(&s, "0 the extent from page 768 on is in two lists (base on page 0)\n");
    make(&s);
    put_list(&s, s.pages[0] + 62, short_list, 1);
    expect(&s, "0 the extent from page 512 on is in no list\n");
}

static void a_single_page_is_in_use_and_of_one_segment(void **state)
{
    struct space s = {0};
    uint8_t *slot = s.pages[INODES_ON] + TOP + 64;
    (void)state;
    make(&s);
    put_be32(slot, 9);
    expect(&s, "2 has page 9 in segment 1, which is no single page in use\n");
    make(&s);
    put_be32(slot, FAR_LEAF);
    expect(&s, "2 has page 256 in segment 1, which is no single page in use\n");
    make(&s);
    put_be32(slot, N);
    expect(&s, "2 has page 1024 in segment 1, behind the end\n");
    make(&s);
    put_be32(s.pages[INODES_ON] + LEAVES + 64, ROOT);
    expect(&s, "2 has page 3 in segments 2 and 1\n"
               "3 is of index 20, and in segment 2 instead of 1\n");
}

static void a_segment_has_one_inode(void **state)
{
    struct space s;
    (void)state;
    make(&s);
    put_inode(&s, LEAVES + INODE_SIZE, TOP_ID, PAGE_NO_NONE);
    expect(&s, "2 has an inode of segment 1, and so has page 2\n");
    make(&s);
    put_be32(s.pages[INODES_ON] + TOP + 60, 1);
    expect(&s, "2 has a damaged inode of segment 1\n");
    make(&s);
    put_be16(s.pages[INODES_ON] + FIL_TYPE, FIL_TYPE_INDEX);
    expect(&s, "2 is in the list of segment inodes, and has none\n");
    make(&s);
    put_be32(s.pages[INODES_ON] + 38, 0);
    expect(&s, "2 does not fit the list of segment inodes that it is in\n");
}

static void pages_of_an_index_are_in_its_segments(void **state)
{
    struct space s;
    (void)state;
    make(&s);
    s.facts[FAR_LEAF].level = 1;
    expect(&s, "256 is of index 20, and in segment 2 instead of 1\n");
    make(&s);
    put_be32(s.pages[INODES_ON] + LEAVES + 64 + 8, PAGE_NO_NONE);
    expect(&s, "4 is of index 20, and in no segment\n");
    make(&s);
    put_header(s.pages[ROOT] + 74, TOP);
    put_header(s.pages[ROOT] + 84, LEAVES);
    expect(&s, "3 is of index 20, and in segment 1 instead of 2\n"); /* of all pages the root */
    make(&s);
    put_header(s.pages[ROOT] + 74, LEAVES + INODE_SIZE);
    expect(&s, "3 names a segment that is none, at page 2, byte 1202\n");
    s.dead = true; /* it is being removed */
    expect(&s, "");
    make(&s);
    put_be32(s.pages[ROOT] + 84, SPACE + 1);
    expect(&s, "3 names a segment that is none, at page 2, byte 50\n");
    make(&s);
    s.facts[ROOT].level = 0; /* a root is never among the leaves */
    expect(&s, "");
}

static void a_file_that_was_just_made_has_no_lists_yet(void **state)
{
    struct space s;
    (void)state;
    make(&s);
    memset(s.pages[0] + 50, 0, 100);
    expect(&s, "");
    put_be32(s.pages[0] + 50, 64);
    expect(&s, "0 has a list of extents that leads to page 0, byte 0: there is none\n"
               "0 has a list of extents that leads to page 0, byte 0: there is none\n"
               "0 has a list of extents that leads to page 0, byte 0: there is none\n"
               "0 has a list of 0 pages of segment inodes that is not as long as it says\n"
               "0 has a list of 0 pages of segment inodes that is not as long as it says\n");
}

static void what_cannot_be_read_makes_no_damage(void **state)
{
    struct space s;
    (void)state;
    make(&s);
    s.inodes_lost = true;
    expect(&s, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_tablespace_has_nothing_to_report),
        cmocka_unit_test(a_list_is_as_long_as_it_says),
        cmocka_unit_test(a_list_leads_to_extents_that_fit_it),
        cmocka_unit_test(an_extent_is_in_one_list),
        cmocka_unit_test(a_single_page_is_in_use_and_of_one_segment),
        cmocka_unit_test(a_segment_has_one_inode),
        cmocka_unit_test(pages_of_an_index_are_in_its_segments),
        cmocka_unit_test(a_file_that_was_just_made_has_no_lists_yet),
        cmocka_unit_test(what_cannot_be_read_makes_no_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
