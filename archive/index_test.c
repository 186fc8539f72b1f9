/* archive/index_test.c: the index comes back as it was put, and what it cannot say is refused by
 * name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive/archive_test_util.h"
#include "archive/index.h"

enum { SIZE_0 = 1112, SIZE_1 = 2112, DATA_END = ARCHIVE_HEADER_SIZE + SIZE_0 + SIZE_1 };
static const uint32_t chunk_sizes[2] = {SIZE_0, SIZE_1};
static const struct index_frame the_frame = {
    .n_chunks = 2, .n_entries = 1, .data_at = ARCHIVE_HEADER_SIZE, .data_end = DATA_END};

static struct err *decode(struct index *x, const struct index_entry *entries, uint32_t n)
{
    struct out_bytes o = {0};
    index_encode(&o, chunk_sizes, NULL, 2, entries, n);
    struct index_frame frame = the_frame;
    frame.n_entries = n;
    return index_decode(x, o.p, o.n, &frame);
}

static void attributes_and_extents_come_back(void **state)
{
    (void)state;
    static const struct index_extent extents[] = {{0, 7, 4096, 1, 0}, {8192, 7, 100, 0, 4095}};
    static const struct index_entry entries[] = {
        {.attr = {.kind = ARCHIVE_EMPTY_DIR, .path = "db", .mode = 0700, .mtime = -5}, .id = 3},
        {.attr = {.kind = ARCHIVE_SPACE,
                  .path = "db/t.ibd",
                  .link_target = "/data/db/t.ibd",
                  .size = CONTENT_SIZE_MAX,
                  .mode = 0640,
                  .mtime = INT64_MAX,
                  .space_id = UINT32_MAX,
                  .page_size = 65536,
                  .space_flags = 0x15,
                  .first_page = 9,
                  .lsn_at_start = UINT64_MAX},
         .id = 7,
         .extents = extents,
         .n_extents = 2},
        {.attr = {.kind = ARCHIVE_SYMLINK, .path = "db/t2.MYD", .link_target = "/x/t2.MYD"},
         .id = 0},
    };
    struct index x;
    assert_null(decode(&x, entries, 3));
    assert_int_equal(x.chunk_at[1], ARCHIVE_HEADER_SIZE + SIZE_0);
    assert_int_equal(x.chunk_at[2], DATA_END);
    assert_string_equal(x.entries[0].attr.path, "db");
    assert_null(x.entries[0].attr.link_target);
    assert_int_equal(x.entries[0].attr.mtime, -5);
    const struct archive_attr *a = &x.entries[1].attr;
    assert_int_equal(a->kind, ARCHIVE_SPACE);
    assert_string_equal(a->link_target, "/data/db/t.ibd");
    assert_true(a->size == CONTENT_SIZE_MAX && a->mtime == INT64_MAX &&
                a->lsn_at_start == UINT64_MAX);
    assert_true(a->space_id == UINT32_MAX && a->page_size == 65536 && a->space_flags == 0x15 &&
                a->first_page == 9);
    assert_int_equal(x.entries[1].n_extents, 2);
    assert_memory_equal(x.entries[1].extents, extents, sizeof extents);
    assert_int_equal(index_find(x.entries, 3, "db/t.ibd"), 1);
    assert_int_equal(index_find(x.entries, 3, "db/t"), -1);
    assert_int_equal(index_find(x.entries, 3, "db/t.ibd/x"), -1);
    assert_int_equal(index_find(x.entries, 0, "db"), -1);
    index_fini(&x);
}

/* One or two entries that no writer makes. */
static const struct {
    const char *message;
    struct index_entry entries[2];
    uint32_t n;
} bad_entries[] = {
#define ONE(kind_1, path_1, ...) {{.attr = {.kind = (kind_1), .path = (path_1), __VA_ARGS__}}}, 1
#define TWO(path_1, kind_1, path_2)                        \
    {{.attr = {.kind = (kind_1), .path = (path_1)}},       \
     {.attr = {.kind = ARCHIVE_PLAIN, .path = (path_2)}}}, \
        2
    {"index: entry 0: ../x has an unsafe name", ONE(ARCHIVE_PLAIN, "../x", .size = 0)},
    {"index: entry 0: a/../../x has an unsafe name", ONE(ARCHIVE_PLAIN, "a/../../x", .size = 0)},
    {"index: entry 0: /etc/passwd has an unsafe name",
     ONE(ARCHIVE_PLAIN, "/etc/passwd", .size = 0)},
    {"index: entry 0: a//b has an unsafe name", ONE(ARCHIVE_PLAIN, "a//b", .size = 0)},
    {"index: entry 0: a/ has an unsafe name", ONE(ARCHIVE_PLAIN, "a/", .size = 0)},
    {"index: entry 0: ./a has an unsafe name", ONE(ARCHIVE_PLAIN, "./a", .size = 0)},
    {"index: entry 0:  has an unsafe name", ONE(ARCHIVE_PLAIN, "", .size = 0)},
    {"index: entry 0: a has an unknown kind", ONE(0, "a", .size = 0)},
    {"index: entry 0: the attributes cannot be decoded", ONE(11, "a", .size = 0)},
    {"index: entry 0: a is too large", ONE(ARCHIVE_PLAIN, "a", .size = CONTENT_SIZE_MAX + 1)},
    {"index: entry 0: a has more than permission bits in its mode",
     ONE(ARCHIVE_PLAIN, "a", .mode = 0100644)},
    {"index: entry 0: a has a page size above 65536", ONE(ARCHIVE_PLAIN, "a", .page_size = 65537)},
    {"index: entry 0: a has content, which its kind has not",
     ONE(ARCHIVE_EMPTY_DIR, "a", .size = 1)},
    {"index: entry 0: a has no link target", ONE(ARCHIVE_SYMLINK, "a", .size = 0)},
    {"index: entry 0: a has a link target that is not absolute",
     ONE(ARCHIVE_SYMLINK, "a", .link_target = "../x")},
    {"index: entry 0: a has an unsafe link target",
     ONE(ARCHIVE_SYMLINK, "a", .link_target = "/a/../x")},
    {"index: entry 0: a has a link target, which its kind has not",
     ONE(ARCHIVE_PLAIN, "a", .link_target = "/x")},
    {"index: entry 0: a has a link target that is not its path",
     ONE(ARCHIVE_EXTERNAL, "a", .link_target = "/a")},
    {"index: entry 0: a has a link target that is not absolute",
     ONE(ARCHIVE_SPACE, "a", .link_target = "x")},
    {"index: entry 0: external/x has a link target that is not its path",
     ONE(ARCHIVE_EXTERNAL, "external/x", .link_target = "/y")},
    {"index: entry 0: external/x has a link target that is not its path",
     ONE(ARCHIVE_EXTERNAL_DELTA, "external/x", .link_target = "/y")},
    {"index: entry 0: a has a link target, which its kind has not",
     ONE(ARCHIVE_PLAIN_DELTA, "a", .link_target = "/x")},
    {"index: entry 0: a has a link target that is not absolute",
     ONE(ARCHIVE_SPACE_DELTA, "a", .link_target = "x")},
    {"index: two entries have the path a", TWO("a", ARCHIVE_PLAIN, "a")},
    {"index: entries b and a are out of order", TWO("b", ARCHIVE_PLAIN, "a")},
    {"index: entry a/b lies below a, which is no directory", TWO("a", ARCHIVE_PLAIN, "a/b")},
    {"index: entry a/b/c lies below a/b, which is no directory",
     TWO("a/b", ARCHIVE_PLAIN, "a/b/c")},
#undef ONE
#undef TWO
};

