/* innodb/page_check_test.c: real pages are whole; damaged ones are named with what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "innodb/page_check.h"
#include "innodb/page_compress.h"
#include "innodb/page_fixture.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    uint32_t page_size;
    int ok, zero, compressed, encrypted;
} fixtures[] = {
    {"full16-dyn", 16384, 10, 0, 0, 0},
    {"full16-cpt", 16384, 5, 0, 0, 0},
    {"full16-red", 16384, 10, 0, 0, 0},
    {"full16-sp", 16384, 9, 0, 0, 0},
    {"full16-zip1", 16384, 43, 27, 0, 0},
    {"full16-zip4", 16384, 10, 2, 0, 0},
    {"full16-zip16", 16384, 10, 0, 0, 0},
    {"full4-dyn", 4096, 26, 1, 0, 0},
    {"full64-dyn", 65536, 7, 0, 0, 0},
    {"full4-pc_zlib", 4096, 26, 1, 25, 0},
    {"full4-pc_lz4", 4096, 26, 1, 25, 0},
    {"full4-pc_lzo", 4096, 26, 1, 25, 0},
    {"full4-pc_lzma", 4096, 26, 1, 25, 0},
    {"full4-pc_bzip2", 4096, 26, 1, 25, 0},
    {"full4-pc_snappy", 4096, 26, 1, 25, 0},
    {"full64-pc_lz4", 65536, 6, 0, 5, 0},
    {"full4-enc_dyn", 4096, 6, 0, 0, 5},
    {"full4-enc_pc", 4096, 12, 0, 11, 11},
    {"full4-enc_sp", 4096, 4, 0, 0, 3},
    {"crc16-dyn", 16384, 10, 0, 0, 0},
    {"crc16-red", 16384, 5, 0, 0, 0},
    {"crc16-sp", 16384, 9, 0, 0, 0},
    {"crc16-zip8", 16384, 10, 0, 0, 0},
    {"crc64-dyn", 65536, 5, 0, 0, 0},
    {"crc16-pc_zlib", 16384, 6, 0, 5, 0},
    {"crc16-pc_lz4", 16384, 6, 0, 5, 0},
    {"crc16-pc_lzo", 16384, 6, 0, 5, 0},
    {"crc16-pc_lzma", 16384, 6, 0, 5, 0},
    {"crc16-pc_bzip2", 16384, 6, 0, 5, 0},
    {"crc16-pc_snappy", 16384, 6, 0, 5, 0},
    {"crc4-enc_dyn", 4096, 6, 0, 0, 5},
    {"crc4-enc_pc", 4096, 12, 0, 11, 11},
    {"crc4-enc_zip4", 4096, 4, 0, 0, 3},
    {"my4-dyn", 4096, 8, 0, 0, 0},
    {"my4-sp", 4096, 8, 0, 0, 0},
    {"my4-zip2", 4096, 10, 0, 0, 0},
    {"my4-enc_dyn", 4096, 5, 0, 0, 4},
    {"my4-enc_sp", 4096, 6, 0, 0, 5},
    {"my4-enc_zip1", 4096, 8, 0, 0, 7},
    {"my8-pc_zlib", 8192, 9, 0, 8, 0},
    {"my8-pc_lz4", 8192, 9, 0, 8, 0},
    {"my8-pc_sp_zlib", 8192, 8, 0, 6, 0},
    {"my8-pce_zlib", 8192, 9, 0, 8, 8},
    {"my8-pce_lz4", 8192, 9, 0, 8, 8},
    {"my16-dyn", 16384, 8, 0, 0, 0},
    {"my16-zip8", 16384, 8, 0, 0, 0},
    {"my64-pc_lz4", 65536, 6, 0, 5, 0},
    {"my64-pce_zlib", 65536, 6, 0, 5, 5},
};

static void pages_of_real_servers_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(fixtures); i++) {
        struct page_fixture f = page_fixture_load(fixtures[i].name, fixtures[i].page_size);
        int ok = 0, zero = 0, compressed = 0, encrypted = 0;
        for (page_no_t no = 0; no < f.n_pages; no++) {
            const uint8_t *page = page_fixture_page(&f, no);
            char why[PAGE_WHY_SIZE] = "";
            const enum page_state state_of = page_check(&f.format, f.id, no, page, why);
            assert_string_equal(why, "");
            ok += state_of == PAGE_OK;
            zero += state_of == PAGE_ZERO;
            compressed += page_is_compressed(&f.format, page);
            encrypted += page_is_encrypted(&f.format, page, no);
        }
        assert_int_equal(ok, fixtures[i].ok);
        assert_int_equal(zero, fixtures[i].zero);
        assert_int_equal(compressed, fixtures[i].compressed);
        assert_int_equal(encrypted, fixtures[i].encrypted);
        page_fixture_fini(&f);
    }
}

static bool is_plain(const struct page_fixture *f, page_no_t no)
{
    const uint8_t *page = page_fixture_page(f, no);
    return !bytes_are_zero(page, f->format.physical) && !page_is_compressed(&f->format, page) &&
           !page_is_encrypted(&f->format, page, no);
}

static void stamping_gives_the_servers_own_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(fixtures); i++) {
        struct page_fixture f = page_fixture_load(fixtures[i].name, fixtures[i].page_size);
        const uint32_t size = f.format.physical;
        uint8_t *copy = mem_alloc(size);
        for (page_no_t no = 0; no < f.n_pages; no++) {
            const uint8_t *page = page_fixture_page(&f, no);
            if (!is_plain(&f, no))
                continue;
            memcpy(copy, page, size);
            if (!f.format.full_crc32)
                put_be32(copy, 0x12345678);
            if (!f.format.zip)
                memset(copy + size - FIL_TRAILER, 0x5A, FIL_TRAILER);
            page_stamp(&f.format, copy);
            assert_memory_equal(copy, page, size);
        }
        free(copy);
        page_fixture_fini(&f);
    }
}

/* Whether the byte is guarded by checksum, trailer, number or id of a plain page. */
static bool is_guarded(const struct space_format *format, uint32_t at)
{
    if (format->full_crc32)
        return true;
    if (format->zip)
        return at < FIL_LSN || (at >= FIL_TYPE && at < FIL_AFTER_TYPE) || at >= FIL_SPACE;
    return at < FIL_AFTER_TYPE || at >= FIL_SPACE;
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    srandom(20261124);
    for (size_t i = 0; i < N(fixtures); i++) {
        struct page_fixture f = page_fixture_load(fixtures[i].name, fixtures[i].page_size);
        for (int round = 0; round < 300; round++) {
            const page_no_t no = (page_no_t)random() % f.n_pages;
            const uint32_t at = (uint32_t)random() % (round % 2 ? 64 : f.format.physical);
            uint8_t *page = page_fixture_page(&f, no);
            char why[PAGE_WHY_SIZE] = "";
            if (!is_plain(&f, no) || !is_guarded(&f.format, at))
                continue;
            const uint8_t bit = (uint8_t)(1 << random() % 8);
            page[at] ^= bit;
            if (page_check(&f.format, f.id, no, page, why) != PAGE_CORRUPT)
                fail_msg("%s: page %u: byte %u is not guarded", fixtures[i].name, no, at);
            assert_true(why[0] != '\0');
            page[at] ^= bit;
        }
        page_fixture_fini(&f);
    }
}

