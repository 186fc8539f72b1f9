/* innodb/sdi_test.c: definitions are found in a tree made by hand; whatever its pages say of each other, the walk has an end, and what is
 * lost is told. The server's own are read in restore/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <zlib.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"
#include "innodb/sdi.h"

enum { SIZE = 4096, PAGES = 8, ROOT = 1, LEAF = 2, MANY = 1000000 };

/* Pages from PAGES on, of which there may be many, cannot be read. */
struct space {
    struct space_format format;
    uint8_t pages[PAGES][SIZE];
    page_no_t n_pages;
    uint8_t packed[256]; /* of `text` */
    uLongf n_packed;
    unsigned reads, taken, lost;
    page_no_t lost_on;
};

static const char text[] = "{\"dd_object\": {\"name\": \"a table\"}}";

static struct err *read_page(void *ctx, const uint8_t **frame, page_no_t no, bool raw)
{
    struct space *s = ctx;
    (void)raw;
    s->reads++;
    *frame = no < PAGES ? s->pages[no] : NULL;
    return NULL;
}

static struct err *take(void *ctx, page_no_t no, uint32_t type, const char *got, size_t len)
{
    struct space *s = ctx;
    assert_true(no == ROOT || no == LEAF || no == LEAF + 1);
    assert_int_equal(type, SDI_TABLE);
    assert_int_equal(len, sizeof text - 1);
    assert_string_equal(got, text);
    s->taken++;
    return NULL;
}

static void lose(void *ctx, page_no_t no)
{
    struct space *s = ctx;
    s->lost++;
    s->lost_on = no;
}

static void walk(struct space *s, page_no_t root)
{
    const struct sdi_walk w = {.format = &s->format,
                               .n_pages = s->n_pages,
                               .ctx = s,
                               .read = read_page,
                               .take = take,
                               .lost = lose};
    struct err *e = sdi_walk_run(&w, root);
    assert_null(e);
}

/* --- pages ------------------------------------------------------------------------------------ */

static struct space new_space(bool zip)
{
    struct space s = {.format = {.page_size = SIZE, .physical = SIZE, .zip = zip},
                      .n_pages = PAGES,
                      .n_packed = sizeof s.packed};
    assert_int_equal(compress(s.packed, &s.n_packed, (const Bytef *)text, sizeof text - 1), Z_OK);
    return s;
}

static uint8_t *add_index_page(struct space *s, page_no_t no, unsigned level, page_no_t prev,
                               page_no_t next)
{
    uint8_t *p = s->pages[no];
    index_page_create(p, SIZE, FIL_TYPE_SDI, true);
    put_be32(p + FIL_PAGE_NO, no);
    put_be32(p + 8, prev);
    put_be32(p + 12, next);
    put_be16(p + INDEX_LEVEL, (uint16_t)level);
    memset(p + INDEX_ID, 0xFF, 8);
    return p;
}

/* A record with room for n bytes and two of lengths behind the others; its origin. */
static uint32_t add_record(uint8_t *p, uint32_t n, unsigned info, unsigned status)
{
    struct index_page ix;
    struct index_place place;
    assert_null(index_page_open_any(&ix, p, SIZE, true));
    const uint32_t heap_no = index_page_n_heap(&ix), r = index_page_heap_top(&ix) + 2 + COMP_EXTRA;
    uint32_t last = COMP_INFIMUM;
    while (index_page_next(&ix, last) != COMP_SUPREMUM)
        last = index_page_next(&ix, last);
    put_be16(p + INDEX_HEAP_TOP, (uint16_t)(r + n));
    put_be16(p + INDEX_N_HEAP, (uint16_t)(INDEX_COMP_FLAG | (heap_no + 1)));
    p[r - COMP_EXTRA] = (uint8_t)info;
    put_be16(p + r - 4, (uint16_t)(heap_no << 3 | status));
    assert_null(index_page_find_place(&place, &ix, last));
    index_page_set_next(&ix, r, place.next);
    assert_null(index_page_link_in(&ix, &place, r));
    return r;
}