static void entries_that_no_writer_makes_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_entries / sizeof *bad_entries; i++) {
        struct index x;
        struct err *e = decode(&x, bad_entries[i].entries, bad_entries[i].n);
        if (!e) {
            fail_msg("accepted, \"%s\" expected", bad_entries[i].message);
            return;
        }
        assert_string_equal(e->message, bad_entries[i].message);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_null(x.entries);
        err_free(e);
    }
}

/* Extents as raw numbers: gap, length, chunk step (zigzag), record. */
static const struct {
    const char *message;
    uint64_t n;
    uint64_t numbers[8];
} bad_extents[] = {
    {"index: entry 0: a: extent of 0 bytes 0 behind offset 0 does not lie within the size 10000",
     1,
     {0, 0, 0, 0}},
    {"index: entry 0: a: extent of 10001 bytes 0 behind offset 0 does not lie within the size "
     "10000",
     1,
     {0, 10001, 0, 0}},
    {"index: entry 0: a: extent of 1 bytes 10000 behind offset 0 does not lie within the size "
     "10000",
     1,
     {10000, 1, 0, 0}},
    {"index: entry 0: a: extent of 2 bytes 18446744073709551615 behind offset 0 does not lie "
     "within the size 10000",
     1,
     {UINT64_MAX, 2, 0, 0}},
    {"index: entry 0: a: extent of 9 bytes 18446744073709551615 behind offset 5 does not lie "
     "within the size 10000",
     2,
     {0, 5, 0, 0, UINT64_MAX, 9, 0, 0}},
    {"index: entry 0: a: extent at offset 0 names a chunk that is not in the archive",
     1,
     {0, 1, 4, 0}},
    {"index: entry 0: a: extent at offset 0 names a chunk that is not in the archive",
     1,
     {0, 1, 1, 0}},
    {"index: entry 0: a: extent at offset 0 names a chunk that is not in the archive",
     1,
     {0, 1, UINT64_MAX, 0}},
    {"index: entry 0: a: extent at offset 0 names a chunk that is not in the archive",
     1,
     {0, 1, UINT64_MAX - 1, 0}},
    {"index: entry 0: a: extent at offset 1 names a chunk that is not in the archive",
     2,
     {0, 1, 2, 0, 0, 1, 2, 0}},
    {"index: entry 0: a: an extent cannot be decoded", 1, {0, 1, 0, 4096}},
    {"index: entry 0: a: 3 extents do not fit the index", 3, {0, 1, 0, 0, 0, 1, 0, 0}},
    {"index: entry 0: a: 18446744073709551615 extents do not fit the index",
     UINT64_MAX,
     {0, 1, 0, 0, 0, 1, 0, 0}},
    {"index: 4 bytes behind the last entry", 1, {0, 1, 0, 0, 0, 1, 0, 0}},
};

