/* archive/reader_test.c: archives that were damaged, cut off or forged are refused by name;
 * sound ones can be read from several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdatomic.h>

#include "archive/archive_file_test_util.h"
#include "archive/archive_test_util.h"
#include "archive/reader.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/workers.h"

static const enum archive_codec codecs[] = {ARCHIVE_CODEC_NONE, ARCHIVE_CODEC_ZSTD};

static struct test_sink sample(enum archive_codec codec)
{
    struct test_sink sink = test_sink_new();
    struct err *e = test_sample_write(&sink.sink, codec);
    if (e)
        fail_msg("%s", e->message);
    return sink;
}

/* Opens and reads everything. */
static struct err *read_all(const char *path)
{
    AUTO(archive_reader) r = NULL;
    TRY(archive_file_open(&r, path));
    for (uint32_t i = 0; i < archive_reader_n_entries(r); i++)
        TRY(archive_read_entry(r, i));
    return NULL;
}

static struct err *check_chunks(struct archive_reader *r)
{
    for (uint32_t i = 0; i < archive_reader_n_chunks(r); i++)
        TRY(archive_check_chunk(r, i, i % 2 ? ARCHIVE_CACHE_KEEP : ARCHIVE_CACHE_DROP));
    return NULL;
}

/* Opens and checks all chunks as they are stored. */
static struct err *check_all(const char *path)
{
    AUTO(archive_reader) r = NULL;
    TRY(archive_file_open(&r, path));
    return check_chunks(r);
}

/* keys: of a sealed one, else NULL; public_keys: of a signed one. */
static void assert_sample(const char *path, const struct archive_keys *keys,
                          const struct archive_keys *public_keys)
{
    AUTO(archive_reader) r = NULL;
    const struct archive_unlock unlock = {.keys = keys, .public_keys = public_keys};
    struct err *e = archive_file_unlock(&r, path, &unlock);
    if (e)
        fail_msg("%s", e->message);
    assert_string_equal(archive_reader_manifest(r), SAMPLE_MANIFEST);
    assert_int_equal(archive_reader_n_entries(r), 5);
    assert_string_equal(archive_reader_entry(r, 1)->path, "db/a.ibd");
    assert_int_equal(archive_reader_entry(r, 1)->page_size, 16384);
    assert_string_equal(archive_reader_entry(r, 4)->link_target, "/data/d.MYD");
    const uint32_t n = SAMPLE_PIECES * SAMPLE_PIECE;
    AUTO_FREE uint8_t *content = mem_alloc(n);
    assert_null(archive_read(r, 1, 0, content, n));
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(content[i], test_sample_byte(i));
    assert_null(check_chunks(r));
    assert_int_equal(archive_reader_n_chunks(r), 4);
    assert_int_equal(archive_reader_chunk_bytes(r, 0, 4),
                     archive_reader_chunk_bytes(r, 0, 1) + archive_reader_chunk_bytes(r, 1, 4));
    assert_string_equal(archive_reader_file_in(r, 2), "db/a.ibd");
    assert_string_equal(archive_reader_file_in(r, 3), "db/b.frm");
    assert_null(archive_read(r, 2, 499, content, 1));
    assert_int_equal(content[0], 'b');
}

static void the_sample_is_what_it_should_be(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    for (int k = 0; k < 2; k++) {
        struct test_sink s = sample(codecs[k]);
        test_file_set(&file, s.bytes.p, s.bytes.n);
        assert_sample(file.path, NULL, NULL);
        test_sink_free(&s.sink);
    }
    close(file.fd);
}

static struct archive_keys *read_keys(const char *path, enum archive_key_type type)
{
    AUTO_FREE char *text = NULL;
    struct archive_keys *keys;
    size_t n;
    assert_null(file_read_all(&text, &n, path, 4096));
    assert_null(archive_keys_parse(&keys, type, text, path));
    return keys;
}

/* Tests are run from the top of the source tree. */
static void archives_of_every_format_version_are_readable(void **state)
{
    (void)state;
    AUTO(archive_keys) keys = read_keys("tests/data/archive/v2.key", ARCHIVE_KEY_SEAL);
    AUTO(archive_keys) public_keys = read_keys("tests/data/archive/v3.pub", ARCHIVE_KEY_PUBLIC);
    assert_sample("tests/data/archive/v1-none.mbe", NULL, NULL);
    assert_sample("tests/data/archive/v1-zstd.mbe", NULL, NULL);
    assert_sample("tests/data/archive/v2-none.mbe", keys, NULL);
    assert_sample("tests/data/archive/v2-zstd.mbe", keys, NULL);
    assert_sample("tests/data/archive/v3-none.mbe", NULL, public_keys);
    assert_sample("tests/data/archive/v3-zstd.mbe", NULL, public_keys);
    assert_sample("tests/data/archive/v3-zstd.mbe", NULL, NULL);
    assert_sample("tests/data/archive/v4-none.mbe", keys, public_keys);
    assert_sample("tests/data/archive/v4-zstd.mbe", keys, public_keys);
}

