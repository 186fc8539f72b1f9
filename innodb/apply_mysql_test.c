/* innodb/apply_mysql_test.c: every record of MySQL's redo that changes a page: by hand, from recorded pages, with garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <zstd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "innodb/apply_mysql_test_util.h"
#include "innodb/redo_test_util.h"

/* --- bytes ------------------------------------------------------------------------------------ */

static void bytes_go_where_the_record_says(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        const char *body;
        size_t n;
        size_t at;
        const char *bytes;
        size_t n_bytes;
    } cases[] = {
        {MYSQL_REDO_1BYTE, "\x01\x00\x7F", 3, 256, "\x7F", 1},
        {MYSQL_REDO_1BYTE, "\x01\x00\x80\xFF", 4, 256, "\xFF", 1},
        {MYSQL_REDO_2BYTES, "\x0F\xFE\x92\x34", 4, 4094, "\x12\x34", 2},
        {MYSQL_REDO_4BYTES, "\x00\x26\xFB\xFE", 4, 38, "\xFF\xFF\xFF\xFE", 4},
        {MYSQL_REDO_8BYTES, "\x00\x40\x01\x00\x00\x00\x02", 7, 64, "\0\0\0\1\0\0\0\2", 8},
        {MYSQL_REDO_WRITE_STRING, "\x00\x64\x00\x03xyz", 7, 100, "xyz", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mysql_page page = plain_page();
        uint8_t expected[SIZE];
        fill_pattern(image, SIZE);
        fill_pattern(expected, SIZE);
        memcpy(expected + cases[i].at, cases[i].bytes, cases[i].n_bytes);
        assert_applied(apply_to(&page, cases[i].type, cases[i].body, cases[i].n));
        assert_memory_equal(image, expected, SIZE);
        /* Of a page that is stored compressed, in the image. */
        if (cases[i].at + cases[i].n_bytes <= ZIP_SIZE) {
            page = zip_page();
            fill_pattern(zip_image, ZIP_SIZE);
            assert_applied(apply_to(&page, cases[i].type, cases[i].body, cases[i].n));
            assert_memory_equal(zip_image, expected, ZIP_SIZE);
            assert_memory_equal(image, expected, SIZE);
        }
    }
}

