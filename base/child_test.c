/* base/child_test.c: a program is run as it was asked for, told how it ended, and nothing of it is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"

enum { LONG_SECONDS = 30 };

/* sh -c script, its output to `output`. */
static struct err *start_shell(struct child **out, const char *script, int output)
{
    union {
        const char *in[4];
        char *out[4];
    } argv = {{"/bin/sh", "-c", script, NULL}};
    return child_start(out,
                       &(struct child_options){
                           .argv = argv.out, .uid = (uid_t)-1, .gid = (gid_t)-1, .output = output});
}

static struct child *shell(const char *script, int output)
{
    struct child *c = NULL;
    struct err *e = start_shell(&c, script, output);
    if (e)
        fail_msg("%s", e->message);
    return c;
}

static void assert_ending(struct child *c, const char *expected)
{
    assert_true(child_wait(c, LONG_SECONDS));
    AUTO_FREE char *ending = child_ending(c);
    assert_string_equal(ending, expected);
}

/* A number that a script has printed. */
static pid_t printed_pid(int fd)
{
    char text[32] = "";
    size_t n = 0;
    for (int i = 0; i < 1000 && !strchr(text, '\n'); i++) {
        assert_null(file_pread(fd, text, sizeof text - 1, 0, &n, "output"));
        text[n] = '\0';
        clock_sleep_ms(10);
    }
    return (pid_t)strtol(text, NULL, 10);
}

/* An orphan is waited for by whoever is init here, or by nobody: then it stays as a zombie, which is gone as well. */
static bool is_gone(pid_t pid)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/stat", (int)pid);
    for (int i = 0; i < 1000; i++) {
        char text[256] = "";
        size_t n = 0;
        AUTO_FD int fd = -1;
        struct err *e = file_open(&fd, path, O_RDONLY, 0);
        if (!e)
            e = file_pread(fd, text, sizeof text - 1, 0, &n, path);
        const bool there = !e && !strstr(text, ") Z");
        err_free(e);
        if (!there)
            return true;
        clock_sleep_ms(10);
    }
    return false;
}

static void how_it_ended_is_told(void **state)
{
    (void)state;
    AUTO(child) fine = shell("exit 0", -1);
    AUTO(child) status = shell("exit 7", -1);
    AUTO(child) killed = shell("kill -6 $$", -1);
    assert_ending(fine, "ended with status 0");
    assert_true(child_succeeded(fine));
    assert_ending(status, "ended with status 7");
    assert_false(child_succeeded(status));
    assert_ending(killed, "was killed by signal 6 (Aborted)");
}

static void waiting_has_an_end(void **state)
{
    (void)state;
    AUTO(child) c = shell("exec sleep 60", -1);
    assert_false(child_wait(c, 0.05));
    AUTO_FREE char *ending = child_ending(c);
    assert_string_equal(ending, "still runs");
    child_signal(c, SIGTERM);
    assert_ending(c, "was killed by signal 15 (Terminated)");
    child_signal(c, SIGTERM); /* of what is gone: nothing happens */
}

static void output_goes_where_it_is_wanted(void **state)
{
    (void)state;
    char text[64] = "";
    size_t n;
    AUTO_FD int fd = memfd_create("output", MFD_CLOEXEC);
    AUTO(child) c = shell("echo out; echo err >&2; ls /proc/self/fd | wc -l", fd);
    assert_ending(c, "ended with status 0");
    assert_null(file_pread(fd, text, sizeof text - 1, 0, &n, "output"));
    assert_string_equal(text, "out\nerr\n4\n"); /* the fourth is that of ls itself */
}

static void what_cannot_be_run_is_an_error(void **state)
{
    (void)state;
    struct child *c = NULL;
    union {
        const char *in[2];
        char *out[2];
    } argv = {{"/nowhere/mysqld", NULL}};
    struct child_options o = {.argv = argv.out, .uid = (uid_t)-1, .gid = (gid_t)-1, .output = -1};
    struct err *e = child_start(&c, &o);
    assert_non_null(e);
    assert_string_equal(e->message, "/nowhere/mysqld: cannot be run: No such file or directory");
    assert_int_equal(e->kind, ERR_IO);
    err_free(e);
    o.folder = "/nowhere";
    e = child_start(&c, &o);
    assert_non_null(e);
    assert_non_null(strstr(e->message, "/nowhere: cannot be used by user"));
    err_free(e);
    assert_null(c);
}

