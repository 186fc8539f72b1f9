/* cli/task_test.c: what a task's steps come to, what is said of files that are wrong, and locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir_test_util.h"
#include "base/err_test_util.h"
#include "base/hash128.h"
#include "cli/task.h"
#include "cli/task_lock.h"

/* 2026-11-28 03:30:05 UTC */
static const struct task_moment moment = {1795836605, "db1"};

static struct config_file *file_of(const char *text)
{
    struct config_file *f = NULL;
    struct err *e = config_file_parse(&f, "x.cnf", text, strlen(text));
    if (e)
        fail_msg("%s", e->message);
    return f;
}

/* The words of the step's command line with blanks between them. */
static void assert_words(const struct task_step *s, const char *expected)
{
    char words[1024] = "";
    for (int i = 0; i < s->argc; i++) {
        strcat(words, i ? " " : "");
        strcat(words, s->argv[i]);
    }
    assert_string_equal(words, expected);
}

static void a_step_has_the_nearest_setting(void **state)
{
    (void)state;
    AUTO(config_file)
    f = file_of("[defaults]\nrepo=/d\ncompress=none\nsocket=/s\nkeep-days=9\n"
                "[task t]\nsteps = one, prune\ncompress=zstd:3\nincremental\nsyslog\n"
                "[step one]\ntype=backup\nfull=yes\nincremental=no\nsocket=\nparallel=2\n");
    AUTO(task) t = NULL;
    assert_null(task_make(&t, f, "t", &moment));
    assert_int_equal(t->n, 2);
    assert_words(&t->steps[0],
                 "mbe backup --repo=/d --compress=zstd:3 --syslog --full --parallel=2");
    assert_int_equal(t->steps[0].n_inherited, 3);
    assert_string_equal(t->steps[0].name, "one");
    assert_words(&t->steps[1], "mbe prune --repo=/d --keep-days=9 --syslog");
    assert_string_equal(task_text(t, TASK_SYSLOG), "yes");
    assert_null(task_text(t, TASK_KEEP_GOING));
    assert_string_equal(task_text(t, TASK_MAIL_ON), "failure");
}

static void a_task_without_steps_is_one(void **state)
{
    (void)state;
    AUTO(config_file)
    f = file_of("[task t]\ntype=command\ncommand= /bin/echo  a b\n[task u]\ntype=command\n"
                "shell=echo \"$x\" | cat\n[task v]\ntype=hash\ncompare=a server\n");
    AUTO(task) t = NULL;
    AUTO(task) u = NULL;
    AUTO(task) v = NULL;
    assert_null(task_make(&t, f, "t", &moment));
    assert_words(&t->steps[0], "/bin/echo a b");
    assert_null(task_make(&u, f, "u", &moment));
    assert_words(&u->steps[0], "/bin/sh -c echo \"$x\" | cat");
    assert_null(task_make(&v, f, "v", &moment));
    assert_words(&v->steps[0], "mbe hash --compare a server");
}

static void a_task_that_is_one_step_takes_nothing_from_a_step_of_others(void **state)
{
    (void)state;
    AUTO(config_file)
    f = file_of("[task nightly]\nsteps=prune\nrepo=/b\n[step prune]\nkeep-days=7\n"
                "[task yearly]\ntype=prune\nrepo=/archive\nkeep-days=3650\n");
    AUTO(task) t = NULL;
    AUTO(task) u = NULL;
    assert_null(task_make(&t, f, "yearly", &moment));
    assert_words(&t->steps[0], "mbe prune --repo=/archive --keep-days=3650");
    assert_null(task_make(&u, f, "nightly", &moment));
    assert_words(&u->steps[0], "mbe prune --repo=/b --keep-days=7");
}

static void variables_are_replaced(void **state)
{
    (void)state;
    AUTO(config_file)
    f = file_of("[task t]\nsteps=a\nrepo=/b/%host%\nreport=/r/%task%-%date%-%time%.json\n"
                "[step a]\ntype=command\nshell=%repo% %datetime% 100%%\n");
    AUTO(task) t = NULL;
    struct err *e = task_make(&t, f, "t", &moment);
    /* no step of the task has a repository of its own, so nothing in the task may name one */
    assert_error(e, ERR_USAGE,
                 "x.cnf:3: repo: there is no such setting here; allowed are steps, type, command, "
                 "shell, keep-going, wait, report, mail-to, mail-on, sendmail, hook-wait, "
                 "before-backup, after-verify, on-success, on-failure, log-file, syslog, "
                 "log-format");
    AUTO(config_file)
    g = file_of(
        "[defaults]\nrepo=/b/%host%\n[task t]\nsteps=a\nreport=/r/%task%-%date%-%time%.json\n"
        "[step a]\ntype=command\nshell=%repo% %datetime% 100%%\n");
    assert_null(task_make(&t, g, "t", &moment));
    assert_words(&t->steps[0], "/bin/sh -c /b/db1 20261128T033005Z 100%");
    assert_string_equal(task_text(t, TASK_REPORT), "/r/t-2026-11-28-033005.json");
}