static void records_that_do_not_fit_are_named(void **state)
{
    (void)state;
    static const char far[] = "a write beyond the end of the page";
    static const char cut_off[] = "a record that is cut off";
    static const struct {
        unsigned type;
        const char *body;
        size_t n;
        const char *why;
    } cases[] = {
        {MYSQL_REDO_1BYTE, "\x10\x00\x01", 3, far},
        {MYSQL_REDO_2BYTES, "\x0F\xFF\x01", 3, far},
        {MYSQL_REDO_4BYTES, "\x0F\xFD\x01", 3, far},
        {MYSQL_REDO_8BYTES, "\x0F\xF9\x00\x00\x00\x00\x01", 7, far},
        {MYSQL_REDO_WRITE_STRING, "\x0F\xFE\x00\x03xyz", 7, far},
        {MYSQL_REDO_1BYTE, "\x01\x00\x81\x00", 4, "a write of a value that is too large"},
        {MYSQL_REDO_2BYTES, "\x01\x00\xC1\x00\x00", 5, "a write of a value that is too large"},
        {MYSQL_REDO_1BYTE, "\x01\x00", 2, cut_off},
        {MYSQL_REDO_8BYTES, "\x01\x00\x00\x00", 4, cut_off},
        {MYSQL_REDO_WRITE_STRING, "\x01\x00\x00\x03xy", 6, cut_off},
        {MYSQL_REDO_1BYTE, "\x01\x00\x01\x01", 4, "a record that is longer than its type allows"},
        {MYSQL_REDO_UNDO_INIT, "", 0, cut_off},
        {MYSQL_REDO_REC_INSERT, "\x02\x00", 2, "index description of a version that is not known"},
        {MYSQL_REDO_FILE_DELETE, "\0\2x", 4, "not a record that changes a page"},
        {MYSQL_REDO_TABLE_DYNAMIC_META, "", 0, "not a record that changes a page"},
        {3, "", 0, "not a record that changes a page"},
        {127, "", 0, "not a record that changes a page"},
        {4000, "", 0, "not a record that changes a page"},
        {MYSQL_REDO_ZIP_WRITE_HEADER, "\x26\x01x", 3,
         "a change of a compressed page, but the page is none"},
        {MYSQL_REDO_ZIP_WRITE_NODE_PTR, "\x00\x80\x00\x80PPPP", 8,
         "a change of a compressed page, but the page is none"},
        {MYSQL_REDO_ZIP_PAGE_COMPRESS, "", 0,
         "a change of a compressed page, but the page is none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mysql_page page = plain_page();
        uint8_t expected[SIZE];
        fill_pattern(image, SIZE);
        fill_pattern(expected, SIZE);
        assert_string_equal(apply_to(&page, cases[i].type, cases[i].body, cases[i].n),
                            cases[i].why);
        assert_memory_equal(image, expected, SIZE);
    }
}

static void page_is_zeroed_when_it_is_initialised(void **state)
{
    (void)state;
    static const unsigned types[] = {MYSQL_REDO_INIT_FILE_PAGE, MYSQL_REDO_INIT_FILE_PAGE2};
    uint8_t expected[SIZE] = {[7] = PAGE, [37] = SPACE};
    for (size_t i = 0; i < 2; i++) {
        struct mysql_page page = plain_page();
        fill_pattern(image, SIZE);
        assert_applied(APPLY(&page, types[i], ""));
        assert_memory_equal(image, expected, SIZE);
        page = zip_page();
        page.frame_valid = page.frame_newer = true;
        fill_pattern(zip_image, ZIP_SIZE);
        assert_applied(APPLY(&page, types[i], ""));
        assert_memory_equal(zip_image, expected, ZIP_SIZE);
        assert_false(page.frame_valid || page.frame_newer);
    }
}

static void bitmap_page_covers_as_many_pages_as_it_has_bytes(void **state)
{
    (void)state;
    struct mysql_page page = plain_page();
    uint8_t expected[SIZE];
    fill_pattern(image, SIZE);
    fill_pattern(expected, SIZE);
    put_be16(expected + 24, 5);
    memset(expected + 38, 0, SIZE / 2);
    assert_applied(APPLY(&page, MYSQL_REDO_IBUF_BITMAP_INIT, ""));
    assert_memory_equal(image, expected, SIZE);
    page = zip_page();
    fill_pattern(zip_image, ZIP_SIZE);
    fill_pattern(expected, ZIP_SIZE);
    put_be16(expected + 24, 5);
    memset(expected + 38, 0, ZIP_SIZE / 2);
    assert_applied(APPLY(&page, MYSQL_REDO_IBUF_BITMAP_INIT, ""));
    assert_memory_equal(zip_image, expected, ZIP_SIZE);
}

static void end_of_an_mtr_stamps_the_image_that_counts(void **state)
{
    (void)state;
    struct mysql_page page = plain_page();
    fill_pattern(image, SIZE);
    redo_mysql_apply_end(&page, 0x0102030405060708);
    assert_memory_equal(image + 16, "\1\2\3\4\5\6\7\x8", 8);
    page = zip_page();
    fill_pattern(zip_image, ZIP_SIZE);
    redo_mysql_apply_end(&page, 9);
    assert_int_equal(be64(zip_image + 16), 9);
    assert_int_equal(be64(image + 16), 0x0102030405060708);
    page.frame_valid = true;
    redo_mysql_apply_end(&page, 10);
    assert_int_equal(be64(image + 16), 10);
}

/* --- undo pages ------------------------------------------------------------------------------- */

static struct mysql_page new_undo_page(void)
{
    struct mysql_page page = plain_page();
    memset(image, 0, SIZE);
    assert_applied(APPLY(&page, MYSQL_REDO_UNDO_INIT, "\x02"));
    assert_int_equal(be16(image + 24), 2);
    assert_memory_equal(image + 38, "\0\2\0\x38\0\x38", 6);
    return page;
}

static void undo_page_takes_headers_and_records(void **state)
{
    (void)state;
    struct mysql_page page = new_undo_page();
    put_be16(image + 42, 86); /* as byte writes do for the segment's header */
    assert_applied(APPLY(&page, MYSQL_REDO_UNDO_HDR_CREATE, "\x01\x00\x00\x00\x07"));
    assert_memory_equal(image + 40, "\0\x84\0\x84", 4); /* 86 + 46 */
    assert_memory_equal(image + 56, "\0\1\0\x56", 4);   /* active, last log 86 */
    assert_memory_equal(image + 86, "\0\0\0\1\0\0\0\7\0\0\0\0\0\0\0\0\0\1\0\x84\0\0", 22);
    assert_memory_equal(image + 86 + 30, "\0\0\0\0", 4);

    assert_applied(APPLY(&page, MYSQL_REDO_UNDO_INSERT, "\0\3abc"));
    assert_memory_equal(image + 132,
                        "\0\x8B"
                        "abc"
                        "\0\x84",
                        7);
    assert_int_equal(be16(image + 42), 139);

    /* A second header is linked to the first. */
    assert_applied(APPLY(&page, MYSQL_REDO_UNDO_HDR_CREATE, "\x00\x00\x00\x00\x08"));
    assert_int_equal(be16(image + 86 + 30), 139);
    assert_int_equal(be16(image + 139 + 32), 86);
    assert_int_equal(be16(image + 58), 139);
    assert_int_equal(be16(image + 42), 139 + 46);

    assert_applied(APPLY(&page, MYSQL_REDO_UNDO_ERASE_END, ""));
    assert_int_equal(image[139 + 45], 0);
    for (size_t i = 139 + 46; i < SIZE - 8; i++)
        assert_int_equal(image[i], 0xFF);
    assert_int_equal(image[SIZE - 8], 0);

    image[86 + 20] = image[86 + 21] = 1;
    put_be16(image + 86 + 16, 77);
    assert_applied(APPLY(&page, MYSQL_REDO_UNDO_HDR_REUSE, "\x00\x00\x00\x00\x09"));
    assert_memory_equal(image + 86, "\0\0\0\0\0\0\0\x9", 8);
    assert_int_equal(be16(image + 86 + 16), 77);
    assert_memory_equal(image + 86 + 18, "\0\x84\0\0", 4);
    assert_memory_equal(image + 40, "\0\x84\0\x84", 4);
    assert_int_equal(be16(image + 58), 139);
}

static void undo_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const char why[] = "an undo record or header that does not fit the undo page";
    static const char record[] = "\0\4abcd"; /* takes 8 bytes */
    static const uint16_t bad_free[] = {0, 55, SIZE - 15, SIZE - 8, SIZE, 65535};
    struct mysql_page page = new_undo_page();
    for (size_t i = 0; i < sizeof bad_free / sizeof bad_free[0]; i++) {
        put_be16(image + 42, bad_free[i]);
        assert_string_equal(APPLY(&page, MYSQL_REDO_UNDO_INSERT, record), why);
        assert_string_equal(APPLY(&page, MYSQL_REDO_UNDO_HDR_CREATE, "\0\0\0\0\7"), why);
    }
    put_be16(image + 42, SIZE - 16);
    assert_applied(APPLY(&page, MYSQL_REDO_UNDO_INSERT, record));
    put_be16(image + 42, SIZE - 7);
    assert_string_equal(APPLY(&page, MYSQL_REDO_UNDO_ERASE_END, ""), why);
    put_be16(image + 42, 200);
    put_be16(image + 58, SIZE - 40); /* last log */
    assert_string_equal(APPLY(&page, MYSQL_REDO_UNDO_HDR_CREATE, "\0\0\0\0\7"), why);
}