static void a_user_is_taken_on_before_the_folder_is_tried(void **state)
{
    (void)state;
    enum { NOBODY = 65534 };
    char dir[] = "/tmp/mbe-child-XXXXXX";
    union {
        const char *in[3];
        char *out[3];
    } argv = {{"/usr/bin/id", "-u", NULL}};
    char text[16] = "";
    size_t n;
    struct child *c = NULL;
    if (geteuid() != 0)
        skip();
    AUTO_FD int fd = memfd_create("output", MFD_CLOEXEC);
    assert_non_null(mkdtemp(dir));
    struct child_options o = {
        .argv = argv.out, .uid = NOBODY, .gid = NOBODY, .folder = dir, .output = fd};
    struct err *e = child_start(&c, &o);
    assert_non_null(e);
    assert_non_null(strstr(e->message, "cannot be used by user 65534"));
    err_free(e);
    assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
    assert_null(child_start(&c, &o));
    assert_ending(c, "ended with status 0");
    assert_null(file_pread(fd, text, sizeof text - 1, 0, &n, "output"));
    assert_string_equal(text, "65534\n");
    child_free(c);
    assert_int_equal(rmdir(dir), 0);
}

/* A script that forgot exec: its server goes with it. */
static void the_rest_of_the_group_goes_with_its_leader(void **state)
{
    (void)state;
    AUTO_FD int fd = memfd_create("output", MFD_CLOEXEC);
    struct child *c = shell("sleep 60 & echo $!; exit 3", fd);
    assert_ending(c, "ended with status 3");
    assert_true(is_gone(printed_pid(fd)));
    child_free(c);
    AUTO_FD int other = memfd_create("output", MFD_CLOEXEC);
    c = shell("sleep 60 & echo $!; wait", other);
    const pid_t pid = printed_pid(other);
    child_free(c);
    assert_true(is_gone(pid));
}

/* Our process is killed, as far as the child can tell: a fork of it starts the child and is killed. */
static void it_is_killed_with_the_process_that_started_it(void **state)
{
    (void)state;
    AUTO_FD int fd = memfd_create("output", MFD_CLOEXEC);
    const pid_t middle = fork();
    if (middle == 0) {
        struct child *c = NULL;
        struct err *e = start_shell(&c, "echo $$; exec sleep 60", fd);
        while (!e)
            pause();
        _exit(1);
    }
    const pid_t pid = printed_pid(fd);
    assert_true(pid > 1);
    assert_int_equal(kill(middle, SIGKILL), 0);
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    assert_true(is_gone(pid));
}

/* So it is below a parent that ignores SIGCHLD: then nobody could wait for a child. */
static void a_parent_that_ignores_children_does_not_matter(void **state)
{
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    signals_install();
    struct child *c = shell("exit 7", -1);
    assert_ending(c, "ended with status 7");
    child_free(c);
}

static int reads_and_sums(void *ctx)
{
    char text[16] = "";
    const ssize_t n = read(STDIN_FILENO, text, sizeof text - 1);
    return n < 0 ? 99 : *(const int *)ctx + atoi(text);
}

/* What runs in it sees our memory, and may do what it likes with its own. */
static void a_function_is_run_instead_of_a_program(void **state)
{
    (void)state;
    int ends[2], base = 40;
    char name[] = "sum";
    char *argv[] = {name, NULL};
    struct child *c = NULL;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "2", 1), 1);
    close(ends[1]);
    assert_null(child_start(&c, &(struct child_options){.argv = argv,
                                                        .body = reads_and_sums,
                                                        .ctx = &base,
                                                        .uid = (uid_t)-1,
                                                        .gid = (gid_t)-1,
                                                        .input = ends[0],
                                                        .output = -1}));
    close(ends[0]);
    assert_true(child_wait(c, LONG_SECONDS));
    assert_int_equal(child_status(c), 42);
    child_free(c);
    c = shell("kill -TERM $$", -1);
    assert_true(child_wait(c, LONG_SECONDS));
    assert_int_equal(child_status(c), 128 + SIGTERM);
    child_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_is_run_instead_of_a_program),
        cmocka_unit_test(how_it_ended_is_told),
        cmocka_unit_test(waiting_has_an_end),
        cmocka_unit_test(output_goes_where_it_is_wanted),
        cmocka_unit_test(what_cannot_be_run_is_an_error),
        cmocka_unit_test(a_user_is_taken_on_before_the_folder_is_tried),
        cmocka_unit_test(the_rest_of_the_group_goes_with_its_leader),
        cmocka_unit_test(it_is_killed_with_the_process_that_started_it),
        cmocka_unit_test(a_parent_that_ignores_children_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
