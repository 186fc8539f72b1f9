/* innodb/page_archive_test.c: a file that a server wrote, and hand-made blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <lzma.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/page_archive.h"

enum { BLOCK = PAGE_ARCHIVE_BLOCK, FULL = BLOCK - 32, MANY = 1000000 };

static const lsn_t NONE = INT64_MAX;

static void assert_error(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    assert_string_equal(e->message, message);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

/* --- hand-made blocks --- */

struct made {
    uint8_t bytes[BLOCK];
    size_t len;
};

static void seal(struct made *m)
{
    put_be16(m->bytes + 6, (uint16_t)m->len);
    put_be32(m->bytes + 2, crc32c(0, m->bytes + 32, m->len));
}

static struct made *make(uint8_t type, uint64_t number, lsn_t stop, lsn_t reset)
{
    struct made *m = mem_zalloc(sizeof *m);
    m->bytes[0] = 1;
    m->bytes[1] = type;
    put_be64(m->bytes + 8, stop);
    put_be64(m->bytes + 16, reset);
    put_be64(m->bytes + 24, number);
    return m;
}

/* The newest block of a group: n pages. */
static struct made *last_block(uint64_t number, lsn_t stop, lsn_t reset, page_no_t first,
                               unsigned n)
{
    struct made *m = make(1, number, stop, reset);
    for (unsigned i = 0; i < n; i++) {
        put_be32(m->bytes + 32 + m->len, 7);
        put_be32(m->bytes + 36 + m->len, first + i);
        m->len += 8;
    }
    seal(m);
    return m;
}

/* One before it: n pages, the last of them again and again until it is full. */
static struct made *data_block(uint64_t number, lsn_t stop, lsn_t reset, page_no_t first,
                               unsigned n)
{
    struct made *m = last_block(number, stop, reset, first, n);
    for (; m->len < FULL; m->len += 8)
        memcpy(m->bytes + 32 + m->len, m->bytes + 24 + m->len, 8);
    seal(m);
    return m;
}

/* n pairs of block and offset. */
static struct made *reset_block(uint64_t file, const uint16_t *points, unsigned n)
{
    struct made *m = make(0, file, NONE, NONE);
    put_be64(m->bytes + 32, 1000);
    m->len = 8;
    for (unsigned i = 0; i < 2 * n; i++, m->len += 2)
        put_be16(m->bytes + 32 + m->len, points[i]);
    seal(m);
    return m;
}

/* Frees m. */
static struct err *take(struct page_archive_walk *w, struct made *m)
{
    struct page_archive_block b;
    struct err *e = page_archive_parse(&b, m->bytes);
    if (!e)
        e = page_archive_walk_take(w, &b);
    free(m);
    return e;
}

