/* archive/format_test.c: headers and final record: what is put comes back, what cannot be true
 * is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive/archive_test_util.h"
#include "archive/format.h"

/* One field overwritten behind the writer's back; the structure's own checksum is made right
 * again. */
struct patch {
    const char *name;
    size_t at, width;
    uint64_t value;
    enum err_kind kind;
    const char *message;
};

static void apply(uint8_t *p, const struct patch *patch)
{
    for (size_t i = 0; i < patch->width; i++)
        p[patch->at + i] = (uint8_t)(patch->value >> (8 * i));
}

static void assert_error(struct err *e, const struct patch *patch)
{
    if (!e) {
        fail_msg("%s: accepted", patch->name);
        return;
    }
    assert_string_equal(e->message, patch->message);
    assert_int_equal(e->kind, patch->kind);
    err_free(e);
}

static void archive_header_comes_back_and_newer_versions_are_refused(void **state)
{
    (void)state;
    static const struct patch patches[] = {
        {"version", 8, 2, 5, ERR_FAILED,
         "the archive has format version 5, this mbe reads versions 1 to 4"},
        {"no version", 8, 2, 0, ERR_FAILED,
         "the archive has format version 0, this mbe reads versions 1 to 4"},
        {"flags", 12, 4, 1, ERR_CORRUPT, "reserved bytes of the archive header are not zero"},
        {"reserved", 40, 1, 1, ERR_CORRUPT, "reserved bytes of the archive header are not zero"},
    };
    uint8_t bytes[ARCHIVE_HEADER_SIZE];
    struct archive_header h;
    archive_header_put(bytes, &(struct archive_header){.archive_id = 5, .sealed = true});
    assert_null(archive_header_get(&h, bytes));
    assert_true(h.sealed && !h.is_signed);
    assert_int_equal(le16(bytes + 8), 2);
    archive_header_put(bytes, &(struct archive_header){.is_signed = true});
    assert_null(archive_header_get(&h, bytes));
    assert_true(h.is_signed && !h.sealed);
    assert_int_equal(le16(bytes + 8), 3);
    archive_header_put(bytes, &(struct archive_header){.sealed = true, .is_signed = true});
    assert_null(archive_header_get(&h, bytes));
    assert_true(h.sealed && h.is_signed);
    assert_int_equal(le16(bytes + 8), 4);
    archive_header_put(bytes, &(struct archive_header){.archive_id = 5, .created = -6});
    assert_null(archive_header_get(&h, bytes));
    assert_int_equal(h.archive_id, 5);
    assert_int_equal(h.created, -6);
    assert_false(h.sealed || h.is_signed);
    assert_int_equal(le16(bytes + 8), 1);
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
        archive_header_put(bytes, &h);
        apply(bytes, &patches[i]);
        test_put_hash(bytes + 48, hash128_of(bytes, 48, NULL, 0));
        struct archive_header got;
        assert_error(archive_header_get(&got, bytes), &patches[i]);
    }
    for (int i = 0; i < 3; i++)
        bytes[i] = (uint8_t) "PNG"[i];
    struct err *e = archive_header_get(&h, bytes);
    assert_non_null(e);
    assert_non_null(strstr(e->message, "no archive header here: magic 0x504e47654152430a found"));
    err_free(e);
}

