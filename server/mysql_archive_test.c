/* server/mysql_archive_test.c: what is read out of the server's words. What it does: mysql_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/mem.h"
#include "server/mysql_archive.h"

static void directories_have_labels_and_files(void **state)
{
    static const struct {
        const char *dirs;
        size_t n;
        const char *label, *dir, *path; /* of the last one */
    } cases[] = {
        {"", 0, NULL, NULL, NULL},
        {";;", 0, NULL, NULL, NULL},
        {"/no/label", 0, NULL, NULL, NULL},
        {"a:/x", 1, "a", "/x", "/x/archive.u.000001.log"},
        {":/x/y", 1, "", "/x/y", "/x/y/archive.u.000001.log"},
        {"a:/x;;it's:/y:z;", 2, "it's", "/y:z", "/y:z/archive.u.000001.log"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mysql_archive_places p;
        mysql_archive_places_parse(&p, cases[i].dirs, "u");
        assert_int_equal(p.n, cases[i].n);
        if (p.n) {
            const struct mysql_archive_place *last = &p.items[p.n - 1];
            assert_string_equal(last->label, cases[i].label);
            assert_string_equal(last->dir, cases[i].dir);
            assert_string_equal(last->path, cases[i].path);
        }
        mysql_archive_places_fini(&p);
        assert_int_equal(p.n, 0);
    }
}

static void file_of_another_session_is_in_the_refusal(void **state)
{
    static const struct {
        const char *message, *path;
    } cases[] = {
        {"DO f(X''): Redo log archiving has been started on '/x/archive.u.000001.log' - Call "
         "innodb_redo_log_archive_stop() first (error 3848)",
         "/x/archive.u.000001.log"},
        {"auf '/it's/archive.u.000001.log' begonnen", "/it's/archive.u.000001.log"},
        {"has been started", NULL},
        {"has been started on '/x/archive", NULL},
        {"archive.log' has been started", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *path = mysql_archive_path_in(cases[i].message);
        if (cases[i].path)
            assert_string_equal(path, cases[i].path);
        else
            assert_null(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories_have_labels_and_files),
        cmocka_unit_test(file_of_another_session_is_in_the_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