static void add_child(uint8_t *p, page_no_t child)
{
    const uint32_t r = add_record(p, 16, 0x10, 1);
    put_be32(p + r + 12, child);
}

/* A record of the text; `local` bytes of it are in the record, or more is said of where it is. */
static uint32_t add_text(const struct space *s, uint8_t *p, uint32_t local, bool elsewhere)
{
    const uint32_t r = add_record(p, 33 + local, 0, 0);
    p[r - 6] = (uint8_t)(0x80 | (elsewhere ? 0x40 : 0) | local >> 8);
    p[r - 7] = (uint8_t)local;
    put_be32(p + r, SDI_TABLE);
    put_be32(p + r + 25, sizeof text - 1);
    put_be32(p + r + 29, (uint32_t)s->n_packed);
    return r;
}

static void add_whole(const struct space *s, uint8_t *p)
{
    const uint32_t n = (uint32_t)s->n_packed, r = add_text(s, p, n, false);
    memcpy(p + r + 33, s->packed, n);
}

/* A record whose text begins on that page; of `said` bytes. */
static void add_elsewhere(const struct space *s, uint8_t *p, page_no_t no, uint64_t said)
{
    const uint32_t r = add_text(s, p, 20, true);
    put_be32(p + r + 33 + 4, no);
    put_be32(p + r + 33 + 8, FIL_BODY);
    put_be64(p + r + 33 + 12, said);
}

/* A part of the packed text on a page of its own. */
static void add_part(struct space *s, page_no_t no, uint32_t from, uint32_t n, page_no_t next)
{
    uint8_t *p = s->pages[no] + FIL_BODY;
    put_be32(p, n);
    put_be32(p + 4, next);
    memcpy(p + 8, s->packed + from, n);
}

/* --- */

static void texts_are_found_on_all_leaves(void **state)
{
    (void)state;
    struct space s = new_space(false);
    const uint32_t n = (uint32_t)s.n_packed;
    add_child(add_index_page(&s, ROOT, 1, PAGE_NO_NONE, PAGE_NO_NONE), LEAF);
    add_whole(&s, add_index_page(&s, LEAF, 0, PAGE_NO_NONE, LEAF + 1));
    uint8_t *second = add_index_page(&s, LEAF + 1, 0, LEAF, PAGE_NO_NONE);
    add_whole(&s, second);
    add_elsewhere(&s, second, 4, n);
    add_part(&s, 4, 0, 10, 5);
    add_part(&s, 5, 10, n - 10, PAGE_NO_NONE);
    walk(&s, ROOT);
    assert_int_equal(s.taken, 3);
    assert_int_equal(s.lost, 0);
}

/* Each page of a ring is the next of another. That they do not fit together is said by tree_check.h. */
static void leaves_in_a_ring_have_an_end(void **state)
{
    (void)state;
    static const page_no_t first_prev[] = {PAGE_NO_NONE, LEAF + 1};
    for (unsigned i = 0; i < 2; i++) {
        struct space s = new_space(false);
        s.n_pages = MANY;
        add_child(add_index_page(&s, ROOT, 1, PAGE_NO_NONE, PAGE_NO_NONE), LEAF);
        add_whole(&s, add_index_page(&s, LEAF, 0, first_prev[i], LEAF + 1));
        add_whole(&s, add_index_page(&s, LEAF + 1, 0, LEAF, LEAF));
        walk(&s, ROOT);
        assert_in_range(s.reads, 2, 4);
        assert_int_equal(s.taken, i ? 0 : 2);
    }
}

/* A tablespace that is said to be large: whoever reads a page for each of its pages reads too many. */
static struct space chain_of_one(bool zip)
{
    struct space s = new_space(zip);
    uint8_t *leaf = add_index_page(&s, ROOT, 0, PAGE_NO_NONE, PAGE_NO_NONE);
    s.n_pages = MANY;
    add_elsewhere(&s, leaf, 4, s.n_packed);
    return s;
}

