/* archive/writer_test.c: what is written comes back, whatever the pieces, threads, codec and
 * order; and what cannot be written is an error that leaves no complete archive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "archive/archive_file_test_util.h"
#include "archive/archive_test_util.h"
#include "archive/reader.h"
#include "base/mem.h"
#include "base/workers.h"

static const struct archive_writer_options codecs[] = {{.codec = ARCHIVE_CODEC_NONE},
                                                       {.codec = ARCHIVE_CODEC_ZSTD, .level = 1}};
enum { N_CODECS = 2 };

/* ---- random archives ---- */

enum { N_ENTRIES = 40, MAX_PIECES = 4096 };

struct model_entry {
    char path[64];
    uint8_t *content; /* as it must be read back */
    uint64_t size;
    uint32_t id;
    bool dropped;
};

struct piece {
    uint32_t entry; /* of the model */
    uint64_t offset;
    uint32_t len;
};

struct model {
    struct model_entry entries[N_ENTRIES];
    struct piece pieces[MAX_PIECES];
    size_t n_pieces;
    struct archive_writer *writer;
    _Atomic size_t next;
};

/* Content in stretches: noise, repeated text, zeros. */
static void fill(uint8_t *p, uint64_t n, uint64_t *seed)
{
    for (uint64_t at = 0; at < n;) {
        uint64_t len = 1 + test_random(seed) % 40000;
        len = len < n - at ? len : n - at;
        const uint64_t what = test_random(seed) % 3;
        uint64_t noise = test_random(seed);
        for (uint64_t i = 0; i < len && what; i++, noise = i % 8 ? noise >> 8 : test_random(seed))
            p[at + i] = what == 1 ? (uint8_t)noise : (uint8_t)("row format "[i % 11]);
        at += len;
    }
}

/* A size that is often small, sometimes 0. */
static uint64_t random_size(uint64_t *seed, uint64_t max)
{
    const uint64_t limits[] = {1, 300, 5000, 70000, max};
    return test_random(seed) % limits[test_random(seed) % 5];
}

/* Cuts the entry into pieces; leaves some out, which then read as zeros. */
static void cut(struct model *m, uint32_t entry, uint64_t *seed)
{
    struct model_entry *e = &m->entries[entry];
    for (uint64_t at = 0; at < e->size;) {
        uint64_t len = test_random(seed) % 4 ? 1 + test_random(seed) % 200000 : ARCHIVE_PIECE_MAX;
        len = len < e->size - at ? len : e->size - at;
        if (test_random(seed) % 8 == 0 || m->n_pieces == MAX_PIECES)
            memset(e->content + at, 0, len);
        else
            m->pieces[m->n_pieces++] = (struct piece){entry, at, (uint32_t)len};
        at += len;
    }
}

static void shuffle(struct model *m, uint64_t *seed)
{
    for (size_t i = m->n_pieces; i > 1; i--) {
        const size_t k = test_random(seed) % i;
        const struct piece t = m->pieces[i - 1];
        m->pieces[i - 1] = m->pieces[k];
        m->pieces[k] = t;
    }
}

static struct model *model_new(uint64_t seed, uint64_t size_max)
{
    struct model *m = mem_zalloc(sizeof *m);
    for (uint32_t i = 0; i < N_ENTRIES; i++) {
        struct model_entry *e = &m->entries[i];
        snprintf(e->path, sizeof e->path, "db%d/t%03u.ibd", (int)(test_random(&seed) % 3),
                 (i * 17) % N_ENTRIES);
        e->size = random_size(&seed, size_max);
        e->content = mem_zalloc(e->size);
        e->dropped = test_random(&seed) % 10 == 0;
        fill(e->content, e->size, &seed);
        cut(m, i, &seed);
    }
    if (seed % 2)
        shuffle(m, &seed);
    return m;
}

static void model_free(struct model *m)
{
    for (uint32_t i = 0; i < N_ENTRIES; i++)
        free(m->entries[i].content);
    free(m);
}