static const struct {
    const char *text, *message;
} bad[] = {
    {"[defaults]\n", "x.cnf: there is no task 't'; there are none"},
    {"[task u]\ntype=prune\n[task v]\ntype=prune\n", "x.cnf: there is no task 't'; there are u, v"},
    {"[jobs]\n",
     "x.cnf:1: [jobs] is no section; there are [defaults], [task NAME] and [step NAME]"},
    {"[defaults x]\n",
     "x.cnf:1: [defaults x] is no section; there are [defaults], [task NAME] and [step NAME]"},
    {"[task t]\nwait=1\n", "x.cnf:1: [task t] has neither steps= nor type="},
    {"[task t]\nsteps=a\n",
     "x.cnf:2: steps: x.cnf:1: 'a' is no type of a step, and there is no type= for it; there are "
     "backup, hash, verify, prune, restore, consolidate, copy, command"},
    {"[task t]\ntype=list\n",
     "x.cnf:2: 'list' is no type of a step; there are backup, hash, verify, prune, restore, "
     "consolidate, copy, command"},
    {"[task t]\nsteps=prune prune\nrepo=/r\nkeep-days=1\n",
     "x.cnf:2: steps: step prune is named twice"},
    {"[task t]\nsteps = ,\n", "x.cnf:2: steps: there are none"},
    {"[task t]\ntype=prune\nrepo=/r\nkeep-days=0\n",
     "x.cnf:4: keep-days: '0' is not a whole number from 1 to 1000000"},
    {"[task t]\ntype=verify\nrepo=/r\nlevel=deep\n",
     "x.cnf:4: level: 'deep' is not one of archive|pages|tables|boot"},
    {"[task t]\ntype=prune\nrepo=/r\ndry-run=maybe\n",
     "x.cnf:4: dry-run: 'maybe' is not one of yes|no"},
    {"[task t]\ntype=prune\nrepo\n", "x.cnf:3: repo: it needs a value"},
    {"[task t]\ntype=prune\nkeep-days=1\n",
     "x.cnf:1: step prune of task t: prune needs --repo=DIR: the repository: a directory that "
     "holds "
     "backups, ssh://[user@]host[:port]/path for one of another machine, or s3://BUCKET/PATH for "
     "one in an object store"},
    {"[task t]\ntype=verify\nrepo=/r\nsocket=/s\n",
     "x.cnf:1: step verify of task t: --socket is for verify --level=tables"},
    {"[task t]\ntype=backup\nfull\nrepo=-\n",
     "x.cnf:1: step backup of task t: repo: a step has no standard input or output for an archive: "
     "use type=command and shell= for a stream"},
    {"[task t]\ntype=prune\nrepo=/%hots%\nkeep-days=1\n",
     "x.cnf:1: step prune of task t: x.cnf:3: repo: there is no variable where a % begins; there "
     "are %date%, %time%, %datetime%, %host%, %task% and %repo%, and %% for a % itself"},
    {"[task t]\ntype=command\n",
     "x.cnf:1: step command of task t: a step of type=command needs command= or shell=, not both"},
    {"[task t]\ntype=command\nshell=a\ncommand=b\n",
     "x.cnf:1: step command of task t: a step of type=command needs command= or shell=, not both"},
    {"[task t]\ntype=command\ncommand=\"  \"\n",
     "x.cnf:1: step command of task t: command: there is no word in it"},
    {"[task t]\ntype=prune\nmail-on=never\n",
     "x.cnf:3: mail-on: 'never' is not one of failure|success|always"},
    {"[defaults]\nlevel=x\n[task t]\ntype=prune\n",
     "x.cnf:2: level: 'x' is not one of archive|pages|tables|boot"},
};

static void what_is_wrong_is_told_by_file_line_and_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        AUTO(config_file) f = file_of(bad[i].text);
        struct task *t = NULL;
        assert_error(task_make(&t, f, "t", &moment), ERR_USAGE, "%s", bad[i].message);
        assert_null(t);
    }
}

static void an_inherited_setting_may_be_of_no_use(void **state)
{
    (void)state;
    AUTO(config_file)
    f = file_of("[defaults]\nrepo=/r\nsocket=/s\ns3-region=x\nkeyring-file=/k\ntmp-dir=/t\n"
                "ssh-command=ssh\n[task t]\nsteps=verify\n");
    AUTO(task) t = NULL;
    assert_null(task_make(&t, f, "t", &moment));
    assert_words(&t->steps[0], "mbe verify --repo=/r --ssh-command=ssh --tmp-dir=/t --s3-region=x "
                               "--socket=/s --keyring-file=/k");
}

