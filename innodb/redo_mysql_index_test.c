/* innodb/redo_mysql_index_test.c: index descriptions of the MySQL redo log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "innodb/redo_mysql_index.h"

enum { OLD_REDUNDANT = 9, OLD_COMP = 38, NEW = 67 };

static struct redo_mysql_index ix;

static const char *read_index(unsigned type, const char *bytes, size_t n, size_t *left)
{
    struct reader r = reader_of(bytes, n);
    memset(&ix, 0x55, sizeof ix);
    const char *why = redo_mysql_index_read(&ix, &r, type);
    assert_false(!why && r.ran_out);
    *left = rd_left(&r);
    return why;
}
#define READ(type, bytes) read_index(type, bytes, sizeof(bytes) - 1, &left)

static void redundant_indexes_are_not_described(void **state)
{
    (void)state;
    size_t left;
    assert_null(READ(OLD_REDUNDANT, "\x12\x34"));
    assert_int_equal(left, 2);
    assert_true(!ix.comp && !ix.versioned && !ix.instant && ix.n == 1 && ix.n_uniq == 1);
    assert_null(READ(NEW, "\1\0\x12\x34"));
    assert_int_equal(left, 2);
    assert_true(!ix.comp && !ix.versioned && !ix.instant && ix.n == 1 && ix.n_uniq == 1);
}

static void fields_come_in_logical_order(void **state)
{
    (void)state;
    /* The clustered index of a table (INT PRIMARY KEY, VARCHAR(100), TEXT). */
    static const char fields[] = "\0\5\0\1\x80\4\x80\6\x80\7\0\0\x7F\xFF";
    char bytes[32] = "\1\1";
    size_t left;
    memcpy(bytes + 2, fields, sizeof fields);
    for (unsigned form = 0; form < 2; form++) {
        if (form == 0)
            assert_null(read_index(OLD_COMP, fields, sizeof fields, &left));
        else
            assert_null(read_index(NEW, bytes, 2 + sizeof fields, &left));
        assert_int_equal(left, 1);
        assert_true(ix.comp && !ix.versioned && !ix.instant && ix.n == 5 && ix.n_uniq == 1);
        assert_int_equal(ix.fields[0].word, MYSQL_FIELD_NOT_NULL | 4);
        assert_int_equal(ix.fields[4].word & MYSQL_FIELD_LENGTH, MYSQL_FIELD_VARIABLE_BIG);
        for (unsigned i = 0; i < ix.n; i++) {
            assert_int_equal(ix.fields[i].phys, i);
            assert_int_equal(ix.logical[i], i);
            assert_int_equal(ix.fields[i].v_added, MYSQL_NO_VERSION);
            assert_int_equal(ix.fields[i].v_dropped, MYSQL_NO_VERSION);
        }
    }
}

static void instant_indexes_say_how_many_fields_there_were_first(void **state)
{
    (void)state;
    size_t left;
    assert_null(READ(OLD_COMP, "\x80\1\0\2\0\1\x80\4\0\0"));
    assert_true(ix.instant && ix.n_inst == 1 && ix.n == 2 && ix.n_uniq == 1);
    assert_null(READ(NEW, "\1\5\0\2\0\1\0\1\x80\4\0\0"));
    assert_true(ix.instant && ix.n_inst == 1 && ix.n == 2 && ix.n_uniq == 1);
}

/* A field added in front and one dropped: logical a0 (added, physically last), id, trx, roll, b, c (dropped). */
static void versioned_indexes_keep_their_physical_order(void **state)
{
    (void)state;
    static const char fields[] = "\0\6\0\1\x80\4\x80\6\x80\7\x80\x08\0\0\0\4";
    static const char versions[] = "\0\2\0\3\x80\5\2\0\5\x40\4\1";
    static const uint16_t phys[] = {0, 1, 2, 5, 3, 4}, logical[] = {0, 1, 2, 4, 5, 3};
    char bytes[64] = "\1\3";
    size_t left;
    memcpy(bytes + 2, fields, sizeof fields - 1);
    memcpy(bytes + 2 + sizeof fields - 1, versions, sizeof versions - 1);
    assert_null(read_index(NEW, bytes, 2 + sizeof fields - 1 + sizeof versions - 1, &left));
    assert_int_equal(left, 0);
    assert_true(ix.comp && ix.versioned && ix.n == 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(ix.fields[i].phys, phys[i]);
        assert_int_equal(ix.logical[i], logical[i]);
    }
    assert_true(ix.fields[3].v_added == 2 && ix.fields[3].v_dropped == MYSQL_NO_VERSION);
    assert_true(ix.fields[5].v_dropped == 1 && ix.fields[5].v_added == MYSQL_NO_VERSION);
    assert_int_equal(ix.fields[3].word, MYSQL_FIELD_NOT_NULL | 8);
}

