/* innodb/file_ops_test.c: the rules at the top of file_ops.h, as sequences of file records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "innodb/file_ops.h"

static struct err *feed(struct file_ops *ops, enum redo_type type, space_id_t id, const char *body,
                        size_t len, lsn_t lsn)
{
    const struct redo_record rec = {
        .type = type, .space = id, .body = (const uint8_t *)body, .body_len = (uint32_t)len};
    return file_ops_add(ops, &rec, lsn);
}

/* One event of a sequence about tablespace 7; `to` only for FILE_RENAME. */
struct event {
    enum redo_type type;
    const char *name, *to;
};

static void feed_event(struct file_ops *ops, const struct event *e, lsn_t lsn)
{
    char body[200];
    size_t len = strlen(e->name);
    memcpy(body, e->name, len);
    if (e->type == REDO_FILE_RENAME) {
        body[len++] = '\0';
        memcpy(body + len, e->to, strlen(e->to));
        len += strlen(e->to);
    }
    assert_null(feed(ops, e->type, 7, body, len, lsn));
}

static void each_sequence_ends_as_the_rules_say(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct event events[6]; /* events[i] at LSN 1000 + i */
        bool created, deleted;
        lsn_t import_lsn;
        const char *name;
    } cases[] = {
        {"created", {{REDO_FILE_CREATE, "./d/a.ibd", 0}}, true, false, 0, "d/a.ibd"},
        {"only known", {{REDO_FILE_MODIFY, "./d/a.ibd", 0}}, false, false, 0, "d/a.ibd"},
        {"modify just before create",
         {{REDO_FILE_MODIFY, "./d/a.ibd", 0}, {REDO_FILE_CREATE, "./d/a.ibd", 0}},
         true,
         false,
         0,
         "d/a.ibd"},
        {"renamed", {{REDO_FILE_RENAME, "./d/a.ibd", "./d/b.ibd"}}, false, false, 0, "d/b.ibd"},
        {"renamed in a chain, over databases",
         {{REDO_FILE_CREATE, "./d/a.ibd", 0},
          {REDO_FILE_RENAME, "./d/a.ibd", "./d/b.ibd"},
          {REDO_FILE_RENAME, "./d/b.ibd", "./e/c.ibd"}},
         true,
         false,
         0,
         "e/c.ibd"},
        {"the last name counts, also from a checkpoint",
         {{REDO_FILE_RENAME, "./d/a.ibd", "./d/b.ibd"}, {REDO_FILE_MODIFY, "./d/b.ibd", 0}},
         false,
         false,
         0,
         "d/b.ibd"},
        {"deleted",
         {{REDO_FILE_MODIFY, "./d/a.ibd", 0}, {REDO_FILE_DELETE, "./d/a.ibd", 0}},
         false,
         true,
         0,
         "d/a.ibd"},
        {"created and deleted",
         {{REDO_FILE_CREATE, "./d/a.ibd", 0}, {REDO_FILE_DELETE, "./d/a.ibd", 0}},
         true,
         true,
         0,
         "d/a.ibd"},
        {"deleted, never named", {{REDO_FILE_DELETE, "./d/a.ibd", 0}}, false, true, 0, NULL},
        {"imported",
         {{REDO_FILE_CREATE, "./d/a.ibd", 0},
          {REDO_FILE_DELETE, "./d/a.ibd", 0},
          {REDO_FILE_MODIFY, "./d/a.ibd", 0}},
         false,
         false,
         1002,
         "d/a.ibd"},
        {"imported twice: the last one counts",
         {{REDO_FILE_DELETE, "./d/a.ibd", 0},
          {REDO_FILE_MODIFY, "./d/a.ibd", 0},
          {REDO_FILE_DELETE, "./d/a.ibd", 0},
          {REDO_FILE_MODIFY, "./d/a.ibd", 0},
          {REDO_FILE_MODIFY, "./d/a.ibd", 0}},
         false,
         false,
         1003,
         "d/a.ibd"},
        {"imported, then dropped",
         {{REDO_FILE_DELETE, "./d/a.ibd", 0},
          {REDO_FILE_MODIFY, "./d/a.ibd", 0},
          {REDO_FILE_DELETE, "./d/a.ibd", 0}},
         false,
         true,
         1001,
         "d/a.ibd"},
        {"DATA DIRECTORY: the path stays absolute",
         {{REDO_FILE_CREATE, "/ssd/d/a.ibd", 0}},
         true,
         false,
         0,
         "/ssd/d/a.ibd"},
        {"only a leading ./ is taken off",
         {{REDO_FILE_CREATE, "d/./a.ibd", 0}},
         true,
         false,
         0,
         "d/./a.ibd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct file_ops ops = {0};
        for (size_t k = 0; cases[i].events[k].name; k++)
            feed_event(&ops, &cases[i].events[k], 1000 + k);
        const struct space_ops *s = file_ops_find(&ops, 7);
        if (!s || s->id != 7 || s->created != cases[i].created || s->deleted != cases[i].deleted ||
            s->import_lsn != cases[i].import_lsn || !s->name != !cases[i].name ||
            (s->name && strcmp(s->name, cases[i].name) != 0))
            fail_msg("%s: created %d deleted %d import %llu name %s", cases[i].what,
                     s && s->created, s && s->deleted, s ? (unsigned long long)s->import_lsn : 0,
                     s && s->name ? s->name : "-");
        file_ops_fini(&ops);
    }
}