/* ---- damage ---- */

struct flips {
    struct test_sink archive;
    _Atomic size_t next_byte;
};

enum { BYTES_AT_ONCE = 256 };

static struct err *must_be_found(struct err *e, const char *path)
{
    const bool found = e && e->kind == ERR_CORRUPT && strstr(e->message, path);
    struct err *bad = found ? NULL : err_make(FAILED, "%s", e ? e->message : "not detected");
    err_free(e);
    return bad;
}

/* Flips each bit of some bytes, alone, in a file of its own. */
static struct err *flip_some(void *ctx, bool *more)
{
    struct flips *f = ctx;
    const uint8_t *bytes = f->archive.bytes.p;
    const size_t from = atomic_fetch_add(&f->next_byte, BYTES_AT_ONCE), n = f->archive.bytes.n;
    *more = from < n;
    if (!*more)
        return NULL;
    const struct test_file file = test_file_new();
    test_file_set(&file, bytes, n);
    struct err *bad = NULL;
    for (size_t i = from; i < from + BYTES_AT_ONCE && i < n && !bad; i += test_stride()) {
        for (int bit = 0; bit < 8 && !bad; bit++) {
            const uint8_t flipped = bytes[i] ^ (uint8_t)(1u << bit);
            if (pwrite(file.fd, &flipped, 1, (off_t)i) != 1)
                abort();
            bad = must_be_found(read_all(file.path), file.path);
            if (!bad)
                bad = must_be_found(check_all(file.path), file.path);
            bad = err_wrap(bad, "byte %zu bit %d", i, bit);
        }
        if (pwrite(file.fd, bytes + i, 1, (off_t)i) != 1)
            abort();
    }
    close(file.fd);
    return bad;
}

static void every_single_flipped_bit_is_detected(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct flips f = {.archive = sample(codecs[k])};
        struct err *e = workers_run(2, flip_some, &f);
        if (e)
            fail_msg("codec %d: %s", k, e->message);
        test_sink_free(&f.archive.sink);
    }
}

static void an_archive_cut_off_anywhere_is_incomplete(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink s = sample(ARCHIVE_CODEC_ZSTD);
    for (size_t n = 0; n < s.bytes.n; n += test_stride()) {
        test_file_set(&file, s.bytes.p, n);
        struct err *e = read_all(file.path);
        if (!e) {
            fail_msg("%zu of %zu bytes accepted", n, s.bytes.n);
            return;
        }
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_non_null(strstr(e->message, n < ARCHIVE_HEADER_SIZE
                                               ? "is no complete archive: 64 bytes expected"
                                               : "is incomplete: "));
        err_free(e);
    }
    test_sink_free(&s.sink);
    close(file.fd);
}

static void bytes_added_behind_the_end_are_noticed(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink s = sample(ARCHIVE_CODEC_NONE);
    out_bytes_put(&s.bytes, "x", 1);
    test_file_set(&file, s.bytes.p, s.bytes.n);
    struct err *e = read_all(file.path);
    assert_non_null(e);
    AUTO_FREE char *expected =
        mem_printf("%s: is incomplete: no final record in its last 112 bytes", file.path);
    assert_string_equal(e->message, expected);
    assert_string_equal(e->hint,
                        "The backup was not finished, or the file was cut off or added to.");
    err_free(e);
    test_sink_free(&s.sink);
    close(file.fd);
}

/* ---- forgery: fields overwritten and every checksum made right again ---- */

enum where { IN_HEADER, IN_CHUNK, IN_FINAL };

