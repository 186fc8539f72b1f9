/* archive/source_s3_test.c: what is read is what the object has, from several threads too, in few requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>

#include "archive/archive_test_util.h"
#include "archive/s3_store_test_util.h"
#include "archive/source_s3.h"
#include "base/workers.h"

#define KEY "p/20261124T170632Z-full/backup.mbe"

enum { SIZE = 40 * 1000 * 1000 + 7, CHUNK = 300000, THREADS = 4 };

static int start_with_object(void **state)
{
    memory_start(state);
    char *data = mem_alloc(SIZE);
    uint64_t seed = 11;
    for (size_t i = 0; i + 8 <= SIZE; i += 8) {
        const uint64_t x = test_random(&seed);
        memcpy(data + i, &x, 8);
    }
    memset(data + SIZE - 7, 'e', 7);
    memory_put(*state, KEY, data, SIZE);
    return 0;
}

/* One thing read, compared with what is there. */
static struct err *check_read(struct source *s, const char *object, uint8_t *buf, uint64_t offset,
                              size_t n)
{
    size_t got;
    TRY(s->read_at(s, buf, n, offset, &got));
    const size_t there = offset >= SIZE ? 0 : n < SIZE - offset ? n : (size_t)(SIZE - offset);
    if (got != there || memcmp(buf, object + offset, got))
        return err_make(CORRUPT, "%zu bytes at %" PRIu64 ": %zu found", n, offset, got);
    return NULL;
}

static void reading_on_takes_a_request_for_megabytes(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO(s3_windows) windows = s3_windows_new();
    AUTO(source) s = NULL;
    AUTO_FREE uint8_t *buf = mem_alloc(CHUNK);
    assert_null(source_s3_open(&s, c, windows, KEY));
    assert_string_equal(s->name, "s3://buck/" KEY);
    assert_int_equal(s->size, SIZE);
    for (uint64_t at = 0; at < SIZE; at += CHUNK)
        assert_null(check_read(s, memory_find(m, KEY)->data, buf, at, CHUNK));
    /* HEAD; 128 and 256 KiB to 4 MiB; 36 MB by 4 MiB */
    assert_in_range(m->n_requests, 1 + 5 + 8, 1 + 5 + 10);
}

static void opening_takes_little(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO(s3_windows) windows = s3_windows_new();
    AUTO(source) s = NULL;
    uint8_t buf[1000];
    const char *object = memory_find(m, KEY)->data;
    assert_null(source_s3_open(&s, c, windows, KEY));
    assert_null(check_read(s, object, buf, 0, 64));
    assert_null(check_read(s, object, buf, SIZE - 112, 112));
    assert_null(check_read(s, object, buf, SIZE - 100000, 1000));
    assert_int_equal(m->n_requests, 3);
}

static void the_end_is_the_end(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO(s3_windows) windows = s3_windows_new();
    AUTO(source) s = NULL;
    uint8_t buf[100];
    const char *object = memory_find(m, KEY)->data;
    assert_null(source_s3_open(&s, c, windows, KEY));
    assert_null(check_read(s, object, buf, SIZE - 10, 100));
    assert_null(check_read(s, object, buf, SIZE, 1));
    assert_null(check_read(s, object, buf, UINT64_MAX, 1));
    memory_put_text(m, "p/small", "0123456789");
    AUTO(source) small = NULL;
    assert_null(source_s3_open(&small, c, windows, "p/small"));
    assert_null(check_read(small, memory_find(m, "p/small")->data, buf, 3, 4));
}

static void what_is_not_there_says_so(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO(s3_windows) windows = s3_windows_new();
    struct source *s = NULL;
    struct err *e = source_s3_open(&s, c, windows, "p/other");
    assert_non_null(e);
    assert_int_equal(e->os_errno, ENOENT);
    assert_string_equal(e->message, "s3://buck/p/other: cannot open: No such file or directory");
    err_free(e);
}

static void a_failed_window_is_fetched_again_by_the_next(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO(s3_windows) windows = s3_windows_new();
    AUTO(source) s = NULL;
    uint8_t buf[100];
    size_t got;
    assert_null(source_s3_open(&s, c, windows, KEY));
    m->fail = KEY;
    struct err *e = s->read_at(s, buf, sizeof buf, 0, &got);
    assert_non_null(e);
    assert_string_equal(e->message, "s3://buck/" KEY ": GET: HTTP status 403, AccessDenied");
    err_free(e);
    m->fail = NULL;
    assert_null(check_read(s, memory_find(m, KEY)->data, buf, 0, sizeof buf));
}

struct crew {
    struct source *source;
    const char *object;
    atomic_uint next;
};

/* Chunks in order, and each time one anywhere: windows come and go. */
static struct err *read_some(void *ctx, bool *more)
{
    struct crew *crew = ctx;
    AUTO_FREE uint8_t *buf = mem_alloc(CHUNK);
    const unsigned i = atomic_fetch_add(&crew->next, 1);
    uint64_t seed = i + 1;
    *more = (uint64_t)i * CHUNK < SIZE;
    TRY(check_read(crew->source, crew->object, buf, (uint64_t)i * CHUNK, CHUNK));
    return check_read(crew->source, crew->object, buf, test_random(&seed) % SIZE, 100);
}

/* More is read than all windows together hold, by their number and by their bytes. */
static void sources_share_their_windows(void **state)
{
    enum { N = 4, ANYWHERE = 2 * SOURCE_S3_WINDOWS };
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO(s3_windows) windows = s3_windows_new();
    AUTO_FREE uint8_t *buf = mem_alloc(CHUNK);
    char *reversed = mem_alloc(SIZE);
    const char *const objects[2] = {memory_find(m, KEY)->data, reversed};
    static const char *const keys[2] = {KEY, "p/reversed"};
    struct source *sources[N];
    uint64_t seed = 3;
    assert_true((uint64_t)N * SIZE > SOURCE_S3_MEMORY);
    for (size_t i = 0; i < SIZE; i++)
        reversed[i] = objects[0][SIZE - 1 - i];
    memory_put(m, keys[1], reversed, SIZE);
    for (int i = 0; i < N; i++)
        assert_null(source_s3_open(&sources[i], c, windows, keys[i % 2]));
    for (int i = 0; i < ANYWHERE; i++)
        assert_null(
            check_read(sources[i % N], objects[i % 2], buf, test_random(&seed) % SIZE, 100));
    source_free(sources[0]);
    assert_null(source_s3_open(&sources[0], c, windows, keys[0]));
    for (uint64_t at = 0; at < SIZE; at += CHUNK)
        for (int i = 0; i < N; i++)
            assert_null(check_read(sources[i], objects[i % 2], buf, at, CHUNK));
    for (int i = 0; i < N; i++)
        source_free(sources[i]);
}

static void several_threads_read_what_is_there(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO(s3_windows) windows = s3_windows_new();
    AUTO(source) s = NULL;
    assert_null(source_s3_open(&s, c, windows, KEY));
    struct crew crew = {.source = s, .object = memory_find(m, KEY)->data};
    struct err *e = workers_run(THREADS, read_some, &crew);
    if (e)
        fail_msg("%s", e->message);
}

#define STORED(test) cmocka_unit_test_setup_teardown(test, start_with_object, memory_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORED(reading_on_takes_a_request_for_megabytes),
        STORED(opening_takes_little),
        STORED(the_end_is_the_end),
        STORED(what_is_not_there_says_so),
        STORED(a_failed_window_is_fetched_again_by_the_next),
        STORED(sources_share_their_windows),
        STORED(several_threads_read_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
