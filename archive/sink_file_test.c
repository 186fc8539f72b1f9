/* archive/sink_file_test.c: bytes reach the file in order; an abandoned file is gone; a full
 * disk is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "archive/archive_test_util.h"
#include "base/cache_test_util.h"
#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"

static void small_and_large_appends_keep_their_order(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/a", (char *)*state);
    struct sink *s;
    struct out_bytes expected = {0};
    uint64_t seed = 3;
    AUTO_FREE uint8_t *piece = mem_alloc(1 << 20);
    assert_null(sink_file_open(&s, path));
    for (int i = 0; i < 120; i++) { /* past several windows of write-back */
        const size_t n = test_random(&seed) % (i % 3 ? 1 << 20 : 300);
        memset(piece, i, n);
        out_bytes_put(&expected, piece, n);
        assert_null(s->append(s, piece, n));
    }
    assert_null(s->commit(s));
    s->free(s);
    char *data;
    size_t len;
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_null(file_read_all(&data, &len, path, 1 << 30));
    assert_int_equal(len, expected.n);
    assert_memory_equal(data, expected.p, len);
    free(data);
    free(expected.p);
}

static void without_commit_nothing_is_left(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/a", (char *)*state);
    struct sink *s;
    struct stat st;
    assert_null(sink_file_open(&s, path));
    assert_null(s->append(s, "x", 1));
    assert_int_equal(stat(path, &st), 0);
    s->free(s);
    assert_int_equal(stat(path, &st), -1);
}

/* Skipped where files live in memory. */
static void what_was_written_is_not_in_the_file_cache(void **state)
{
    enum { PIECE = 1 << 20, PIECES = 40 };
    AUTO_FREE char *path = mem_printf("%s/a", (char *)*state);
    AUTO_FREE char *probe = mem_printf("%s/b", (char *)*state);
    AUTO_FREE uint8_t *piece = mem_alloc(PIECE);
    AUTO_FD int fd = -1;
    struct sink *s;
    memset(piece, 7, PIECE);
    assert_null(file_replace(probe, piece, PIECE, 0600));
    assert_null(file_open(&fd, probe, O_RDONLY, 0));
    if (!make_cold(fd))
        skip();
    close(fd);
    assert_null(sink_file_open(&s, path));
    for (int i = 0; i < PIECES; i++)
        assert_null(s->append(s, piece, PIECE));
    assert_null(s->commit(s));
    s->free(s);
    assert_null(file_open(&fd, path, O_RDONLY, 0));
    assert_true(cached_bytes(fd, 0, (size_t)PIECE * PIECES) <= PIECE);
}

static void a_file_that_is_there_is_not_touched(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/a", (char *)*state);
    AUTO_FREE char *expected = mem_printf("%s: cannot open: File exists", path);
    struct sink *s;
    assert_null(file_replace(path, "old", 3, 0600));
    struct err *e = sink_file_open(&s, path);
    assert_non_null(e);
    assert_string_equal(e->message, expected);
    err_free(e);
    char *data;
    size_t len;
    assert_null(file_read_all(&data, &len, path, 10));
    assert_string_equal(data, "old");
    free(data);
}

/* A limit of the file's size fails as a full disk does: in the middle of a write, after a short
 * count. */
static void a_disk_that_runs_full_is_named(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/a", (char *)*state);
    AUTO_FREE char *expected = mem_printf("%s: cannot write: File too large", path);
    AUTO_FREE uint8_t *piece = mem_zalloc(1 << 20);
    struct rlimit before, limit;
    struct sink *s;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 1500000;
    signal(SIGXFSZ, SIG_IGN);
    assert_null(sink_file_open(&s, path));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct err *first = s->append(s, piece, 1 << 20);
    struct err *second = s->append(s, piece, 1 << 20);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_null(first);
    assert_non_null(second);
    assert_string_equal(second->message, expected);
    assert_int_equal(second->os_errno, EFBIG);
    err_free(second);
    s->free(s);
    struct stat st;
    assert_int_equal(stat(path, &st), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_and_large_appends_keep_their_order, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(without_commit_nothing_is_left, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(what_was_written_is_not_in_the_file_cache, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(a_file_that_is_there_is_not_touched, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(a_disk_that_runs_full_is_named, test_dir_make,
                                        test_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