/* --- ROW_FORMAT=COMPRESSED -------------------------------------------------------------------- */

static void header_of_a_compressed_page_is_changed_in_both_forms(void **state)
{
    (void)state;
    struct mysql_page page = zip_page();
    memset(zip_image, 0, ZIP_SIZE);
    memset(image, 0, SIZE);
    assert_applied(APPLY(&page, MYSQL_REDO_ZIP_WRITE_HEADER, "\x42\x02\xAB\xCD"));
    assert_int_equal(be16(zip_image + 66), 0xABCD);
    assert_int_equal(be16(image + 66), 0);
    page.frame_valid = true;
    assert_applied(APPLY(&page, MYSQL_REDO_ZIP_WRITE_HEADER, "\x42\x02\x12\x34"));
    assert_int_equal(be16(zip_image + 66), 0x1234);
    assert_int_equal(be16(image + 66), 0x1234);
    static const char why[] = "a change of a page header that does not fit the header";
    assert_string_equal(APPLY(&page, MYSQL_REDO_ZIP_WRITE_HEADER, "\x5D\x01x"), why);
    assert_string_equal(APPLY(&page, MYSQL_REDO_ZIP_WRITE_HEADER, "\x26\x00"), why);
}

static void pointers_outside_the_stream_are_written_twice_while_the_image_is_current(void **state)
{
    (void)state;
    struct mysql_page page = zip_page();
    memset(zip_image, 0, ZIP_SIZE);
    memset(image, 0, SIZE);
    page.frame_valid = true;
    assert_applied(APPLY(&page, MYSQL_REDO_ZIP_WRITE_NODE_PTR, "\x00\x80\x07\x00PPPP"));
    assert_memory_equal(image + 128, "PPPP", 4);
    assert_memory_equal(zip_image + 0x700, "PPPP", 4);
    page.frame_newer = true;
    assert_applied(APPLY(&page, MYSQL_REDO_ZIP_WRITE_BLOB_PTR,
                         "\x00\x90\x07\x00"
                         "01234567890123456789"));
    assert_memory_equal(image + 144, "01234567890123456789", 20);
    assert_memory_equal(zip_image + 0x700, "PPPP", 4);
    static const char why[] = "a pointer beyond the end of the page";
    assert_string_equal(APPLY(&page, MYSQL_REDO_ZIP_WRITE_NODE_PTR, "\x0F\xF5\x07\x00PPPP"), why);
    assert_string_equal(APPLY(&page, MYSQL_REDO_ZIP_WRITE_NODE_PTR, "\x00\x80\x07\xFDPPPP"), why);
    assert_string_equal(APPLY(&page, MYSQL_REDO_ZIP_WRITE_NODE_PTR, "\x00\x5D\x07\x00PPPP"), why);
}

