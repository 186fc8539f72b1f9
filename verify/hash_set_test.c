/* verify/hash_set_test.c: a set is written and read as the same; whatever does not agree with itself is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "verify/hash_test_util.h"

static void make(struct hash_set *s)
{
    *s = (struct hash_set){.flavour = mem_strdup("mysql"),
                           .taken = mem_strdup("2026-11-27T15:40:00Z"),
                           .lsn = 12345,
                           .binlog_position = 4,
                           .databases = mem_strdup("a\"b,c\\,"),
                           .system = true};
    test_table_add(s, &(struct test_table){"s", "u", 5000, true, -1, -1});
    test_table_add(s, &(struct test_table){"s", "b\n\"`", 5000, false, -1, -1});
    test_table_add(s, &(struct test_table){"s", "empty", 0, true, -1, -1});
    hashed_table_mark(test_table_add(s, &(struct test_table){"r", "loose", 10, true, -1, -1}),
                      HASH_UNSYNCHRONISED, "why\nnot");
    hashed_table_mark(hash_set_add(s, "r", "none"), HASH_NOT, "no \"reason\"");
    hash_set_sort(s);
}

static void a_set_is_written_and_read_as_the_same(void **state)
{
    (void)state;
    struct hash_set s, back;
    AUTO_FREE char *text = NULL, *again = NULL;
    size_t n, n_again;
    make(&s);
    hash_set_write(&text, &n, &s);
    assert_int_equal(strlen(text), n);
    assert_null(hash_set_parse(&back, text, n, "f"));
    hash_set_write(&again, &n_again, &back);
    assert_string_equal(text, again);
    assert_string_equal(back.databases, "a\"b,c\\,");
    assert_int_equal(back.lsn, 12345);
    assert_true(back.system);
    assert_null(back.gtid);
    const struct hashed_table *u = hash_set_find(&back, "s", "u");
    assert_non_null(u);
    assert_int_equal(u->rows, 5000);
    assert_true(u->ranges.n > 1);
    assert_int_equal(hash_set_find(&back, "r", "none")->state, HASH_NOT);
    assert_string_equal(hash_set_find(&back, "r", "loose")->reason, "why not");
    assert_int_equal(hash_set_find(&back, "s", "b\n\"`")->ranges.n, 4);
    assert_null(hash_set_find(&back, "s", "v"));
    assert_int_equal(hash_set_count(&back, HASH_EXACT), 3);
    hash_set_fini(&s);
    hash_set_fini(&back);
}

static void of_two_tables_of_one_name_the_first_stays(void **state)
{
    (void)state;
    struct hash_set s = {0};
    hashed_table_mark(hash_set_add(&s, "s", "t"), HASH_NOT, "first");
    hashed_table_mark(hash_set_add(&s, "a", "t"), HASH_NOT, "other");
    hashed_table_mark(hash_set_add(&s, "s", "t"), HASH_NOT, "second");
    hash_set_sort(&s);
    assert_int_equal(s.n, 2);
    assert_string_equal(s.items[0].schema, "a");
    assert_string_equal(s.items[1].reason, "first");
    hash_set_fini(&s);
}

static void a_table_that_is_marked_as_not_hashed_keeps_no_hash(void **state)
{
    (void)state;
    struct hash_set s = {0};
    struct hashed_table *t = test_table_add(&s, &(struct test_table){"s", "t", 100, true, -1, -1});
    hashed_table_mark(t, HASH_NOT, "dropped");
    hashed_table_mark(t, HASH_NOT, t->reason);
    assert_string_equal(t->reason, "dropped");
    assert_int_equal(t->rows, 0);
    assert_int_equal(t->n_columns, 0);
    hash_set_fini(&s);
}

#define HASH "\"00000000000000000000000000000000\""
#define HEAD                   \
    "{\"format\":\"mbe table " \
    "hashes\",\"version\":1,\"server\":{},\"moment\":{\"lsn\":0,\"binlog_position\":0},"
#define TABLE(rest) HEAD "\"tables\":[{\"schema\":\"s\",\"table\":\"t\"," rest "}]}"
#define EXACT "\"state\":\"exact\",\"rows\":0,\"hash\":" HASH ","
#define COLUMNS "\"columns\":[[\"id\",\"integer\"," HASH "]],"
#define RANGES(list) TABLE(EXACT COLUMNS "\"key\":[\"id\"],\"level\":10,\"ranges\":[" list "]")
#define FIRST "[0," HASH "]"

static void what_does_not_agree_with_itself_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err_kind kind;
        const char *message;
    } cases[] = {
        {"", ERR_CORRUPT, "f: line 1: "},
        {"[", ERR_CORRUPT, "f: line 1: "},
        {"[]", ERR_CORRUPT, "f: is no file of table hashes"},
        {"{\"format\":\"mbe\"}", ERR_CORRUPT, "f: is no file of table hashes"},
        {"{\"format\":\"mbe table hashes\"}", ERR_CORRUPT, "f: no number \"version\""},
        {"{\"format\":\"mbe table hashes\",\"version\":2}", ERR_REFUSED,
         "of version 2, which this mbe does not know"},
        {"{\"format\":\"mbe table hashes\",\"version\":1}", ERR_CORRUPT, "no number \"lsn\""},
        {HEAD "\"tables\":{}}", ERR_CORRUPT, "no list \"tables\""},
        {HEAD "\"tables\":[5]}", ERR_CORRUPT, "table 1: no text \"schema\""},
        {HEAD "\"tables\":[{\"schema\":\"\"}]}", ERR_CORRUPT, "table 1: no text \"schema\""},
        {HEAD "\"tables\":[{\"schema\":\"s\"}]}", ERR_CORRUPT, "table 1: no text \"table\""},
        {TABLE("\"state\":\"odd\""), ERR_CORRUPT, "table 1: s.t: no state that is known"},
        {TABLE("\"state\":\"not hashed\""), ERR_CORRUPT, "no text \"reason\""},
        {TABLE("\"state\":\"exact\",\"rows\":-1"), ERR_CORRUPT, "no number \"rows\""},
        {TABLE("\"state\":\"exact\",\"rows\":1,\"hash\":\"00\""), ERR_CORRUPT, "no hash \"hash\""},
        {TABLE(EXACT "\"columns\":[]"), ERR_CORRUPT, "no columns, or more than 4096"},
        {TABLE(EXACT "\"columns\":[[\"id\"]]"), ERR_CORRUPT, "column 1: no class that is known"},
        {TABLE(EXACT "\"columns\":[[\"id\",\"bigint\"]]"), ERR_CORRUPT,
         "column 1: no class that is known"},
        {TABLE(EXACT "\"columns\":[[\"id\",\"integer\",1]]"), ERR_CORRUPT, "column 1: no hash"},
        {TABLE(EXACT "\"columns\":[[\"a\",\"bit\"," HASH "],[\"a\",\"bit\"," HASH "]]"),
         ERR_CORRUPT, "column 2: its name is that of column 1"},
        {TABLE(EXACT COLUMNS "\"level\":0"), ERR_CORRUPT, "no key, or one of more than 32 columns"},
        {TABLE(EXACT COLUMNS "\"key\":[\"b\"]"), ERR_CORRUPT,
         "the key has a column that the table does not have"},
        {TABLE(EXACT COLUMNS "\"key\":[]"), ERR_CORRUPT, "no number \"level\""},
        {TABLE(EXACT COLUMNS "\"key\":[],\"level\":9,\"buckets\":[]"), ERR_CORRUPT,
         "0 ranges of level 9 are none"},
        {TABLE(EXACT COLUMNS "\"key\":[],\"level\":1,\"buckets\":[" FIRST "]"), ERR_CORRUPT,
         "1 ranges of level 1 are none"},
        {TABLE(EXACT COLUMNS "\"key\":[],\"level\":0,\"buckets\":[[1," HASH "]]"), ERR_CORRUPT,
         "its ranges do not add up to its rows and hash"},
        {TABLE(EXACT COLUMNS "\"key\":[],\"level\":1,\"buckets\":[[9223372036854775807," HASH
                             "],[9223372036854775807," HASH "]]"),
         ERR_CORRUPT, "its ranges do not add up"},
        {TABLE(EXACT COLUMNS "\"key\":[\"id\"],\"level\":9,\"ranges\":[" FIRST "]"), ERR_CORRUPT,
         "1 ranges of level 9 are none"},
        {TABLE(EXACT COLUMNS "\"key\":[\"id\"],\"level\":66,\"ranges\":[" FIRST "]"), ERR_CORRUPT,
         "1 ranges of level 66 are none"},
        {RANGES(""), ERR_CORRUPT, "0 ranges of level 10 are none"},
        {RANGES("[0]"), ERR_CORRUPT, "range 1: no hash"},
        {RANGES(FIRST "," FIRST), ERR_CORRUPT, "range 2: no key"},
        {RANGES(FIRST ",[0," HASH ",\"0\"]"), ERR_CORRUPT, "range 2: no key"},
        {RANGES(FIRST ",[0," HASH ",\"0g\"]"), ERR_CORRUPT, "range 2: the key is no hex text"},
        {RANGES(FIRST ",[0," HASH ",\"00\"]"), ERR_CORRUPT,
         "range 2: the key is none of this table"},
        {RANGES(FIRST ",[0," HASH ",\"0b0000000000000000\"]"), ERR_CORRUPT,
         "range 2: the key is none of this table"},
        {RANGES(FIRST ",[0," HASH ",\"010000000000000000\"]"), ERR_CORRUPT,
         "range 2: no range can begin with this key"},
        {RANGES(FIRST ",[0," HASH ",\"01f00600000000000000\"]"), ERR_CORRUPT,
         "range 2: no range can begin with this key"},
        {HEAD
         "\"tables\":[{\"schema\":\"s\",\"table\":\"t\",\"state\":\"not hashed\",\"reason\":\"r\"},"
         "{\"schema\":\"s\",\"table\":\"t\",\"state\":\"not hashed\",\"reason\":\"r\"}]}",
         ERR_CORRUPT, "a table is there twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hash_set s;
        struct err *e = hash_set_parse(&s, cases[i].text, strlen(cases[i].text), "f");
        if (!e)
            fail_msg("accepted: %s", cases[i].text);
        if (!strstr(e->message, cases[i].message))
            fail_msg("\"%s\" expected in \"%s\"", cases[i].message, e->message);
        assert_int_equal(e->kind, cases[i].kind);
        assert_int_equal(s.n, 0);
        err_free(e);
    }
}

/* 1776 is a key that begins a range of level 10. */
static void a_range_may_begin_where_its_key_says(void **state)
{
    (void)state;
    static const char text[] = RANGES(FIRST ",[0," HASH ",\"01f006000000000000\"]");
    struct hash_set s;
    assert_null(hash_set_parse(&s, text, sizeof text - 1, "f"));
    assert_int_equal(s.items[0].ranges.n, 2);
    hash_set_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_is_written_and_read_as_the_same),
        cmocka_unit_test(of_two_tables_of_one_name_the_first_stays),
        cmocka_unit_test(a_table_that_is_marked_as_not_hashed_keeps_no_hash),
        cmocka_unit_test(what_does_not_agree_with_itself_is_refused),
        cmocka_unit_test(a_range_may_begin_where_its_key_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