static struct err *write_next(void *ctx, bool *more)
{
    struct model *m = ctx;
    const size_t i = atomic_fetch_add(&m->next, 1);
    if (i >= m->n_pieces) {
        *more = false;
        return NULL;
    }
    const struct piece *p = &m->pieces[i];
    const struct model_entry *e = &m->entries[p->entry];
    return archive_write(m->writer, e->id, p->offset, e->content + p->offset, p->len);
}

static struct err *write_model(struct model *m, struct sink *sink,
                               const struct archive_writer_options *o, int threads)
{
    AUTO(archive_writer) w = NULL;
    TRY(archive_writer_open(&w, sink, o));
    m->writer = w;
    m->next = 0;
    struct archive_attr attr = {.kind = ARCHIVE_SPACE, .mode = 0660, .page_size = 16384};
    for (uint32_t i = 0; i < N_ENTRIES; i++) {
        attr.path = m->entries[i].path;
        TRY(archive_entry_add(w, &attr, &m->entries[i].id));
    }
    TRY(workers_run(threads, write_next, m));
    for (uint32_t i = 0; i < N_ENTRIES; i++) {
        attr.path = m->entries[i].path;
        attr.size = m->entries[i].size;
        attr.space_id = i;
        TRY(archive_entry_set(w, m->entries[i].id, &attr));
        if (m->entries[i].dropped)
            archive_entry_drop(w, m->entries[i].id);
    }
    return archive_writer_finish(w, "{\"id\": \"x\"}");
}

/* By the cursor over everything, then by archive_read of random ranges. */
static void assert_content(struct archive_reader *r, uint32_t i, const struct model_entry *e,
                           uint64_t *seed)
{
    AUTO(archive_cursor) c = NULL;
    uint8_t *got = mem_zalloc(e->size);
    uint64_t offset, len, last = 0;
    const uint8_t *data;
    assert_null(archive_cursor_open(&c, r, i, 0, UINT64_MAX));
    for (;;) {
        assert_null(archive_cursor_next(c, &offset, &data, &len));
        if (!len)
            break;
        assert_true(offset >= last && offset + len <= e->size);
        last = offset + len;
        if (data)
            memcpy(got + offset, data, len);
    }
    assert_memory_equal(got, e->content, e->size);
    for (int k = 0; k < 5; k++) {
        const uint64_t from = test_random(seed) % (e->size + 1),
                       n = test_random(seed) % (e->size - from + 1);
        memset(got, 0xee, n);
        assert_null(archive_read(r, i, from, got, n));
        assert_memory_equal(got, e->content + from, n);
    }
    free(got);
}

static void assert_model(const struct model *m, const char *path, uint64_t seed)
{
    AUTO(archive_reader) r = NULL;
    struct err *e = archive_file_open(&r, path);
    if (e)
        fail_msg("%s", e->message);
    assert_string_equal(archive_reader_manifest(r), "{\"id\": \"x\"}");
    uint32_t n_live = 0;
    for (uint32_t i = 0; i < N_ENTRIES; i++) {
        const int64_t at = archive_reader_find(r, m->entries[i].path);
        assert_int_equal(at < 0, m->entries[i].dropped);
        if (at < 0)
            continue;
        n_live++;
        const struct archive_attr *a = archive_reader_entry(r, (uint32_t)at);
        assert_int_equal(a->size, m->entries[i].size);
        assert_int_equal(a->space_id, i);
        assert_content(r, (uint32_t)at, &m->entries[i], &seed);
    }
    assert_int_equal(archive_reader_n_entries(r), n_live);
}

static void random_archives_come_back(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct model *m = model_new(seed * 7919, 3 << 20);
        for (int codec = 0; codec < N_CODECS; codec++) {
            struct test_sink sink = test_sink_new();
            struct err *e = write_model(m, &sink.sink, &codecs[codec], seed % 3 ? 3 : 1);
            if (e)
                fail_msg("seed %d: %s", (int)seed, e->message);
            test_file_set(&file, sink.bytes.p, sink.bytes.n);
            assert_model(m, file.path, seed);
            test_sink_free(&sink.sink);
        }
        model_free(m);
    }
    close(file.fd);
}

/* ---- small archives by hand ---- */

