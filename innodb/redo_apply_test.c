/* innodb/redo_apply_test.c: records on hand-made pages, recorded changes of real servers
 * (tests/data/redo/README.md), and garbage. Index pages by hand: apply_index_test.c. */
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
#include "innodb/apply_test_util.h"

/* --- bytes ------------------------------------------------------------------------------------ */

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
    put_text(expected + 40, "hello");
    assert_applied(apply_to(&page, REDO_WRITE, true, "\x05xy", 3)); /* at 45 + 5 */
    put_text(expected + 50, "xy");
    assert_applied(apply_to(&page, REDO_MEMSET, true, "\x00\x03z", 3)); /* 3 bytes at 52 */
    memset(expected + 52, 'z', 3);
    assert_applied(apply_to(&page, REDO_MEMSET, true,
                            "\x01\x07"
                            "ab",
                            4)); /* 7 bytes at 56 */
    put_text(expected + 56, "abababa");
    assert_applied(
        apply_to(&page, REDO_MEMMOVE, true, "\x01\x05\x2F", 3)); /* to 64, from 64 - 24 */
    put_text(expected + 64, "hello");
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

/* --- undo ------------------------------------------------------------------------------------- */

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
    put_text(expected + 58, "abcd");
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

/* --- recorded changes ------------------------------------------------------------------------- */

/* Applies the records that a whole mini-transaction has for one page. */
static const char *apply_mtr(struct redo_page *page, space_id_t space, page_no_t no,
                             const uint8_t *mtr, size_t len, lsn_t lsn, uint64_t *seen)
{
    struct redo_mtr m;
    struct redo_record rec;
    size_t mtr_len;
    bool more;
    assert_null(redo_mtr_open(&m, mtr, len, lsn, REDO_MTR_CLEAR, &mtr_len));
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

/* --- garbage ---------------------------------------------------------------------------------- */

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
        cmocka_unit_test(changes_recorded_from_servers_come_out_equal),
        cmocka_unit_test(garbage_pages_and_records_stay_within_the_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