static void every_bit_of_a_header_is_covered_by_its_checksum(void **state)
{
    (void)state;
    uint8_t bytes[CHUNK_HEADER_SIZE];
    struct chunk_header h = {.kind = CHUNK_DATA, .n_records = 1, .raw_len = 8, .stored_len = 8},
                        got;
    chunk_header_put(bytes, &h);
    assert_null(chunk_header_get(&got, bytes));
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct err *e = chunk_header_get(&got, bytes);
        if (!e) {
            fail_msg("bit %zu is not covered", bit);
            return;
        }
        assert_non_null(
            strstr(e->message, bit < 64 ? "no chunk header here" : "chunk header checksum"));
        err_free(e);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static const struct patch chunk_patches[] = {
    {"layout version", 8, 1, 2, ERR_FAILED, "chunk layout version 2, this mbe reads version 1"},
    {"flags", 9, 1, 4, ERR_FAILED, "chunk flags 0x04 are not known to this mbe"},
    {"codec", 10, 1, 9, ERR_FAILED, "codec 9 is not known to this mbe"},
    {"kind 0", 11, 1, 0, ERR_FAILED, "chunk kind 0 is not known to this mbe"},
    {"kind 4", 11, 1, 4, ERR_FAILED, "chunk kind 4 is not known to this mbe"},
    {"lane", 12, 4, 3, ERR_FAILED, "lane 3, this mbe reads archives of one lane"},
    {"records beyond the limit", 32, 4, 4097, ERR_CORRUPT, "4097 records, at most 4096 expected"},
    {"records of 2^32", 32, 4, UINT32_MAX, ERR_CORRUPT,
     "4294967295 records, at most 4096 expected"},
    {"no records", 32, 4, 0, ERR_CORRUPT, "0 records in a chunk of kind 1"},
    {"records in an index", 11, 1, CHUNK_INDEX, ERR_CORRUPT, "2 records in a chunk of kind 2"},
    {"raw length", 36, 4, 1048577, ERR_CORRUPT, "raw length 1048577, at most 1048576 expected"},
    {"stored length", 40, 4, 1001, ERR_CORRUPT,
     "stored length 1001 does not go with raw length 1000 and codec 0"},
    {"stored length of 2^32", 40, 4, UINT32_MAX, ERR_CORRUPT,
     "stored length 4294967295 does not go with raw length 1000 and codec 0"},
    {"zstd that does not shrink", 10, 1, 1, ERR_CORRUPT,
     "stored length 1000 does not go with raw length 1000 and codec 1"},
    {"reserved", 48, 1, 1, ERR_CORRUPT, "reserved bytes of the chunk header are not zero"},
    {"tag of a chunk in clear", 75, 1, 1, ERR_CORRUPT,
     "reserved bytes of the chunk header are not zero"},
};

static void impossible_chunk_headers_are_refused_by_name(void **state)
{
    (void)state;
    const struct chunk_header h = {
        .kind = CHUNK_DATA, .n_records = 2, .raw_len = 1000, .stored_len = 1000};
    for (size_t i = 0; i < sizeof chunk_patches / sizeof *chunk_patches; i++) {
        uint8_t bytes[CHUNK_HEADER_SIZE];
        struct chunk_header got;
        chunk_header_put(bytes, &h);
        apply(bytes, &chunk_patches[i]);
        test_put_hash(bytes + 96, hash128_of(bytes, 96, NULL, 0));
        assert_error(chunk_header_get(&got, bytes), &chunk_patches[i]);
    }
}

static void an_index_chunk_may_not_grow_without_bound(void **state)
{
    (void)state;
    uint8_t bytes[CHUNK_HEADER_SIZE];
    struct chunk_header got,
        h = {.codec = 1, .kind = CHUNK_INDEX, .raw_len = 33000, .stored_len = 1031};
    chunk_header_put(bytes, &h);
    assert_null(chunk_header_get(&got, bytes));
    h.stored_len = 1030;
    chunk_header_put(bytes, &h);
    struct err *e = chunk_header_get(&got, bytes);
    assert_non_null(e);
    assert_string_equal(
        e->message,
        "raw length 33000 of an index chunk with stored length 1030, at most 32 times as "
        "much expected");
    err_free(e);
}

static void a_key_block_comes_back(void **state)
{
    (void)state;
    static const struct patch patches[] = {
        {"version", 8, 2, 2, ERR_CORRUPT, "the key block has version 2, 1 expected"},
        {"reserved in front", 15, 1, 1, ERR_CORRUPT,
         "reserved bytes of the key block are not zero"},
        {"reserved behind", 92, 1, 1, ERR_CORRUPT, "reserved bytes of the key block are not zero"},
    };
    uint8_t bytes[KEY_BLOCK_SIZE];
    const struct key_block b = {.archive_id = 7,
                                .key_id = 8,
                                .nonce = {9, [11] = 1},
                                .wrapped = {[31] = 2},
                                .tag = {3, [15] = 4}};
    struct key_block got;
    key_block_put(bytes, &b);
    assert_null(key_block_get(&got, bytes));
    assert_memory_equal(&got, &b, sizeof b);
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
        key_block_put(bytes, &b);
        apply(bytes, &patches[i]);
        test_put_hash(bytes + 112, hash128_of(bytes, 112, NULL, 0));
        assert_error(key_block_get(&got, bytes), &patches[i]);
    }
}

static void a_signature_block_comes_back(void **state)
{
    (void)state;
    static const struct patch patches[] = {
        {"version", 8, 2, 2, ERR_CORRUPT, "the signature block has version 2, 1 expected"},
        {"reserved", 15, 1, 1, ERR_CORRUPT, "reserved bytes of the signature block are not zero"},
    };
    uint8_t bytes[SIGNATURE_BLOCK_SIZE];
    const struct signature_block b = {
        .archive_id = 7, .key_id = 8, .signature = {9, [SIGNATURE_SIZE - 1] = 1}};
    struct signature_block got;
    signature_block_put(bytes, &b);
    assert_null(signature_block_get(&got, bytes));
    assert_memory_equal(&got, &b, sizeof b);
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
        signature_block_put(bytes, &b);
        apply(bytes, &patches[i]);
        test_put_hash(bytes + 96, hash128_of(bytes, 96, NULL, 0));
        assert_error(signature_block_get(&got, bytes), &patches[i]);
    }
}

