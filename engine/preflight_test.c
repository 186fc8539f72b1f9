/* engine/preflight_test.c: limits and free space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/resource.h>

#include "engine/engine_test_util.h"
#include "engine/preflight.h"

static void free_space_is_judged_by_what_the_codec_may_need(void **state)
{
    (void)state;
    static const struct {
        uint64_t data, free;
        enum archive_codec codec;
        enum space_outlook expected;
    } cases[] = {
        {1000, 1000, ARCHIVE_CODEC_NONE, SPACE_FITS},
        {1000, 990, ARCHIVE_CODEC_NONE, SPACE_DOUBTFUL},
        {1000, 949, ARCHIVE_CODEC_NONE, SPACE_TOO_SMALL},
        {1000, 1000, ARCHIVE_CODEC_ZSTD, SPACE_FITS},
        {1000, 500, ARCHIVE_CODEC_ZSTD, SPACE_DOUBTFUL},
        {1000, 49, ARCHIVE_CODEC_ZSTD, SPACE_TOO_SMALL},
        {0, 0, ARCHIVE_CODEC_NONE, SPACE_FITS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(preflight_space_outlook(cases[i].data, cases[i].free, cases[i].codec),
                         cases[i].expected);
}

static void full_disk_is_told_before_the_backup(void **state)
{
    (void)state;
    char *dir = make_dir();
    AUTO_FREE char *repo = mem_printf("%s/not/there/yet", dir);
    ok(preflight_free_space(repo, 1, ARCHIVE_CODEC_NONE, NULL));
    struct err *e = preflight_free_space(repo, UINT64_MAX / 2, ARCHIVE_CODEC_NONE, NULL);
    assert_non_null(e);
    assert_non_null(strstr(e->hint, "--compress=zstd"));
    error_is(e, IO, "MiB free, and the data are 8796093022207 MiB");
    remove_dir(dir);
}

static void limit_of_open_files_is_raised_or_named(void **state)
{
    (void)state;
    struct rlimit before, low, after;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 40;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    ok(preflight_open_files(2));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_cur, 68);
    error_is(preflight_open_files(1 << 30), REFUSED, "threads need 2147483712");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void holes_are_not_counted(void **state)
{
    (void)state;
    char *dir = make_dir();
    AUTO_FREE char *sparse = mem_printf("%s/sparse.ibd", dir);
    write_text(dir, "sparse.ibd", "");
    write_text(dir, "t.frm", "12345");
    assert_int_equal(truncate(sparse, 1 << 30), 0);
    struct listed_space space = {.name = sparse, .path = sparse};
    struct listed_file files[] = {{.name = (char *)(uintptr_t) "t.frm"},
                                  {.name = (char *)(uintptr_t) "gone.frm"}};
    const struct listing l = {.spaces = &space, .n_spaces = 1, .files = files, .n_files = 2};
    const struct datadir d = {.root = dir};
    const struct data_size size = preflight_data_size(&l, &d);
    assert_true(size.spaces < 1 << 20);
    assert_true(size.others <= 5);
    remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_space_is_judged_by_what_the_codec_may_need),
        cmocka_unit_test(full_disk_is_told_before_the_backup),
        cmocka_unit_test(limit_of_open_files_is_raised_or_named),
        cmocka_unit_test(holes_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