static void spaces_do_not_mix(void **state)
{
    (void)state;
    struct file_ops ops = {0};
    char body[40];
    for (space_id_t id = 1; id <= 3000; id++) {
        const int n = snprintf(body, sizeof body, "./d/t%u.ibd", id);
        assert_null(feed(&ops, REDO_FILE_CREATE, id, body, (size_t)n, id));
        if (id % 3 == 0)
            assert_null(feed(&ops, REDO_FILE_DELETE, id, body, (size_t)n, id));
    }
    for (space_id_t id = 1; id <= 3000; id++) {
        const struct space_ops *s = file_ops_find(&ops, id);
        assert_non_null(s);
        snprintf(body, sizeof body, "d/t%u.ibd", id);
        assert_string_equal(s->name, body);
        assert_int_equal(s->deleted, id % 3 == 0);
    }
    assert_null(file_ops_find(&ops, 0));
    assert_null(file_ops_find(&ops, 3001));
    assert_int_equal(ops.n, 3000);
    file_ops_fini(&ops);
    assert_null(file_ops_find(&ops, 1));
}

static void other_records_leave_no_trace(void **state)
{
    (void)state;
    struct file_ops ops = {0};
    assert_null(feed(&ops, REDO_FILE_CHECKPOINT, 0, "\0\0\0\0\0\0\0\1", 8, 1));
    assert_null(feed(&ops, REDO_WRITE, 7, "\x08x", 2, 1));
    assert_null(feed(&ops, REDO_INIT_PAGE, 7, "", 0, 1));
    assert_int_equal(ops.n, 0);
    assert_null(file_ops_find(&ops, 7));
    file_ops_fini(&ops);
}

static void malformed_rename_is_named_and_changes_nothing(void **state)
{
    (void)state;
    struct file_ops ops = {0};
    assert_null(feed(&ops, REDO_FILE_CREATE, 7, "./d/a.ibd", 9, 1000));
    struct err *e = feed(&ops, REDO_FILE_RENAME, 7, "./d/a.ibd", 9, 1234);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_string_equal(e->message,
                        "redo at LSN 1234: FILE_RENAME of tablespace 7: expected two names");
    err_free(e);
    assert_string_equal(file_ops_find(&ops, 7)->name, "d/a.ibd");
    file_ops_fini(&ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sequence_ends_as_the_rules_say),
        cmocka_unit_test(spaces_do_not_mix),
        cmocka_unit_test(other_records_leave_no_trace),
        cmocka_unit_test(malformed_rename_is_named_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
