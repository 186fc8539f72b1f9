/* innodb/redo_apply_test.c: every record type on hand-made pages, random changes of index pages against a model, and
 * recorded changes of real servers (tests/data/redo/README.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/reader.h"
#include "innodb/index_page.h"
#include "innodb/redo_apply.h"
#include "innodb/redo_test_util.h"

enum { SIZE = 4096, SPACE = 7, PAGE = 9 };

static uint8_t image[SIZE];

static const char *apply_to(struct redo_page *page, enum redo_type type, bool same,
                            const void *body, size_t n)
{
    /* Exactly as long as the body, so that ASan sees a byte read behind it. */
    uint8_t *exact = mem_alloc(n);
    if (n)
        memcpy(exact, body, n);
    const struct redo_record rec = {.type = type,
                                    .space = SPACE,
                                    .page = PAGE,
                                    .same_page = same,
                                    .body = exact,
                                    .body_len = (uint32_t)n};
    const char *why = redo_apply(page, &rec);
    free(exact);
    return why;
}

static void assert_applied(const char *why)
{
    if (why)
        fail_msg("%s", why);
}

static struct redo_page page_of(void)
{
    return (struct redo_page){.image = image, .size = SIZE};
}

static void fill_pattern(uint8_t *to)
{
    for (size_t i = 0; i < SIZE; i++)
        to[i] = (uint8_t)(i * 7 + i / 256);
}

/* --- bytes --------------------------------------------------------------------------------------------------------- */

static void init_page_sets_ids_and_nothing_else(void **state)
{
    (void)state;
    uint8_t expected[SIZE] = {0};
    struct redo_page page = page_of();
    fill_pattern(image);
    assert_applied(apply_to(&page, REDO_INIT_PAGE, false, "", 0));
    put_be32(expected + 4, PAGE);
    memset(expected + 8, 0xFF, 8);
    put_be32(expected + 34, SPACE);
    assert_memory_equal(image, expected, SIZE);
    assert_int_equal(page.offset, 24);
}

static void end_of_an_mtr_sets_the_page_lsn(void **state)
{
    (void)state;
    struct redo_page page = page_of();
    uint8_t expected[SIZE];
    fill_pattern(image);
    fill_pattern(expected);
    redo_apply_end(&page, 0x123456789ABC);
    put_be64(expected + 16, 0x123456789ABC);
    assert_memory_equal(image, expected, SIZE);
}

static void bytes_are_written_where_the_running_offset_says(void **state)
{
    (void)state;
    struct redo_page page = page_of();
    uint8_t expected[SIZE];
    fill_pattern(image);
    fill_pattern(expected);
    assert_applied(apply_to(&page, REDO_WRITE, false, "\x28hello", 6)); /* at 40 */
    memcpy(expected + 40, "hello", 5);
    assert_applied(apply_to(&page, REDO_WRITE, true, "\x05xy", 3)); /* at 45 + 5 */
    memcpy(expected + 50, "xy", 2);
    assert_applied(apply_to(&page, REDO_MEMSET, true, "\x00\x03z", 3)); /* 3 bytes at 52 */
    memset(expected + 52, 'z', 3);
    assert_applied(apply_to(&page, REDO_MEMSET, true,
                            "\x01\x07"
                            "ab",
                            4)); /* 7 bytes at 56 */
    memcpy(expected + 56, "abababa", 7);
    assert_applied(
        apply_to(&page, REDO_MEMMOVE, true, "\x01\x05\x2F", 3)); /* to 64, from 64 - 24 */
    memcpy(expected + 64, "hello", 5);
    assert_applied(
        apply_to(&page, REDO_MEMMOVE, true, "\x03\x04\x80\x02", 4)); /* to 72, from + 66 */
    memmove(expected + 72, expected + 138, 4);
    assert_applied(apply_to(&page, REDO_OPTION, true, "\x00\x01\x02\x03\x04", 5));
    assert_int_equal(page.offset, 76);
    assert_applied(
        apply_to(&page, REDO_WRITE, false, "\x08!", 2)); /* names its page: from 0 again */
    expected[8] = '!';
    assert_memory_equal(image, expected, SIZE);
    assert_int_equal(page.offset, 9);
}

static void overlapping_move_is_a_memmove(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t from;
    } cases[] = {{"\x40\x0A\x03", 62}, {"\x40\x0A\x02", 66}};
    for (size_t i = 0; i < 2; i++) {
        struct redo_page page = page_of();
        uint8_t expected[SIZE];
        fill_pattern(image);
        fill_pattern(expected);
        assert_applied(apply_to(&page, REDO_MEMMOVE, false, cases[i].body, 3));
        memmove(expected + 64, expected + cases[i].from, 10);
        assert_memory_equal(image, expected, SIZE);
    }
}

static void last_byte_of_the_page_may_be_changed(void **state)
{
    (void)state;
    struct redo_page page = page_of();
    uint8_t body[REDO_VARINT_MAX + 1];
    memset(image, 0, SIZE);
    size_t n = put_varint(body, SIZE - 1);
    body[n++] = 'x';
    assert_applied(apply_to(&page, REDO_WRITE, false, body, n));
    assert_int_equal(image[SIZE - 1], 'x');
    assert_int_equal(page.offset, SIZE);
}

