/* innodb/redo_counters_test.c: what of the counters in a log survives into the log a restored server starts from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "innodb/redo_counters.h"
#include "innodb/redo_mysql_test_util.h"

enum { TABLE = 1063 };

/* Body of a TABLE_DYNAMIC_META record with a counter. */
static void add_counter(struct redo_counters *c, uint64_t table, uint64_t version, uint64_t counter)
{
    uint8_t body[64];
    size_t n = put_much_compressed64(body, table);
    n += put_much_compressed64(body + n, version);
    body[n++] = MYSQL_META_COUNTER;
    n += put_much_compressed64(body + n, counter);
    const struct redo_record rec = {
        .type = MYSQL_REDO_TABLE_DYNAMIC_META, .body = body, .body_len = (uint32_t)n};
    assert_null(redo_counters_add(c, &rec, 9000));
}

/* The same with a list of one corrupted index. */
static void add_corrupted(struct redo_counters *c, uint64_t table, uint64_t version,
                          space_id_t space, uint64_t index)
{
    uint8_t body[64];
    size_t n = put_much_compressed64(body, table);
    n += put_much_compressed64(body + n, version);
    body[n++] = MYSQL_META_CORRUPTED_INDEXES;
    body[n++] = 1;
    put_be32(body + n, space);
    put_be64(body + n + 4, index);
    const struct redo_record rec = {
        .type = MYSQL_REDO_TABLE_DYNAMIC_META, .body = body, .body_len = (uint32_t)n + 12};
    assert_null(redo_counters_add(c, &rec, 9000));
}

static void highest_counter_of_a_version_counts(void **state)
{
    struct redo_counters c = {0};
    (void)state;
    add_counter(&c, TABLE, 0, 7);
    add_counter(&c, TABLE + 1, 0, 100);
    add_counter(&c, TABLE, 0, 5);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.items[0].table_id, TABLE);
    assert_int_equal(c.items[0].counter, 7);
    assert_int_equal(c.items[1].counter, 100);
    redo_counters_fini(&c);
}

static void higher_version_replaces_and_lower_one_is_old(void **state)
{
    struct redo_counters c = {0};
    (void)state;
    add_counter(&c, TABLE, 1, 1000);
    add_corrupted(&c, TABLE, 1, 5, 77);
    add_counter(&c, TABLE, 2, 3);
    add_counter(&c, TABLE, 1, 2000);
    assert_int_equal(c.items[0].version, 2);
    assert_int_equal(c.items[0].counter, 3);
    assert_int_equal(c.items[0].n_corrupted, 0);
    redo_counters_fini(&c);
}

static void lists_of_corrupted_indexes_are_united(void **state)
{
    struct redo_counters c = {0};
    (void)state;
    add_corrupted(&c, TABLE, 0, 5, 77);
    add_corrupted(&c, TABLE, 0, 5, 78);
    add_corrupted(&c, TABLE, 0, 5, 77);
    assert_int_equal(c.items[0].n_corrupted, 2);
    assert_int_equal(c.items[0].corrupted[1].index_id, 78);
    redo_counters_fini(&c);
}

static void cut_off_record_is_named_with_its_lsn(void **state)
{
    struct redo_counters c = {0};
    const uint8_t body[] = {5, 0};
    const struct redo_record rec = {
        .type = MYSQL_REDO_TABLE_DYNAMIC_META, .body = body, .body_len = sizeof body};
    (void)state;
    struct err *e = redo_counters_add(&c, &rec, 9000);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_non_null(strstr(e->message, "LSN 9000"));
    err_free(e);
    redo_counters_fini(&c);
}

static void assert_equal(const struct redo_counters *a, const struct redo_counters *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct redo_mysql_counter *x = &a->items[i], *y = &b->items[i];
        assert_true(x->table_id == y->table_id && x->version == y->version &&
                    x->counter == y->counter && x->n_corrupted == y->n_corrupted);
        for (size_t k = 0; k < x->n_corrupted; k++)
            assert_true(x->corrupted[k].space == y->corrupted[k].space &&
                        x->corrupted[k].index_id == y->corrupted[k].index_id);
    }
}

/* Reads all counters of a log that was made. */
static void read_back(struct redo_counters *out, const struct redo_mysql_synthetic *log)
{
    struct redo_mysql_header h;
    assert_null(redo_mysql_header_parse(&h, log->bytes, log->size));
    assert_int_equal(h.checkpoint_lsn, log->checkpoint_lsn);
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(h.start_lsn, h.checkpoint_lsn);
    for (size_t at = MYSQL_REDO_HEADER_SIZE; at + 512 <= log->size; at += 512) {
        struct redo_mysql_mtr m;
        struct redo_record rec;
        unsigned len;
        bool more = true;
        if (redo_mysql_block_check(log->bytes + at, redo_mysql_stream_wants(s), &len) !=
            MYSQL_BLOCK_WHOLE)
            break;
        assert_null(redo_mysql_stream_push(s, log->bytes + at));
        while (assert_null(redo_mysql_stream_next(s, &m, &more)), more)
            while (redo_mysql_mtr_next(&m, &rec))
                assert_null(redo_counters_add(out, &rec, m.start));
    }
    assert_int_equal(redo_mysql_stream_parsed(s), log->end_lsn);
}

static void the_first_log_of_a_restored_server_says_the_same(void **state)
{
    struct redo_counters before = {0}, after = {0};
    struct redo_mysql_synthetic log;
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        if (i % 3)
            add_counter(&before, TABLE + i, i % 5, UINT64_C(1) << i % 63);
        for (unsigned k = 0; k < i % 70; k++)
            add_corrupted(&before, TABLE + i, i % 5, i, UINT64_C(0x100000000) * k + i);
        if (!(i % 3 || i % 70))
            add_counter(&before, TABLE + i, i % 5, 1);
    }
    redo_mysql_synthetic_make(&log, 7, 123456, "MySQL 9.7.4", before.items, before.n);
    read_back(&after, &log);
    assert_equal(&before, &after);
    free(log.bytes);
    redo_counters_fini(&before);
    redo_counters_fini(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(highest_counter_of_a_version_counts),
        cmocka_unit_test(higher_version_replaces_and_lower_one_is_old),
        cmocka_unit_test(lists_of_corrupted_indexes_are_united),
        cmocka_unit_test(cut_off_record_is_named_with_its_lsn),
        cmocka_unit_test(the_first_log_of_a_restored_server_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