static void pages_in_the_wrong_place_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(fixtures); i++) {
        struct page_fixture f = page_fixture_load(fixtures[i].name, fixtures[i].page_size);
        const bool hides_id = f.format.full_crc32 && fixtures[i].compressed + fixtures[i].encrypted;
        const page_no_t no = 2;
        const uint8_t *page = page_fixture_page(&f, no);
        char why[PAGE_WHY_SIZE] = "", want[PAGE_WHY_SIZE];
        assert_int_equal(page_check(&f.format, f.id, no + 1, page, why), PAGE_CORRUPT);
        assert_string_equal(why, "page number 2 stored, 3 expected");
        if (!hides_id) {
            assert_int_equal(page_check(&f.format, f.id + 1, no, page, why), PAGE_CORRUPT);
            snprintf(want, sizeof want, "space id %u stored, %u expected", f.id, f.id + 1);
            assert_string_equal(why, want);
        }
        page_fixture_fini(&f);
    }
}

enum stamp { AS_DAMAGED, STAMPED };

static const struct {
    const char *fixture;
    uint32_t page_size;
    page_no_t no;
    int at; /* from the end if negative */
    uint8_t flip;
    enum stamp stamp;
    const char *want; /* pattern */
} damages[] = {
    /* full_crc32 */
    {"full16-dyn", 16384, 3, 0, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"full16-dyn", 16384, 3, 5000, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"full16-dyn", 16384, 3, -1, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"full16-dyn", 16384, 3, 7, 1, STAMPED, "page number 2 stored, 3 expected"},
    {"full16-dyn", 16384, 3, 4, 0x80, STAMPED, "page number 2147483651 stored, 3 expected"},
    {"full16-dyn", 16384, 3, 34, 1, STAMPED, "space id 167772?? stored, ? expected"},
    {"full16-dyn", 16384, 0, 41, 64, STAMPED, "space id * in the space header, * expected"},
    {"full16-dyn", 16384, 0, 57, 0x20, STAMPED, ""}, /* page_compressed since the flags were read */
    {"full16-dyn", 16384, 0, 57, 1, STAMPED, "tablespace flags 0x14 stored, 0x15 expected"},
    {"full16-dyn", 16384, 0, 57, 0x10, STAMPED, "tablespace flags 0x5 stored, 0x15 expected"},
    {"full16-dyn", 16384, 0, 54, 0x10, STAMPED,
     "tablespace flags 0x10000015 stored, 0x15 expected"},
    {"full4-pc_lz4", 4096, 4, 24, 0x40, AS_DAMAGED,
     "type 0xc0??: compressed size * of a page of 4096 bytes"},
    {"full4-pc_lz4", 4096, 4, 25, 0x06, AS_DAMAGED,
     "type 0x8000: compressed size 0 of a page of 4096 bytes"},
    {"full4-pc_lz4", 4096, 4, 24, 0x80, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"full4-pc_lz4", 4096, 4, 100, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"full4-enc_dyn", 4096, 3, 0, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"full4-enc_dyn", 4096, 3, 2000, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    /* legacy crc32 */
    {"crc16-dyn", 16384, 3, 0, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"crc16-dyn", 16384, 3, -8, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"crc16-dyn", 16384, 3, 5000, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"crc16-dyn", 16384, 3, -1, 1, AS_DAMAGED,
     "low LSN word 0x* in the header, 0x* in the trailer"},
    {"crc16-dyn", 16384, 3, 37, 64, AS_DAMAGED, "space id * stored, * expected"},
    {"crc16-dyn", 16384, 3, 33, 1, AS_DAMAGED, ""}, /* R-tree sequence and the like: unguarded */
    {"crc16-dyn", 16384, 3, 29, 1, AS_DAMAGED, ""}, /* looks encrypted, is whole as a plain page */
    {"crc16-dyn", 16384, 3, 7, 1, STAMPED, "page number 2 stored, 3 expected"},
    {"crc16-dyn", 16384, 0, 41, 64, STAMPED, "space id * in the space header, * expected"},
    {"crc16-dyn", 16384, 0, 57, 2, STAMPED, "tablespace flags 0x23 stored, 0x21 expected"},
    {"crc4-enc_dyn", 4096, 3, 33, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"crc4-enc_dyn", 4096, 3, 1000, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"crc4-enc_pc", 4096, 3, 60, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"crc16-pc_zlib", 16384, 4, 60, 1, AS_DAMAGED, "zlib payload of * bytes does not give a page"},
    {"crc16-pc_zlib", 16384, 4, 38, 0xFF, AS_DAMAGED, "compressed payload of 6* bytes"},
    {"crc16-pc_zlib", 16384, 4, 33, 0x10, AS_DAMAGED, "unknown compression algorithm 17"},
    {"crc16-pc_lz4", 16384, 4, 7, 1, AS_DAMAGED, "page number 5 stored, 4 expected"},
    {"crc16-pc_lz4", 16384, 4, 23, 1, AS_DAMAGED,
     "compressed page 4 of LSN * holds page 4 of LSN *"},
    /* ROW_FORMAT=COMPRESSED */
    {"full16-zip4", 16384, 3, 0, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"full16-zip4", 16384, 3, -1, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"full16-zip4", 16384, 3, 20, 1, AS_DAMAGED, ""}, /* the LSN is unguarded in this format */
    {"full16-zip4", 16384, 3, 7, 1, STAMPED, "page number 2 stored, 3 expected"},
    {"full16-zip4", 16384, 3, 34, 1, STAMPED, "space id 167772?? stored, * expected"},
    {"full16-zip4", 16384, 0, 57, 14, STAMPED, "tablespace flags 0x29 stored, 0x27 expected"},
    {"crc4-enc_zip4", 4096, 2, 33, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"crc4-enc_zip4", 4096, 2, 900, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    /* MySQL */
    {"my16-dyn", 16384, 0, 56, 0x20, STAMPED, ""}, /* encrypted since the flags were read */
    {"my16-dyn", 16384, 0, 57, 2, STAMPED, "tablespace flags 0x4023 stored, 0x4021 expected"},
    {"my4-dyn", 4096, 2, 25, 12, AS_DAMAGED, "page of type 15 that is not encrypted"},
    {"my4-zip2", 4096, 2, 25, 12, AS_DAMAGED, "page of type 15 holds one of type 0"},
    {"my4-zip2", 4096, 2, 25, 19, AS_DAMAGED, "page of type 16 holds one of type 0"},
    {"my8-pc_zlib", 8192, 4, 60, 1, AS_DAMAGED, "zlib payload of * bytes does not give a page"},
    {"my8-pc_lz4", 8192, 4, 32, 1, AS_DAMAGED, "lz4 payload of * bytes does not give a page"},
    {"my8-pc_zlib", 8192, 4, 26, 4, AS_DAMAGED, "compressed page of version 6"},
    {"my8-pc_zlib", 8192, 4, 27, 2, AS_DAMAGED, "unknown compression algorithm 3"},
    {"my8-pc_zlib", 8192, 4, 30, 1, AS_DAMAGED, "compressed page holds * bytes, 8154 expected"},
    {"my8-pc_zlib", 8192, 4, 32, 0x80, AS_DAMAGED, "compressed payload of 3* bytes"},
    {"my8-pc_zlib", 8192, 4, 29, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"my8-pc_zlib", 8192, 4, 3, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"my8-pc_zlib", 8192, 4, 23, 1, AS_DAMAGED, "checksum 0x* stored, 0x* computed"},
    {"my8-pc_zlib", 8192, 4, 7, 1, AS_DAMAGED, "page number 5 stored, 4 expected"},
    {"my8-pc_zlib", 8192, 4, 35, 1, AS_DAMAGED, "space id * stored, * expected"},
    {"my4-enc_dyn", 4096, 3, 2000, 1, AS_DAMAGED, ""}, /* who has the key sees it */
    {"my4-enc_dyn", 4096, 3, 7, 1, AS_DAMAGED, "page number 2 stored, 3 expected"},
    {"my4-enc_dyn", 4096, 3, 37, 64, AS_DAMAGED, "space id * stored, * expected"},
    {"my8-pce_zlib", 8192, 3, 26, 2, AS_DAMAGED, "compressed page of version 0"},
    {"my8-pce_zlib", 8192, 3, 32, 0x80, AS_DAMAGED, "compressed payload of 3* bytes"},
};

static void damage_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(damages); i++) {
        struct page_fixture f = page_fixture_load(damages[i].fixture, damages[i].page_size);
        uint8_t *page = page_fixture_page(&f, damages[i].no);
        char why[PAGE_WHY_SIZE] = "";
        page[damages[i].at < 0 ? (int)f.format.physical + damages[i].at : damages[i].at] ^=
            damages[i].flip;
        if (damages[i].stamp == STAMPED)
            page_stamp(&f.format, page);
        const enum page_state got = page_check(&f.format, f.id, damages[i].no, page, why);
        if (fnmatch(damages[i].want, why, 0) != 0)
            fail_msg("case %zu: want \"%s\", got \"%s\"", i, damages[i].want, why);
        assert_int_equal(got, damages[i].want[0] ? PAGE_CORRUPT : PAGE_OK);
        page_fixture_fini(&f);
    }
}