static void versioned_redundant_indexes_have_an_order_but_no_fields(void **state)
{
    (void)state;
    size_t left;
    assert_null(READ(NEW, "\1\2\0\3\0\1\0\2\xC0\1\3\4"));
    assert_int_equal(left, 0);
    assert_true(!ix.comp && ix.versioned && ix.n == 3);
    assert_true(ix.fields[2].phys == 1 && ix.fields[2].v_added == 3 && ix.fields[2].v_dropped == 4);
    assert_true(ix.fields[0].phys == 0 && ix.fields[1].phys == 2);
    assert_int_equal(ix.fields[2].word, 0);
}

static void malformed_descriptions_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        const char *bytes;
        size_t n;
        const char *why;
    } cases[] = {
#define CASE(type, bytes, why) {type, bytes, sizeof(bytes) - 1, why}
        CASE(NEW, "\0\1\0\1\0\1\0\4", "index description of a version that is not known"),
        CASE(NEW, "\2\1\0\1\0\1\0\4", "index description of a version that is not known"),
        CASE(NEW, "\1\x08", "index description of a version that is not known"),
        CASE(NEW, "\1\1\0\0\0\0", "index description with an impossible number of fields"),
        CASE(NEW, "\1\1\4\3\0\0", "index description with an impossible number of fields"),
        CASE(OLD_COMP, "\4\3\0\0", "index description with an impossible number of fields"),
        CASE(OLD_COMP, "\0\1\0\2\0\4", "index description with more key fields than fields"),
        CASE(NEW, "\1\5\0\1\0\2\0\1\0\4",
             "index description with more fields before the first instant one than fields"),
        CASE(NEW, "\1\1\0\2\0\1\0\4\0", "index description cut off in its fields"),
        CASE(NEW, "\1\2\0\1\0\2\0\0\0\0",
             "index description with more versioned fields than fields"),
        CASE(NEW, "\1\2\0\2\0\1\0\0\x80\0", "index description cut off in its versions"),
        CASE(NEW, "\1\2\0\2\0\1\0\2\0\0",
             "index description that names a field twice, or one that is not there"),
        CASE(NEW, "\1\2\0\2\0\1\0\0\0\2",
             "index description that names a field twice, or one that is not there"),
        CASE(NEW, "\1\2\0\2\0\2\0\0\0\1\0\0\0\0",
             "index description that names a field twice, or one that is not there"),
        CASE(NEW, "\1\2\0\2\0\2\0\0\0\1\0\1\0\1",
             "index description that names a field twice, or one that is not there"),
        /* The first field is physically the last: nothing is left for the third. */
        CASE(NEW, "\1\2\0\3\0\1\0\0\0\2", "index description whose fields have no physical order"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t left;
        const char *why = read_index(cases[i].type, cases[i].bytes, cases[i].n, &left);
        if (!why || strcmp(why, cases[i].why) != 0)
            fail_msg("case %zu: %s", i, why ? why : "taken");
    }
}

static void only_record_level_types_have_a_description(void **state)
{
    (void)state;
    static const bool has[128] = {
        [9] = 1,  [10] = 1, [13] = 1, [14] = 1, [15] = 1, [16] = 1, [17] = 1, [18] = 1,
        [38] = 1, [39] = 1, [40] = 1, [41] = 1, [42] = 1, [43] = 1, [44] = 1, [45] = 1,
        [46] = 1, [52] = 1, [53] = 1, [67] = 1, [68] = 1, [69] = 1, [70] = 1, [71] = 1,
        [72] = 1, [73] = 1, [74] = 1, [75] = 1, [76] = 1,
    };
    for (unsigned type = 0; type < 128; type++)
        assert_int_equal(redo_mysql_has_index(type), has[type]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redundant_indexes_are_not_described),
        cmocka_unit_test(fields_come_in_logical_order),
        cmocka_unit_test(instant_indexes_say_how_many_fields_there_were_first),
        cmocka_unit_test(versioned_indexes_keep_their_physical_order),
        cmocka_unit_test(versioned_redundant_indexes_have_an_order_but_no_fields),
        cmocka_unit_test(malformed_descriptions_are_told_apart),
        cmocka_unit_test(only_record_level_types_have_a_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