static const struct {
    enum where where;
    uint32_t chunk;
    size_t at, width;
    uint64_t value;
    const char *message; /* how it ends; behind "path: " */
} forgeries[] = {
    {IN_HEADER, 0, 16, 8, 1, "the final record is that of another archive"},
    {IN_CHUNK, 0, 16, 8, 9, "chunk 0 at offset 64: sequence number 9 found"},
    {IN_CHUNK, 0, 24, 8, 7, "chunk 0 at offset 64: archive id 0x0000000000000007 found"},
    {IN_CHUNK, 0, 11, 1, 2, "chunk 0 at offset 64: 2 records in a chunk of kind 2"},
    {IN_CHUNK, 0, 36, 4, UINT32_MAX,
     "chunk 0 at offset 64: raw length 4294967295, at most 1048576 expected"},
    {IN_CHUNK, 0, 32, 4, UINT32_MAX,
     "chunk 0 at offset 64: 4294967295 records, at most 4096 expected"},
    {IN_CHUNK, 0, 40, 4, 1,
     "chunk 0 at offset 64: stored length 1 does not go with raw length 4096 and codec 0"},
    {IN_CHUNK, 0, 112, 4, 2,
     "record 0 of 2 is not content offset 0 of db/a.ibd, as the index has it"},
    {IN_CHUNK, 0, 120, 8, 1,
     "record 0 of 2 is not content offset 0 of db/a.ibd, as the index has it"},
    {IN_CHUNK, 0, 116, 4, 0,
     "chunk 0 at offset 64: record 0: length 0 at content offset 0 is out of range"},
    {IN_CHUNK, 0, 116, 4, 4095,
     "chunk 0 at offset 64: the records hold 4095 bytes, the payload 4096"},
    {IN_CHUNK, 0, 128 + 8, 8, 4095,
     "record 1 of 2 is not content offset 4096 of db/a.ibd, as the index has it"},
    {IN_CHUNK, 0, 128 + 4, 4, RECORD_ZEROS | 1,
     "record 2 of 2 is not content offset 4097 of db/a.ibd, as the index has it"},
    {IN_CHUNK, 4, 11, 1, 3, "kind 3 found, 2 expected"},
    {IN_CHUNK, 4, 36, 4, 1000000, "raw length 1000000 of an index chunk with stored length"},
    {IN_CHUNK, 5, 11, 1, 2, "kind 2 found, 3 expected"},
    {IN_CHUNK, 5, 112, 1, 0, "manifest: zero byte at 0"},
    {IN_FINAL, 0, 16, 8, 2, "the final record is that of another archive"},
    {IN_FINAL, 0, 24, 8, 1 << 20, "the final record is that of another archive"},
    {IN_FINAL, 0, 32, 8, 3, "chunk 3 at offset"},
    {IN_FINAL, 0, 32, 8, UINT64_MAX, "do not fit an archive of"},
    {IN_FINAL, 0, 40, 8, 64,
     "final record: 4 data, 1 index and 1 manifest chunks do not fit an archive of"},
    {IN_FINAL, 0, 40, 8, 512, "chunk 4 at offset 512: no chunk header here"},
    {IN_FINAL, 0, 48, 8, 1, "a section of"},
    {IN_FINAL, 0, 56, 4, 0, "a section of 0 bytes ends at offset"},
    {IN_FINAL, 0, 56, 4, 2, "bytes are left for a chunk"},
    {IN_FINAL, 0, 60, 4, 0, "a section of 0 bytes ends at offset"},
    {IN_FINAL, 0, 80, 4, 6, "index: 5 entries in the index, 6 expected"},
    {IN_FINAL, 0, 80, 4, UINT32_MAX, "index: 5 entries in the index, 4294967295 expected"},
};

static void forged_fields_are_refused_by_name(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        struct test_sink s = sample(ARCHIVE_CODEC_NONE);
        uint8_t *p = s.bytes.p;
        size_t at = forgeries[i].at;
        if (forgeries[i].where == IN_CHUNK)
            at += test_chunk_at(p, forgeries[i].chunk);
        if (forgeries[i].where == IN_FINAL)
            at += s.bytes.n - FINAL_SIZE;
        for (size_t k = 0; k < forgeries[i].width; k++)
            p[at + k] = (uint8_t)(forgeries[i].value >> (8 * k));
        test_reseal(p, s.bytes.n);
        test_file_set(&file, p, s.bytes.n);
        struct err *e = read_all(file.path);
        if (!e) {
            fail_msg("accepted, \"%s\" expected", forgeries[i].message);
            return;
        }
        if (!strstr(e->message, forgeries[i].message) || !strstr(e->message, file.path))
            fail_msg("\"%s\", \"%s\" expected", e->message, forgeries[i].message);
        assert_int_equal(e->kind, ERR_CORRUPT);
        err_free(e);
        test_sink_free(&s.sink);
    }
    close(file.fd);
}

static void a_file_that_is_no_archive_is_refused(void **state)
{
    (void)state;
    struct archive_reader *r = NULL;
    struct err *e = archive_file_open(&r, "/proc/self/exe");
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_non_null(strstr(e->message, "/proc/self/exe: no archive header here: magic 0x7f454c46"));
    err_free(e);
    e = archive_file_open(&r, "/nonexistent/backup.mbe");
    assert_non_null(e);
    assert_string_equal(e->message,
                        "/nonexistent/backup.mbe: cannot open: No such file or directory");
    err_free(e);
    assert_null(r);
}

