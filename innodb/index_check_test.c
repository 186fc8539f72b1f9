/* innodb/index_check_test.c: pages of real servers are whole; each rule finds what breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "innodb/index_check.h"
#include "innodb/page_check.h"
#include "innodb/page_compress.h"
#include "innodb/page_fixture.h"
#include "innodb/page_zip.h"

static struct index_facts facts;
static struct index_records records;
static uint8_t frame[INNODB_PAGE_SIZE_MAX];

static const char *check(uint32_t size, bool instant_metadata)
{
    const struct index_checked page = {frame, size, instant_metadata};
    return index_check(&facts, &records, &page);
}

/* Makes `frame` of a page of the fixture; false if it is no index page. */
static bool load(const struct page_fixture *f, page_no_t no, bool mariadb)
{
    const uint8_t *page = page_fixture_page(f, no);
    struct page_zip_layout layout;
    if (page_is_encrypted(&f->format, page, no) || page_is_compressed(&f->format, page) ||
        !index_check_is_type(be16(page + FIL_TYPE), mariadb))
        return false;
    if (f->format.zip)
        assert_null(page_zip_decode(&layout, frame, f->format.page_size, page, f->format.physical));
    else
        memcpy(frame, page, f->format.page_size);
    return true;
}

static void pages_of_servers_are_whole(void **state)
{
    static const struct {
        const char *name;
        uint32_t page_size;
        bool mariadb;
    } all[] = {
        {"full16-dyn", 16384, true},  {"full16-red", 16384, true},  {"full16-cpt", 16384, true},
        {"full16-sp", 16384, true},   {"full64-dyn", 65536, true},  {"full4-dyn", 4096, true},
        {"crc16-dyn", 16384, true},   {"crc16-red", 16384, true},   {"crc16-zip8", 16384, true},
        {"full16-zip4", 16384, true}, {"full16-zip1", 16384, true}, {"my16-dyn", 16384, false},
        {"my16-zip8", 16384, false},
    };
    unsigned n = 0;
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct page_fixture f = page_fixture_load(all[i].name, all[i].page_size);
        for (page_no_t no = 0; no < f.n_pages; no++) {
            if (!load(&f, no, all[i].mariadb))
                continue;
            const char *why = check(f.format.page_size, all[i].mariadb);
            if (why)
                fail_msg("%s: page %u: %s", all[i].name, no, why);
            n++;
        }
        page_fixture_fini(&f);
    }
    assert_in_range(n, 20, UINT32_MAX);
}

/* A leaf of 9 records of 10 bytes, 1 of them free: heap numbers 2 to 10, groups of 4 and 4. */
static const uint32_t size = 4096;

static uint32_t origin(uint32_t heap_no)
{
    return COMP_HEAP + COMP_EXTRA + (heap_no - 2) * (COMP_EXTRA + 10);
}

static void make_leaf(void)
{
    struct index_page ix = {frame, size, true, 3};
    memset(frame, 0, size);
    index_page_create(frame, size, FIL_TYPE_INDEX, true);
    put_be32(frame + 8, PAGE_NO_NONE);
    put_be32(frame + 12, PAGE_NO_NONE);
    put_be16(frame + INDEX_HEAP_TOP, (uint16_t)(origin(10) + 10));
    put_be16(frame + INDEX_N_HEAP, INDEX_COMP_FLAG | 11);
    put_be16(frame + INDEX_N_RECS, 8);
    put_be16(frame + INDEX_N_SLOTS, 3);
    put_be16(frame + INDEX_FREE, (uint16_t)origin(10));
    put_be16(frame + INDEX_GARBAGE, 15);
    for (uint32_t h = 2; h <= 10; h++) {
        index_page_set_heap_no(&ix, origin(h), h);
        index_page_set_next(&ix, origin(h), h < 9 ? origin(h + 1) : h == 9 ? COMP_SUPREMUM : 0);
    }
    index_page_set_next(&ix, COMP_INFIMUM, origin(2));
    index_page_set_n_owned(&ix, origin(5), 4);
    index_page_set_n_owned(&ix, COMP_SUPREMUM, 5);
    index_page_set_slot(&ix, 1, origin(5));
    index_page_set_slot(&ix, 2, COMP_SUPREMUM);
}

