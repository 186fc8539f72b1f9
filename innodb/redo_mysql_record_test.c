/* innodb/redo_mysql_record_test.c: the end of every record, and the bodies of those that do not change pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "innodb/redo_mysql.h"
#include "innodb/redo_mysql_index.h"
#include "innodb/redo_mysql_test_util.h"
#include "innodb/redo_test_util.h"

/* --- lengths ---------------------------------------------------------------------------------- */

/* Index descriptions: COMPACT and REDUNDANT, old and new form, the new one also VERSIONED. */
#define OLD_COMP "\0\1\0\1\x80\4"
#define NEW_COMP "\1\1\0\1\0\1\x80\4"
#define NEW_RED "\1\0"
#define NEW_VER "\1\3\0\2\0\1\x80\4\0\0\0\1\0\1\x80\1\1"
#define SYS "\2RollPtr\x80\x99\0\0\5\7" /* position 2, roll pointer, transaction 0x99_00000507 */
#define B20 "abcdefghijklmnopqrst"

/* A body of every form of every record. */
static const struct {
    unsigned type;
    const char *body;
    size_t n;
} bodies[] = {
#define CASE(type, bytes)              \
    {                                  \
        type, bytes, sizeof(bytes) - 1 \
    }
    CASE(1, "\0\x26\5"),
    CASE(1, "\0\x26\x80\xFF"),
    CASE(2, "\0\x26\xC0\xFF\xFF"),
    CASE(4, "\0\x26\xF0\xFF\xFF\xFF\xFF"),
    CASE(4, "\0\x26\xFB\xFE"),
    CASE(8, "\0\x42\5\1\2\3\4"),
    CASE(8, "\0\x42\xF0\1\2\3\4\1\2\3\4"),
    CASE(9, "\0\x65\x06xyz"),
    CASE(10, "\0\1" SYS "\0\x7F"),
    CASE(11, "\1\0\x7F"),
    CASE(13, "\0" SYS "\0\x7F\0\1\3\2ab"),
    CASE(14, "\0\x7F"),
    CASE(15, "\0\x7F"),
    CASE(16, "\0\x7F"),
    CASE(17, "\0\0\0\4\x06xyz"),
    CASE(18, ""),
    CASE(19, ""),
    CASE(20, "\0\5hello"),
    CASE(20, "\0\0"),
    CASE(21, ""),
    CASE(22, "\2"),
    CASE(24, "\0\0\0\5\7"),
    CASE(25, "\x80\x99\0\0\5\7"),
    CASE(26, "\0\x7F"),
    CASE(27, ""),
    CASE(29, ""),
    CASE(30, "\0\x26\0\3abc"),
    CASE(33, "\0\0\x40\x21\0\x0B./db/t.ibd\0"),
    CASE(34, "\0\x0B./db/t.ibd\0\0\x0B./db/u.ibd\0"),
    CASE(35, "\0\x0B./db/t.ibd\0"),
    CASE(36, "\0\x7F"),
    CASE(37, ""),
    CASE(38, OLD_COMP "\0\x63\x07\x02\x05\x80\x90xyz"),
    CASE(39, OLD_COMP "\0\1" SYS "\0\x7F"),
    CASE(40, OLD_COMP "\1\0\x7F"),
    CASE(41, OLD_COMP "\0" SYS "\0\x7F\0\0"),
    CASE(42, OLD_COMP "\0\x7F"),
    CASE(43, OLD_COMP "\0\x7F"),
    CASE(44, OLD_COMP "\0\x7F"),
    CASE(45, OLD_COMP "\0\0\0\0"),
    CASE(46, OLD_COMP),
    CASE(48, "\0\x7F\x3F\xF0wxyz"),
    CASE(49, "\0\x7F\x3F\xF0" B20),
    CASE(50, "\x26\4abcd"),
    CASE(51, "\0\5\0\2PREVNEXThellozz"),
    CASE(52, OLD_COMP "\6"),
    CASE(53, OLD_COMP "\6"),
    CASE(57, ""),
    CASE(58, ""),
    CASE(59, ""),
    CASE(61, "\0\0\0\0\0\0\0\x9C"),
    CASE(63, ""),
    CASE(64, ""),
    CASE(65, "\0\0\0\0\0\1\xC0\0\0\0\0\0\0\0\x40\0"),
    CASE(67, NEW_RED "\0\x65\x06xyz"),
    CASE(67, NEW_COMP "\0\x63\x07\x02\x05\x80\x90xyz"),
    CASE(67, NEW_VER "\0\x63\0"),
    CASE(68, NEW_COMP "\0\1" SYS "\0\x7F"),
    CASE(69, NEW_VER "\0\x7F"),
    CASE(70, NEW_COMP "\0" SYS "\0\x7F\0\3\1\2ab\4\xF0\xFF\xFF\xFF\xFF\5\0"),
    CASE(71, NEW_COMP "\0\0\0\x0F\x06xyz\x07\x02\x05\0xyz\1\0\1\2"),
    CASE(72, NEW_RED),
    CASE(73, NEW_COMP "\6"),
    CASE(74, NEW_COMP "\6"),
    CASE(75, NEW_COMP "\0\x7F"),
    CASE(76, NEW_COMP "\0\x7F"),
#undef CASE
};
enum { N_BODIES = sizeof bodies / sizeof bodies[0] };

