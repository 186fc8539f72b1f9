/* archive/sink_s3_test.c: parts reach the store as what was appended, nothing is there before the end, and an error of any lane comes
 * out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive/archive_test_util.h"
#include "archive/s3_store_test_util.h"
#include "archive/sink_s3.h"
#include "base/clock.h"

#define KEY "p/20261124T170632Z-full/backup.mbe"

static void parts_grow_to_what_an_object_can_be(void **state)
{
    uint64_t sum = 0, before = 0;
    (void)state;
    for (unsigned number = 1; number <= S3_PARTS_MAX; number++) {
        const uint64_t size = sink_s3_part_size(number);
        assert_true(size >= before);
        assert_true(size <= UINT64_C(5) << 30); /* the most that a store takes */
        before = size;
        sum += size;
        if (number == 500)
            assert_true(sum == UINT64_C(500) * SINK_S3_FIRST_PART);
    }
    assert_true(sum >= UINT64_C(5) << 40);
    assert_int_equal(sink_s3_part_size(501), 11 << 20);
}

static void append_pieces(struct sink *s, struct out_bytes *expected, size_t n_bytes)
{
    uint64_t seed = 5;
    AUTO_FREE uint8_t *piece = mem_alloc(1 << 20);
    while (expected->n < n_bytes) {
        const size_t n = test_random(&seed) % (1 << 20);
        memset(piece, (int)test_random(&seed), n);
        out_bytes_put(expected, piece, n);
        assert_null(s->append(s, piece, n));
    }
}

static void the_object_is_what_was_appended_and_there_at_the_end(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    struct sink *s;
    struct out_bytes expected = {0};
    assert_null(sink_s3_open(&s, c, KEY));
    append_pieces(s, &expected, 3 * (size_t)SINK_S3_FIRST_PART + 5);
    assert_null(s->commit(s));
    assert_null(memory_find(m, KEY));
    assert_null(sink_s3_complete(s));
    s->free(s);
    const struct memory_object *o = memory_find(m, KEY);
    assert_non_null(o);
    assert_int_equal(o->n, expected.n);
    assert_memory_equal(o->data, expected.p, o->n);
    free(expected.p);
}

static void without_the_end_the_upload_is_given_up(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    struct sink *s;
    for (int committed = 0; committed < 2; committed++) {
        assert_null(sink_s3_open(&s, c, KEY));
        assert_null(s->append(s, "x", 1));
        if (committed)
            assert_null(s->commit(s));
        assert_non_null(m->uploads[committed].key);
        s->free(s);
        assert_null(memory_find(m, KEY));
        assert_null(m->uploads[committed].key);
    }
}

static void wait_for_requests(struct memory_store *m, int n)
{
    for (bool there = false; !there; clock_sleep_ms(10)) {
        pthread_mutex_lock(&m->http.lock);
        there = m->n_requests >= n;
        pthread_mutex_unlock(&m->http.lock);
    }
}

/* A store that wants to be asked later, and one that does not answer at all. */
static void giving_up_does_not_wait_for_parts(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO_FREE uint8_t *piece = mem_zalloc(SINK_S3_FIRST_PART);
    for (int i = 0; i < 2; i++) {
        struct sink *s;
        m->busy = i ? NULL : "partNumber=1";
        m->mute = i ? "partNumber=1" : NULL;
        m->n_requests = 0;
        assert_null(sink_s3_open(&s, c, KEY));
        assert_null(s->append(s, piece, SINK_S3_FIRST_PART));
        wait_for_requests(m, 2); /* the upload's begin, and its part */
        const double begun = clock_seconds();
        s->free(s);
        assert_true(clock_seconds() - begun < 10);
        assert_null(m->uploads[i].key);
    }
}

/* Nor does the commit when another one has failed. */
static void the_first_error_ends_the_other_parts(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO_FREE uint8_t *piece = mem_zalloc(SINK_S3_FIRST_PART);
    struct sink *s;
    m->mute = "partNumber=1";
    m->fail = "partNumber=2";
    assert_null(sink_s3_open(&s, c, KEY));
    assert_null(s->append(s, piece, SINK_S3_FIRST_PART));
    wait_for_requests(m, 2);
    assert_null(s->append(s, "x", 1));
    const double begun = clock_seconds();
    struct err *e = s->commit(s);
    assert_true(clock_seconds() - begun < 10);
    assert_non_null(e);
    assert_string_equal(e->message, "s3://buck/" KEY ": PUT: HTTP status 403, AccessDenied");
    err_free(e);
    s->free(s);
}

static void an_error_of_a_part_comes_out_once_and_ends_it(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    AUTO_FREE uint8_t *piece = mem_zalloc(SINK_S3_FIRST_PART);
    struct sink *s;
    struct err *e = NULL;
    m->fail = "partNumber=2";
    assert_null(sink_s3_open(&s, c, KEY));
    for (int i = 0; i < 100 && !e; i++)
        e = s->append(s, piece, SINK_S3_FIRST_PART);
    assert_non_null(e);
    assert_string_equal(e->message, "s3://buck/" KEY ": PUT: HTTP status 403, AccessDenied");
    assert_int_equal(e->kind, ERR_REFUSED);
    err_free(e);
    e = s->append(s, piece, SINK_S3_FIRST_PART);
    assert_non_null(e);
    assert_string_equal(e->message, "s3://buck/" KEY ": the upload has failed");
    err_free(e);
    s->free(s);
    assert_null(m->uploads[0].key);
}

static void an_error_of_the_last_part_comes_out_at_the_commit(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    struct sink *s;
    m->fail = "partNumber=1";
    assert_null(sink_s3_open(&s, c, KEY));
    assert_null(s->append(s, "x", 1));
    struct err *e = s->commit(s);
    assert_non_null(e);
    assert_string_equal(e->message, "s3://buck/" KEY ": PUT: HTTP status 403, AccessDenied");
    err_free(e);
    s->free(s);
}

static void an_object_that_came_to_be_meanwhile_stays(void **state)
{
    struct memory_store *m = *state;
    AUTO(s3_client) c = store_client(&m->http, NULL);
    struct sink *s;
    assert_null(sink_s3_open(&s, c, KEY));
    assert_null(s->append(s, "mine", 4));
    assert_null(s->commit(s));
    memory_put_text(m, KEY, "other");
    struct err *e = sink_s3_complete(s);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_REFUSED);
    err_free(e);
    s->free(s);
    assert_string_equal(memory_find(m, KEY)->data, "other");
    assert_null(m->uploads[0].key);
}

#define STORED(test) cmocka_unit_test_setup_teardown(test, memory_start, memory_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_grow_to_what_an_object_can_be),
        STORED(the_object_is_what_was_appended_and_there_at_the_end),
        STORED(without_the_end_the_upload_is_given_up),
        STORED(giving_up_does_not_wait_for_parts),
        STORED(the_first_error_ends_the_other_parts),
        STORED(an_error_of_a_part_comes_out_once_and_ends_it),
        STORED(an_error_of_the_last_part_comes_out_at_the_commit),
        STORED(an_object_that_came_to_be_meanwhile_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