static void tags_of_what_is_sealed_come_back(void **state)
{
    (void)state;
    uint8_t bytes[CHUNK_HEADER_SIZE];
    const struct chunk_header h = {.kind = CHUNK_MANIFEST, .sealed = true, .tag = {1, [15] = 2}};
    struct chunk_header got;
    chunk_header_put(bytes, &h);
    assert_null(chunk_header_get(&got, bytes));
    assert_true(got.sealed);
    assert_memory_equal(got.tag, h.tag, sizeof h.tag);
    const struct final_record f = {
        .sealed = true, .tag = {3, [11] = 4}, .at = 64, .index_at = 64, .manifest_at = 64};
    struct final_record end;
    final_record_put(bytes, &f);
    assert_null(final_record_get(&end, bytes));
    assert_true(end.sealed);
    assert_memory_equal(end.tag, f.tag, sizeof f.tag);
}

static const struct patch final_patches[] = {
    {"version", 8, 2, 7, ERR_FAILED,
     "the final record has format version 7, this mbe reads versions 1 to 4"},
    {"lanes", 12, 4, 2, ERR_FAILED, "the archive has 2 lanes, this mbe reads one"},
    {"tag of an archive in clear", 90, 1, 2, ERR_CORRUPT,
     "reserved bytes of the final record are not zero"},
    {"index before the data", 40, 8, 63, ERR_CORRUPT,
     "final record: index at 63, manifest at 2000 and end at 3000 are out of order"},
    {"manifest before the index", 64, 8, 999, ERR_CORRUPT,
     "final record: index at 1000, manifest at 999 and end at 3000 are out of order"},
    {"index beyond the end", 40, 8, UINT64_MAX, ERR_CORRUPT,
     "final record: index at 18446744073709551615, manifest at 2000 and end at 3000 are out of "
     "order"},
    {"data chunks", 32, 8, UINT64_MAX, ERR_CORRUPT,
     "final record: 18446744073709551615 data, 1 index and 1 manifest chunks do not fit an archive "
     "of 3000 bytes"},
    {"index chunks", 56, 4, UINT32_MAX, ERR_CORRUPT,
     "final record: 3 data, 4294967295 index and 1 manifest chunks do not fit an archive of 3000 "
     "bytes"},
    {"manifest chunks", 60, 4, 9, ERR_CORRUPT,
     "final record: 3 data, 1 index and 9 manifest chunks do not fit an archive of 3000 bytes"},
    {"index length", 48, 8, UINT64_MAX, ERR_CORRUPT,
     "final record: 18446744073709551615 bytes of index and 200 of manifest do not fit an archive "
     "of 3000 bytes"},
    {"manifest length", 72, 8, 32001, ERR_CORRUPT,
     "final record: 100 bytes of index and 32001 of manifest do not fit an archive of 3000 bytes"},
};

static void impossible_final_records_are_refused_by_name(void **state)
{
    (void)state;
    const struct final_record f = {.archive_id = 1,
                                   .at = 3000,
                                   .n_data_chunks = 3,
                                   .index_at = 1000,
                                   .index_len = 100,
                                   .n_index_chunks = 1,
                                   .n_manifest_chunks = 1,
                                   .manifest_at = 2000,
                                   .manifest_len = 200,
                                   .n_entries = 4};
    uint8_t bytes[FINAL_SIZE];
    struct final_record got;
    final_record_put(bytes, &f);
    assert_null(final_record_get(&got, bytes));
    assert_int_equal(got.manifest_len, 200);
    assert_int_equal(got.n_entries, 4);
    for (size_t i = 0; i < sizeof final_patches / sizeof *final_patches; i++) {
        final_record_put(bytes, &f);
        apply(bytes, &final_patches[i]);
        test_put_hash(bytes + 96, hash128_of(bytes, 96, NULL, 0));
        assert_error(final_record_get(&got, bytes), &final_patches[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archive_header_comes_back_and_newer_versions_are_refused),
        cmocka_unit_test(every_bit_of_a_header_is_covered_by_its_checksum),
        cmocka_unit_test(impossible_chunk_headers_are_refused_by_name),
        cmocka_unit_test(an_index_chunk_may_not_grow_without_bound),
        cmocka_unit_test(a_key_block_comes_back),
        cmocka_unit_test(a_signature_block_comes_back),
        cmocka_unit_test(tags_of_what_is_sealed_come_back),
        cmocka_unit_test(impossible_final_records_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