/* A page half of which is of an older write: what a read during a write may see. */
static void torn_pages_are_found(void **state)
{
    static const char *const names[] = {"full16-dyn", "crc16-dyn", "full16-zip16"};
    (void)state;
    for (size_t i = 0; i < N(names); i++) {
        struct page_fixture f = page_fixture_load(names[i], 16384);
        for (uint32_t cut = 512; cut < 16384; cut += 512) {
            uint8_t page[16384];
            char why[PAGE_WHY_SIZE] = "";
            memcpy(page, page_fixture_page(&f, 4), sizeof page);
            page[5000] ^= 1; /* the newer write */
            put_be64(page + FIL_LSN, be64(page + FIL_LSN) + 1000);
            page_stamp(&f.format, page);
            memcpy(page + cut, page_fixture_page(&f, 4) + cut, sizeof page - cut);
            const bool whole =
                f.format.zip && cut > 5000; /* no trailer: nothing of it is left out */
            assert_int_equal(page_check(&f.format, f.id, 4, page, why),
                             whole ? PAGE_OK : PAGE_CORRUPT);
        }
        page_fixture_fini(&f);
    }
}

/* Pages as servers before MariaDB 10.2 and MySQL 5.7 wrote them by default; the vector was
 * computed from the rule in docs/formats-mariadb.md by another program. */
