/* verify/pins_test.c: which pins stand, whatever the order of their lines; what is written is read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/dir_test_util.h"
#include "base/err_test_util.h"
#include "verify/pins.h"
#include "verify/verified.h"

#define BACKUP "20261127T120000Z-full"

static void a_pin_stands_until_a_line_takes_it_away(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *reasons;
    } cases[] = {
        {"[]", ""},
        {"[{'pin':'a','reason':'x'}]", "x"},
        {"[{'pin':'a','reason':'x'},{'pin':'b','reason':'y'}]", "x; y"},
        {"[{'pin':'a','reason':'x'},{'unpin':['a']}]", ""},
        {"[{'unpin':['a']},{'pin':'a','reason':'x'}]", ""}, /* of one second, in a store */
        {"[{'pin':'a','reason':'x'},{'pin':'b','reason':'y'},{'unpin':['a']}]", "y"},
        {"[{'pin':'a','reason':'x'},{'unpin':['a']},{'pin':'b','reason':'y'}]", "y"},
        {"[{'pin':'a','reason':'x'},{'pin':'b','reason':'y'},{'unpin':['a','b','c']}]", ""},
        {"[{'pin':'a','reason':'x'},{'unpin':'a'},{'unpin':[1,null]},{'unpin':{}}]", "x"},
        {"[{'pin':1,'reason':'x'},{'pin':'a','reason':null},{'pin':'a'},{'reason':'x'}]", ""},
        {"[{'level':'boot','result':'ok','time':'t','chain':[]}]", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *text = mem_strdup(cases[i].lines);
        for (char *p = text; *p; p++)
            *p = *p == '\'' ? '"' : *p;
        json_auto_t *lines = json_loads(text, 0, NULL);
        json_auto_t *pins = pins_of(lines);
        AUTO_FREE char *reasons = pins_reasons(pins);
        if (strcmp(reasons, cases[i].reasons))
            fail_msg("%s: %s", cases[i].lines, reasons);
    }
}

static struct repo *repo_in(const char *dir)
{
    struct repo *repo;
    AUTO_FREE char *archive = mem_printf("%s/" BACKUP "/backup.mbe", dir);
    assert_null(file_mkdirs_for(archive, 0700));
    assert_null(repo_open(&repo, dir, &(struct repo_options){0}));
    return repo;
}

static void check_reasons(struct repo *repo, const char *expected)
{
    json_auto_t *pins = NULL;
    assert_null(pins_load(&pins, repo, BACKUP));
    AUTO_FREE char *reasons = pins_reasons(pins);
    assert_string_equal(reasons, expected);
}

static void what_is_written_is_read_back_beside_verifications(void **state)
{
    AUTO(repo) repo = repo_in(*state);
    json_auto_t *first = NULL, *lines = NULL;
    check_reasons(repo, "");
    assert_null(pins_add(repo, BACKUP, "end of \"year\"\n"));
    assert_null(pins_load(&first, repo, BACKUP));
    const struct verified v = {.level = "archive", .result = "ok"};
    assert_null(verified_append(repo, BACKUP, NULL, &v));
    assert_null(pins_add(repo, BACKUP, "audit"));
    check_reasons(repo, "end of \"year\"\n; audit");
    assert_null(repo_record_append(repo, BACKUP, "{\"unpin\": [\"")); /* cut off */
    assert_null(pins_remove(repo, BACKUP, first));
    check_reasons(repo, "audit");
    assert_null(record_load(&lines, repo, BACKUP));
    assert_int_equal(json_array_size(lines), 4);
    json_auto_t *verified = verified_of(lines, 1);
    assert_int_equal(json_array_size(verified), 1);
}

static void a_reason_that_is_no_text_is_refused(void **state)
{
    AUTO(repo) repo = repo_in(*state);
    assert_error(pins_add(repo, BACKUP, "\xff"), ERR_USAGE, "the reason is not UTF-8");
    check_reasons(repo, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pin_stands_until_a_line_takes_it_away),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back_beside_verifications,
                                        test_dir_make, test_dir_remove),
        cmocka_unit_test_setup_teardown(a_reason_that_is_no_text_is_refused, test_dir_make,
                                        test_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