static void bytes_of_a_zip_page_end_at_its_physical_size(void **state)
{
    (void)state;
    struct redo_page page = {.image = image, .size = 1024, .zip = true};
    fill_pattern(image);
    assert_applied(apply_to(&page, REDO_WRITE, false, "\x83\x7Fx", 3)); /* at 1023 */
    assert_int_equal(image[1023], 'x');
    assert_string_equal(apply_to(&page, REDO_WRITE, true, "\x00x", 2),
                        "WRITE beyond the end of the page");
    const uint8_t behind = image[1024];
    assert_applied(apply_to(&page, REDO_INIT_PAGE, false, "", 0));
    assert_int_equal(image[1024], behind);
    assert_int_equal(image[1023], 0);
}

static void records_that_do_not_fit_are_named(void **state)
{
    (void)state;
    static const struct {
        enum redo_type type;
        const char *body;
        size_t len;
        const char *why;
    } cases[] = {
        {REDO_FREE_PAGE, "", 0, "the record is not one that changes a page"},
        {REDO_RESERVED, "\0", 1, "the record is not one that changes a page"},
        {REDO_FILE_CREATE, "x", 1, "not a page record"},
        {REDO_WRITE, "\x07x", 2, "WRITE outside the page"},
        {REDO_WRITE, "\xC0\x00\x00x", 4, "WRITE outside the page"},
        {REDO_WRITE, "\xF0\xEF\xDF\xBF\x7F", 5, "WRITE outside the page"},
        {REDO_WRITE, "\x80", 1, "WRITE outside the page"},
        {REDO_WRITE, "\x08", 1, "WRITE of no bytes"},
        {REDO_WRITE, "\x8F\x7Fxy", 4, "WRITE beyond the end of the page"},
        {REDO_MEMSET, "\x07\x01x", 3, "MEMSET outside the page"},
        {REDO_MEMSET, "\x08\x01", 2,
         "MEMSET without a pattern, or with one longer than its target"},
        {REDO_MEMSET, "\x08\x01xy", 4,
         "MEMSET without a pattern, or with one longer than its target"},
        {REDO_MEMSET, "\x08", 1, "MEMSET without a pattern, or with one longer than its target"},
        {REDO_MEMSET, "\x8F\x7F\x02x", 4, "MEMSET beyond the end of the page"},
        {REDO_MEMSET, "\x08\xF0\xEF\xDF\xBF\x7Fx", 7, "MEMSET beyond the end of the page"},
        {REDO_MEMMOVE, "\x07\x01\x00", 3, "MEMMOVE outside the page"},
        {REDO_MEMMOVE, "\x10\x01", 2, "MEMMOVE of the wrong length"},
        {REDO_MEMMOVE, "\x10\x01\x00\x00", 4, "MEMMOVE of the wrong length"},
        {REDO_MEMMOVE, "\x10\x01\x11", 3, "MEMMOVE from outside the page"}, /* from 7 */
        {REDO_MEMMOVE, "\x10\x01\xF0\xEF\xDF\xBF\x7F", 7, "MEMMOVE from outside the page"},
        {REDO_MEMMOVE, "\x10\x8F\x7F\x01", 4, "MEMMOVE from outside the page"},
        {REDO_MEMMOVE, "\x8F\x7F\x02\x05", 4, "MEMMOVE beyond the end of the page"},
        {REDO_EXTENDED, "", 0, "an EXTENDED record of unknown subtype"},
        {REDO_EXTENDED, "\x0B", 1, "an EXTENDED record of unknown subtype"},
        {REDO_EXTENDED, "\x0A", 1, "TRIM_PAGES does not change a page"},
        {REDO_EXTENDED, "\x00x", 2, "INIT_ROW_FORMAT with a body"},
        {REDO_EXTENDED, "\x02x", 2, "UNDO_INIT with a body"},
        {REDO_EXTENDED, "\x03xy", 3, "UNDO_APPEND of a record that is too short"},
        {REDO_EXTENDED, "\x06\x00", 2, "a change of records, but the page is no index page"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redo_page page = page_of();
        memset(image, 0, SIZE);
        const char *why = apply_to(&page, cases[i].type, false, cases[i].body, cases[i].len);
        if (!why || strcmp(why, cases[i].why) != 0)
            fail_msg("case %zu: expected \"%s\", found \"%s\"", i, cases[i].why, why ? why : "");
        assert_true(bytes_are_zero(image, SIZE));
    }
}

static void extended_records_never_touch_zip_or_the_first_pages(void **state)
{
    (void)state;
    struct redo_page page = page_of();
    memset(image, 0, SIZE);
    struct redo_record rec = {
        .type = REDO_EXTENDED, .page = 2, .body = (const uint8_t *)"\x01", .body_len = 1};
    assert_string_equal(redo_apply(&page, &rec),
                        "an EXTENDED record of one of the first three pages");
    rec.page = 3;
    page.zip = true;
    assert_string_equal(redo_apply(&page, &rec),
                        "an EXTENDED record of a ROW_FORMAT=COMPRESSED page");
    assert_true(bytes_are_zero(image, SIZE));
    page.zip = false;
    assert_null(redo_apply(&page, &rec));
    assert_int_equal(page.offset, 24);
}

/* --- undo ---------------------------------------------------------------------------------------------------------- */

static void undo_page_is_initialised_and_appended_to(void **state)
{
    (void)state;
    static const uint8_t header[] = {0,    0, 0, 56,   0,    56,   0xFF, 0xFF, 0xFF,
                                     0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0,    0};
    struct redo_page page = page_of();
    uint8_t expected[SIZE];
    fill_pattern(image);
    fill_pattern(expected);
    assert_applied(apply_to(&page, REDO_EXTENDED, false, "\x02", 1));
    put_be16(expected + 24, 2);
    memcpy(expected + 38, header, sizeof header);
    memset(expected + 86, 0, SIZE - 8 - 86);
    assert_memory_equal(image, expected, SIZE);

    assert_applied(apply_to(&page, REDO_EXTENDED, true,
                            "\x03"
                            "abcd",
                            5));
    put_be16(expected + 42, 64);
    put_be16(expected + 56, 64);
    memcpy(expected + 58, "abcd", 4);
    put_be16(expected + 62, 56);
    assert_memory_equal(image, expected, SIZE);
    assert_int_equal(page.offset, 24);
}

static void undo_record_must_fit_before_the_trailer(void **state)
{
    (void)state;
    struct redo_page page = page_of();
    uint8_t body[64] = {REDO_EXT_UNDO_APPEND};
    memset(image, 0, SIZE);
    put_be16(image + 42, SIZE - 8 - 6 - 10);
    assert_string_equal(apply_to(&page, REDO_EXTENDED, false, body, 1 + 10),
                        "UNDO_APPEND does not fit behind the free offset of the page");
    put_be16(image + 42, 55);
    assert_string_equal(apply_to(&page, REDO_EXTENDED, false, body, 1 + 10),
                        "UNDO_APPEND does not fit behind the free offset of the page");
    put_be16(image + 42, SIZE - 8 - 6 - 10);
    assert_applied(apply_to(&page, REDO_EXTENDED, false, body, 1 + 9));
}

/* --- index pages --------------------------------------------------------------------------------------------------- */

static void index_page_is_initialised_in_both_formats(void **state)
{
    (void)state;
    static const struct {
        uint8_t subtype;
        const char *header; /* 26 bytes at 38 */
        const char *records;
        size_t n_records, supremum;
    } cases[] = {
        {REDO_EXT_INIT_ROW_FORMAT_REDUNDANT,
         "\0\2\0\175\0\2\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0",
         "\x08\x01\x00\x00\x03\x00\x74infimum\0\x09\x01\x00\x08\x03\x00\x00supremum\0", 31, 116},
        {REDO_EXT_INIT_ROW_FORMAT_DYNAMIC,
         "\0\2\0\170\200\2\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0",
         "\x01\x00\x02\x00\x0Dinfimum\0\x01\x00\x0B\x00\x00supremum", 26, 112},
    };
    for (size_t i = 0; i < 2; i++) {
        struct redo_page page = page_of();
        uint8_t expected[SIZE];
        fill_pattern(image);
        fill_pattern(expected);
        assert_applied(apply_to(&page, REDO_EXTENDED, false, &cases[i].subtype, 1));
        put_be16(expected + 24, 17855);
        memcpy(expected + 38, cases[i].header, 26);
        memcpy(expected + 94, cases[i].records, cases[i].n_records);
        memset(expected + 94 + cases[i].n_records, 0, SIZE - 8 - 94 - cases[i].n_records);
        put_be16(expected + SIZE - 10, i ? 99 : 101);
        put_be16(expected + SIZE - 12, (uint16_t)cases[i].supremum);
        assert_memory_equal(image, expected, SIZE);
        assert_int_equal(page.offset, 24);
    }
}

static struct redo_page new_index_page(bool comp)
{
    struct redo_page page = page_of();
    memset(image, 0, SIZE);
    assert_applied(apply_to(&page, REDO_INIT_PAGE, false, "", 0));
    assert_applied(apply_to(&page, REDO_EXTENDED, true, comp ? "\x01" : "\x00", 1));
    return page;
}

static void dynamic_record_is_built_from_its_parts(void **state)
{
    (void)state;
    struct redo_page page = new_index_page(true);
    /* First record: behind the infimum, 2 header bytes given, status bit 4, info 1; data "abcdef". */
    static const uint8_t first[] = {6,   0,  2 << 3 | 4 | 1, 0, 0, 0x0A, 0x0B, 'a', 'b', 'c', 'd',
                                    'e', 'f'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, first, sizeof first));
    static const uint8_t bytes[] = {0x0A, 0x0B, 0x10, 0x00, 0x14, 0xFF, 0xF1,
                                    'a',  'b',  'c',  'd',  'e',  'f'};
    assert_memory_equal(image + 120, bytes, sizeof bytes); /* origin 127, next: 112 - 127 = -15 */
    assert_int_equal(be16(image + 97), 127 - 99);
    assert_int_equal(image[107] & 15, 2); /* the supremum owns it */

    /* Second: behind the first, copies header byte 0B and "abc"; given: header 0C, data "XY". */
    static const uint8_t second[] = {6, 127 - 99, 1 << 3, 1, 3, 0x0C, 'X', 'Y'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, second, sizeof second));
    static const uint8_t more[] = {0x0C, 0x0B, 0x00, 0x00, 0x18, 0xFF,
                                   0xE4, 'a',  'b',  'c',  'X',  'Y'};
    assert_memory_equal(image + 133, more, sizeof more); /* origin 140 */
    assert_int_equal(be16(image + 125), 140 - 127);
    assert_int_equal(be16(image + INDEX_HEAP_TOP), 145);
    assert_int_equal(be16(image + INDEX_N_HEAP), 0x8004);
    assert_int_equal(be16(image + INDEX_LAST_INSERT), 140);
    assert_int_equal(be16(image + INDEX_N_RECS), 2);
    assert_int_equal(image[INDEX_DIRECTION] & 7, 2); /* behind the last one: right */
    assert_int_equal(be16(image + INDEX_N_DIRECTION), 1);

    /* Deleting the first, which is not the last allocated: to the free list, data zeroed. */
    static const uint8_t delete[] = {9, 0, 2, 6};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, delete, sizeof delete));
    assert_int_equal(be16(image + 97), 140 - 99);
    assert_int_equal(be16(image + INDEX_FREE), 127);
    assert_int_equal(be16(image + INDEX_GARBAGE), 13);
    assert_int_equal(be16(image + 125), 0);
    assert_true(bytes_are_zero(image + 127, 6));
    assert_int_equal(be16(image + INDEX_LAST_INSERT), 0);

    /* Reuse for one that is 2 header bytes shorter: shift 2 keeps the start in place. */
    static const uint8_t reuse[] = {7, 0, 2 << 1 | 1, 0, 0, 0, 'R'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, reuse, sizeof reuse));
    assert_int_equal(be16(image + 97), 125 - 99);
    assert_int_equal(be16(image + 123), 140 - 125);
    assert_int_equal(be16(image + 121) >> 3, 2); /* the heap number of the free record */
    assert_int_equal(image[125], 'R');
    assert_int_equal(be16(image + INDEX_FREE), 0);
    assert_int_equal(be16(image + INDEX_GARBAGE), 13 - 6);
    assert_int_equal(image[INDEX_DIRECTION] & 7, 5);
}