/* Of three pieces the one in the middle is damaged, and left out: a cursor that skips reads nothing of it, wherever it stands and
 * whether or not it lends its chunk meanwhile. */
static void what_a_cursor_skips_is_not_read(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink s = sample(ARCHIVE_CODEC_ZSTD);
    s.bytes.p[test_chunk_at(s.bytes.p, 2) - 1] ^= 1; /* the last byte of chunk 1 */
    test_file_set(&file, s.bytes.p, s.bytes.n);
    AUTO(archive_reader) r = NULL;
    assert_null(archive_file_open(&r, file.path));
    archive_reader_keep(r, 1);
    for (int lend = 0; lend < 2; lend++) {
        AUTO(archive_cursor) c = NULL;
        uint64_t at, len;
        const uint8_t *data;
        assert_null(archive_cursor_open(&c, r, 1, 100, UINT64_MAX));
        assert_int_equal(archive_cursor_skip(c, 0), 100);
        assert_null(archive_cursor_next(c, &at, &data, &len));
        assert_int_equal(at, 100);
        if (lend)
            archive_cursor_rest(c);
        assert_int_equal(archive_cursor_skip(c, 2 * SAMPLE_PIECE), 2 * SAMPLE_PIECE);
        if (lend)
            archive_cursor_rest(c);
        const uint64_t from = 2 * SAMPLE_PIECE + 10 * SAMPLE_DENSE + 7;
        assert_int_equal(archive_cursor_skip(c, from), from);
        assert_null(archive_cursor_next(c, &at, &data, &len));
        assert_int_equal(at, from);
        assert_int_equal(len, SAMPLE_DENSE - 7);
        assert_int_equal(data[0], test_sample_byte(from));
        assert_int_equal(archive_cursor_skip(c, 0), from + len);
        assert_int_equal(archive_cursor_skip(c, SAMPLE_PIECES * SAMPLE_PIECE), UINT64_MAX);
        assert_null(archive_cursor_next(c, &at, &data, &len));
        assert_int_equal(len, 0);
    }
    AUTO(archive_cursor) all = NULL;
    uint64_t at, len;
    const uint8_t *data;
    assert_null(archive_cursor_open(&all, r, 1, SAMPLE_PIECE, 1));
    struct err *e = archive_cursor_next(all, &at, &data, &len);
    assert_non_null(e);
    err_free(e);
    assert_true(archive_reader_has_content(r, 1));
    assert_false(archive_reader_has_content(r, 4)); /* a link */
    test_sink_free(&s.sink);
    close(file.fd);
}

/* ---- threads ---- */

struct shared_read {
    struct archive_reader *r;
    _Atomic uint32_t next;
    _Atomic uint32_t bad;
};

static struct err *read_some(void *ctx, bool *more)
{
    struct shared_read *s = ctx;
    const uint32_t k = atomic_fetch_add(&s->next, 1);
    uint8_t buf[9000];
    *more = k < 400;
    const uint64_t at = (uint64_t)k * 7919 % (SAMPLE_PIECES * SAMPLE_PIECE - sizeof buf);
    TRY(archive_read(s->r, 1, at, buf, sizeof buf));
    for (size_t i = 0; i < sizeof buf; i++)
        if (buf[i] != test_sample_byte(at + i))
            s->bad++;
    TRY(archive_read(s->r, 2, 0, buf, 500));
    if (buf[k % 500] != 'b')
        s->bad++;
    return NULL;
}

static void one_reader_serves_several_threads(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink s = sample(ARCHIVE_CODEC_ZSTD);
    test_file_set(&file, s.bytes.p, s.bytes.n);
    AUTO(archive_reader) r = NULL;
    assert_null(archive_file_open(&r, file.path));
    struct shared_read shared = {.r = r};
    assert_null(workers_run(4, read_some, &shared));
    assert_int_equal(shared.bad, 0);
    test_sink_free(&s.sink);
    close(file.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_is_what_it_should_be),
        cmocka_unit_test(archives_of_every_format_version_are_readable),
        cmocka_unit_test(every_single_flipped_bit_is_detected),
        cmocka_unit_test(an_archive_cut_off_anywhere_is_incomplete),
        cmocka_unit_test(bytes_added_behind_the_end_are_noticed),
        cmocka_unit_test(forged_fields_are_refused_by_name),
        cmocka_unit_test(a_file_that_is_no_archive_is_refused),
        cmocka_unit_test(what_a_cursor_skips_is_not_read),
        cmocka_unit_test(one_reader_serves_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
