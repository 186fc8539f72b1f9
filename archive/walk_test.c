/* archive/walk_test.c: the walk reports every sound piece of a damaged or cut off archive, and
 * names all damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>

#include "archive/archive_file_test_util.h"
#include "archive/archive_test_util.h"
#include "archive/reader.h"
#include "base/mem.h"

static const enum archive_codec codecs[] = {ARCHIVE_CODEC_NONE, ARCHIVE_CODEC_ZSTD};
enum { N_CHUNKS = 6, N_DATA_CHUNKS = 4, N_DAMAGE_MAX = 16 };

/* What a walk reported. */
struct seen {
    uint64_t data_bytes, zero_bytes;
    uint32_t n_pieces, n_wrong;
    char *damage[N_DAMAGE_MAX];
    uint32_t n_damage;
    bool complete;
};

static struct err *see_piece(void *ctx, uint32_t entry, uint64_t offset, const uint8_t *data,
                             uint64_t len)
{
    struct seen *s = ctx;
    s->n_pieces++;
    *(data ? &s->data_bytes : &s->zero_bytes) += len;
    for (uint64_t i = 0; i < len; i += data ? 1 : 1021) { /* of long zero runs a sample */
        const uint8_t expected = entry == 1 ? test_sample_byte(offset + i) : entry == 3 ? 0 : 'b';
        s->n_wrong += (data ? data[i] : 0) != expected;
    }
    return NULL;
}

static struct err *see_damage(void *ctx, const char *what)
{
    struct seen *s = ctx;
    if (s->n_damage < N_DAMAGE_MAX)
        s->damage[s->n_damage] = mem_strdup(what);
    s->n_damage++;
    return NULL;
}

static struct seen walk_bytes(const struct test_file *file, const void *bytes, size_t n)
{
    struct seen s = {0};
    const struct archive_walk walk = {.on_piece = see_piece, .on_damage = see_damage, .ctx = &s};
    test_file_set(file, bytes, n);
    struct err *e = archive_file_walk(file->path, &walk, &s.complete);
    if (e)
        fail_msg("%s", e->message);
    return s;
}

static void seen_fini(struct seen *s)
{
    for (uint32_t i = 0; i < s->n_damage && i < N_DAMAGE_MAX; i++)
        free(s->damage[i]);
}

static struct test_sink sample(enum archive_codec codec)
{
    struct test_sink sink = test_sink_new();
    struct err *e = test_sample_write(&sink.sink, codec);
    if (e)
        fail_msg("%s", e->message);
    return sink;
}