static void a_chain_that_brings_nothing_has_an_end(void **state)
{
    (void)state;
    struct space s = chain_of_one(false);
    add_part(&s, 4, 0, 0, 4);
    walk(&s, ROOT);
    assert_int_equal(s.reads, 2);
    assert_int_equal(s.taken, 0);
    assert_int_equal(s.lost, 1);
    assert_int_equal(s.lost_on, ROOT);
}

/* A page of a zlib stream that is the beginning of one, or not, and brings no bytes. */
static void add_empty_blocks(struct space *s, page_no_t no, page_no_t next, bool begins)
{
    static const uint8_t begin[] = {0x78, 0x01}, block[] = {0, 0, 0, 0xFF, 0xFF};
    uint8_t *p = s->pages[no];
    uint32_t at = FIL_BODY;
    put_be32(p + 12, next);
    if (begins) {
        memcpy(p + at, begin, sizeof begin);
        at += sizeof begin;
    }
    for (; at + sizeof block <= SIZE; at += sizeof block)
        memcpy(p + at, block, sizeof block);
}

/* A page is of one chain: all of them read no more pages than there are. */
static void packed_chains_that_name_themselves_have_one_end(void **state)
{
    (void)state;
    struct space s = new_space(true);
    uint8_t *leaf = add_index_page(&s, ROOT, 0, PAGE_NO_NONE, PAGE_NO_NONE);
    for (int i = 0; i < 20; i++)
        add_elsewhere(&s, leaf, 4, s.n_packed);
    add_whole(&s, leaf);
    add_empty_blocks(&s, 4, 5, true);
    add_empty_blocks(&s, 5, 5, false);
    walk(&s, ROOT);
    assert_in_range(s.reads, 1, 1 + PAGES);
    assert_int_equal(s.lost, 20);
    assert_int_equal(s.taken, 1);
}

static void damage_is_told_by_its_leaf(void **state)
{
    (void)state;
    static const struct {
        uint32_t at, value; /* of the record */
    } cases[] = {
        {25, sizeof text},    /* another length */
        {33 + 4, 7},          /* a page that continues nothing */
        {33 + 4, PAGES},      /* one that cannot be read */
        {33 + 4, UINT32_MAX}, /* none */
        {33 + 8, SIZE - 7},   /* behind its end */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct space s = chain_of_one(false);
        uint8_t *leaf = s.pages[ROOT];
        const uint32_t r = COMP_HEAP + 2 + COMP_EXTRA;
        add_part(&s, 4, 0, (uint32_t)s.n_packed, PAGE_NO_NONE);
        put_be32(leaf + r + cases[i].at, cases[i].value);
        walk(&s, ROOT);
        assert_int_equal(s.lost, 1);
        assert_int_equal(s.lost_on, ROOT);
        assert_int_equal(s.taken, 0);
    }
}

/* A table of thousands of partitions with dozens of indexes each has one. */
static void a_text_that_is_too_long_is_left_out(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {25, 29}; /* of the record: of the text, packed and not */
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct space s = chain_of_one(false);
        put_be32(s.pages[ROOT] + COMP_HEAP + 2 + COMP_EXTRA + lengths[i], SDI_TEXT_MAX + 1);
        walk(&s, ROOT);
        assert_int_equal(s.reads, 1);
        assert_int_equal(s.taken, 0);
        assert_int_equal(s.lost, 0);
    }
}

static void what_was_not_written_yet_is_no_damage(void **state)
{
    (void)state;
    struct space s = chain_of_one(false);
    memset(s.pages[ROOT] + COMP_HEAP + 2 + COMP_EXTRA + 33, 0, 20);
    walk(&s, ROOT);
    assert_int_equal(s.lost, 0);
    assert_int_equal(s.taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_found_on_all_leaves),
        cmocka_unit_test(leaves_in_a_ring_have_an_end),
        cmocka_unit_test(a_chain_that_brings_nothing_has_an_end),
        cmocka_unit_test(packed_chains_that_name_themselves_have_one_end),
        cmocka_unit_test(damage_is_told_by_its_leaf),
        cmocka_unit_test(a_text_that_is_too_long_is_left_out),
        cmocka_unit_test(what_was_not_written_yet_is_no_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
