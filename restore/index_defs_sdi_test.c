/* restore/index_defs_sdi_test.c: indexes by the text of a table's definition; what no table can have is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "restore/index_defs.h"

enum { SPACE = 7, SUBPARTITIONS = 2 };

/* A list of n of the same between brackets; owned by caller. */
static char *list_of(const char *item, size_t n)
{
    const size_t len = strlen(item);
    char *text = mem_alloc(n * (len + 1) + 3), *p = text;
    *p++ = '[';
    for (size_t i = 0; i < n; i++) {
        if (i)
            *p++ = ',';
        p = mempcpy(p, item, len);
    }
    strcpy(p, "]");
    return text;
}

/* A table of n_indexes, all of the id 1, in so many partitions of two parts each. */
static const char *add(struct index_defs *d, size_t n_indexes, size_t n_parts)
{
    static const char one[] = "{\"se_private_data\":\"id=1;root=4;space_id=7;\"}";
    AUTO_FREE char *indexes = list_of(one, n_indexes), *sub = list_of("{}", SUBPARTITIONS);
    AUTO_FREE char *part = mem_printf("{\"subpartitions\":%s}", sub);
    AUTO_FREE char *parts = list_of(part, n_parts);
    AUTO_FREE char *text = mem_printf("{\"dd_object\":{\"columns\":[],\"indexes\":%s,"
                                      "\"partitions\":%s}}",
                                      indexes, parts);
    return index_defs_add_sdi(d, SPACE, text, strlen(text));
}

static void a_table_has_so_many_indexes_and_partitions_at_most(void **state)
{
    (void)state;
    static const struct {
        size_t indexes, parts; /* of SUBPARTITIONS each */
        const char *why;
    } cases[] = {
        {1024, 0, NULL},
        {67, 8192 / SUBPARTITIONS, NULL},
        {1025, 0, "the definition of a table in it has more indexes than a table can have"},
        {67, 8192, "the definition of a table in it has more partitions than a table can have"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct index_defs *d = index_defs_new();
        const char *why = add(d, cases[i].indexes, cases[i].parts);
        if (cases[i].why) {
            assert_non_null(why);
            assert_string_equal(why, cases[i].why);
        } else {
            assert_null(why);
        }
        assert_int_equal(index_defs_may_know(d, 1), !cases[i].why);
        index_defs_free(d);
    }
}

static void a_text_of_another_tablespace_says_nothing(void **state)
{
    (void)state;
    static const char text[] =
        "{\"dd_object\":{\"indexes\":[{\"se_private_data\":\"id=1;root=4;space_id=8;\"}]}}";
    struct index_defs *d = index_defs_new();
    assert_null(index_defs_add_sdi(d, SPACE, text, sizeof text - 1));
    assert_null(index_defs_add_sdi(d, SPACE, "{", 1));
    assert_false(index_defs_may_know(d, 1));
    index_defs_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_has_so_many_indexes_and_partitions_at_most),
        cmocka_unit_test(a_text_of_another_tablespace_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
