/* innodb/page_compress_test.c: page_compressed pages of real servers give whole pages; bad
 * payloads are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <stdlib.h>

#include "innodb/page_check.h"
#include "innodb/page_codec.h"
#include "innodb/page_compress.h"
#include "innodb/page_fixture.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    uint32_t page_size;
    int compressed;
} fixtures[] = {
    {"full4-pc_zlib", 4096, 25},  {"full4-pc_lz4", 4096, 25},    {"full4-pc_lzo", 4096, 25},
    {"full4-pc_lzma", 4096, 25},  {"full4-pc_bzip2", 4096, 25},  {"full4-pc_snappy", 4096, 25},
    {"full64-pc_zlib", 65536, 5}, {"full64-pc_lz4", 65536, 5},   {"full64-pc_lzo", 65536, 5},
    {"full64-pc_lzma", 65536, 5}, {"full64-pc_bzip2", 65536, 5}, {"full64-pc_snappy", 65536, 5},
    {"crc16-pc_zlib", 16384, 5},  {"crc16-pc_lz4", 16384, 5},    {"crc16-pc_lzo", 16384, 5},
    {"crc16-pc_lzma", 16384, 5},  {"crc16-pc_bzip2", 16384, 5},  {"crc16-pc_snappy", 16384, 5},
    {"my64-pc_lz4", 65536, 5},
};

static int count_text(const uint8_t *page, size_t size, const char *text)
{
    int n = 0;
    const uint8_t *end = page + size;
    while ((page = memmem(page, (size_t)(end - page), text, strlen(text)))) {
        n++;
        page++;
    }
    return n;
}

/* The tables hold 60 rows, 'row 1xxx' ...: in the clustered index and in the secondary one. */
static void every_algorithm_gives_back_whole_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(fixtures); i++) {
        struct page_fixture f = page_fixture_load(fixtures[i].name, fixtures[i].page_size);
        uint8_t *image = mem_alloc(fixtures[i].page_size);
        int compressed = 0, rows = 0;
        for (page_no_t no = 0; no < f.n_pages; no++) {
            const uint8_t *page = page_fixture_page(&f, no);
            char why[PAGE_WHY_SIZE] = "";
            if (!page_is_compressed(&f.format, page))
                continue;
            compressed++;
            assert_null(page_decompress(&f.format, page, image));
            if (f.format.full_crc32)
                page_stamp(&f.format, image); /* legacy images carry the server's own checksum */
            assert_int_equal(page_check(&f.format, f.id, no, image, why), PAGE_OK);
            rows += count_text(image, fixtures[i].page_size, "row ");
        }
        assert_int_equal(compressed, fixtures[i].compressed);
        assert_true(rows >= 60);
        free(image);
        page_fixture_fini(&f);
    }
}

/* lz4, lzo, snappy: byte n-5 is 0 when the payload fills the stored size exactly. */
static void a_zero_length_byte_means_a_full_payload(void **state)
{
    struct page_fixture f = page_fixture_load("full4-pc_lzo", 4096);
    int seen = 0;
    (void)state;
    for (page_no_t no = 1; no < f.n_pages; no++) {
        const uint8_t *page = page_fixture_page(&f, no);
        uint8_t image[4096];
        const uint32_t n = (be16(page + FIL_TYPE) & 0x7FFFu) * 256;
        if (n && page[n - 5] == 0) {
            assert_null(page_decompress(&f.format, page, image));
            seen++;
        }
    }
    assert_true(seen > 0);
    page_fixture_fini(&f);
}

