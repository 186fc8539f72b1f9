/* base/cold_read_test.c: what was in the file cache stays, what was not does not come to stay. Where the file system of the temporary
 * directory is the cache itself (tmpfs), nothing can be told, and these tests are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cache_test_util.h"
#include "base/cleanup.h"
#include "base/cold_read.h"
#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"

enum { PIECES = 8, ODD = 5000, BYTES = PIECES * COLD_READ_MAX + ODD };

/* Nothing of the file is in the cache. */
static int open_cold(const char *dir)
{
    AUTO_FREE char *path = mem_printf("%s/f", dir);
    AUTO_FREE uint8_t *piece = mem_alloc(COLD_READ_MAX);
    int fd;
    assert_null(file_open(&fd, path, O_RDWR | O_CREAT | O_TRUNC, 0600));
    for (int i = 0; i <= PIECES; i++) {
        memset(piece, 'a' + i, COLD_READ_MAX);
        assert_null(file_write(fd, piece, i < PIECES ? COLD_READ_MAX : ODD, path));
    }
    if (!make_cold(fd)) {
        close(fd);
        skip();
    }
    return fd;
}

/* Reads all of it, as a copy does. */
static void read_all(int fd)
{
    AUTO_FREE uint8_t *buf = mem_alloc(COLD_READ_MAX);
    struct cold_reader r;
    cold_reader_init(&r, fd);
    size_t got = COLD_READ_MAX;
    for (uint64_t at = 0, i = 0; got == COLD_READ_MAX; at += got, i++) {
        assert_null(cold_read(&r, buf, COLD_READ_MAX, at, COLD_READ_MAX, &got, "f"));
        assert_int_equal(got, i < PIECES ? COLD_READ_MAX : ODD);
        assert_true(buf[0] == 'a' + i && buf[got - 1] == 'a' + i);
    }
    cold_reader_fini(&r);
}

static void a_cold_file_stays_cold(void **state)
{
    AUTO_FD int fd = open_cold(*state);
    read_all(fd);
    assert_true(cached_bytes(fd, 0, BYTES) <= COLD_READ_MAX / 4); /* else all would be there */
}

/* What is read ahead is part of it. */
static void what_was_in_the_cache_stays(void **state)
{
    enum { FROM = 2 * COLD_READ_MAX + 100000, TO = 3 * COLD_READ_MAX + 300000 };
    AUTO_FD int fd = open_cold(*state);
    AUTO_FREE uint8_t *buf = mem_alloc(TO - FROM);
    size_t got;
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
    assert_null(file_pread(fd, buf, TO - FROM, FROM, &got, "f"));
    const size_t before = cached_bytes(fd, FROM, TO);
    if (before < TO - FROM)
        skip(); /* memory is short */
    read_all(fd);
    assert_true(cached_bytes(fd, 0, BYTES) <= before + COLD_READ_MAX / 4);
    assert_true(cached_bytes(fd, FROM, TO) >
                0); /* short memory may take some of it, no more than that */
}

/* Reads the first piece, with the second one ahead, which is in the cache before anything else is done. */
static void read_ahead(void **state, bool is_asked_for)
{
    AUTO_FD int fd = open_cold(*state);
    AUTO_FREE uint8_t *buf = mem_alloc(COLD_READ_MAX);
    struct cold_reader r;
    size_t got;
    cold_reader_init(&r, fd);
    assert_null(cold_read(&r, buf, COLD_READ_MAX, 0, COLD_READ_MAX, &got, "f"));
    /* a page on its way from the disk cannot be taken away */
    assert_null(file_pread(fd, buf, COLD_READ_MAX, COLD_READ_MAX, &got, "f"));
    if (is_asked_for)
        assert_null(cold_read(&r, buf, COLD_READ_MAX, COLD_READ_MAX, 0, &got, "f"));
    cold_reader_fini(&r);
    assert_true(cached_bytes(fd, 0, BYTES) <= COLD_READ_MAX / 4);
}

static void what_was_read_ahead_and_not_asked_for_goes_too(void **state)
{
    read_ahead(state, false);
}

/* It is in the cache when it is asked for, and came there for us alone. */
static void what_was_read_ahead_goes_when_it_was_read(void **state)
{
    read_ahead(state, true);
}

static void odd_places_and_the_end_are_read_right(void **state)
{
    AUTO_FD int fd = open_cold(*state);
    AUTO_FREE uint8_t *buf = mem_alloc(COLD_READ_MAX);
    struct cold_reader r;
    size_t got;
    cold_reader_init(&r, fd);
    assert_null(cold_read(&r, buf, COLD_READ_MAX, COLD_READ_MAX - 1, 1, &got, "f"));
    assert_int_equal(got, COLD_READ_MAX);
    assert_true(buf[0] == 'a' && buf[1] == 'b' && buf[got - 1] == 'b');
    assert_null(cold_read(&r, buf, 1, 2 * COLD_READ_MAX - 1, 0, &got, "f"));
    assert_true(got == 1 && buf[0] == 'b');
    assert_null(cold_read(&r, buf, COLD_READ_MAX, BYTES - 10, COLD_READ_MAX, &got, "f"));
    assert_int_equal(got, 10);
    assert_null(cold_read(&r, buf, COLD_READ_MAX, BYTES + 4096, COLD_READ_MAX, &got, "f"));
    assert_int_equal(got, 0);
    cold_reader_fini(&r);
}

static void an_error_names_the_file(void **state)
{
    (void)state;
    struct cold_reader r;
    size_t got;
    char buf[10];
    cold_reader_init(&r, -1);
    struct err *e = cold_read(&r, buf, sizeof buf, 0, 0, &got, "db/t.ibd");
    assert_non_null(e);
    assert_string_equal(e->message, "db/t.ibd: cannot read 10 bytes at 0: Bad file descriptor");
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cold_file_stays_cold, test_dir_make, test_dir_remove),
        cmocka_unit_test_setup_teardown(what_was_in_the_cache_stays, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(what_was_read_ahead_and_not_asked_for_goes_too,
                                        test_dir_make, test_dir_remove),
        cmocka_unit_test_setup_teardown(what_was_read_ahead_goes_when_it_was_read, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(odd_places_and_the_end_are_read_right, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test(an_error_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
