/* verify/verified_test.c: what is written is read back, of this archive alone; what counts of several verifications. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "archive/repo.h"
#include "base/cleanup.h"
#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"
#include "verify/verified.h"

enum { ID = 0x1234, OTHER_ID = 0x77 };

#define BACKUP "20261127T120000Z-full"

/* A repository as far as it matters here. */
static struct repo *repo_in(const char *dir)
{
    struct repo *repo;
    AUTO_FREE char *archive = mem_printf("%s/" BACKUP "/backup.mbe", dir);
    assert_null(file_mkdirs_for(archive, 0700));
    assert_null(repo_open(&repo, dir, &(struct repo_options){0}));
    return repo;
}

static json_t *load(struct repo *repo)
{
    json_auto_t *lines = NULL;
    assert_null(record_load(&lines, repo, BACKUP));
    return verified_of(lines, ID);
}

static void append(struct repo *repo, uint64_t id, const char *level, const char *result)
{
    struct chain_link links[] = {{.archive_id = 1}, {.archive_id = id}};
    json_auto_t *chain = verified_chain(&(struct chain){.links = links, .n = 2});
    const struct verified v = {
        .level = level, .result = result, .tables = 17, .compared = 15, .seconds = 1.5};
    assert_null(verified_append(repo, BACKUP, chain, &v));
}

static void what_is_written_is_read_back(void **state)
{
    AUTO(repo) repo = repo_in(*state);
    json_auto_t *none = load(repo);
    assert_int_equal(json_array_size(none), 0);
    assert_null(verified_standing(none));
    append(repo, ID, "boot", "different");
    json_auto_t *records = load(repo);
    assert_int_equal(json_array_size(records), 1);
    const json_t *r = json_array_get(records, 0);
    assert_string_equal(json_string_value(json_object_get(r, "level")), "boot");
    assert_string_equal(json_string_value(json_object_get(r, "result")), "different");
    assert_int_equal(json_integer_value(json_object_get(r, "tables")), 17);
    assert_int_equal(json_integer_value(json_object_get(r, "compared")), 15);
    assert_true(json_real_value(json_object_get(r, "seconds")) == 1.5);
    assert_int_equal(strlen(json_string_value(json_object_get(r, "time"))), 20);
    assert_string_equal(json_string_value(json_object_get(r, "mbe")), MBE_VERSION);
    json_auto_t *chain = json_pack("[s,s]", "0000000000000001", "0000000000001234");
    assert_true(json_equal(json_object_get(r, "chain"), chain));
}

static void records_of_another_archive_and_what_is_no_record_are_passed_over(void **state)
{
    AUTO(repo) repo = repo_in(*state);
    static const char *const lines[] = {
        "{\"level\":\"boot\"",
        "nonsense",
        "[]",
        "",
        "{}",
        "{\"level\":\"deepest\",\"result\":\"ok\",\"time\":\"t\",\"chain\":[]}",
        "{\"level\":\"boot\",\"result\":1,\"time\":\"t\",\"chain\":[]}",
        "{\"level\":\"boot\",\"result\":\"ok\",\"time\":null,\"chain\":[]}",
        "{\"level\":\"boot\",\"result\":\"ok\",\"time\":\"t\"}",
        "{\"level\":\"boot\",\"result\":\"ok\",\"time\":\"t\",\"chain\":[4660]}",
    };
    append(repo, OTHER_ID, "boot", "ok");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_null(repo_record_append(repo, BACKUP, lines[i]));
    append(repo, ID, "archive", "ok");
    assert_null(verified_append(repo, BACKUP, NULL, /* of an archive that could not be read */
                                &(struct verified){.level = "archive", .result = "damaged"}));
    json_auto_t *records = load(repo);
    assert_int_equal(json_array_size(records), 2);
}

/* Records by their first letters, "b+" for a boot that passed, "a-" for an archive that did not. */
static json_t *records_of(const char *text)
{
    json_t *records = json_array();
    for (; *text; text += 2 + (text[2] == ' ')) {
        const char *level = *text == 'a'   ? "archive"
                            : *text == 'p' ? "pages"
                            : *text == 't' ? "tables"
                                           : "boot";
        json_array_append_new(records, json_pack("{s:s,s:s}", "level", level, "result",
                                                 text[1] == '+' ? "ok" : "damaged"));
    }
    return records;
}

static void the_deepest_that_passed_counts_unless_one_failed_since(void **state)
{
    (void)state;
    static const struct {
        const char *records;
        int standing; /* -1: none */
    } cases[] = {
        {"", -1},           {"a+", 0},       {"a-", 0},       {"a+ a+", 1},    {"a+ b+ a+", 1},
        {"b+ p+ t+", 0},    {"b+ a-", 1},    {"b+ a- a+", 2}, {"b- a+", 0},    {"b- a+ b+", 2},
        {"b- t+ p+", 0},    {"a+ t-", 0},    {"t-", -1},      {"t- t+ a+", 1}, {"a+ b- b- a+", 2},
        {"p+ t+ t- a+", 1}, {"a- p+ a+", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_auto_t *records = records_of(cases[i].records);
        const json_t *expected =
            cases[i].standing < 0 ? NULL : json_array_get(records, (size_t)cases[i].standing);
        if (verified_standing(records) != expected)
            fail_msg("%s", cases[i].records);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(
            records_of_another_archive_and_what_is_no_record_are_passed_over, test_dir_make,
            test_dir_remove),
        cmocka_unit_test(the_deepest_that_passed_counts_unless_one_failed_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