static void assert_pages(struct page_archive_walk *w, const page_no_t *pages, size_t n)
{
    assert_null(page_archive_walk_end(w));
    assert_int_equal(w->n_ids, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(w->ids[i], page_archive_id(7, pages[i]));
}

/* Two points in file 0, one in file 1. */
static void take_two_files(struct page_archive_walk *w)
{
    static const uint16_t points[] = {0, 32, 1, 48}, more[] = {0, 40};
    assert_null(take(w, reset_block(0, points, 2)));
    assert_null(take(w, data_block(0, 1010, 1000, 10, 3)));
    assert_null(take(w, data_block(1, 1300, 1200, 20, 4)));
    for (uint64_t i = 2; i < PAGE_ARCHIVE_FILE_BLOCKS - 1; i++)
        assert_null(take(w, data_block(i, 1300, 0, 30, 1)));
    assert_null(take(w, reset_block(1, more, 1)));
    assert_null(take(w, data_block(2043, 1500, 1400, 40, 3)));
}

static void a_list_begins_behind_the_last_reset_point_at_or_below_its_lsn(void **state)
{
    (void)state;
    static const struct {
        lsn_t since, begin;
        page_no_t pages[12];
        size_t n;
    } cases[] = {
        {999, 0, {0}, 0},
        {1000, 1000, {10, 11, 12, 20, 21, 22, 23, 30, 40, 41, 42}, 11},
        {1199, 1000, {10, 11, 12, 20, 21, 22, 23, 30, 40, 41, 42}, 11},
        {1200, 1200, {22, 23, 30, 40, 41, 42}, 6},
        {1399, 1200, {22, 23, 30, 40, 41, 42}, 6},
        {1400, 1400, {41, 42}, 2},
        {9999, 1400, {41, 42}, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct page_archive_walk w;
        page_archive_walk_init(&w, cases[i].since, MANY);
        take_two_files(&w);
        assert_int_equal(w.begin, cases[i].begin);
        assert_int_equal(w.stop, 1500);
        assert_pages(&w, cases[i].pages, cases[i].n);
        page_archive_walk_fini(&w);
    }
}

/* The server goes through 32 blocks in memory, and what is in the head of one stays there (9.7.4). */
static void an_lsn_left_from_an_older_block_is_no_point(void **state)
{
    (void)state;
    static const uint16_t points[] = {0, 32, 1, 48};
    static const lsn_t stale[] = {1000, 1100, 1200, 1250};
    static const page_no_t pages[] = {22, 23, 30};
    for (size_t i = 0; i < sizeof stale / sizeof stale[0]; i++) {
        struct page_archive_walk w;
        page_archive_walk_init(&w, 1250, MANY);
        assert_null(take(&w, reset_block(0, points, 2)));
        assert_null(take(&w, data_block(0, 1010, 1000, 10, 3)));
        assert_null(take(&w, data_block(1, 1300, 1200, 20, 4)));
        assert_null(take(&w, data_block(2, 1300, stale[i], 30, 1)));
        assert_int_equal(w.begin, 1200);
        assert_pages(&w, pages, 3);
        page_archive_walk_fini(&w);
    }
}

static void a_point_made_while_the_file_is_read_counts_from_the_one_before(void **state)
{
    (void)state;
    static const uint16_t points[] = {0, 32};
    static const page_no_t pages[] = {10, 11, 12, 20, 21, 22, 23};
    struct page_archive_walk w;
    page_archive_walk_init(&w, 1200, MANY);
    assert_null(take(&w, reset_block(0, points, 1)));
    assert_null(take(&w, data_block(0, 1010, 1000, 10, 3)));
    assert_null(take(&w, data_block(1, 1300, 1200, 20, 4)));
    assert_int_equal(w.begin, 1000);
    assert_pages(&w, pages, 7);
    page_archive_walk_fini(&w);
}

static void a_group_whose_first_files_were_purged_can_be_read(void **state)
{
    (void)state;
    static const page_no_t pages[] = {50, 51};
    struct page_archive_walk w;
    page_archive_walk_init(&w, 5000, MANY);
    assert_null(take(&w, reset_block(3, (const uint16_t[]){6129, 32}, 1)));
    assert_null(take(&w, data_block(6129, 6000, 4000, 50, 2)));
    assert_int_equal(w.begin, 4000);
    assert_pages(&w, pages, 2);
    page_archive_walk_fini(&w);
}

static void pages_that_are_there_twice_cost_no_room(void **state)
{
    (void)state;
    struct page_archive_walk w;
    page_archive_walk_init(&w, 1000, 100);
    assert_null(take(&w, reset_block(0, (const uint16_t[]){0, 32}, 1)));
    assert_null(take(&w, data_block(0, 1000, 1000, 0, 100)));
    for (uint64_t i = 1; i < 500; i++)
        assert_null(take(&w, data_block(i, 1000, 0, 0, 100)));
    assert_null(page_archive_walk_end(&w));
    assert_int_equal(w.n_ids, 100);
    assert_true(w.cap_ids <= 2 * (100 + FULL / 8));
    assert_null(take(&w, data_block(500, 1000, 0, 100, 1)));
    assert_error(page_archive_walk_end(&w), ERR_REFUSED, "more than 100 pages were changed");
    page_archive_walk_fini(&w);
}

static void too_many_pages_are_refused_before_they_take_memory(void **state)
{
    (void)state;
    struct page_archive_walk w;
    struct err *e = NULL;
    page_archive_walk_init(&w, 1000, 3000);
    assert_null(take(&w, reset_block(0, (const uint16_t[]){0, 32}, 1)));
    for (uint64_t i = 0; i < 20 && !e; i++)
        e = take(&w, data_block(i, 1000, i ? 0 : 1000, (page_no_t)i * 2000, 2000));
    assert_error(e, ERR_REFUSED, "more than 3000 pages were changed");
    assert_true(w.cap_ids <= 16000);
    page_archive_walk_fini(&w);
}

static void nothing_is_listed_of_an_empty_group(void **state)
{
    (void)state;
    struct page_archive_walk w;
    page_archive_walk_init(&w, 1000, MANY);
    assert_null(take(&w, reset_block(0, (const uint16_t[]){0, 32}, 1)));
    assert_null(take(&w, last_block(0, 900, 1000, 0, 0)));
    assert_int_equal(w.begin, 1000);
    assert_int_equal(w.stop, 900);
    assert_pages(&w, NULL, 0);
    page_archive_walk_fini(&w);
}

/* --- what is wrong --- */

static void damaged_blocks_are_told(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        const char *message;
    } cases[] = {
        {0, 0, "version 0, type 1 of a block are not known"},
        {0, 2, "version 2, type 1 of a block are not known"},
        {1, 2, "version 1, type 2 of a block are not known"},
        {6, 0x40, "a block has 16400 bytes of data"},
        {7, 15, "a block has 15 bytes of data"},
        {7, 8, "checksum 0xb453be58 stored, 0x4fbc94f6 computed"},
        {40, 0xFF, "checksum 0xb453be58 stored, 0xab468efd computed"},
        {2, 0, "checksum 0x0053be58 stored, 0xb453be58 computed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct page_archive_block b;
        struct made *m = last_block(0, 1010, 1000, 10, 2);
        m->bytes[cases[i].at] = cases[i].value;
        assert_error(page_archive_parse(&b, m->bytes), ERR_CORRUPT, cases[i].message);
        free(m);
    }
    struct page_archive_block b;
    struct made *m = reset_block(0, (const uint16_t[]){0, 32}, 1);
    m->len = 10;
    seal(m);
    assert_error(page_archive_parse(&b, m->bytes), ERR_CORRUPT, "a block has 10 bytes of data");
    free(m);
}

static void blocks_out_of_order_are_told(void **state)
{
    (void)state;
    static const uint16_t points[] = {0, 32, 1, 48, 7, 32, 3, 24, 4, 36, 5, 56};
    static const struct {
        uint64_t number;
        lsn_t stop, reset;
        const char *message;
    } cases[] = {
        {2, 1300, 0, "data block 2 where 1 is expected"},
        {0, 1300, 0, "data block 0 where 1 is expected"},
        {1, 1009, 0, "data block 1 stops at LSN 1009, one before it at 1010"},
        {1, INT64_MAX, 0, "data block 1 was filled while the server recovered from a crash"},
        {1, UINT64_MAX, 0, "data block 1 was filled while the server recovered from a crash"},
        {1, 1300, 999, "data block 1 has a reset point at LSN 999, one before it at 1000"},
        {1, 1300, 0, "data block 1 has a reset point at LSN 0, one before it at 1000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct page_archive_walk w;
        page_archive_walk_init(&w, 1000, MANY);
        assert_null(take(&w, reset_block(0, points, 2)));
        assert_null(take(&w, data_block(0, 1010, 1000, 10, 3)));
        assert_error(take(&w, data_block(cases[i].number, cases[i].stop, cases[i].reset, 20, 2)),
                     ERR_CORRUPT, cases[i].message);
        page_archive_walk_fini(&w);
    }
    struct page_archive_walk w;
    page_archive_walk_init(&w, 1000, MANY);
    assert_error(take(&w, data_block(0, 1010, 1000, 10, 3)), ERR_CORRUPT,
                 "data block 0 where 0 is expected");
    assert_null(take(&w, reset_block(0, points, 6)));
    assert_null(take(&w, data_block(0, 1010, 1000, 10, 3)));
    assert_error(take(&w, reset_block(1, points, 0)), ERR_CORRUPT,
                 "reset block of file 1 behind data block 1 of file 0");
    assert_null(take(&w, data_block(1, 1010, 1010, 10, 3)));
    for (uint64_t i = 2; i < 7; i++)
        assert_null(take(&w, data_block(i, 1010, 1010, 10, 3)));
    assert_null(take(&w, data_block(7, 1010, 1010, 10, 3)));
    assert_error(take(&w, data_block(8, 1010, 1010, 10, 2)), ERR_CORRUPT,
                 "a reset point in data block 3 comes behind data block 8");
    page_archive_walk_fini(&w);
    page_archive_walk_init(&w, 1000, MANY);
    assert_null(take(&w, reset_block(0, points, 2)));
    assert_null(take(&w, last_block(0, 1010, 1000, 10, 2)));
    assert_error(take(&w, last_block(1, 1010, 1000, 10, 2)), ERR_CORRUPT,
                 "data block 1 behind one that is not full");
    page_archive_walk_fini(&w);
}

static void a_reset_point_outside_its_block_is_told(void **state)
{
    (void)state;
    static const struct {
        uint16_t offset;
        const char *message;
    } cases[] = {
        {24, "reset point at offset 24 of data block 0, 16 bytes"},
        {0, "reset point at offset 0 of data block 0, 16 bytes"},
        {36, "reset point at offset 36 of data block 0, 16 bytes"},
        {56, "reset point at offset 56 of data block 0, 16 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct page_archive_walk w;
        page_archive_walk_init(&w, 1000, MANY);
        assert_null(take(&w, reset_block(0, (const uint16_t[]){0, cases[i].offset}, 1)));
        assert_error(take(&w, last_block(0, 1010, 1000, 10, 2)), ERR_CORRUPT, cases[i].message);
        page_archive_walk_fini(&w);
    }
}

/* --- the real one --- */

static uint8_t *load_fixture(size_t *len)
{
    enum { XZ_MAX = 1 << 20, FILE_MAX = 1 << 20 };
    uint8_t *bytes = mem_alloc(FILE_MAX);
    uint64_t memory = 128 << 20;
    char *xz;
    size_t xz_len, in = 0;
    assert_null(file_read_all(&xz, &xz_len, "tests/data/page_archive/mysql-9.7.xz", XZ_MAX));
    *len = 0;
    assert_int_equal(lzma_stream_buffer_decode(&memory, 0, NULL, (const uint8_t *)xz, &in, xz_len,
                                               bytes, len, FILE_MAX),
                     LZMA_OK);
    free(xz);
    return bytes;
}

/* Behind its second reset point the server itself listed the same pages (README beside the fixture). */
static void a_file_of_a_server_is_read(void **state)
{
    (void)state;
    static const struct {
        lsn_t since, begin;
        size_t n;
        uint64_t sum;
    } cases[] = {
        {19591785, 19591785, 3343, 18446703507747228975u},
        {28866614, 19591785, 3343, 18446703507747228975u},
        {28866615, 28866615, 3148, 18446707918678332097u},
    };
    size_t len;
    uint8_t *bytes = load_fixture(&len);
    assert_int_equal(len, 4 * BLOCK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct page_archive_walk w;
        uint64_t sum = 0;
        page_archive_walk_init(&w, cases[i].since, MANY);
        for (size_t at = 0; at < len; at += BLOCK) {
            struct page_archive_block b;
            assert_null(page_archive_parse(&b, bytes + at));
            assert_null(page_archive_walk_take(&w, &b));
        }
        assert_null(page_archive_walk_end(&w));
        for (size_t k = 0; k < w.n_ids; k++)
            sum += w.ids[k];
        assert_int_equal(w.begin, cases[i].begin);
        assert_int_equal(w.stop, 34785033);
        assert_int_equal(w.n_ids, cases[i].n);
        assert_true(sum == cases[i].sum);
        assert_int_equal(w.ids[0], page_archive_id(0, 5));
        assert_true(w.ids[w.n_ids - 1] == page_archive_id(0xFFFFFFFE, 0xF7F));
        page_archive_walk_fini(&w);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_begins_behind_the_last_reset_point_at_or_below_its_lsn),
        cmocka_unit_test(an_lsn_left_from_an_older_block_is_no_point),
        cmocka_unit_test(a_point_made_while_the_file_is_read_counts_from_the_one_before),
        cmocka_unit_test(a_group_whose_first_files_were_purged_can_be_read),
        cmocka_unit_test(pages_that_are_there_twice_cost_no_room),
        cmocka_unit_test(too_many_pages_are_refused_before_they_take_memory),
        cmocka_unit_test(nothing_is_listed_of_an_empty_group),
        cmocka_unit_test(damaged_blocks_are_told),
        cmocka_unit_test(blocks_out_of_order_are_told),
        cmocka_unit_test(a_reset_point_outside_its_block_is_told),
        cmocka_unit_test(a_file_of_a_server_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