static void old_innodb_checksums_are_accepted(void **state)
{
    struct space_format format;
    uint8_t page[16384];
    char why[PAGE_WHY_SIZE] = "";
    (void)state;
    assert_null(space_format_decode(&format, 0, sizeof page));
    for (uint32_t i = 0; i < sizeof page; i++)
        page[i] = (uint8_t)(i * 7 + i / 256);
    put_be32(page + FIL_PAGE_NO, 9);
    put_be64(page + FIL_LSN, 0x123456789ABCDEF0);
    put_be16(page + FIL_TYPE, FIL_TYPE_INDEX);
    memset(page + FIL_AFTER_TYPE, 0, 8);
    put_be32(page + FIL_SPACE, 5);
    put_be32(page, 0x57197C96);
    put_be32(page + sizeof page - 8, 0xE62EC563);
    put_be32(page + sizeof page - 4, 0x9ABCDEF0);
    assert_int_equal(page_check(&format, 5, 9, page, why), PAGE_OK);
    page[100] ^= 1;
    assert_int_equal(page_check(&format, 5, 9, page, why), PAGE_CORRUPT);
    assert_int_equal(fnmatch("checksum 0x* stored, 0x* computed", why, 0), 0);
}

static void pages_without_checksum_are_judged_by_the_lsn_words(void **state)
{
    struct page_fixture f = page_fixture_load("crc16-dyn", 16384);
    uint8_t *page = page_fixture_page(&f, 3);
    char why[PAGE_WHY_SIZE] = "";
    (void)state;
    put_be32(page, 0xDEADBEEF);
    assert_int_equal(page_check(&f.format, f.id, 3, page, why), PAGE_CORRUPT);
    put_be32(page + 16384 - 8, 0xDEADBEEF);
    assert_int_equal(page_check(&f.format, f.id, 3, page, why), PAGE_OK);
    page[16384 - 2] ^= 1;
    assert_int_equal(page_check(&f.format, f.id, 3, page, why), PAGE_CORRUPT);
    assert_int_equal(fnmatch("low LSN word 0x* in the header, 0x* in the trailer", why, 0), 0);
    page_fixture_fini(&f);
}