static struct archive_attr plain(const char *path)
{
    return (struct archive_attr){.kind = ARCHIVE_PLAIN, .path = path, .mode = 0600};
}

static uint32_t add(struct archive_writer *w, const char *path)
{
    uint32_t id;
    const struct archive_attr a = plain(path);
    assert_null(archive_entry_add(w, &a, &id));
    return id;
}

static void assert_text(struct err *e, const char *message)
{
    assert_non_null(e);
    assert_string_equal(e->message, message);
    err_free(e);
}

static struct archive_reader *finish_and_open(struct archive_writer *w,
                                              const struct test_sink *sink,
                                              const struct test_file *file)
{
    struct archive_reader *r;
    assert_null(archive_writer_finish(w, "{}"));
    test_file_set(file, sink->bytes.p, sink->bytes.n);
    assert_null(archive_file_open(&r, file->path));
    return r;
}

static void small_files_share_chunks_and_zeros_take_no_room(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink sink = test_sink_new();
    struct archive_writer_stats stats;
    AUTO(archive_writer) w = NULL;
    assert_null(archive_writer_open(&w, &sink.sink, &codecs[0]));
    for (int i = 0; i < 500; i++) {
        char path[32] = "";
        snprintf(path, sizeof path, "db/t%03d.frm", i);
        assert_null(archive_write(w, add(w, path), 0, path, sizeof path));
    }
    uint8_t *zeros = mem_zalloc(ARCHIVE_PIECE_MAX);
    const uint32_t sparse = add(w, "sparse");
    for (uint64_t i = 0; i < 3000; i++)
        assert_null(archive_write(w, sparse, i * ARCHIVE_PIECE_MAX, zeros, ARCHIVE_PIECE_MAX));
    archive_writer_stats(w, &stats);
    assert_int_equal(stats.bytes_stored, ARCHIVE_HEADER_SIZE);
    assert_true(stats.bytes_in == 3000ull * ARCHIVE_PIECE_MAX + 500 * 32);
    AUTO(archive_reader) r = finish_and_open(w, &sink, &file);
    assert_in_range(sink.bytes.n, 500 * 32, 500 * 32 + 500 * RECORD_SIZE + 8000);
    const uint32_t i = (uint32_t)archive_reader_find(r, "sparse");
    assert_true(archive_reader_entry(r, i)->size == 3000ull * ARCHIVE_PIECE_MAX);
    AUTO(archive_cursor) c = NULL;
    uint64_t offset, len;
    const uint8_t *data;
    assert_null(archive_cursor_open(&c, r, i, 5, UINT64_MAX));
    assert_null(archive_cursor_next(c, &offset, &data, &len));
    assert_true(offset == 5 && !data && len == RECORD_LEN_MAX - 5);
    free(zeros);
    test_sink_free(&sink.sink);
    close(file.fd);
}

static void an_entry_gets_its_last_name_and_size(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink sink = test_sink_new();
    AUTO(archive_writer) w = NULL;
    assert_null(archive_writer_open(&w, &sink.sink, &codecs[1]));
    const uint32_t a = add(w, "a"), b = add(w, "b"), c = add(w, "c"), d = add(w, "d");
    assert_null(archive_write(w, a, 5, "content", 7));
    assert_null(archive_write(w, b, 0, "0123456789", 10));
    assert_null(archive_write(w, b, 20, "beyond", 6));
    assert_null(archive_write(w, c, 0, "stale", 5));
    archive_entry_drop(w, c);
    struct archive_attr cut_short = plain("renamed"), again = plain("c");
    cut_short.size = 8;
    assert_null(archive_entry_set(w, b, &cut_short)); /* the file had shrunk */
    assert_null(archive_entry_set(w, d, &again));     /* takes the name of the dropped one */
    again.size = 3;
    assert_null(archive_entry_set(w, d, &again));
    AUTO(archive_reader) r = finish_and_open(w, &sink, &file);

    char text[16];
    assert_int_equal(archive_reader_n_entries(r), 3);
    assert_string_equal(archive_reader_entry(r, 2)->path, "renamed");
    assert_int_equal(archive_reader_entry(r, 0)->size, 12);
    assert_null(archive_read(r, 0, 0, text, 12));
    assert_memory_equal(text, "\0\0\0\0\0content", 12);
    assert_null(archive_read(r, 1, 0, text, 3));
    assert_memory_equal(text, "\0\0\0", 3);
    assert_null(archive_read(r, 2, 0, text, 8));
    assert_memory_equal(text, "01234567", 8);
    AUTO_FREE char *expected =
        mem_printf("%s: renamed: 9 bytes at 0 lie beyond its size 8", file.path);
    assert_text(archive_read(r, 2, 0, text, 9), expected);
    test_sink_free(&sink.sink);
    close(file.fd);
}

