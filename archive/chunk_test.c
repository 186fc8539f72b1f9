/* archive/chunk_test.c: zero blocks, merging and unpacking of chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive/archive_test_util.h"
#include "archive/chunk.h"
#include "archive/packer.h"
#include "base/mem.h"

enum { BLOCK = ZERO_BLOCK };

static struct chunk_record built(const struct chunk_build *b, uint32_t i)
{
    return chunk_record_get(b->head + CHUNK_HEADER_SIZE + (size_t)i * RECORD_SIZE);
}

static void assert_record(const struct chunk_build *b, uint32_t i, uint64_t offset, uint32_t len,
                          bool zeros)
{
    const struct chunk_record r = built(b, i);
    assert_int_equal(r.offset, offset);
    assert_int_equal(r.len, len);
    assert_int_equal(r.zeros, zeros);
}

static void a_dense_piece_is_borrowed_and_not_copied(void **state)
{
    (void)state;
    static uint8_t data[3 * BLOCK];
    memset(data, 7, sizeof data);
    struct chunk_build b;
    chunk_build_init(&b);
    chunk_build_only(&b, 1, 0, data, sizeof data);
    assert_ptr_equal(b.payload, data);
    assert_int_equal(b.n_records, 1);
    assert_record(&b, 0, 0, sizeof data, false);
    chunk_build_fini(&b);
}

static void zero_blocks_of_content_become_records_without_payload(void **state)
{
    (void)state;
    static uint8_t data[5 * BLOCK];
    /* The piece starts 96 bytes into a block: its blocks are not those of the buffer. */
    const uint64_t offset = 10 * BLOCK + 96;
    memset(data, 7, sizeof data);
    memset(data + BLOCK - 96, 0, 2 * BLOCK);
    memset(data + 4 * BLOCK - 96 + 1, 0, BLOCK - 2); /* one byte short of a block */
    struct chunk_build b;
    chunk_build_init(&b);
    chunk_build_only(&b, 1, offset, data, sizeof data);
    assert_int_equal(b.n_runs, 1);
    assert_int_equal(b.runs[0].len, sizeof data);
    assert_int_equal(b.n_records, 3);
    assert_record(&b, 0, offset, BLOCK - 96, false);
    assert_record(&b, 1, 11 * BLOCK, 2 * BLOCK, true);
    assert_record(&b, 2, 13 * BLOCK, 2 * BLOCK + 96, false);
    assert_int_equal(b.raw_len, 3 * BLOCK);
    assert_memory_equal(b.payload + BLOCK - 96, data + 3 * BLOCK - 96, 2 * BLOCK + 96);
    chunk_build_fini(&b);
}

static void pieces_that_continue_each_other_are_one_record_and_one_run(void **state)
{
    (void)state;
    static uint8_t data[100], zeros[100];
    memset(data, 7, sizeof data);
    struct chunk_build b;
    chunk_build_init(&b);
    chunk_build_add(&b, 1, 0, data, 100);
    chunk_build_add(&b, 1, 100, data, 100);
    chunk_build_add(&b, 1, 200, zeros, 100);
    chunk_build_add(&b, 2, 300, data, 100); /* another entry */
    chunk_build_add(&b, 2, 500, data, 100); /* a gap */
    assert_int_equal(b.n_records, 4);
    assert_int_equal(b.n_runs, 3);
    assert_record(&b, 0, 0, 200, false);
    assert_record(&b, 1, 200, 100, true);
    assert_int_equal(b.runs[0].len, 300);
    assert_int_equal(b.runs[2].first_record, 3);
    chunk_build_fini(&b);
}

static void runs_and_records_stay_below_their_longest(void **state)
{
    (void)state;
    uint8_t *zeros = mem_zalloc(CHUNK_RAW_MAX);
    const uint32_t n = RECORD_LEN_MAX / CHUNK_RAW_MAX + 3;
    struct chunk_build b;
    chunk_build_init(&b);
    for (uint32_t i = 0; i < n; i++)
        chunk_build_add(&b, 1, (uint64_t)i * CHUNK_RAW_MAX, zeros, CHUNK_RAW_MAX);
    assert_int_equal(b.n_records, 2);
    assert_int_equal(b.n_runs, 2);
    assert_int_equal(b.runs[1].first_record, 1);
    assert_record(&b, 0, 0, RECORD_LEN_MAX, true);
    assert_record(&b, 1, RECORD_LEN_MAX, 3 * CHUNK_RAW_MAX, true);
    chunk_build_fini(&b);
    free(zeros);
}

static void a_build_is_full_by_bytes_or_by_records(void **state)
{
    (void)state;
    static uint8_t data[CHUNK_RAW_MAX];
    memset(data, 7, sizeof data);
    struct chunk_build b;
    chunk_build_init(&b);
    assert_true(chunk_build_fits(&b, CHUNK_RAW_MAX));
    chunk_build_add(&b, 1, 0, data, CHUNK_RAW_MAX - 10);
    assert_true(chunk_build_fits(&b, 10));
    assert_false(chunk_build_fits(&b, 11));
    chunk_build_reset(&b);
    uint32_t n = 0;
    for (; chunk_build_fits(&b, 1); n++)
        chunk_build_add(&b, n, 0, data, 1);
    assert_int_equal(n, CHUNK_RECORDS_MAX - 1);
    chunk_build_fini(&b);
}