static void each_rule_finds_what_breaks_it(void **state)
{
    static const struct {
        uint32_t at;
        uint8_t width;
        uint16_t value;
        const char *why;
    } all[] = {
        {INDEX_N_SLOTS, 2, 1, "the directory of the index page is damaged"},
        {INDEX_N_SLOTS, 2, 4, "the directory does not fit the record list"},
        {INDEX_HEAP_TOP, 2, 4095, "the record heap of the index page is damaged"},
        {INDEX_N_HEAP, 2, 0x8009, "the counts in the header of the page are damaged"},
        {INDEX_N_HEAP, 2, 0x800A, "the free list is broken"},
        {INDEX_N_HEAP, 2, 0x800C, "a record is neither in the record list nor in the free list"},
        {INDEX_N_HEAP, 2, 11, "infimum or supremum is overwritten"},
        {INDEX_FREE, 2, 0, "a record is neither in the record list nor in the free list"},
        {INDEX_FREE, 2, 140, "the free list is broken"},
        {INDEX_FREE, 2, 50, "the free list is broken"},
        {INDEX_GARBAGE, 2, 0, "the count of free bytes is wrong"},
        {INDEX_GARBAGE, 2, 4000, "the count of free bytes is wrong"},
        {INDEX_N_RECS, 2, 7, "the record list has another number of records than the header says"},
        {INDEX_N_RECS, 2, 10, "the counts in the header of the page are damaged"},
        {INDEX_LEVEL, 2, 1, "the first node pointer of a level is not marked as such"},
        {INDEX_LEVEL, 2, 51, "the counts in the header of the page are damaged"},
        {COMP_INFIMUM + 2, 1, 'x', "infimum or supremum is overwritten"},
        {COMP_SUPREMUM - 3, 1, 0, "infimum or supremum is damaged"},
        {COMP_SUPREMUM - 2, 2, 9, "infimum or supremum is damaged"},
        {125 - 2, 2, 30, "the directory does not fit the record list"},
        {125 - 2, 2, 16, "the record list is broken"},
        {125 - 2, 2, 0, "the record list is broken"},
        {125 - 2, 2, 4000, "the record list is broken"},
        {125 - 4, 2, 3 << 3, "the record list is broken"},
        {125 - 3, 1, 2 << 3 | 1, "a record is of another kind than the page's level says"},
        {125 - 3, 1, 2 << 3 | 4, "a record is of another kind than the page's level says"},
        {125 - 5, 1, 0x10, "a record is marked as the first of all, and is not"},
        {125 - 5, 1, 0x01, "the directory does not fit the record list"},
        {4096 - 8 - 2, 2, 112, "the first slot of the directory is not the infimum's"},
        {4096 - 8 - 4, 2, 125, "the directory does not fit the record list"},
        {4096 - 8 - 6, 2, 125, "the directory does not fit the record list"},
    };
    (void)state;
    make_leaf();
    assert_null(check(size, false));
    assert_int_equal(facts.n_recs, 8);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        make_leaf();
        if (all[i].width == 1)
            frame[all[i].at] = (uint8_t)all[i].value;
        else
            put_be16(frame + all[i].at, all[i].value);
        const char *why = check(size, false);
        if (!why || strcmp(why, all[i].why) != 0)
            fail_msg("%zu: expected \"%s\", found \"%s\"", i, all[i].why, why ? why : "nothing");
    }
}

static void heap_numbers_ascend_with_the_address(void **state)
{
    struct index_page ix = {frame, size, true, 3};
    (void)state;
    make_leaf();
    index_page_set_heap_no(&ix, origin(3), 4);
    index_page_set_heap_no(&ix, origin(4), 3);
    assert_string_equal(check(size, false), "heap numbers do not ascend with the address");
}

static void mariadb_has_a_metadata_record_and_other_texts(void **state)
{
    (void)state;
    make_leaf();
    frame[origin(2) - 5] |= 0x10;
    frame[origin(2) - 3] = (uint8_t)((frame[origin(2) - 3] & ~7) | 4);
    put_be16(frame + FIL_TYPE, FIL_TYPE_INSTANT);
    memset(frame + COMP_SUPREMUM, 0, 7);
    assert_null(check(size, true));
    put_be32(frame + 8, 7);
    assert_string_equal(check(size, true), "a record is marked as the first of all, and is not");
}

static void redundant_records_tell_their_size(void **state)
{
    struct page_fixture f = page_fixture_load("full16-red", 16384);
    page_no_t no = 0;
    (void)state;
    while (!load(&f, no, true) || !be16(frame + INDEX_N_RECS))
        no++;
    assert_null(check(16384, true));
    put_be16(frame + INDEX_GARBAGE, (uint16_t)(be16(frame + INDEX_GARBAGE) + 1));
    assert_string_equal(check(16384, true), "the count of free bytes is wrong");
    load(&f, no, true);
    const struct index_checked page = {frame, 16384, true};
    frame[index_check_next(&page, 0) - 3] ^= 1; /* width of the end offsets */
    assert_string_equal(check(16384, true), "records overlap, or one has no sane size");
    page_fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_servers_are_whole),
        cmocka_unit_test(each_rule_finds_what_breaks_it),
        cmocka_unit_test(heap_numbers_ascend_with_the_address),
        cmocka_unit_test(mariadb_has_a_metadata_record_and_other_texts),
        cmocka_unit_test(redundant_records_tell_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
