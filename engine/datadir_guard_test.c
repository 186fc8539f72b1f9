/* engine/datadir_guard_test.c: locks held by other processes, and files that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>

#include "engine/datadir_guard.h"
#include "engine/engine_test_util.h"

struct fixture {
    char *dir, *log_path;
    struct datadir datadir;
    struct datadir_guard guard;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->log_path = mem_printf("%s/ib_logfile0", f->dir);
    write_text(f->dir, "ibdata1", "x");
    write_text(f->dir, "aria_log_control", "x");
    write_text(f->dir, "ib_logfile0", "x");
    const struct server_info s = {.datadir = f->dir, .page_size = 16384};
    ok(datadir_resolve(&f->datadir, &s, NULL));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    datadir_guard_fini(&f->guard);
    datadir_fini(&f->datadir);
    free(f->log_path);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static struct err *take(struct fixture *f)
{
    return datadir_guard_take(&f->guard, &f->datadir, f->log_path, NULL);
}

/* Whether another process can lock the file as a server does. */
static bool server_can_lock(const struct fixture *f, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->dir, name);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        const int fd = open(path, O_RDWR | O_CLOEXEC);
        _exit(fd < 0 || fcntl(fd, F_SETLK, &lock) ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status) == 0;
}

static void no_server_can_open_what_is_guarded(void **state)
{
    struct fixture *f = *state;
    assert_true(server_can_lock(f, "ibdata1"));
    ok(take(f));
    assert_false(server_can_lock(f, "ibdata1"));
    assert_false(server_can_lock(f, "aria_log_control"));
    ok(datadir_guard_check(&f->guard));
    datadir_guard_fini(&f->guard);
    assert_true(server_can_lock(f, "ibdata1"));
}

/* A process that holds such a lock until its end of the pipe is closed. */
static pid_t lock_as_server(const struct fixture *f, const char *name, int to_end[2])
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->dir, name);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(to_end), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        const int fd = open(path, O_RDWR | O_CLOEXEC);
        char c = (char)(fd < 0 || fcntl(fd, F_SETLK, &lock));
        close(to_end[1]);
        if (write(ready[1], &c, 1) != 1 || read(to_end[0], &c, 1) != 0)
            _exit(1);
        _exit(0);
    }
    char failed = 1;
    assert_int_equal(read(ready[0], &failed, 1), 1);
    assert_int_equal(failed, 0);
    close(ready[0]);
    close(ready[1]);
    close(to_end[0]);
    return pid;
}

static void datadir_of_a_running_server_is_refused_and_it_is_named(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = {"ibdata1", "aria_log_control"};
    for (size_t i = 0; i < 2; i++) {
        int to_end[2], status;
        const pid_t pid = lock_as_server(f, files[i], to_end);
        AUTO_FREE char *text =
            mem_printf("%s: a server has it open (process %ld)", files[i], (long)pid);
        error_is(take(f), REFUSED, text);
        datadir_guard_fini(&f->guard);
        close(to_end[1]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }
    ok(take(f));
}

static void files_that_change_meanwhile_are_told(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = {"ibdata1", "aria_log_control", "ib_logfile0"};
    for (size_t i = 0; i < 3; i++) {
        AUTO_FREE char *text = mem_printf("%s: was changed while it was read", files[i]);
        ok(take(f));
        write_text(f->dir, files[i], "longer than before");
        error_is(datadir_guard_check(&f->guard), FAILED, text);
        datadir_guard_fini(&f->guard);
    }
}

static void every_file_of_a_log_that_is_a_directory_is_watched(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *dir = mem_printf("%s/#innodb_redo", f->dir);
    write_text(f->dir, "#innodb_redo/#ib_redo7", "x");
    ok(datadir_guard_take(&f->guard, &f->datadir, dir, NULL));
    ok(datadir_guard_check(&f->guard));
    write_text(f->dir, "#innodb_redo/#ib_redo7", "longer");
    error_is(datadir_guard_check(&f->guard), FAILED, "#ib_redo7: was changed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_server_can_open_what_is_guarded),
        TEST(datadir_of_a_running_server_is_refused_and_it_is_named),
        TEST(files_that_change_meanwhile_are_told),
        TEST(every_file_of_a_log_that_is_a_directory_is_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