static void old_checksums_of_compressed_rows_are_accepted(void **state)
{
    struct page_fixture f = page_fixture_load("full16-zip4", 16384);
    uint8_t *page = page_fixture_page(&f, 3);
    char why[PAGE_WHY_SIZE] = "";
    (void)state;
    put_be32(page, 0xDEADBEEF);
    assert_int_equal(page_check(&f.format, f.id, 3, page, why), PAGE_OK);
    /* adler32 by its definition, from 0 */
    uint32_t a = 0, b = 0;
    for (uint32_t i = 4; i < 4096; i++)
        if (i < 16 || i == 24 || i == 25 || i >= 34) {
            a = (a + page[i]) % 65521;
            b = (b + a) % 65521;
        }
    put_be32(page, b << 16 | a);
    assert_int_equal(page_check(&f.format, f.id, 3, page, why), PAGE_OK);
    page[4000] ^= 1;
    assert_int_equal(page_check(&f.format, f.id, 3, page, why), PAGE_CORRUPT);
    page_fixture_fini(&f);
}

static void all_zero_is_valid_anywhere(void **state)
{
    static const uint32_t flags[] = {0x15, 0x35, 0x21, 0x23, 0x27, 0x10021};
    static const uint8_t zero[16384];
    char why[PAGE_WHY_SIZE] = "";
    (void)state;
    for (size_t i = 0; i < N(flags); i++) {
        struct space_format format;
        uint8_t page[16384] = {0};
        assert_null(space_format_decode(&format, flags[i], sizeof page));
        assert_int_equal(page_check(&format, 77, 0, zero, why), PAGE_ZERO);
        assert_int_equal(page_check(&format, 77, 12345, zero, why), PAGE_ZERO);
        page[format.physical - 1] = 1;
        assert_int_equal(page_check(&format, 77, 0, page, why), PAGE_CORRUPT);
    }
}