static void redundant_record_is_built_from_its_parts(void **state)
{
    (void)state;
    struct redo_page page = new_index_page(false);
    /* 2 fields, short offsets: ends 6 and 4; all given. */
    static const uint8_t first[] = {4, 0, 1 << 3 | 4 | 1, 0, 0, 6, 4, 'a', 'b', 'c', 'd', 'e', 'f'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, first, sizeof first));
    static const uint8_t bytes[] = {6,   4,   0x10, 0x00, 0x10, 0x05, 0x00,
                                    116, 'a', 'b',  'c',  'd',  'e',  'f'};
    assert_memory_equal(image + 125, bytes, sizeof bytes); /* origin 133 */
    assert_int_equal(be16(image + 99), 133);

    /* Copies the offset of field 0 (4) and "abcd" of the first; given: end 5, and "Z". */
    static const uint8_t second[] = {4, 133 - 101, 1 << 3 | 4, 1, 4, 5, 'Z'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, second, sizeof second));
    static const uint8_t more[] = {5,   4,   0x00, 0x00, 0x18, 0x05, 0x00,
                                   116, 'a', 'b',  'c',  'd',  'Z'};
    assert_memory_equal(image + 139, more, sizeof more); /* origin 147 */
    assert_int_equal(be16(image + 131), 147);

    /* Deleting the last allocated gives its bytes back to the heap. */
    static const uint8_t delete[] = {8, 133 - 101};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, delete, sizeof delete));
    assert_int_equal(be16(image + INDEX_HEAP_TOP), 139);
    assert_int_equal(be16(image + INDEX_N_HEAP), 3);
    assert_int_equal(be16(image + INDEX_GARBAGE), 0);
    assert_int_equal(be16(image + 131), 116);
    assert_true(bytes_are_zero(image + 139, 13));
    assert_string_equal(apply_to(&page, REDO_EXTENDED, true, "\x04\x00\x0D\x00\x00\x06\x04zz", 9),
                        "an inserted record of the wrong length");
}