static void compressed_page_without_a_tree_takes_no_records(void **state)
{
    (void)state;
    struct mysql_page page = zip_page();
    memset(zip_image, 0, ZIP_SIZE);
    assert_string_equal(APPLY(&page, MYSQL_REDO_REC_SEC_DELETE_MARK, "\1\0\x80"),
                        "a change of records, but the page is no index page");
    assert_false(page.frame_newer);
    assert_null(redo_mysql_apply_finish(&page));
}

/* --- recorded pages --------------------------------------------------------------------------- */

struct pair {
    struct mysql_page page;
    space_id_t space;
    page_no_t no;
    lsn_t end;
    struct reader records;
    const uint8_t *before, *after;
    uint32_t size; /* of before and after */
};

static bool next_pair(struct pair *p, struct reader *r)
{
    if (!rd_left(r))
        return false;
    *p = (struct pair){.space = rd_be32(r), .no = rd_be32(r)};
    p->page.page_size = rd_be32(r);
    p->page.zip_size = rd_be32(r);
    rd_be64(r); /* start */
    p->end = rd_be64(r);
    const uint32_t n = rd_be32(r);
    p->records = reader_of(rd_bytes(r, n), n);
    p->size = p->page.zip_size ? p->page.zip_size : p->page.page_size;
    p->before = rd_bytes(r, p->size);
    p->after = rd_bytes(r, p->size);
    assert_false(r->ran_out);
    return true;
}

/* Exactly as long as they should be, so that ASan sees the byte behind them. */
static void open_pair(struct pair *p)
{
    p->page.frame = mem_alloc(p->page.page_size);
    p->page.scratch = mem_alloc(p->page.page_size);
    if (p->page.zip_size) {
        p->page.zip = mem_alloc(p->page.zip_size);
        p->page.layout = mem_alloc(sizeof *p->page.layout);
    }
    memcpy(redo_mysql_image(&p->page), p->before, p->size);
}

static void close_pair(struct pair *p)
{
    free(p->page.frame);
    free(p->page.scratch);
    free(p->page.zip);
    free(p->page.layout);
}