static void assert_damage(const struct seen *s, uint32_t i, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void assert_damage(const struct seen *s, uint32_t i, const char *fmt, ...)
{
    char expected[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(expected, sizeof expected, fmt, ap);
    va_end(ap);
    if (i >= s->n_damage)
        fail_msg("no damage reported, \"%s\" expected", expected);
    if (strncmp(s->damage[i], expected, strlen(expected)))
        fail_msg("\"%s\" reported, \"%s\" expected", s->damage[i], expected);
}

static void a_sound_archive_is_reported_whole(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    for (int k = 0; k < 2; k++) {
        struct test_sink a = sample(codecs[k]);
        struct seen s = walk_bytes(&file, a.bytes.p, a.bytes.n);
        assert_true(s.complete);
        assert_int_equal(s.n_damage, 0);
        assert_int_equal(s.n_wrong, 0);
        assert_int_equal(s.data_bytes, SAMPLE_PIECES * SAMPLE_DENSE + 2 * 500);
        assert_int_equal(s.zero_bytes,
                         SAMPLE_PIECES * (SAMPLE_PIECE - SAMPLE_DENSE) + SAMPLE_PIECE);
        seen_fini(&s);
        test_sink_free(&a.sink);
    }
    close(file.fd);
}

static void a_walk_of_an_archive_cut_off_anywhere_reports_all_before_the_cut(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    for (int k = 0; k < 2; k++) {
        struct test_sink a = sample(codecs[k]);
        uint32_t whole_chunks = 0;
        uint64_t bytes[N_DATA_CHUNKS + 1] = {0};
        for (uint32_t i = 0; i < N_DATA_CHUNKS; i++)
            bytes[i + 1] = bytes[i] + le32(a.bytes.p + test_chunk_at(a.bytes.p, i) + 36);
        for (size_t n = 0; n < a.bytes.n; n += test_stride()) {
            while (whole_chunks < N_CHUNKS && n >= test_chunk_at(a.bytes.p, whole_chunks + 1))
                whole_chunks++;
            const size_t boundary =
                n < ARCHIVE_HEADER_SIZE ? 0 : test_chunk_at(a.bytes.p, whole_chunks);
            struct seen s = walk_bytes(&file, a.bytes.p, n);
            assert_false(s.complete);
            assert_int_equal(s.n_wrong, 0);
            assert_int_equal(s.data_bytes,
                             bytes[whole_chunks < N_DATA_CHUNKS ? whole_chunks : N_DATA_CHUNKS]);
            if (n < ARCHIVE_HEADER_SIZE)
                assert_damage(
                    &s, 0, "archive header at offset 0: cut off: 64 bytes expected, %zu found", n);
            else if (n > boundary)
                assert_damage(&s, 0, "chunk %" PRIu32 " at offset %zu: cut off: ", whole_chunks,
                              boundary);
            else
                assert_int_equal(s.n_damage, 0);
            seen_fini(&s);
        }
        test_sink_free(&a.sink);
    }
    close(file.fd);
}

static void a_walk_names_the_chunk_of_every_flipped_bit_and_loses_no_other(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink a = sample(ARCHIVE_CODEC_ZSTD);
    uint64_t whole = 0;
    for (uint32_t i = 0; i < N_DATA_CHUNKS; i++)
        whole += le32(a.bytes.p + test_chunk_at(a.bytes.p, i) + 36);
    uint32_t chunk = 0;
    for (size_t at = 0; at < a.bytes.n; at += test_stride()) {
        while (chunk < N_CHUNKS && at >= test_chunk_at(a.bytes.p, chunk + 1))
            chunk++;
        for (int bit = 0; bit < 8; bit++) {
            a.bytes.p[at] ^= (uint8_t)(1u << bit);
            struct seen s = walk_bytes(&file, a.bytes.p, a.bytes.n);
            a.bytes.p[at] ^= (uint8_t)(1u << bit);
            const bool in_data = at >= ARCHIVE_HEADER_SIZE && chunk < N_DATA_CHUNKS;
            const size_t start = test_chunk_at(a.bytes.p, chunk);
            assert_int_equal(s.n_damage, 1);
            assert_int_equal(s.n_wrong, 0);
            assert_int_equal(s.complete, chunk < N_CHUNKS);
            assert_int_equal(s.data_bytes, whole - (in_data ? le32(a.bytes.p + start + 36) : 0));
            if (at < ARCHIVE_HEADER_SIZE)
                assert_damage(&s, 0, "archive header at offset 0: ");
            else if (chunk == N_CHUNKS && at >= start + MAGIC_SIZE)
                assert_damage(&s, 0, "final record at offset %zu: ", start);
            else
                assert_damage(&s, 0, "chunk %" PRIu32 " at offset %zu: ", chunk, start);
            seen_fini(&s);
        }
    }
    test_sink_free(&a.sink);
    close(file.fd);
}

/* Bytes [from, to) of chunk numbers, as a new archive file. */
static void put_chunks(struct out_bytes *o, const uint8_t *p, uint32_t from, uint32_t to)
{
    out_bytes_put(o, p + test_chunk_at(p, from), test_chunk_at(p, to) - test_chunk_at(p, from));
}

static void put_final(struct out_bytes *o, const uint8_t *p)
{
    out_bytes_put(o, p + test_chunk_at(p, N_CHUNKS), FINAL_SIZE);
}

static void chunks_that_are_missing_twice_there_or_strange_are_named(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink a = sample(ARCHIVE_CODEC_NONE), b = sample(ARCHIVE_CODEC_NONE);
    const uint8_t *p = a.bytes.p;
    const size_t at_1 = test_chunk_at(p, 1), size_1 = test_chunk_at(p, 2) - at_1;
    const size_t end = test_chunk_at(p, N_CHUNKS);
    struct out_bytes o = {0};
    struct seen s;

    out_bytes_put(&o, p, at_1); /* chunks 1 and 2 cut out */
    put_chunks(&o, p, 3, N_CHUNKS);
    put_final(&o, p);
    s = walk_bytes(&file, o.p, o.n);
    assert_true(s.complete);
    assert_damage(&s, 0, "chunks 1 to 2 are missing before offset %zu", at_1);
    assert_damage(&s, 1, "final record at offset %zu of %zu bytes: offset %zu expected",
                  o.n - FINAL_SIZE, o.n, end);
    assert_int_equal(s.n_damage, 2);
    seen_fini(&s);

    o.n = at_1; /* chunk 1 is there twice */
    put_chunks(&o, p, 1, 2);
    put_chunks(&o, p, 1, N_CHUNKS);
    put_final(&o, p);
    s = walk_bytes(&file, o.p, o.n);
    assert_damage(&s, 0, "chunk 1 at offset %zu: out of order, chunk 2 expected", at_1 + size_1);
    assert_int_equal(s.n_damage, 2);
    assert_int_equal(s.data_bytes, SAMPLE_PIECES * SAMPLE_DENSE + 2 * 500);
    seen_fini(&s);

    o.n = at_1; /* something else in between; nothing lost */
    out_bytes_put(&o, b.bytes.p, b.bytes.n);
    put_chunks(&o, p, 1, N_CHUNKS);
    put_final(&o, p);
    s = walk_bytes(&file, o.p, o.n);
    assert_damage(
        &s, 0, "chunk 1 at offset %zu: no chunk header here: magic 0x936d62654152430a found", at_1);
    assert_int_equal(s.n_damage, 2);
    assert_int_equal(s.data_bytes, SAMPLE_PIECES * SAMPLE_DENSE + 2 * 500);
    seen_fini(&s);

    o.n = at_1; /* a chunk of another archive */
    put_chunks(&o, b.bytes.p, 1, 2);
    put_chunks(&o, p, 2, N_CHUNKS);
    put_final(&o, p);
    s = walk_bytes(&file, o.p, o.n);
    assert_damage(&s, 0, "chunk 1 at offset %zu: archive id 0x", at_1);
    assert_int_equal(s.n_damage, 1);
    seen_fini(&s);

    o.n = at_1; /* the end of another archive, and more behind it */
    put_final(&o, b.bytes.p);
    put_chunks(&o, p, 1, N_CHUNKS);
    put_final(&o, p);
    out_bytes_put(&o, "more", 4);
    s = walk_bytes(&file, o.p, o.n);
    assert_damage(&s, 0, "final record at offset %zu: the final record is that of another archive",
                  at_1);
    assert_damage(&s, 1, "final record at offset %zu of %zu bytes: offset %zu expected",
                  o.n - 4 - FINAL_SIZE, o.n, end);
    assert_int_equal(s.n_damage, 2);
    seen_fini(&s);

    o.n = at_1; /* no chunk left */
    put_final(&o, p);
    s = walk_bytes(&file, o.p, o.n);
    assert_damage(&s, 0, "chunks 1 to 5 are missing before offset %zu", at_1);
    seen_fini(&s);
    free(o.p);
    test_sink_free(&a.sink);
    test_sink_free(&b.sink);
    close(file.fd);
}

static void several_chunks_lost_at_once_are_counted(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink a = sample(ARCHIVE_CODEC_NONE);
    uint8_t *p = a.bytes.p;
    const size_t at_1 = test_chunk_at(p, 1), at_3 = test_chunk_at(p, 3);
    memset(p + at_1, 0xee, at_3 - at_1);
    struct seen s = walk_bytes(&file, p, a.bytes.n);
    assert_true(s.complete);
    assert_damage(&s, 0, "chunk 1 at offset %zu: no chunk header here: magic 0xeeeeeeeeeeeeeeee",
                  at_1);
    assert_damage(&s, 1, "chunk 2 is missing before offset %zu", at_3);
    assert_int_equal(s.n_damage, 2);
    assert_int_equal(s.data_bytes, SAMPLE_DENSE + 2 * 500);
    seen_fini(&s);
    test_sink_free(&a.sink);
    close(file.fd);
}

/* The search must find a header wherever it lies in its window of 1 MiB. */
static void the_next_chunk_is_found_behind_any_length_of_garbage(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink a = sample(ARCHIVE_CODEC_ZSTD);
    const uint8_t *p = a.bytes.p;
    const size_t window = 1 << 20, at_1 = test_chunk_at(p, 1);
    uint8_t *garbage = mem_alloc(2 * window);
    for (size_t i = 0; i < 2 * window; i++)
        garbage[i] = (uint8_t)CHUNK_MAGIC[i % 5];
    const size_t lengths[] = {1,      window - 113, window - 112,     window - 5,
                              window, window + 1,   2 * window - 224, 2 * window};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct out_bytes o = {0};
        out_bytes_put(&o, p, at_1);
        out_bytes_put(&o, garbage, lengths[i]);
        put_chunks(&o, p, 1, N_CHUNKS);
        put_final(&o, p);
        struct seen s = walk_bytes(&file, o.p, o.n);
        assert_true(s.complete);
        assert_damage(&s, 0, "chunk 1 at offset %zu: no chunk header here", at_1);
        assert_int_equal(s.n_damage, 2); /* and the final record is not where it says */
        assert_int_equal(s.data_bytes, SAMPLE_PIECES * SAMPLE_DENSE + 2 * 500);
        seen_fini(&s);
        free(o.p);
    }
    free(garbage);
    test_sink_free(&a.sink);
    close(file.fd);
}

static struct err *stop_at_piece(void *ctx, uint32_t entry, uint64_t offset, const uint8_t *data,
                                 uint64_t len)
{
    (void)data;
    (void)len;
    ++*(int *)ctx;
    return err_make(INTERRUPTED, "stopped at entry %" PRIu32 " offset %" PRIu64, entry, offset);
}

static struct err *stop_at_damage(void *ctx, const char *what)
{
    ++*(int *)ctx;
    return err_make(INTERRUPTED, "stopped by %s", what);
}

static void an_error_of_a_callback_ends_the_walk(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink a = sample(ARCHIVE_CODEC_NONE);
    int calls = 0;
    bool complete;
    const struct archive_walk walk = {
        .on_piece = stop_at_piece, .on_damage = stop_at_damage, .ctx = &calls};
    test_file_set(&file, a.bytes.p, a.bytes.n);
    struct err *e = archive_file_walk(file.path, &walk, &complete);
    assert_non_null(e);
    assert_string_equal(e->message, "stopped at entry 1 offset 0");
    err_free(e);
    test_file_set(&file, "", 0);
    e = archive_file_walk(file.path, &walk, &complete);
    assert_non_null(e);
    assert_string_equal(
        e->message, "stopped by archive header at offset 0: cut off: 64 bytes expected, 0 found");
    err_free(e);
    assert_int_equal(calls, 2);
    assert_false(complete);
    test_sink_free(&a.sink);
    close(file.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_archive_is_reported_whole),
        cmocka_unit_test(a_walk_of_an_archive_cut_off_anywhere_reports_all_before_the_cut),
        cmocka_unit_test(a_walk_names_the_chunk_of_every_flipped_bit_and_loses_no_other),
        cmocka_unit_test(chunks_that_are_missing_twice_there_or_strange_are_named),
        cmocka_unit_test(several_chunks_lost_at_once_are_counted),
        cmocka_unit_test(the_next_chunk_is_found_behind_any_length_of_garbage),
        cmocka_unit_test(an_error_of_a_callback_ends_the_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