static void rtree_pages_have_no_insert_direction(void **state)
{
    (void)state;
    struct redo_page page = new_index_page(true);
    put_be16(image + 24, 17854);
    assert_applied(apply_to(&page, REDO_EXTENDED, true,
                            "\x06\x00\x00\x00\x00"
                            "a",
                            6));
    image[INDEX_DIRECTION] = 3;
    assert_applied(apply_to(&page, REDO_EXTENDED, true,
                            "\x06\x1A\x00\x00\x00"
                            "b",
                            6));
    assert_int_equal(image[INDEX_DIRECTION], 3);
    assert_int_equal(be16(image + INDEX_N_DIRECTION), 0);
}

static void inner_pages_hold_node_pointers(void **state)
{
    (void)state;
    struct redo_page page = new_index_page(true);
    put_be16(image + INDEX_LEVEL, 1);
    assert_applied(apply_to(&page, REDO_EXTENDED, true,
                            "\x06\x00\x04\x00\x00"
                            "a",
                            6));
    assert_int_equal(be16(image + 121), 2 << 3 | 1);
}

static void damaged_index_pages_are_named(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint16_t value; /* BE16 put there on a page of three records at 125, 131, 137 */
        const char *body;
        size_t len;
        const char *why;
    } cases[] = {
        {24, 17000, "\x06\x00\x00\x00\x00z", 6,
         "a change of records, but the page is no index page"},
        {INDEX_N_HEAP, 5, "\x06\x00\x00\x00\x00z", 6,
         "a change of records of another row format than the page has"},
        {INDEX_N_SLOTS, 1, "\x06\x00\x00\x00\x00z", 6,
         "the directory of the index page is damaged"},
        {INDEX_N_SLOTS, 3000, "\x06\x00\x00\x00\x00z", 6,
         "the directory of the index page is damaged"},
        {INDEX_HEAP_TOP, 119, "\x06\x00\x00\x00\x00z", 6,
         "the record heap of the index page is damaged"},
        {INDEX_HEAP_TOP, 4085, "\x06\x00\x00\x00\x00z", 6,
         "the record heap of the index page is damaged"},
        {INDEX_HEAP_TOP, 4084, "\x06\x00\x00\x00\x00z", 6,
         "no room on the index page for the inserted record"},
        {INDEX_N_HEAP, 0xA000, "\x06\x00\x00\x00\x00z", 6,
         "no room on the index page for the inserted record"},
        {0, 0, "\x06\x7F\x00\x00\x00z", 6, "an insert behind a record outside the heap"},
        {0, 0, "\x06\xF0\xEF\xDF\xBF\x7F\x00\x00\x00z", 10,
         "an insert behind a record outside the page"},
        {0, 0, "\x06\x0D\x00\x00\x00z", 6,
         "the record list of the index page is broken"}, /* behind the supremum */
        {97, 0, "\x06\x00\x00\x00\x00z", 6, "the record list of the index page is broken"},
        {97, 4000, "\x06\x00\x00\x00\x00z", 6, "the record list of the index page is broken"},
        {123, 0, "\x06\x00\x00\x00\x00z", 6,
         "the record list of the index page is broken"}, /* no owner */
        {123, 0xFFFA, "\x06\x1A\x00\x00\x00z", 6, "the record list of the index page is broken"},
        {129, 0xFFFA, "\x06\x00\x00\x00\x00z", 6,
         "the record list of the index page is broken"}, /* a loop */
        {SIZE - 12, 113, "\x06\x00\x00\x00\x00z", 6, "the record list of the index page is broken"},
        {107, 0x0F00, "\x06\x00\x00\x00\x00z", 6,
         "a directory slot of the index page owns too many records"},
        {0, 0, "\x06\x00\x08\x00\x00", 5, "a record that is cut off"},
        {0, 0, "\x06\x00\x08\x00", 4, "a record that is cut off"},
        {0, 0, "\x06\x00\x00\x39\x00z", 6,
         "an insert that copies too much of the preceding record"},
        {0, 0, "\x06\x00\x00\x00\x9F\x10z", 7,
         "an insert that copies too much of the preceding record"},
        {0, 0, "\x07\x00\x00\x00\x00\x00z", 7, "the free list of the index page is damaged"},
        {INDEX_FREE, 4000, "\x07\x00\x00\x00\x00\x00z", 7,
         "the free list of the index page is damaged"},
        {INDEX_FREE, 131, "\x07\x00\x00\x00\x00\x00z", 7,
         "the inserted record does not fit the free one that it is to take"}, /* no garbage */
        {0, 0, "\x09\x00\x00", 3, "a delete of the wrong length"},
        {0, 0, "\x09\x00\x00\x01\x01", 5, "a delete of the wrong length"},
        {0, 0, "\x09\x00\x0A\x01", 4, "the deleted record is not a user record within the heap"},
        {0, 0, "\x09\x00\x00\x7F", 4, "the deleted record is not a user record within the heap"},
        {0, 0, "\x09\x26\x00\x01", 4,
         "the record list of the index page is broken"}, /* the supremum */
        {0, 0, "\x09\xF0\xEF\xDF\xBF\x7F\x00\x01", 8,
         "the record list of the index page is broken"},
        {123, 0, "\x09\x00\x00\x01", 4, "the record list of the index page is broken"},
        {INDEX_N_RECS, 0, "\x09\x00\x00\x01", 4,
         "the deleted record is not a user record within the heap"},
        {INDEX_GARBAGE, 0xFFFF, "\x09\x00\x00\x01", 4,
         "the garbage count of the index page is too large"},
        {INDEX_HEAP_TOP, 160, "\x09\x20\x00\x01", 4,
         "the garbage count of the index page is too small"},
        {0, 0, "\x04\x00\x04\x00\x00z", 6,
         "a change of records of another row format than the page has"},
        {0, 0, "\x08\x00", 2, "a change of records of another row format than the page has"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redo_page page = new_index_page(true);
        assert_applied(apply_to(&page, REDO_EXTENDED, true,
                                "\x06\x00\x00\x00\x00"
                                "a",
                                6));
        assert_applied(apply_to(&page, REDO_EXTENDED, true,
                                "\x06\x1A\x00\x00\x00"
                                "b",
                                6));
        assert_applied(apply_to(&page, REDO_EXTENDED, true,
                                "\x06\x20\x00\x00\x00"
                                "c",
                                6));
        if (cases[i].at)
            put_be16(image + cases[i].at, cases[i].value);
        const char *why = apply_to(&page, REDO_EXTENDED, false, cases[i].body, cases[i].len);
        if (!why || strcmp(why, cases[i].why) != 0)
            fail_msg("case %zu: expected \"%s\", found \"%s\"", i, cases[i].why, why ? why : "");
    }
}