/* The form that servers up to 8.0.28 gave a record: false if it has none. */
static bool make_old(struct redo_record *rec, uint8_t *body)
{
    enum { COMPACT = 1 };
    static const struct {
        unsigned type, redundant, comp;
    } old[] = {
        {MYSQL_REDO_REC_INSERT, MYSQL_REDO_REC_INSERT_8027, MYSQL_REDO_COMP_REC_INSERT},
        {MYSQL_REDO_REC_CLUST_DELETE_MARK, MYSQL_REDO_REC_CLUST_DELETE_MARK_8027,
         MYSQL_REDO_COMP_REC_CLUST_DELETE_MARK},
        {MYSQL_REDO_REC_DELETE, MYSQL_REDO_REC_DELETE_8027, MYSQL_REDO_COMP_REC_DELETE},
        {MYSQL_REDO_REC_UPDATE_IN_PLACE, MYSQL_REDO_REC_UPDATE_IN_PLACE_8027,
         MYSQL_REDO_COMP_REC_UPDATE_IN_PLACE},
        {MYSQL_REDO_LIST_END_COPY_CREATED, MYSQL_REDO_LIST_END_COPY_CREATED_8027,
         MYSQL_REDO_COMP_LIST_END_COPY_CREATED},
        {MYSQL_REDO_PAGE_REORGANIZE, MYSQL_REDO_PAGE_REORGANIZE_8027,
         MYSQL_REDO_COMP_PAGE_REORGANIZE},
        {MYSQL_REDO_ZIP_PAGE_REORGANIZE, 0, MYSQL_REDO_ZIP_PAGE_REORGANIZE_8027},
        {MYSQL_REDO_ZIP_PAGE_COMPRESS_NO_DATA, 0, MYSQL_REDO_ZIP_PAGE_COMPRESS_NO_DATA_8027},
        {MYSQL_REDO_LIST_END_DELETE, MYSQL_REDO_LIST_END_DELETE_8027,
         MYSQL_REDO_COMP_LIST_END_DELETE},
        {MYSQL_REDO_LIST_START_DELETE, MYSQL_REDO_LIST_START_DELETE_8027,
         MYSQL_REDO_COMP_LIST_START_DELETE},
    };
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        if (old[i].type != rec->type || rec->body[1] > COMPACT)
            continue;
        rec->type = rec->body[1] == COMPACT ? old[i].comp : old[i].redundant;
        rec->body_len -= 2;
        memcpy(body, rec->body + 2, rec->body_len);
        rec->body = body;
        return true;
    }
    return false;
}

struct seen {
    bool types[128];
};

static const char *apply_pair(struct pair *p, bool old_forms, struct seen *seen)
{
    struct reader r = p->records;
    while (rd_left(&r)) {
        struct redo_record rec = {.type = rd_u8(&r), .space = p->space, .page = p->no};
        rec.body_len = rd_be32(&r);
        const uint8_t *body = rd_bytes(&r, rec.body_len);
        assert_false(r.ran_out);
        uint8_t *exact = mem_alloc(rec.body_len + 1), *old = mem_alloc(rec.body_len + 1);
        memcpy(exact, body, rec.body_len);
        rec.body = exact;
        if (old_forms)
            make_old(&rec, old);
        seen->types[rec.type] = true;
        const char *why = redo_mysql_apply(&p->page, &rec);
        free(exact);
        free(old);
        if (why)
            return why;
    }
    redo_mysql_apply_end(&p->page, p->end);
    return redo_mysql_apply_finish(&p->page);
}

/* What our zlib makes of a page may differ from what the one of the recording made. */
static bool same_frames(const struct pair *p)
{
    uint8_t *ours = mem_alloc(p->page.page_size), *theirs = mem_alloc(p->page.page_size);
    struct page_zip_layout *l = mem_alloc(sizeof *l);
    const bool same = page_zip_is_btree(p->after)
                          ? !page_zip_decode(l, ours, p->page.page_size, p->page.zip, p->size) &&
                                !page_zip_decode(l, theirs, p->page.page_size, p->after, p->size) &&
                                !memcmp(ours + 4, theirs + 4, p->page.page_size - 4)
                          : !memcmp(p->page.zip + 4, p->after + 4, p->size - 4);
    free(ours);
    free(theirs);
    free(l);
    return same;
}

/* Checksum and trailer are the business of page_stamp. */
static bool same_page(const struct pair *p)
{
    return p->page.zip ? same_frames(p)
                       : !memcmp(p->page.frame + 4, p->after + 4, p->size - 4 - FIL_TRAILER);
}

static uint8_t *load_fixtures(size_t *len)
{
    char *packed;
    size_t n;
    assert_null(file_read_all(&packed, &n, "tests/data/redo/mysql-pairs.zst", 4 << 20));
    const unsigned long long size = ZSTD_getFrameContentSize(packed, n);
    assert_in_range(size, 1, 64 << 20);
    uint8_t *data = mem_alloc(size);
    *len = ZSTD_decompress(data, size, packed, n);
    assert_int_equal(*len, size);
    free(packed);
    return data;
}