static void an_empty_archive_is_an_archive(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink sink = test_sink_new();
    AUTO(archive_writer) w = NULL;
    assert_null(archive_writer_open(&w, &sink.sink, &codecs[0]));
    assert_null(archive_writer_finish(w, ""));
    test_file_set(&file, sink.bytes.p, sink.bytes.n);
    AUTO(archive_reader) r = NULL;
    assert_null(archive_file_open(&r, file.path));
    assert_int_equal(archive_reader_n_entries(r), 0);
    assert_string_equal(archive_reader_manifest(r), "");
    assert_int_equal(archive_reader_find(r, "a"), -1);
    test_sink_free(&sink.sink);
    close(file.fd);
}

static void long_manifests_and_indexes_take_several_chunks(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct test_sink sink = test_sink_new();
    AUTO(archive_writer) w = NULL;
    assert_null(archive_writer_open(&w, &sink.sink, &codecs[0]));
    for (int i = 0; i < 30000; i++) {
        char path[100];
        snprintf(path, sizeof path,
                 "database_with_a_long_name_%06d/and_a_table_of_long_name_%06d.frm", i % 7, i);
        assert_null(archive_write(w, add(w, path), 0, "x", 1));
    }
    const size_t n =
        5 << 20; /* compresses by more than the format allows, and must be readable all the same */
    AUTO_FREE char *manifest = mem_alloc(n + 1);
    memset(manifest, ' ', n);
    manifest[n] = '\0';
    assert_null(archive_writer_finish(w, manifest));
    test_file_set(&file, sink.bytes.p, sink.bytes.n);
    AUTO(archive_reader) r = NULL;
    assert_null(archive_file_open(&r, file.path));
    assert_int_equal(archive_reader_n_entries(r), 30000);
    assert_string_equal(archive_reader_manifest(r), manifest);
    char x;
    assert_null(archive_read(r, 29999, 0, &x, 1));
    assert_int_equal(x, 'x');
    test_sink_free(&sink.sink);
    close(file.fd);
}

/* ---- what cannot be written ---- */

static void misuse_is_an_error_and_not_a_bad_archive(void **state)
{
    (void)state;
    static uint8_t data[16];
    struct test_sink sink = test_sink_new();
    AUTO(archive_writer) w = NULL;
    uint32_t id;
    assert_text(archive_writer_open(
                    &w, &sink.sink,
                    &(struct archive_writer_options){.codec = ARCHIVE_CODEC_ZSTD, .level = 23}),
                "zstd level 23, -131072 to 22 expected");
    assert_null(archive_writer_open(&w, &sink.sink, &codecs[0]));
    struct archive_attr bad = plain("../x");
    assert_text(archive_entry_add(w, &bad, &id), "archive entry ../x has an unsafe name");
    assert_text(archive_write(w, 0, 0, data, 1), "archive entry 0 was never added");
    assert_text(archive_entry_set(w, 0, &(struct archive_attr){.kind = ARCHIVE_PLAIN, .path = "a"}),
                "archive entry 0 was never added");
    id = add(w, "a");
    assert_text(archive_entry_set(w, id, &bad), "archive entry ../x has an unsafe name");
    assert_text(archive_write(w, id, 0, data, 0),
                "archive entry 0: piece of 0 bytes at 0 is out of range");
    assert_text(archive_write(w, id, 0, data, ARCHIVE_PIECE_MAX + 1),
                "archive entry 0: piece of 1048577 bytes at 0 is out of range");
    assert_text(archive_write(w, id, UINT64_MAX, data, 1),
                "archive entry 0: piece of 1 bytes at 18446744073709551615 is out of range");
    assert_null(archive_write(w, id, 0, data, 10));
    assert_null(archive_write(w, id, 9, data, 10));
    assert_text(archive_writer_finish(w, "{}"), "archive entry a: two pieces overlap at offset 9");
    test_sink_free(&sink.sink);
}