/* --- random changes against a model -------------------------------------------------------------------------------- */

/* The records of a page in list order, and the sizes of what lies at each origin. */
struct index_model {
    bool comp;
    size_t n;
    struct {
        uint32_t origin, len;
        uint8_t data[100];
    } recs[600];
    uint16_t extra_at[SIZE], data_at[SIZE];
};

static void model_insert(struct index_model *m, struct redo_page *page, struct test_random *r)
{
    const uint32_t infimum = m->comp ? COMP_INFIMUM : REDUNDANT_INFIMUM;
    const size_t at = test_random_below(r, m->n + 1);
    const uint32_t prev = at ? m->recs[at - 1].origin : infimum;
    const uint32_t free_rec = be16(image + INDEX_FREE);
    const uint32_t header = m->comp ? (uint32_t)test_random_below(r, 4) : 1;
    uint32_t len = 1 + (uint32_t)test_random_below(r, 60), start = be16(image + INDEX_HEAP_TOP);
    const uint32_t extra = header + (m->comp ? COMP_EXTRA : REDUNDANT_EXTRA);
    const bool reuse =
        free_rec && extra + len <= (uint32_t)m->extra_at[free_rec] + m->data_at[free_rec];
    uint8_t body[200] = {(uint8_t)((m->comp ? 6 : 4) + reuse)}, data[100];
    size_t n = 1;
    if (!reuse && start + extra + len + 4 > SIZE - 8 - 2u * be16(image + INDEX_N_SLOTS))
        return;
    if (reuse)
        start = free_rec - m->extra_at[free_rec];
    for (uint32_t i = 0; i < len; i++)
        data[i] = (uint8_t)test_random_u64(r);
    n += put_varint(body + n, prev - infimum);
    if (reuse && m->comp) {
        const int shift = (int)extra - m->extra_at[free_rec];
        n += put_varint(body + n, (uint32_t)(shift < 0 ? -shift << 1 | 1 : shift << 1));
    }
    n += put_varint(body + n, m->comp ? header << 3 : 4); /* REDUNDANT: one field, short offsets */
    body[n++] = 0;                                        /* nothing is copied */
    body[n++] = 0;
    for (uint32_t i = 0; i < header; i++)
        body[n++] = (uint8_t)(m->comp ? test_random_u64(r) : len);
    memcpy(body + n, data, len);
    assert_applied(apply_to(page, REDO_EXTENDED, false, body, n + len));
    memmove(m->recs + at + 1, m->recs + at, (m->n - at) * sizeof m->recs[0]);
    m->n++;
    m->recs[at].origin = start + extra;
    m->recs[at].len = len;
    memcpy(m->recs[at].data, data, len);
    m->extra_at[start + extra] = (uint16_t)extra;
    m->data_at[start + extra] = (uint16_t)len;
}