static void a_step_that_no_task_has_is_a_mistake(void **state)
{
    (void)state;
    size_t n;
    AUTO(config_file)
    f = file_of("[task t]\nsteps=a\n[step a]\ntype=command\nshell=x\n[step b]\ntype=prune\n");
    assert_error(task_check_all(&n, f, &moment), ERR_USAGE,
                 "x.cnf:6: [step b] is in no task's steps");
    AUTO(config_file) g = file_of("[defaults]\n");
    assert_error(task_check_all(&n, g, &moment), ERR_USAGE, "x.cnf: there is no [task NAME]");
}

static void passwords_are_for_files_that_nobody_else_reads(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/mbe.cnf", (char *)*state);
    static const char text[] = "[task t]\ntype=backup\nfull\nrepo=/r\npassword=secret\n";
    AUTO(config_file) open = NULL;
    AUTO(config_file) closed = NULL;
    AUTO(task) t = NULL;
    assert_null(file_replace(path, text, sizeof text - 1, 0600));
    assert_null(config_file_load(&closed, path));
    assert_null(task_make(&t, closed, "t", &moment));
    assert_words(&t->steps[0], "mbe backup --full --repo=/r --password=secret");
    assert_true(t->steps[0].values[2].is_secret);
    assert_int_equal(chmod(path, 0644), 0);
    assert_null(config_file_load(&open, path));
    struct task *none = NULL;
    assert_error(task_make(&none, open, "t", &moment), ERR_REFUSED,
                 "%s:5: password: a password in a file that others can read", path);
}

/* The empty file that a lock by name leaves. */
static void remove_lock_file(const char *name)
{
    const struct hash128 h = hash128_of(name, strlen(name), NULL, 0);
    const char *tmpdir = getenv("TMPDIR");
    const char *const dirs[] = {"/run/lock", tmpdir && *tmpdir ? tmpdir : "/var/tmp"};
    int removed = 0;
    for (int i = 0; i < 2; i++) {
        AUTO_FREE char *path =
            mem_printf("%s/mbe-%u-%016" PRIx64 ".lock", dirs[i], (unsigned)geteuid(), h.lo);
        removed += !unlink(path);
    }
    assert_int_equal(removed, 1);
}

/* Two runs of one repository, whatever it is called, and of two others. */
static void a_repository_is_locked_once(void **state)
{
    AUTO_FREE char *text = mem_printf("[defaults]\nkeep-days=1\n[task t]\ntype=prune\nrepo=%s\n"
                                      "[task u]\ntype=prune\nrepo=%s/../%s/\n"
                                      "[task v]\ntype=prune\nrepo=s3://b/%s\n"
                                      "[task w]\ntype=prune\nrepo=s3://b/%s/\n"
                                      "[task x]\ntype=prune\nrepo=%s/absent\n",
                                      (char *)*state, (char *)*state, strrchr(*state, '/') + 1,
                                      (char *)*state, (char *)*state, (char *)*state);
    AUTO(config_file) f = file_of(text);
    static const char *const names[] = {"t", "u", "v", "w", "x"};
    struct task *t[5] = {NULL};
    struct task_lock *locks[5] = {NULL}, *none = NULL;
    for (int i = 0; i < 5; i++)
        assert_null(task_make(&t[i], f, names[i], &moment));
    for (int i = 0; i < 4; i += 2) {
        assert_null(task_lock_take(&locks[i], t[i], 0));
        struct err *e = task_lock_take(&none, t[i + 1], 0);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_REFUSED);
        assert_non_null(strstr(e->message, ": another run of a task uses this repository"));
        err_free(e);
        task_lock_free(locks[i]);
        assert_null(task_lock_take(&locks[i], t[i + 1], 0));
        task_lock_free(locks[i]);
    }
    assert_null(task_lock_take(&locks[4], t[4], 0)); /* its name is locked */
    task_lock_free(locks[4]);
    AUTO_FREE char *store = mem_printf("s3://b/%s", (char *)*state);
    AUTO_FREE char *absent = mem_printf("%s/absent", (char *)*state);
    remove_lock_file(store);
    remove_lock_file(absent);
    for (int i = 0; i < 5; i++)
        task_free(t[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_has_the_nearest_setting),
        cmocka_unit_test(a_task_without_steps_is_one),
        cmocka_unit_test(a_task_that_is_one_step_takes_nothing_from_a_step_of_others),
        cmocka_unit_test(variables_are_replaced),
        cmocka_unit_test(what_is_wrong_is_told_by_file_line_and_key),
        cmocka_unit_test(an_inherited_setting_may_be_of_no_use),
        cmocka_unit_test(a_step_that_no_task_has_is_a_mistake),
        cmocka_unit_test_setup_teardown(passwords_are_for_files_that_nobody_else_reads,
                                        test_dir_make, test_dir_remove),
        cmocka_unit_test_setup_teardown(a_repository_is_locked_once, test_dir_make,
                                        test_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