/* ---- unpacking hostile chunks: records and payload that do not go together ---- */

static const struct {
    const char *name;
    struct chunk_record records[2];
    uint32_t raw_len;
    const char *message;
} bad_records[] = {
    {"length 0",
     {{1, 0, false, 0}, {1, 8, false, 0}},
     8,
     "record 0: length 0 at content offset 0 is out of range"},
    {"length beyond the longest",
     {{1, RECORD_LEN_MAX + 1, true, 0}, {1, 8, false, 0}},
     8,
     "record 0: length 1073741825 at content offset 0 is out of range"},
    {"offset that would wrap",
     {{1, 4, false, 0}, {1, 4, false, UINT64_MAX - 1}},
     8,
     "record 1: length 4 at content offset 18446744073709551614 is out of range"},
    {"more data than payload",
     {{1, 8, false, 0}, {1, 8, false, 8}},
     8,
     "the records hold 16 bytes, the payload 8"},
    {"less data than payload",
     {{1, 8, true, 0}, {1, 7, false, 8}},
     8,
     "the records hold 7 bytes, the payload 8"},
};

static void records_that_do_not_describe_the_payload_are_refused(void **state)
{
    (void)state;
    struct unpacker *u = unpacker_new(NULL);
    for (size_t i = 0; i < sizeof bad_records / sizeof *bad_records; i++) {
        uint8_t body[2 * RECORD_SIZE + 8] = {0};
        for (int k = 0; k < 2; k++)
            chunk_record_put(body + k * RECORD_SIZE, &bad_records[i].records[k]);
        const struct chunk_header h = {.kind = CHUNK_DATA,
                                       .n_records = 2,
                                       .raw_len = bad_records[i].raw_len,
                                       .stored_len = bad_records[i].raw_len,
                                       .body_hash = hash128_of(body, sizeof body, NULL, 0)};
        struct chunk c;
        struct err *e = chunk_unpack(u, &c, &h, body);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_string_equal(e->message, bad_records[i].message);
        err_free(e);
    }
    unpacker_free(u);
}

static void a_wrong_raw_length_is_found_after_decompression(void **state)
{
    (void)state;
    static uint8_t data[8000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i / 100);
    struct packer_pool pool;
    packer_pool_init(&pool, ARCHIVE_CODEC_ZSTD, 3);
    struct packer *p = packer_take(&pool);
    struct packed packed;
    chunk_build_only(&p->single, 1, 0, data, sizeof data);
    assert_null(packer_pack(p, &p->single, CHUNK_DATA, &packed));
    assert_int_equal(packed.header.codec, ARCHIVE_CODEC_ZSTD);

    uint8_t body[RECORD_SIZE + sizeof data];
    struct chunk c;
    struct unpacker *u = unpacker_new(NULL);
    static const struct {
        uint32_t raw_len;
        const char *message;
    } cases[] = {{8000, NULL},
                 {8001, "8000 bytes decompressed, 8001 expected"},
                 {7999, "zstd: Destination buffer is too small"}};
    for (size_t i = 0; i < 3; i++) {
        struct chunk_header h = packed.header;
        h.raw_len = cases[i].raw_len;
        chunk_record_put(body, &(struct chunk_record){.entry = 1, .len = cases[i].raw_len});
        memcpy(body + RECORD_SIZE, packed.payload, h.stored_len);
        h.body_hash = hash128_of(body, RECORD_SIZE + h.stored_len, NULL, 0);
        struct err *e = chunk_unpack(u, &c, &h, body);
        if (!cases[i].message) {
            assert_null(e);
            assert_memory_equal(c.raw, data, sizeof data);
            continue;
        }
        assert_non_null(e);
        assert_string_equal(e->message, cases[i].message);
        err_free(e);
    }
    unpacker_free(u);
    packer_put(&pool, p);
    packer_pool_fini(&pool);
}

static void what_does_not_shrink_is_stored_as_it_is(void **state)
{
    (void)state;
    static uint8_t noise[70000];
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(test_random(&seed) >> 32);
    struct packer_pool pool;
    packer_pool_init(&pool, ARCHIVE_CODEC_ZSTD, 3);
    struct packer *p = packer_take(&pool);
    struct packed packed;
    chunk_build_only(&p->single, 1, 0, noise, sizeof noise);
    assert_null(packer_pack(p, &p->single, CHUNK_DATA, &packed));
    assert_int_equal(packed.header.codec, ARCHIVE_CODEC_NONE);
    assert_int_equal(packed.header.stored_len, sizeof noise);
    assert_ptr_equal(packed.payload, noise);
    packer_put(&pool, p);
    packer_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dense_piece_is_borrowed_and_not_copied),
        cmocka_unit_test(zero_blocks_of_content_become_records_without_payload),
        cmocka_unit_test(pieces_that_continue_each_other_are_one_record_and_one_run),
        cmocka_unit_test(runs_and_records_stay_below_their_longest),
        cmocka_unit_test(a_build_is_full_by_bytes_or_by_records),
        cmocka_unit_test(records_that_do_not_describe_the_payload_are_refused),
        cmocka_unit_test(a_wrong_raw_length_is_found_after_decompression),
        cmocka_unit_test(what_does_not_shrink_is_stored_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