/* A copy that ends where it ends: what is read behind it is seen by the sanitizer. */
static enum redo_mysql_parse parse(struct redo_record *rec, size_t *used, const char **why,
                                   const uint8_t *bytes, size_t n)
{
    uint8_t *exact = mem_alloc(n);
    memcpy(exact, bytes, n);
    const enum redo_mysql_parse parsed = redo_mysql_record_parse(rec, used, why, exact, n);
    if (parsed == MYSQL_PARSE_WHOLE)
        rec->body = bytes + (rec->body - exact);
    free(exact);
    return parsed;
}

static void every_record_ends_where_its_body_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_BODIES; i++) {
        struct mysql_mtr m = {0};
        struct redo_record rec;
        size_t used;
        const char *why;
        mysql_mtr_record(&m, bodies[i].type, 4000000, 300, bodies[i].body, bodies[i].n);
        const size_t n = m.n;
        m.bytes[m.n++] = 59; /* the next record */
        for (size_t cut = 0; cut < n; cut++)
            if (parse(&rec, &used, &why, m.bytes, cut) != MYSQL_PARSE_SHORT)
                fail_msg("type %u, body %zu: taken at %zu", bodies[i].type, i, cut);
        if (parse(&rec, &used, &why, m.bytes, m.n) != MYSQL_PARSE_WHOLE)
            fail_msg("type %u, body %zu: %s", bodies[i].type, i, why ? why : "short");
        assert_int_equal(used, n);
        assert_int_equal(rec.type, bodies[i].type);
        assert_int_equal(rec.space, 4000000);
        assert_int_equal(rec.page, 300);
        assert_int_equal(rec.body_len, bodies[i].n);
        assert_memory_equal(rec.body, bodies[i].body, bodies[i].n);
    }
}

static void every_type_of_the_list_is_in_a_test(void **state)
{
    (void)state;
    bool tested[128] = {[31] = true, [32] = true, [62] = true}; /* without ids: below */
    for (size_t i = 0; i < N_BODIES; i++)
        tested[bodies[i].type] = true;
    for (unsigned type = 0; type < 128; type++)
        if (tested[type] != (redo_mysql_kind(type) != MYSQL_KIND_UNKNOWN))
            fail_msg("type %u", type);
}