static void model_delete(struct index_model *m, struct redo_page *page, struct test_random *r)
{
    const uint32_t infimum = m->comp ? COMP_INFIMUM : REDUNDANT_INFIMUM;
    if (!m->n)
        return;
    const size_t at = test_random_below(r, m->n);
    const uint32_t prev = at ? m->recs[at - 1].origin : infimum, origin = m->recs[at].origin;
    uint8_t body[20] = {m->comp ? 9 : 8};
    size_t n = 1 + put_varint(body + 1, prev - infimum);
    if (m->comp) {
        n += put_varint(body + n, m->extra_at[origin] - COMP_EXTRA);
        n += put_varint(body + n, m->data_at[origin]);
    }
    assert_applied(apply_to(page, REDO_EXTENDED, false, body, n));
    m->n--;
    memmove(m->recs + at, m->recs + at + 1, (m->n - at) * sizeof m->recs[0]);
}

/* The page holds the records of the model, its directory and its counts are right. */
static void check_index(const struct index_model *m)
{
    struct index_page ix;
    assert_null(index_page_open(&ix, image, SIZE, m->comp));
    uint32_t r = index_page_infimum(&ix), slot = 0, group = 0, used = 0;
    for (size_t i = 0; i <= m->n + 1; i++) {
        group++;
        if (i > 0 && i <= m->n) {
            assert_int_equal(r, m->recs[i - 1].origin);
            assert_memory_equal(image + r, m->recs[i - 1].data, m->recs[i - 1].len);
            used += m->extra_at[r] + m->recs[i - 1].len;
        }
        const unsigned owned = index_page_n_owned(&ix, r);
        if (owned) {
            assert_int_equal(owned, group);
            assert_int_equal(index_page_slot(&ix, slot), r);
            if (i == 0)
                assert_int_equal(owned, 1);
            else if (i <= m->n)
                assert_in_range(owned, INDEX_GROUP_MIN, INDEX_GROUP_MAX);
            else
                assert_in_range(owned, 1, INDEX_GROUP_MAX);
            slot++;
            group = 0;
        }
        r = index_page_next(&ix, r);
        assert_int_equal(r == 0, i == m->n + 1);
    }
    assert_int_equal(slot, ix.n_slots);
    assert_int_equal(be16(image + INDEX_N_RECS), m->n);
    assert_int_equal(be16(image + INDEX_GARBAGE),
                     index_page_heap_top(&ix) - index_page_heap_start(&ix) - used);
}