static void replay_fixtures(bool old_forms, struct seen *seen)
{
    size_t len, n = 0;
    uint8_t *data = load_fixtures(&len);
    struct reader r = reader_of(data, len);
    for (struct pair p; next_pair(&p, &r); n++) {
        open_pair(&p);
        const char *why = apply_pair(&p, old_forms, seen);
        if (why || !same_page(&p))
            fail_msg("pair %zu: page %u of space %u before LSN %llu: %s", n, p.no, p.space,
                     (unsigned long long)p.end, why ? why : "differs");
        close_pair(&p);
    }
    free(data);
    assert_true(n >= 150);
}

static void changes_recorded_from_servers_come_out_equal(void **state)
{
    (void)state;
    static const unsigned expected[] = {1,  2,  4,  8,  11, 19, 20, 21, 22, 24, 25,
                                        27, 30, 37, 48, 49, 50, 51, 58, 59, 64, 67,
                                        68, 69, 70, 71, 72, 73, 74, 75, 76};
    struct seen seen = {0};
    replay_fixtures(false, &seen);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (!seen.types[expected[i]])
            fail_msg("no recorded change with %s", redo_mysql_type_name(expected[i]));
}

static void the_same_changes_in_the_form_of_older_servers_come_out_equal(void **state)
{
    (void)state;
    static const unsigned expected[] = {9, 10, 13, 14, 17, 38, 39, 41, 42, 43, 45, 46, 52, 53};
    struct seen seen = {0};
    replay_fixtures(true, &seen);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (!seen.types[expected[i]])
            fail_msg("no recorded change could be made into %s", redo_mysql_type_name(expected[i]));
}

/* --- garbage ---------------------------------------------------------------------------------- */

/* Damages a recorded page and record at random and applies: ASan and UBSan judge. */
static void damaged_pages_and_records_are_survived(void **state)
{
    (void)state;
    size_t len;
    uint8_t *data = load_fixtures(&len);
    struct test_random random = {1};
    struct seen seen;
    uint64_t refused = 0, tried = 0;
    for (int round = 0; round < 12; round++) {
        struct reader r = reader_of(data, len);
        for (struct pair p; next_pair(&p, &r);) {
            uint8_t *records = mem_alloc(rd_left(&p.records) + 1);
            const size_t n = rd_left(&p.records);
            memcpy(records, p.records.p, n);
            open_pair(&p);
            for (uint64_t k = test_random_below(&random, 4); k; k--)
                redo_mysql_image(&p.page)[test_random_below(&random, k & 1 ? 130 : p.size)] =
                    (uint8_t)test_random_u64(&random);
            /* Behind type and length of the first record. */
            const uint32_t first = be32(records + 1);
            for (uint64_t k = first ? test_random_below(&random, 3) : 0; k; k--)
                records[5 + test_random_below(&random, first)] = (uint8_t)test_random_u64(&random);
            p.records = reader_of(records, n);
            refused += apply_pair(&p, false, &seen) != NULL;
            tried++;
            close_pair(&p);
            free(records);
        }
    }
    free(data);
    assert_in_range(refused, tried / 20, tried - tried / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_where_the_record_says),
        cmocka_unit_test(records_that_do_not_fit_are_named),
        cmocka_unit_test(page_is_zeroed_when_it_is_initialised),
        cmocka_unit_test(bitmap_page_covers_as_many_pages_as_it_has_bytes),
        cmocka_unit_test(end_of_an_mtr_stamps_the_image_that_counts),
        cmocka_unit_test(undo_page_takes_headers_and_records),
        cmocka_unit_test(undo_that_does_not_fit_is_refused),
        cmocka_unit_test(header_of_a_compressed_page_is_changed_in_both_forms),
        cmocka_unit_test(pointers_outside_the_stream_are_written_twice_while_the_image_is_current),
        cmocka_unit_test(compressed_page_without_a_tree_takes_no_records),
        cmocka_unit_test(changes_recorded_from_servers_come_out_equal),
        cmocka_unit_test(the_same_changes_in_the_form_of_older_servers_come_out_equal),
        cmocka_unit_test(damaged_pages_and_records_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