/* The encoding of one entry "a" of 10000 bytes, up to its number of extents. */
static void put_entry_a(struct out_bytes *o)
{
    const struct index_entry a = {.attr = {.kind = ARCHIVE_PLAIN, .path = "a", .size = 10000}};
    index_encode(o, chunk_sizes, NULL, 2, &a, 1);
    o->n--;
}

static void extents_outside_entry_or_archive_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_extents / sizeof *bad_extents; i++) {
        struct out_bytes o = {0};
        struct index x;
        put_entry_a(&o);
        out_varint(&o, bad_extents[i].n);
        const bool two = bad_extents[i].numbers[5] != 0;
        for (int k = 0; k < (two ? 8 : 4); k++)
            out_varint(&o, bad_extents[i].numbers[k]);
        struct err *e = index_decode(&x, o.p, o.n, &the_frame);
        if (!e) {
            fail_msg("accepted, \"%s\" expected", bad_extents[i].message);
            return;
        }
        assert_string_equal(e->message, bad_extents[i].message);
        err_free(e);
    }
}

static void numbers_that_disagree_with_the_final_record_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t n_chunks, n_entries;
        uint64_t data_end;
        uint32_t size_1;
        const char *message;
    } cases[] = {
        {3, 1, DATA_END, SIZE_1, "index: 2 data chunks in the index, 3 expected"},
        {2, 2, DATA_END, SIZE_1, "index: 1 entries in the index, 2 expected"},
        {2, 1, DATA_END + 1, SIZE_1, "index: the data chunks end at offset 3288, 3289 expected"},
        {2, 1, DATA_END, 111, "index: chunk 1 has 111 bytes, 112 to 1114224 expected"},
        {2, 1, DATA_END, 1114225, "index: chunk 1 has 1114225 bytes, 112 to 1114224 expected"},
    };
    const struct index_entry a = {.attr = {.kind = ARCHIVE_PLAIN, .path = "a"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint32_t sizes[2] = {SIZE_0, cases[i].size_1};
        struct out_bytes o = {0};
        struct index x;
        index_encode(&o, sizes, NULL, 2, &a, 1);
        const struct index_frame frame = {.n_chunks = cases[i].n_chunks,
                                          .n_entries = cases[i].n_entries,
                                          .data_at = ARCHIVE_HEADER_SIZE,
                                          .data_end = cases[i].data_end};
        struct err *e = index_decode(&x, o.p, o.n, &frame);
        if (!e) {
            fail_msg("accepted, \"%s\" expected", cases[i].message);
            return;
        }
        assert_string_equal(e->message, cases[i].message);
        err_free(e);
    }
}