static void records_without_ids_have_none(void **state)
{
    (void)state;
    struct redo_record rec;
    size_t used;
    const char *why;
    for (unsigned type = 31; type <= 32; type++) {
        const uint8_t byte[] = {(uint8_t)type, 59};
        assert_int_equal(parse(&rec, &used, &why, byte, 2), MYSQL_PARSE_WHOLE);
        assert_true(used == 1 && rec.space == 0 && rec.page == 0 && rec.body_len == 0);
    }
    static const struct {
        const char *bytes;
        size_t n;
    } metas[] = {
#define CASE(bytes) {bytes, sizeof(bytes) - 1}
        CASE("\xBE\x84\x27\0\2\7"),
        CASE("\x3E\xFF\1\0\xFF\2\3\2\xFF\xF0\xFF\xFF\xFF\xFF\0"),
        CASE("\xBE\5\0\1\2\0\0\0\7\0\0\0\0\0\0\0\x9C\0\0\0\x08\0\0\0\0\0\0\0\x9D"),
        CASE("\xBE\5\0\1\0"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof metas / sizeof metas[0]; i++) {
        const uint8_t *bytes = (const uint8_t *)metas[i].bytes;
        for (size_t cut = 0; cut < metas[i].n; cut++)
            assert_int_equal(parse(&rec, &used, &why, bytes, cut), MYSQL_PARSE_SHORT);
        assert_int_equal(parse(&rec, &used, &why, bytes, metas[i].n + 1), MYSQL_PARSE_WHOLE);
        assert_int_equal(used, metas[i].n);
        assert_int_equal(rec.type, 62);
        assert_int_equal(rec.body_len, metas[i].n - 1);
    }
}

static void impossible_records_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } cases[] = {
#define CASE(bytes, why) {bytes, sizeof(bytes) - 1, why}
        CASE("\0", "a type that is not known"),
        CASE("\x17\7\3", "a type that is not known"), /* 23: 5.6 and before */
        CASE("\x2F\7\3", "a type that is not known"), /* 47 */
        CASE("\x4D", "a type that is not known"),
        CASE("\xFF", "a type that is not known"),
        CASE("\x01\xFF\3", "an integer of no known form"),
        CASE("\x01\7\xFF", "an integer of no known form"),
        CASE("\x08\7\3\0\x42\xFF", "an integer of no known form"),
        CASE("\x01\7\3\0\x26\x81\0", "a value larger than what it is written to"),
        CASE("\x02\7\3\0\x26\xC1\0\0", "a value larger than what it is written to"),
        CASE("\x09\7\3\0\x65\xC2\0\2", "more bytes than a page has"),
        CASE("\x0D\7\3\0" SYS "\0\x7F\0\1\3\xC1\0\1", "more bytes than a page has"),
        CASE("\x11\7\3\0\4\0\1", "a list longer than a page can hold"),
        CASE("\x11\7\3\0\0\0\3\x06xy", "a list that ends inside an entry"),
        CASE("\x11\7\3\0\0\0\1\xFF", "an integer of no known form"),
        CASE("\x33\7\3\xFF\xFF\0\2PREVNEXT", "more bytes than a page has"),
        CASE("\x32\7\3\x26\0", "a page header write of no byte"),
        CASE("\x43\7\3\0\1", "index description of a version that is not known"),
        CASE("\x43\7\3\1\1\0\0", "index description with an impossible number of fields"),
        CASE("\x26\7\3\4\3", "index description with an impossible number of fields"),
        CASE("\x23\7\0\0\1\0", "a name that does not end with its only zero byte"),
        CASE("\x23\7\0\0\0", "a name that does not end with its only zero byte"),
        CASE("\x23\7\0\0\3abc", "a name that does not end with its only zero byte"),
        CASE("\x23\7\0\0\4a\0b\0", "a name that does not end with its only zero byte"),
        CASE("\x22\7\0\0\2a\0\0\3abc", "a name that does not end with its only zero byte"),
        CASE("\xBE\5\0\3\7", "metadata of a kind that is not known"),
        CASE("\xBE\5\xFF\xFF", "an integer of no known form"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redo_record rec;
        size_t used;
        const char *why;
        const enum redo_mysql_parse parsed =
            parse(&rec, &used, &why, (const uint8_t *)cases[i].bytes, cases[i].n);
        if (parsed != MYSQL_PARSE_BAD || strcmp(why, cases[i].why) != 0)
            fail_msg("case %zu: %s", i, why ? why : "not bad");
        assert_int_equal(used, 0);
    }
}

/* --- the list --------------------------------------------------------------------------------- */

