/* myisam/csv_log_test.c: torn copies of log tables become whole ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "myisam/csv_log.h"

struct table {
    char dir[32];
    char *csv, *csm;
};

static int setup(void **state)
{
    struct table *t = mem_zalloc(sizeof *t);
    strcpy(t->dir, "/tmp/csv-log-XXXXXX");
    if (!mkdtemp(t->dir))
        return -1;
    t->csv = mem_printf("%s/general_log.CSV", t->dir);
    t->csm = mem_printf("%s/general_log.CSM", t->dir);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct table *t = *state;
    struct err *e = file_remove_tree(t->dir);
    const int rc = e ? -1 : 0;
    err_free(e);
    free(t->csv);
    free(t->csm);
    free(t);
    return rc;
}

/* A .CSM as the server leaves it: magic, a stale count, 24 bytes that must stay, dirty flag. */
static void make_csm(uint8_t csm[35])
{
    memset(csm, 0, 35);
    csm[0] = 0xFE;
    csm[1] = 1;
    put_le64(csm + 2, 999);
    for (int i = 10; i < 34; i++)
        csm[i] = (uint8_t)i;
    csm[34] = 1;
}

static void put(const struct table *t, const void *csv, size_t n, const uint8_t *csm,
                size_t csm_len)
{
    assert_null(file_replace(t->csv, csv, n, 0600));
    assert_null(file_replace(t->csm, csm, csm_len, 0600));
}

static void assert_table(const struct table *t, const void *csv, size_t n, uint64_t rows)
{
    uint8_t expected[35];
    char *data;
    size_t len;
    assert_null(file_read_all(&data, &len, t->csv, 64 << 20));
    assert_int_equal(len, n);
    assert_memory_equal(data, csv, n);
    free(data);
    make_csm(expected);
    put_le64(expected + 2, rows);
    expected[34] = 0;
    assert_null(file_read_all(&data, &len, t->csm, 64));
    assert_int_equal(len, 35);
    assert_memory_equal(data, expected, 35);
    free(data);
}

static void a_torn_row_is_cut_and_the_count_is_exact(void **state)
{
    static const struct {
        const char *copied, *kept;
        uint64_t rows;
    } cases[] = {
        {"", "", 0},
        {"\"torn", "", 0},
        {"\"a\",1\n", "\"a\",1\n", 1},
        {"\"a\",1\n\"b\\n", "\"a\",1\n", 1},
        {"\"a\\nb\",1\n\"c\",2\n\"", "\"a\\nb\",1\n\"c\",2\n", 2},
        {"\n\n\nx", "\n\n\n", 3},
    };
    const struct table *t = *state;
    uint8_t csm[35];
    make_csm(csm);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(t, cases[i].copied, strlen(cases[i].copied), csm, sizeof csm);
        assert_null(csv_log_mend(t->csv, t->csm));
        assert_table(t, cases[i].kept, strlen(cases[i].kept), cases[i].rows);
        assert_null(csv_log_mend(t->csv, t->csm)); /* a second time changes nothing */
        assert_table(t, cases[i].kept, strlen(cases[i].kept), cases[i].rows);
    }
}

static void rows_are_counted_across_reads_of_every_alignment(void **state)
{
    enum { READ = 256 << 10 };
    const struct table *t = *state;
    AUTO_FREE char *text = mem_alloc(2 * READ + 8);
    uint8_t csm[35];
    make_csm(csm);
    for (size_t n = 2 * READ - 2; n <= 2 * READ + 2; n++) {
        uint64_t rows = 0;
        size_t end = 0;
        for (size_t i = 0; i < n; i++) {
            const int newline = i % 1009 == 0 || i == READ - 1 || i == READ || i == 2 * READ - 1;
            text[i] = newline ? '\n' : 'x';
            rows += newline ? 1 : 0;
            end = newline ? i + 1 : end;
        }
        put(t, text, n, csm, sizeof csm);
        assert_null(csv_log_mend(t->csv, t->csm));
        assert_table(t, text, end, rows);
    }
}

static void a_foreign_csm_is_named_and_nothing_is_changed(void **state)
{
    static const struct {
        size_t len;
        int at; /* byte to spoil, or -1 */
        const char *message;
    } cases[] = {
        {34, -1, "general_log.CSM: not a .CSM: less than 35 bytes"},
        {0, -1, "general_log.CSM: not a .CSM: less than 35 bytes"},
        {36, -1, "general_log.CSM: not a .CSM: more than 35 bytes"},
        {35, 0, "general_log.CSM: not a .CSM: begins with 00 01, not fe 01"},
        {35, 1, "general_log.CSM: not a .CSM: begins with fe 00, not fe 01"},
    };
    const struct table *t = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t csm[36] = {0};
        char *data;
        size_t len;
        make_csm(csm);
        if (cases[i].at >= 0)
            csm[cases[i].at] = 0;
        put(t, "a\nb", 3, csm, cases[i].len);
        struct err *e = csv_log_mend(t->csv, t->csm);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_non_null(strstr(e->message, cases[i].message));
        err_free(e);
        assert_null(file_read_all(&data, &len, t->csv, 64));
        assert_string_equal(data, "a\nb");
        free(data);
    }
}

static void an_absent_file_is_an_io_error(void **state)
{
    const struct table *t = *state;
    struct err *e = csv_log_mend(t->csv, t->csm);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    assert_non_null(strstr(e->message, "general_log.CSM: cannot open: No such file or directory"));
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_torn_row_is_cut_and_the_count_is_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_are_counted_across_reads_of_every_alignment, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_foreign_csm_is_named_and_nothing_is_changed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_absent_file_is_an_io_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