static const struct {
    const char *fixture;
    uint32_t page_size;
    page_no_t no;
    int at, width; /* a big-endian integer of that many bytes is put there */
    uint32_t value;
    const char *want;
} damages[] = {
    {"full4-pc_lz4", 4096, 4, 24, 2, 0x8000, "compressed page of 0 bytes"},
    {"full4-pc_lz4", 4096, 4, 24, 2, 0x8010, "compressed page of 4096 bytes"},
    {"full4-pc_lz4", 4096, 4, 24, 2, 0xFFFF, "compressed page of 8388352 bytes"},
    {"full4-pc_lz4", 4096, 4, 24, 2, 17855, "page of type 17855 is not compressed"},
    {"full4-pc_lz4", 4096, 4, 26, 4, 0, "lz4 payload of * bytes does not give a page"},
    {"full4-pc_lzo", 4096, 4, 26, 4, 0x40000000, "lzo payload of * bytes does not give a page"},
    {"full4-pc_snappy", 4096, 4, 26, 2, 0x8040, "snappy payload of * bytes does not give a page"},
    {"full4-pc_zlib", 4096, 4, 26, 2, 0, "zlib payload of * bytes does not give a page"},
    {"full4-pc_bzip2", 4096, 4, 26, 2, 0, "bzip2 payload of * bytes does not give a page"},
    {"full4-pc_lzma", 4096, 4, 26, 2, 0, "lzma payload of * bytes does not give a page"},
    {"full4-pc_zlib", 4096, 4, 4, 4, 9, "compressed page 9 of LSN * holds page 4 of LSN *"},
    {"crc16-pc_lz4", 16384, 4, 32, 2, 0, "unknown compression algorithm 0"},
    {"crc16-pc_lz4", 16384, 4, 32, 2, 7, "unknown compression algorithm 7"},
    {"crc16-pc_lz4", 16384, 4, 38, 2, 0, "compressed payload of 0 bytes"},
    {"crc16-pc_lz4", 16384, 4, 38, 2, 16345, "compressed payload of 16345 bytes"},
    {"crc16-pc_lz4", 16384, 4, 38, 2, 16344, "lz4 payload of 16344 bytes does not give a page"},
    {"crc16-pc_lz4", 16384, 4, 38, 2, 8, "lz4 payload of 8 bytes does not give a page"},
};

static void bad_payloads_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(damages); i++) {
        struct page_fixture f = page_fixture_load(damages[i].fixture, damages[i].page_size);
        uint8_t *page = page_fixture_page(&f, damages[i].no);
        uint8_t *image = mem_alloc(damages[i].page_size);
        for (int k = 0; k < damages[i].width; k++)
            page[damages[i].at + k] = (uint8_t)(damages[i].value >> 8 * (damages[i].width - 1 - k));
        struct err *e = page_decompress(&f.format, page, image);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        if (fnmatch(damages[i].want, e->message, 0) != 0)
            fail_msg("case %zu: want \"%s\", got \"%s\"", i, damages[i].want, e->message);
        err_free(e);
        free(image);
        page_fixture_fini(&f);
    }
}

static void flags_without_an_algorithm_are_named(void **state)
{
    struct page_fixture f = page_fixture_load("full4-pc_zlib", 4096);
    struct space_format plain;
    uint8_t image[4096];
    (void)state;
    assert_null(space_format_decode(&plain, 0x13, 4096));
    struct err *e = page_decompress(&plain, page_fixture_page(&f, 4), image);
    assert_non_null(e);
    assert_string_equal(e->message,
                        "compressed page in a tablespace whose flags 0x13 name no algorithm");
    err_free(e);
    page_fixture_fini(&f);
}

static void a_length_byte_before_the_payload_is_refused(void **state)
{
    struct page_fixture f = page_fixture_load("full4-pc_lz4", 4096);
    uint8_t *page = page_fixture_page(&f, 4), image[4096];
    (void)state;
    put_be16(page + FIL_TYPE, 0x8001);
    for (int m = 1; m <= 31; m++) { /* 256 + m - 256 - 5 is at most the header's end */
        page[256 - 5] = (uint8_t)m;
        struct err *e = page_decompress(&f.format, page, image);
        assert_non_null(e);
        assert_string_equal(e->message, "compressed page with an empty payload");
        err_free(e);
    }
    page_fixture_fini(&f);
}

static void random_payloads_never_overrun(void **state)
{
    (void)state;
    srandom(20261126);
    for (int round = 0; round < 6000; round++) {
        const unsigned algorithm = 1 + (unsigned)random() % 6;
        const size_t n = 1 + (size_t)random() % 300;
        uint8_t *in = mem_alloc(n), *out = mem_alloc(4096); /* exact sizes, for the sanitizer */
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)random();
        struct err *e = page_codec_decode(algorithm, in, n, out, 4096);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        err_free(e);
        free(in);
        free(out);
    }
}

static void algorithms_have_names(void **state)
{
    (void)state;
    assert_null(page_algorithm_name(0));
    assert_string_equal(page_algorithm_name(PAGE_ALGORITHM_ZLIB), "zlib");
    assert_string_equal(page_algorithm_name(PAGE_ALGORITHM_SNAPPY), "snappy");
    assert_null(page_algorithm_name(7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_gives_back_whole_pages),
        cmocka_unit_test(a_zero_length_byte_means_a_full_payload),
        cmocka_unit_test(bad_payloads_are_named),
        cmocka_unit_test(flags_without_an_algorithm_are_named),
        cmocka_unit_test(a_length_byte_before_the_payload_is_refused),
        cmocka_unit_test(random_payloads_never_overrun),
        cmocka_unit_test(algorithms_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
