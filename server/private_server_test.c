/* server/private_server_test.c: programs that are no servers, or do not become one: told apart, in time, and gone afterwards. What a real
 * one does is tests/integration/verify_boot.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "server/private_server.h"

enum { TEXT_MAX = 1 << 20 };

static char *text_of(const char *dir, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    char *text = NULL;
    size_t n;
    struct err *e = file_read_all(&text, &n, path, TEXT_MAX);
    err_free(e);
    return text ? text : mem_strdup("");
}

/* Runs a script in the place of a server; what it came to. It finds its arguments in $@ and the socket's directory in $run. */
static struct err *start(const char *dir, const char *body, enum server_flavour flavour)
{
    AUTO_FREE char *program = mem_printf("%s/server", dir), *log_path = mem_printf("%s/log", dir);
    AUTO_FREE char *text = mem_printf("#!/bin/sh\nrun=%s\n%s\n", dir, body);
    struct private_server *s = NULL;
    struct log *log;
    assert_null(file_replace(program, text, strlen(text), 0700));
    assert_null(log_open(&log, &(struct log_options){.file = log_path}));
    struct err *e = private_server_start(
        &s, &(struct private_server_options){.program = program,
                                             .flavour = flavour,
                                             .datadir = "/nowhere",
                                             .defaults_file = "/nowhere/my.cnf",
                                             .run_dir = dir,
                                             .keyring_file = "/keys",
                                             .keyring_pass_file = "/pass",
                                             .uid = (uid_t)-1,
                                             .gid = (gid_t)-1,
                                             .memory = 64 << 20,
                                             .seconds = 1,
                                             .log = log});
    assert_null(s);
    log_close(log);
    return e;
}

static void assert_error(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    assert_string_equal(e->message, message);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

static void one_that_ends_is_told_with_the_end_of_its_log(void **state)
{
    const char *dir = *state;
    assert_error(start(dir,
                       "i=1; while [ $i -le 20 ]; do echo \"[ERROR] line $i\"; i=$((i+1)); done "
                       ">$run/error.log; exit 7",
                       FLAVOUR_MYSQL),
                 ERR_FAILED, "the server ended with status 7 while it was starting");
    AUTO_FREE char *log = text_of(dir, "log");
    assert_non_null(strstr(log, "server: [ERROR] line 20\n"));
    assert_non_null(strstr(log, "server: [ERROR] line 9\n"));
    assert_null(strstr(log, "server: [ERROR] line 8\n"));
}

static void one_that_crashes_is_told_so(void **state)
{
    assert_error(start(*state, "kill -11 $$", FLAVOUR_MYSQL), ERR_FAILED,
                 "the server was killed by signal 11 (Segmentation fault) while it was starting");
    AUTO_FREE char *log = text_of(*state, "log");
    assert_non_null(strstr(log, "it has left no log"));
}

static void one_that_does_not_answer_is_not_waited_for(void **state)
{
    const double began = clock_seconds();
    assert_error(start(*state, "echo $$ >$run/number; exec sleep 60", FLAVOUR_MARIADB), ERR_FAILED,
                 "the server did not answer within 1 s");
    assert_true(clock_seconds() - began < 10);
    AUTO_FREE char *number = text_of(*state, "number");
    assert_true(strtol(number, NULL, 10) > 1);
    assert_int_equal(kill((pid_t)strtol(number, NULL, 10), 0), -1);
}

static void a_signal_ends_the_wait(void **state)
{
    signals_stop = SIGTERM;
    assert_error(start(*state, "exec sleep 60", FLAVOUR_MARIADB), ERR_INTERRUPTED,
                 "stopped by signal 15 (Terminated)");
    signals_stop = 0;
}

static bool has(const char *args, const char *arg)
{
    AUTO_FREE char *line = mem_printf("\n%s\n", arg);
    return strstr(args, line) != NULL;
}

static void it_is_told_to_keep_to_itself(void **state)
{
    static const char *const of_both[] = {
        "--defaults-file=/nowhere/my.cnf",
        "--datadir=/nowhere",
        "--skip-networking",
        "--skip-grant-tables",
        "--skip-log-bin",
        "--event-scheduler=OFF",
        "--innodb-buffer-pool-size=67108864",
    };
    static const char *const of_mariadb[] = {
        "--skip-slave-start", "--plugin-load-add=file_key_management",
        "--file-key-management-filename=/keys", "--file-key-management-filekey=FILE:/pass"};
    static const char *const of_mysql[] = {"--skip-replica-start", "--upgrade=NONE",
                                           "--mysqlx=OFF"};
    const char *script = "(echo; for a; do echo \"$a\"; done) >$run/args; exit 1";
    for (int i = 0; i < 2; i++) {
        err_free(start(*state, script, i ? FLAVOUR_MYSQL : FLAVOUR_MARIADB));
        AUTO_FREE char *args = text_of(*state, "args");
        for (size_t k = 0; k < sizeof of_both / sizeof of_both[0]; k++)
            assert_true(has(args, of_both[k]));
        for (size_t k = 0; k < sizeof of_mariadb / sizeof of_mariadb[0]; k++)
            assert_int_equal(has(args, of_mariadb[k]), i == 0);
        for (size_t k = 0; k < sizeof of_mysql / sizeof of_mysql[0]; k++)
            assert_int_equal(has(args, of_mysql[k]), i == 1);
        assert_int_equal(strncmp(args, "\n--defaults-file=", 17), 0); /* servers want it in front */
    }
}

static void a_directory_must_leave_room_for_the_name_of_a_socket(void **state)
{
    (void)state;
    char dir[PRIVATE_SERVER_DIR_MAX + 2];
    struct private_server *s = NULL;
    memset(dir, 'x', sizeof dir - 1);
    dir[0] = '/';
    dir[sizeof dir - 1] = '\0';
    struct err *e = private_server_start(
        &s, &(struct private_server_options){.program = "/bin/true", .run_dir = dir});
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_USAGE);
    assert_non_null(strstr(e->message, "is too long for the path of a socket"));
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_ends_is_told_with_the_end_of_its_log,
                                        test_dir_make, test_dir_remove),
        cmocka_unit_test_setup_teardown(one_that_crashes_is_told_so, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(one_that_does_not_answer_is_not_waited_for, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(a_signal_ends_the_wait, test_dir_make, test_dir_remove),
        cmocka_unit_test_setup_teardown(it_is_told_to_keep_to_itself, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test(a_directory_must_leave_room_for_the_name_of_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