static void types_have_names_and_kinds(void **state)
{
    (void)state;
    assert_string_equal(redo_mysql_type_name(1), "1BYTE");
    assert_string_equal(redo_mysql_type_name(MYSQL_REDO_REC_INSERT), "REC_INSERT");
    assert_string_equal(redo_mysql_type_name(66), "unknown record");
    assert_string_equal(redo_mysql_type_name(1000), "unknown record");
    static const enum redo_mysql_kind kinds[128] = {
        [31] = MYSQL_KIND_NONE, [32] = MYSQL_KIND_NONE, [33] = MYSQL_KIND_FILE,
        [34] = MYSQL_KIND_FILE, [35] = MYSQL_KIND_FILE, [61] = MYSQL_KIND_LOAD,
        [62] = MYSQL_KIND_META, [65] = MYSQL_KIND_FILE,
    };
    for (unsigned type = 0; type < 128; type++)
        if (kinds[type])
            assert_int_equal(redo_mysql_kind(type), kinds[type]);
        else if (redo_mysql_kind(type) != MYSQL_KIND_UNKNOWN)
            assert_int_equal(redo_mysql_kind(type), MYSQL_KIND_PAGE);
    assert_int_equal(redo_mysql_kind(0), MYSQL_KIND_UNKNOWN);
    assert_int_equal(redo_mysql_kind(128), MYSQL_KIND_UNKNOWN);
}

static void list_agrees_on_who_describes_its_index(void **state)
{
    (void)state;
    static const bool has[128] = {
#define X(id, name, kind, has_index, parse, apply) [id] = has_index,
#include "innodb/redo_mysql.def"
    };
    for (unsigned type = 0; type < 128; type++)
        assert_int_equal(has[type], redo_mysql_has_index(type));
}

/* --- bodies ----------------------------------------------------------------------------------- */

static struct redo_record record_of(unsigned type, const char *body, size_t n)
{
    return (struct redo_record){
        .type = type, .space = 7, .body = (const uint8_t *)body, .body_len = (uint32_t)n};
}
#define RECORD(type, body) record_of(type, body, sizeof(body) - 1)

static void assert_corrupt(struct err *e, const char *message)
{
    assert_non_null(e);
    assert_string_equal(e->message, message);
    assert_int_equal(e->kind, ERR_CORRUPT);
    err_free(e);
}

static void file_records_give_their_names(void **state)
{
    (void)state;
    struct redo_mysql_file_op op;
    struct redo_record rec = RECORD(33, "\0\0\x40\x21\0\x0B./db/t.ibd");
    assert_corrupt(redo_mysql_file_op(&op, &rec), "FILE_CREATE of tablespace 7: cut off");
    rec.body_len++; /* the NUL of the literal */
    assert_null(redo_mysql_file_op(&op, &rec));
    assert_int_equal(op.type, MYSQL_REDO_FILE_CREATE);
    assert_int_equal(op.space, 7);
    assert_int_equal(op.flags, 0x4021);
    assert_string_equal(op.name, "./db/t.ibd");
    assert_null(op.to);
    rec = RECORD(34, "\0\x0B./db/t.ibd\0\0\x0B./db/u.ibd\0");
    assert_null(redo_mysql_file_op(&op, &rec));
    assert_string_equal(op.name, "./db/t.ibd");
    assert_string_equal(op.to, "./db/u.ibd");
    rec = RECORD(35, "\0\x0B./u_3.ibu\0");
    assert_corrupt(redo_mysql_file_op(&op, &rec), "FILE_DELETE of tablespace 7: cut off");
    rec = RECORD(35, "\0\x0A./u_3.ibu\0");
    assert_null(redo_mysql_file_op(&op, &rec));
    assert_string_equal(op.name, "./u_3.ibu");
    rec = RECORD(35, "\0\x0A./u_3.ibu\0x");
    assert_corrupt(redo_mysql_file_op(&op, &rec),
                   "FILE_DELETE of tablespace 7: more bytes than it should have");
    rec = RECORD(35, "\0\x0A.\0u_3.ibu\0");
    assert_corrupt(redo_mysql_file_op(&op, &rec), "FILE_DELETE of tablespace 7: a name that does "
                                                  "not end with its only zero byte");
    rec = RECORD(61, "\0\0\0\0\0\0\0\1");
    assert_corrupt(redo_mysql_file_op(&op, &rec), "INDEX_LOAD of tablespace 7: not a file record");
}