static void hostile_bytes_are_corrupt_pages(void **state)
{
    static const uint32_t flags[] = {0x13, 0x33, 0xE1, 0xE3, 0xE7, 0x100E1, 0xC0};
    (void)state;
    srandom(20261125);
    for (int round = 0; round < 3000; round++) {
        struct space_format format;
        char why[PAGE_WHY_SIZE] = "";
        assert_null(space_format_decode(&format, flags[(size_t)round % N(flags)], 4096));
        uint8_t *page = mem_alloc(format.physical); /* exact size: the sanitizer sees overruns */
        for (uint32_t i = 0; i < format.physical; i++)
            page[i] = (uint8_t)random();
        put_be32(page + FIL_PAGE_NO, 3);
        put_be32(page + FIL_SPACE, 5);
        if (round % 3 == 0)
            put_be16(page + FIL_TYPE, FIL_TYPE_LEGACY_COMPRESSED);
        if (round % 2) {
            memset(page + FIL_AFTER_TYPE, 0, 6);
            put_be16(page + FIL_AFTER_TYPE + 6, (uint16_t)(random() % 8));
            put_be16(page + FIL_BODY, (uint16_t)(random() % 4200));
        }
        assert_int_equal(page_check(&format, 5, 3, page, why), PAGE_CORRUPT);
        assert_true(why[0] != '\0');
        free(page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_real_servers_are_whole),
        cmocka_unit_test(stamping_gives_the_servers_own_bytes),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(pages_in_the_wrong_place_are_named),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(torn_pages_are_found),
        cmocka_unit_test(old_innodb_checksums_are_accepted),
        cmocka_unit_test(pages_without_checksum_are_judged_by_the_lsn_words),
        cmocka_unit_test(old_checksums_of_compressed_rows_are_accepted),
        cmocka_unit_test(all_zero_is_valid_anywhere),
        cmocka_unit_test(hostile_bytes_are_corrupt_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