static void two_entries_of_one_name_are_an_error_at_the_end(void **state)
{
    (void)state;
    struct test_sink sink = test_sink_new();
    AUTO(archive_writer) w = NULL;
    assert_null(archive_writer_open(&w, &sink.sink, &codecs[0]));
    add(w, "db/a");
    add(w, "b");
    const struct archive_attr twice = plain("db/a");
    assert_null(archive_entry_set(w, 1, &twice));
    assert_text(archive_writer_finish(w, "{}"), "two entries have the path db/a");
    archive_entry_drop(w, 0);
    add(w, "db");
    assert_text(archive_writer_finish(w, "{}"), "entry db/a lies below db, which is no directory");
    test_sink_free(&sink.sink);
}

static void a_sink_that_fails_at_any_append_gives_its_error_and_no_archive(void **state)
{
    (void)state;
    const struct test_file file = test_file_new();
    struct model *m = model_new(4242, 300000);
    for (int codec = 0; codec < N_CODECS; codec++) {
        struct test_sink whole = test_sink_new();
        assert_null(write_model(m, &whole.sink, &codecs[codec], 2));
        for (uint32_t n = 1; n < whole.n_appends - 4;
             n++) { /* threads gather differently: stay clear of the end */
            struct test_sink sink = test_sink_new();
            sink.fail_at = n;
            struct err *e = write_model(m, &sink.sink, &codecs[codec], n % 2 ? 2 : 1);
            assert_non_null(e);
            assert_string_equal(e->message, "test sink: cannot write: No space left on device");
            assert_int_equal(e->os_errno, ENOSPC);
            err_free(e);
            test_file_set(&file, sink.bytes.p, sink.bytes.n);
            struct archive_reader *r = NULL;
            e = archive_file_open(&r, file.path);
            assert_non_null(e);
            err_free(e);
            test_sink_free(&sink.sink);
        }
        test_sink_free(&whole.sink);
    }
    model_free(m);
    close(file.fd);
}

static void after_a_failed_write_nothing_more_is_written(void **state)
{
    (void)state;
    static uint8_t data[70000];
    struct test_sink sink = test_sink_new();
    AUTO(archive_writer) w = NULL;
    assert_null(archive_writer_open(&w, &sink.sink, &codecs[0]));
    memset(data, 1, sizeof data);
    const uint32_t id = add(w, "a");
    sink.fail_at = 3; /* the payload: its header is in the sink */
    assert_text(archive_write(w, id, 0, data, sizeof data),
                "test sink: cannot write: No space left on device");
    sink.fail_at = 0;
    const size_t n = sink.bytes.n;
    assert_text(archive_write(w, id, 70000, data, sizeof data),
                "test sink: cannot write: No space left on device");
    assert_text(archive_writer_finish(w, "{}"), "test sink: cannot write: No space left on device");
    assert_int_equal(sink.bytes.n, n);
    test_sink_free(&sink.sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_archives_come_back),
        cmocka_unit_test(small_files_share_chunks_and_zeros_take_no_room),
        cmocka_unit_test(an_entry_gets_its_last_name_and_size),
        cmocka_unit_test(an_empty_archive_is_an_archive),
        cmocka_unit_test(long_manifests_and_indexes_take_several_chunks),
        cmocka_unit_test(misuse_is_an_error_and_not_a_bad_archive),
        cmocka_unit_test(two_entries_of_one_name_are_an_error_at_the_end),
        cmocka_unit_test(a_sink_that_fails_at_any_append_gives_its_error_and_no_archive),
        cmocka_unit_test(after_a_failed_write_nothing_more_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