static void file_extend_gives_a_range(void **state)
{
    (void)state;
    struct redo_mysql_file_op op;
    struct redo_record rec = RECORD(65, "\0\0\0\0\0\1\xC0\0\0\0\0\0\0\0\x40\0");
    assert_null(redo_mysql_file_op(&op, &rec));
    assert_int_equal(op.type, MYSQL_REDO_FILE_EXTEND);
    assert_int_equal(op.offset, 0x1C000);
    assert_int_equal(op.size, 0x4000);
    assert_null(op.name);
    rec = RECORD(65, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0\0\0\0\1");
    assert_corrupt(redo_mysql_file_op(&op, &rec),
                   "FILE_EXTEND of tablespace 7: an end past all files");
    rec.body_len = 15;
    assert_corrupt(redo_mysql_file_op(&op, &rec), "FILE_EXTEND of tablespace 7: cut off");
}

static void index_load_gives_the_index(void **state)
{
    (void)state;
    uint64_t id;
    struct redo_record rec = RECORD(61, "\0\0\0\1\0\0\0\x9C");
    assert_null(redo_mysql_index_load(&id, &rec));
    assert_true(id == 0x10000009C);
    rec.body_len = 7;
    assert_corrupt(redo_mysql_index_load(&id, &rec), "INDEX_LOAD of tablespace 7: cut off");
}

static void dynamic_metadata_is_a_counter_or_a_list(void **state)
{
    (void)state;
    struct redo_mysql_meta meta;
    struct redo_record rec = RECORD(62, "\x84\x27\1\2\xFF\5\7");
    assert_null(redo_mysql_meta(&meta, &rec));
    assert_true(meta.table_id == 1063 && meta.version == 1 && meta.counter == 0x500000007);
    assert_int_equal(meta.kind, MYSQL_META_COUNTER);
    rec = RECORD(62, "\5\0\1\2\0\0\0\7\0\0\0\0\0\0\0\x9C\0\0\0\x08\0\0\0\0\0\0\0\x9D");
    assert_null(redo_mysql_meta(&meta, &rec));
    assert_int_equal(meta.kind, MYSQL_META_CORRUPTED_INDEXES);
    assert_int_equal(meta.n_indexes, 2);
    assert_true(be32(meta.index_ids + 12) == 8 && be64(meta.index_ids + 16) == 0x9D);
    rec.body_len--;
    assert_corrupt(redo_mysql_meta(&meta, &rec), "TABLE_DYNAMIC_META of tablespace 7: cut off");
    rec = RECORD(62, "\5\0\3\0");
    assert_corrupt(redo_mysql_meta(&meta, &rec), "TABLE_DYNAMIC_META of tablespace 7: metadata of "
                                                 "a kind that is not known");
}

static void garbage_never_leaves_the_buffer(void **state)
{
    (void)state;
    struct test_random random = {.state = 97};
    unsigned whole = 0, refused = 0, cut = 0;
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t bytes[64];
        struct redo_record rec;
        size_t used;
        const char *why;
        const size_t n = test_random_below(&random, sizeof bytes + 1);
        for (size_t j = 0; j < n; j++)
            bytes[j] = (uint8_t)test_random_below(&random, j % 2 ? 256 : 8);
        if (n)
            bytes[0] = (uint8_t)test_random_below(&random, 256);
        switch (parse(&rec, &used, &why, bytes, n)) {
        case MYSQL_PARSE_WHOLE:
            assert_true(used && used <= n && !why && rec.body + rec.body_len == bytes + used);
            whole++;
            break;
        case MYSQL_PARSE_BAD:
            assert_true(!used && why && why[0]);
            refused++;
            break;
        case MYSQL_PARSE_SHORT:
            assert_true(!used && !why);
            cut++;
            break;
        }
    }
    assert_true(whole > 1000 && refused > 1000 && cut > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_ends_where_its_body_ends),
        cmocka_unit_test(every_type_of_the_list_is_in_a_test),
        cmocka_unit_test(records_without_ids_have_none),
        cmocka_unit_test(impossible_records_are_told_apart),
        cmocka_unit_test(types_have_names_and_kinds),
        cmocka_unit_test(list_agrees_on_who_describes_its_index),
        cmocka_unit_test(file_records_give_their_names),
        cmocka_unit_test(file_extend_gives_a_range),
        cmocka_unit_test(index_load_gives_the_index),
        cmocka_unit_test(dynamic_metadata_is_a_counter_or_a_list),
        cmocka_unit_test(garbage_never_leaves_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