static void random_changes_keep_list_directory_and_counts_right(void **state)
{
    (void)state;
    struct index_model *m = mem_alloc(sizeof *m);
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct test_random r = {seed};
        *m = (struct index_model){.comp = seed % 2};
        struct redo_page page = new_index_page(m->comp);
        for (int step = 0; step < 400; step++) {
            const uint64_t inserts = step / 100 % 2 ? 3 : 7; /* of 10: grows, shrinks, ... */
            if (test_random_below(&r, 10) < inserts)
                model_insert(m, &page, &r);
            else
                model_delete(m, &page, &r);
            check_index(m);
        }
    }
    free(m);
}

/* --- recorded changes ---------------------------------------------------------------------------------------------- */

/* Applies the records that a whole mini-transaction has for one page. */
static const char *apply_mtr(struct redo_page *page, space_id_t space, page_no_t no,
                             const uint8_t *mtr, size_t len, lsn_t lsn, uint64_t *seen)
{
    struct redo_mtr m;
    struct redo_record rec;
    size_t mtr_len;
    bool more;
    assert_null(redo_mtr_open(&m, mtr, len, lsn, &mtr_len));
    assert_int_equal(mtr_len, len);
    for (;;) {
        assert_null(redo_mtr_next(&m, &rec, &more));
        if (!more)
            break;
        if (rec.type > REDO_OPTION || rec.space != space || rec.page != no)
            continue;
        const char *why = redo_apply(page, &rec);
        if (why)
            return why;
        *seen |= 1ull << (rec.type == REDO_EXTENDED ? 16u + rec.body[0] : (unsigned)rec.type);
    }
    redo_apply_end(page, m.end);
    return NULL;
}

/* The whole decompressed file; owned by the caller. */
static uint8_t *load_fixtures(size_t *len)
{
    char *packed;
    size_t n;
    assert_null(file_read_all(&packed, &n, "tests/data/redo/pairs.zst", 1 << 20));
    const unsigned long long size = ZSTD_getFrameContentSize(packed, n);
    assert_in_range(size, 1, 64 << 20);
    uint8_t *data = mem_alloc(size);
    *len = ZSTD_decompress(data, size, packed, n);
    assert_int_equal(*len, size);
    free(packed);
    return data;
}

static void changes_recorded_from_servers_come_out_equal(void **state)
{
    (void)state;
    size_t len, n_pairs = 0;
    uint64_t seen = 0;
    uint8_t *data = load_fixtures(&len);
    struct reader r = reader_of(data, len);
    while (rd_left(&r)) {
        const space_id_t space = rd_be32(&r);
        const page_no_t no = rd_be32(&r);
        const uint32_t size = rd_be32(&r), zip = rd_be32(&r), mtr_len = rd_be32(&r);
        const lsn_t lsn = rd_be64(&r);
        const uint8_t *mtr = rd_bytes(&r, mtr_len), *before = rd_bytes(&r, size),
                      *after = rd_bytes(&r, size);
        assert_false(r.ran_out);
        uint8_t *exact = mem_alloc(size);
        memcpy(exact, before, size);
        struct redo_page page = {.image = exact, .size = size, .zip = zip};
        const char *why = apply_mtr(&page, space, no, mtr, mtr_len, lsn, &seen);
        /* The trailer is the business of page_stamp. */
        if (why || memcmp(exact, after, size - (zip ? 0 : 8)) != 0)
            fail_msg("pair %zu: page %u of space %u at LSN %llu: %s", n_pairs, no, space,
                     (unsigned long long)lsn, why ? why : "differs");
        free(exact);
        n_pairs++;
    }
    free(data);
    assert_true(n_pairs >= 150);
    for (unsigned type = REDO_INIT_PAGE; type <= REDO_MEMMOVE; type++)
        if (type != REDO_EXTENDED && !(seen >> type & 1))
            fail_msg("no recorded change with %s", redo_type_name(type, 0));
    for (unsigned ext = 0; ext < REDO_EXT_TRIM_PAGES; ext++)
        if (!(seen >> (16 + ext) & 1))
            fail_msg("no recorded change with %s", redo_type_name(REDO_EXTENDED, ext));
}