static void digests_stand_behind_the_sizes(void **state)
{
    (void)state;
    const struct sha256 digests[2] = {{{1, [SHA256_SIZE - 1] = 2}}, {{3, [SHA256_SIZE - 1] = 4}}};
    const struct index_entry a = {.attr = {.kind = ARCHIVE_PLAIN, .path = "a", .size = 10}};
    struct index_frame frame = the_frame;
    struct out_bytes o = {0};
    struct index x;
    frame.digests = true;
    index_encode(&o, chunk_sizes, digests, 2, &a, 1);
    assert_null(index_decode(&x, o.p, o.n, &frame));
    assert_memory_equal(x.digests, digests, sizeof digests);
    assert_string_equal(x.entries[0].attr.path, "a");
    index_fini(&x);

    o = (struct out_bytes){0};
    index_encode(&o, chunk_sizes, digests, 2, &a, 1);
    struct err *e = index_decode(&x, o.p, sizeof digests, &frame);
    assert_non_null(e);
    assert_string_equal(e->message, "index: the digests of 2 chunks do not fit the index");
    err_free(e);
}

static void an_index_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    struct out_bytes whole = {0};
    put_entry_a(&whole);
    static const uint64_t extents[] = {2, 0, 300, 2, 5, 0, 100, 1, 0};
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i++)
        out_varint(&whole, extents[i]);
    for (size_t n = 0; n <= whole.n; n++) {
        struct index x;
        uint8_t *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, whole.p, n);
        struct err *e = index_decode(&x, copy, n, &the_frame);
        if (n == whole.n)
            assert_null(e);
        else if (!e)
            fail_msg("accepted %zu of %zu bytes", n, whole.n);
        err_free(e);
        if (n == whole.n)
            index_fini(&x);
    }
    free(whole.p);
}

static void varints_of_more_than_64_bits_run_out(void **state)
{
    (void)state;
    struct out_bytes o = {0};
    out_varint(&o, UINT64_MAX);
    assert_int_equal(o.n, 10);
    struct reader r = reader_of(o.p, o.n);
    assert_true(rd_varint(&r) == UINT64_MAX && !r.ran_out);
    o.p[9] = 2;
    r = reader_of(o.p, o.n);
    assert_true(rd_varint(&r) == 0 && r.ran_out);
    free(o.p);
    static const int64_t signed_ones[] = {0, -1, 1, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < 5; i++) {
        struct out_bytes z = {0};
        out_zigzag(&z, signed_ones[i]);
        r = reader_of(z.p, z.n);
        assert_true(rd_zigzag(&r) == signed_ones[i] && !rd_left(&r));
        free(z.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_and_extents_come_back),
        cmocka_unit_test(entries_that_no_writer_makes_are_refused_by_name),
        cmocka_unit_test(extents_outside_entry_or_archive_are_refused_by_name),
        cmocka_unit_test(numbers_that_disagree_with_the_final_record_are_refused),
        cmocka_unit_test(digests_stand_behind_the_sizes),
        cmocka_unit_test(an_index_cut_off_anywhere_is_refused),
        cmocka_unit_test(varints_of_more_than_64_bits_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