/* --- garbage ------------------------------------------------------------------------------------------------------- */

/* A body that gets past the first checks now and then. */
static size_t random_body(struct test_random *r, enum redo_type type, uint8_t *body)
{
    size_t n = 0;
    if (type == REDO_EXTENDED)
        body[n++] = (uint8_t)test_random_below(r, 12);
    for (uint64_t k = test_random_below(r, 6); k; k--)
        n +=
            put_varint(body + n, (uint32_t)(test_random_u64(r) >> (32 + test_random_below(r, 32))));
    for (uint64_t k = test_random_below(r, 40); k; k--)
        body[n++] = (uint8_t)test_random_u64(r);
    return n;
}

/* Noise, noise behind a sound header, or a sound page with some bytes changed. */
static void random_page(struct test_random *r, uint8_t *p, uint32_t size, bool comp)
{
    const uint64_t kind = test_random_below(r, 3);
    struct redo_page page = {.image = p, .size = size};
    for (uint32_t i = 0; i < size; i += 8)
        put_le64(p + i, kind == 2 ? 0 : test_random_u64(r));
    if (kind == 0)
        return;
    if (kind == 2)
        assert_applied(apply_to(&page, REDO_EXTENDED, false, comp ? "\x01" : "\x00", 1));
    put_be16(p + 24, 17855);
    put_be16(p + INDEX_N_SLOTS, (uint16_t)(2 + test_random_below(r, 30)));
    put_be16(p + INDEX_HEAP_TOP, (uint16_t)(130 + test_random_below(r, size - 300)));
    put_be16(p + INDEX_N_HEAP, (uint16_t)((comp ? 0x8000 : 0) | (2 + test_random_below(r, 200))));
    for (uint64_t k = test_random_below(r, 20); k; k--)
        p[38 + test_random_below(r, 200)] = (uint8_t)test_random_u64(r);
}

static void garbage_pages_and_records_stay_within_the_image(void **state)
{
    (void)state;
    struct test_random r = {77};
    size_t applied = 0, refused = 0;
    uint8_t body[200];
    for (int round = 0; round < 6000; round++) {
        const bool zip = test_random_below(&r, 8) == 0;
        const uint32_t size = zip ? 1024 : round % 50 ? SIZE : 65536;
        uint8_t *exact = mem_alloc(size);
        struct redo_page page = {.image = exact, .size = size};
        random_page(&r, exact, size < SIZE ? 1024 : size, test_random_below(&r, 2));
        page.zip = zip;
        for (int k = 0; k < 20; k++) {
            const enum redo_type type =
                test_random_below(&r, 2) ? REDO_EXTENDED : (enum redo_type)test_random_below(&r, 8);
            const size_t n = random_body(&r, type, body);
            const char *why = apply_to(&page, type, k > 0, body, n);
            applied += !why;
            refused += !!why;
        }
        free(exact);
    }
    assert_true(applied > 10000 && refused > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_page_sets_ids_and_nothing_else),
        cmocka_unit_test(end_of_an_mtr_sets_the_page_lsn),
        cmocka_unit_test(bytes_are_written_where_the_running_offset_says),
        cmocka_unit_test(overlapping_move_is_a_memmove),
        cmocka_unit_test(last_byte_of_the_page_may_be_changed),
        cmocka_unit_test(bytes_of_a_zip_page_end_at_its_physical_size),
        cmocka_unit_test(records_that_do_not_fit_are_named),
        cmocka_unit_test(extended_records_never_touch_zip_or_the_first_pages),
        cmocka_unit_test(undo_page_is_initialised_and_appended_to),
        cmocka_unit_test(undo_record_must_fit_before_the_trailer),
        cmocka_unit_test(index_page_is_initialised_in_both_formats),
        cmocka_unit_test(dynamic_record_is_built_from_its_parts),
        cmocka_unit_test(redundant_record_is_built_from_its_parts),
        cmocka_unit_test(rtree_pages_have_no_insert_direction),
        cmocka_unit_test(inner_pages_hold_node_pointers),
        cmocka_unit_test(damaged_index_pages_are_named),
        cmocka_unit_test(random_changes_keep_list_directory_and_counts_right),
        cmocka_unit_test(changes_recorded_from_servers_come_out_equal),
        cmocka_unit_test(garbage_pages_and_records_stay_within_the_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
