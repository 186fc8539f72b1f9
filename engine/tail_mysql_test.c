/* engine/tail_mysql_test.c: the tail (T1..T3, Y1..Y5) on redo files that are renamed, emptied and used again while it reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/tail_mysql_test_util.h"

/* --- following --- */

static void log_is_followed_from_file_to_file(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 100);
    flush(f);
    start(f);
    assert_int_equal(tailer_start_lsn(f->tail), FIRST + 12);
    assert_string_equal(tailer_origin(f->tail)->mysql.header.creator, "MySQL 9.7.4");
    assert_int_equal(tailer_origin(f->tail)->mysql.header.uuid, UUID);
    for (int i = 0; i < 20; i++) {
        wait_for(f, mysql_log_end(&f->log));
        log_mtrs(f, 37);
        flush(f);
    }
    wait_for(f, mysql_log_end(&f->log));
    assert_true(f->log.n_blocks > 20 * FILE_BLOCKS);
    assert_spool(f, 0);
}

static void last_block_is_read_again_as_it_grows(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 1);
    flush(f);
    start(f);
    for (int i = 0; i < 12; i++) { /* four mini-transactions fill a block, and more */
        wait_for(f, mysql_log_end(&f->log));
        log_mtrs(f, 1);
        flush(f);
    }
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
}

static void mini_transaction_is_whole_or_not_there(void **state)
{
    struct fixture *f = *state;
    const lsn_t before = log_mtrs(f, 3);
    const size_t n = f->log.n_blocks;
    log_mtrs(f, 4); /* one of them goes on in the next block */
    for (size_t i = 0; i < n; i++) {
        ensure_file(f, id_of_block(i));
        put_block(f, i, mysql_log_block(&f->log, i));
    }
    start(f);
    ok(tailer_wait(f->tail, before, 10));
    clock_sleep_ms(50);
    const lsn_t lsn = tailer_lsn(f->tail);
    assert_true(lsn < FIRST + n * 512);
    flush(f);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
}

static void torn_block_is_left_until_it_is_whole(void **state)
{
    struct fixture *f = *state;
    const lsn_t whole = log_mtrs(f, 9);
    flush(f);
    start(f);
    wait_for(f, whole);
    log_mtrs(f, 9);
    const size_t last = f->written - 1;
    uint8_t torn[512];
    memcpy(torn, mysql_log_block(&f->log, last), 512);
    torn[400] ^= 1;
    put_block(f, last, torn);
    clock_sleep_ms(60);
    assert_int_equal(tailer_lsn(f->tail), whole);
    flush(f);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
}

static void spare_files_are_no_part_of_the_log(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, FILE_BLOCKS * 6);
    const size_t n = f->log.n_blocks;
    assert_true(n > FILE_BLOCKS && n <= 2 * FILE_BLOCKS);
    for (size_t i = 0; i < n; i++) {
        ensure_file(f, id_of_block(i));
        put_block(f, i, mysql_log_block(&f->log, i));
    }
    f->written = n;
    rename_file(f, FIRST_ID + 1, "", FIRST_ID + 1, "_tmp"); /* not yet: all its blocks are good */
    free(make_file(f, FIRST_ID + 7, "_tmp"));
    start(f);
    clock_sleep_ms(60);
    assert_true(tailer_lsn(f->tail) <= file_start(FIRST_ID + 1) + 12);
    assert_true(tailer_lsn(f->tail) > file_start(FIRST_ID + 1) - 512);
    rename_file(f, FIRST_ID + 1, "_tmp", FIRST_ID + 1, "");
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
}

/* The first file is emptied by name only: its old blocks lie where the new ones will come. */
static void old_blocks_of_a_used_file_are_never_taken(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 50);
    const lsn_t before = flush(f);
    const unsigned next = id_of_block(f->log.n_blocks - 1) + 1;
    start(f);
    wait_for(f, before);
    AUTO_FREE char *spare = file_path(f, next, "_tmp");
    rename_file(f, FIRST_ID, "", next, "_tmp");
    put_header(spare, file_start(next), 0, 0, UUID);
    rename_file(f, next, "_tmp", next, "");
    const size_t its_first = (next - FIRST_ID) * FILE_BLOCKS;
    while (f->log.n_blocks <= its_first + 2)
        log_mtrs(f, 1);
    for (size_t i = f->written - 1; i < its_first; i++)
        put_block(f, i, mysql_log_block(&f->log, i));
    f->written = its_first;
    clock_sleep_ms(50); /* the file before it is full: now the tail looks at the old blocks */
    assert_true(tailer_lsn(f->tail) <= file_start(next));
    flush(f);
    wait_for(f, mysql_log_end(&f->log));
    clock_sleep_ms(30);
    assert_int_equal(tailer_lsn(f->tail), mysql_log_end(&f->log));
    assert_spool(f, 0);
}

/* The server is through with the file that we have open, and has renamed it, but not yet touched it. */
static void renamed_file_is_read_to_its_end(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 8);
    const lsn_t before = flush(f);
    start(f);
    wait_for(f, before);
    while (f->log.n_blocks <= FILE_BLOCKS)
        log_mtrs(f, 1);
    AUTO_FREE char *held = file_path(f, FIRST_ID, "_tmp");
    rename_file(f, FIRST_ID, "", FIRST_ID, "_tmp");
    for (size_t i = f->written - 1; i < FILE_BLOCKS; i++)
        put_at(held, mysql_log_block(&f->log, i), 512, MYSQL_REDO_HEADER_SIZE + i * 512);
    f->written = FILE_BLOCKS + 1;
    ensure_file(f, FIRST_ID + 1);
    put_block(f, FILE_BLOCKS, mysql_log_block(&f->log, FILE_BLOCKS));
    flush(f);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
}

static void files_of_another_size_are_followed(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, FILE_BLOCKS * 5);
    while (f->log.n_blocks <= FILE_BLOCKS)
        log_mtrs(f, 1);
    flush(f);
    AUTO_FREE char *path = file_path(f, FIRST_ID + 1, "");
    assert_int_equal(truncate(path, FILE_SIZE + 100 * 512), 0); /* before anybody opened it */
    start(f);
    wait_for(f, mysql_log_end(&f->log));
    log_mtrs(f, FILE_BLOCKS * 8);
    for (size_t i = f->written - 1; i < f->log.n_blocks; i++)
        put_at(path, mysql_log_block(&f->log, i), 512,
               MYSQL_REDO_HEADER_SIZE + (i - FILE_BLOCKS) * 512);
    fake_server.capacity = 4 * CAPACITY;
    wait_for(f, mysql_log_end(&f->log));
    for (int i = 0; i < 2000 && !tailer_resizes(f->tail); i++)
        clock_sleep_ms(5);
    assert_int_equal(tailer_resizes(f->tail), 1);
    assert_message(f, "log resized by the server: 8 MiB, now 32 MiB");
    assert_spool(f, 0);
}

/* --- where it begins --- */

static void newest_checkpoint_of_both_slots_and_all_files_is_taken(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, FILE_BLOCKS * 12);
    flush(f);
    const unsigned id = FIRST_ID + 1;
    const lsn_t older = file_start(id) + 30, newer = file_start(id) + 2 * 512 + 77;
    AUTO_FREE char *path = file_path(f, id, "");
    uint8_t slot[512] = {0};
    put_header(path, file_start(id), older, 0, UUID);
    put_be64(slot + 8, newer);
    put_be32(slot + 508, crc32c(0, slot, 508));
    put_at(path, slot, sizeof slot, 1536);
    AUTO_FREE char *third = file_path(f, id + 1, "");
    put_header(third, file_start(id + 1), file_start(id + 1) + FILE_SIZE, 0, UUID); /* not in it */
    start(f);
    assert_int_equal(tailer_start_lsn(f->tail), newer);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, FILE_BLOCKS + 2);
}

static void directory_without_a_log_is_refused(void **state)
{
    struct fixture *f = *state;
    error_is(try_start(f, false), CORRUPT, "#innodb_redo: no redo file with a valid checkpoint");
    assert_int_equal(rmdir(f->redo), 0);
    error_is(try_start(f, false), IO, "#innodb_redo: cannot open: No such file or directory");
}

/* --- what must not be passed over --- */

static void lapped_reader_is_told_by_how_much(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, FILE_BLOCKS * 4);
    while (f->log.n_blocks < FILE_BLOCKS)
        log_mtrs(f, 1);
    flush(f);
    start(f);
    ok(tailer_wait(f->tail, file_start(FIRST_ID + 1) - 512, 10));
    fake_server.current = file_start(FIRST_ID + 1) + (5 << 20);
    fake_server.checkpoint = file_start(FIRST_ID + 2) + 100;
    while (f->log.n_blocks <= FILE_BLOCKS)
        log_mtrs(f, 1);
    for (size_t i = f->written - 1; i < FILE_BLOCKS; i++)
        put_block(f, i, mysql_log_block(&f->log, i));
    free(make_file(f, FIRST_ID + 2, ""));
    struct err *e = death_of(f);
    assert_non_null(e);
    assert_string_equal(e->hint,
                        "Make the log larger (SET GLOBAL innodb_redo_log_capacity), take the "
                        "backup at a quieter time, or let the server archive its log "
                        "(--redo-archive; there is no archive to go on with: it is off).");
    error_is(
        e, SERVER,
        "redo tail: redo log overwritten before it was read: #ib_redo9 is gone; the server is "
        "at LSN 5297152 with its checkpoint at 57444, mbe at 54272 (5 MiB behind), and the log "
        "holds 8 MiB");
    uint64_t capacity;
    assert_int_equal(tailer_headroom(f->tail, &capacity),
                     0); /* all unread is below the checkpoint */
}

static void file_used_again_before_its_end_was_read_is_an_overrun(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 8);
    const lsn_t before = flush(f);
    start(f);
    wait_for(f, before);
    free(make_file(f, FIRST_ID + 1, ""));
    free(make_file(f, FIRST_ID + 2, ""));
    AUTO_FREE char *spare = file_path(f, FIRST_ID + 3, "_tmp");
    rename_file(f, FIRST_ID, "", FIRST_ID + 3, "_tmp");
    put_header(spare, file_start(FIRST_ID + 3), 0, 0, UUID);
    assert_dies(f, SERVER, "redo log overwritten before it was read: #ib_redo8 is gone");
    error_is(tailer_wait(f->tail, before + 1, 10), SERVER, "redo log overwritten");
}

static void vanished_file_with_nothing_more_in_it_is_an_overrun(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 8);
    const lsn_t before = flush(f);
    start(f);
    wait_for(f, before);
    free(make_file(f, FIRST_ID + 1, ""));
    AUTO_FREE char *path = file_path(f, FIRST_ID, "");
    assert_int_equal(unlink(path), 0);
    assert_dies(f, SERVER, "redo log overwritten before it was read: #ib_redo8 is gone");
}

static void next_file_that_begins_elsewhere_is_an_error(void **state)
{
    struct fixture *f = *state;
    static const struct {
        lsn_t start;
        uint32_t uuid;
        const char *text;
    } cases[] = {
        {FIRST + FILE_BLOCKS * 512 + 512, UUID,
         "#ib_redo9: begins at LSN 54784, log abcd1234; LSN 54272, log abcd1234 expected"},
        {FIRST + FILE_BLOCKS * 512, 7,
         "#ib_redo9: begins at LSN 54272, log 00000007; LSN 54272, log abcd1234 expected"},
    };
    while (f->log.n_blocks <= FILE_BLOCKS)
        log_mtrs(f, 1);
    flush(f);
    AUTO_FREE char *path = file_path(f, FIRST_ID + 1, "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_header(path, cases[i].start, 0, 0, cases[i].uuid);
        start(f);
        assert_dies(f, SERVER, cases[i].text);
        tailer_free(f->tail);
        f->tail = NULL;
        assert_int_equal(unlink(f->spool), 0);
    }
}

static void block_that_changes_after_it_was_read_is_an_error(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 2);
    const lsn_t before = flush(f);
    start(f);
    wait_for(f, before);
    log_mtrs(f, 1);
    mysql_log_block(&f->log, 0)[40] ^= 1;
    mysql_log_seal(&f->log);
    flush(f);
    assert_dies(f, SERVER, "the block at LSN 51200 was changed after it was written");
}

static void complete_file_with_a_broken_block_is_damage(void **state)
{
    struct fixture *f = *state;
    while (f->log.n_blocks <= FILE_BLOCKS)
        log_mtrs(f, 1);
    flush(f);
    uint8_t broken[512];
    memcpy(broken, mysql_log_block(&f->log, 3), 512);
    broken[99] ^= 4;
    put_block(f, 3, broken);
    set_flags(f, FIRST_ID, FLAG_FULL);
    start(f);
    assert_dies(f, CORRUPT,
                "#ib_redo8: the file is complete, but its block at LSN 52736 is not whole");
}

static void disabled_log_is_refused_whenever_it_shows(void **state)
{
    struct fixture *f = *state;
    while (f->log.n_blocks <= FILE_BLOCKS)
        log_mtrs(f, 1);
    flush(f);
    set_flags(f, FIRST_ID, FLAG_UNSAFE);
    error_is(try_start(f, false), REFUSED,
             "#ib_redo8: redo logging is or was disabled: the log does not hold every change");
    set_flags(f, FIRST_ID, FLAG_FULL);
    set_flags(f, FIRST_ID + 1, FLAG_DISABLED);
    start(f);
    assert_dies(f, REFUSED, "#ib_redo9: redo logging is or was disabled");
    tailer_free(f->tail);
    f->tail = NULL;
    assert_int_equal(unlink(f->spool), 0);
    set_flags(f, FIRST_ID + 1, 0);
    start(f);
    wait_for(f, mysql_log_end(&f->log));
    set_flags(f, FIRST_ID + 1, FLAG_DISABLED); /* in the file that we have open */
    assert_dies(f, REFUSED, "#ib_redo9: redo logging is or was disabled");
}

/* --- encryption --- */

static void put_keyring(struct fixture *f, unsigned n_masters)
{
    AUTO_FREE char *path = mem_printf("%s/keyring", f->dir), *text = test_keyring_text(n_masters);
    write_text(f->dir, "keyring", text);
    if (!f->keys)
        ok(key_file_open(&f->keys, &redo_family_mysql, path, NULL));
}

/* As servers do: into the file that holds the checkpoint, before the first encrypted block. */
static void put_key(struct fixture *f, uint8_t master)
{
    uint8_t record[MYSQL_KEY_RECORD_SIZE];
    AUTO_FREE char *path = file_path(f, FIRST_ID, "");
    test_redo_key(&f->key, record, master);
    put_at(path, record, sizeof record, 1072);
}

static void encrypted_blocks_are_opened_and_spooled_as_they_are(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, FILE_BLOCKS * 5);
    const lsn_t deleted = log_delete(f, 9);
    log_mtrs(f, FILE_BLOCKS * 5);
    f->encrypted_to = SIZE_MAX;
    put_keyring(f, 1);
    ensure_file(f, FIRST_ID);
    put_key(f, 1);
    flush(f);
    start(f);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
    const struct ddl_space *s = ddl_events_find(tailer_ddl_events(f->tail), 9);
    assert_non_null(s);
    assert_int_equal(s->deleted, deleted);
    tailer_release(f->tail);
    assert_memory_equal(tailer_origin(f->tail)->mysql.key.key.bytes, f->key.key.bytes, 32);
    assert_true(tailer_origin(f->tail)->mysql.header.has_key);
}

/* On, with a master key that is newer than our reading of the key file; the last block was written in clear before. Then off. */
static void encryption_may_be_switched_and_the_master_key_rotated(void **state)
{
    struct fixture *f = *state;
    f->encrypted_from = SIZE_MAX;
    put_keyring(f, 1);
    log_mtrs(f, 3);
    flush(f);
    start(f);
    wait_for(f, mysql_log_end(&f->log));
    assert_int_equal(tailer_origin(f->tail)->mysql.key.kind, SPACE_KEY_NONE);
    put_keyring(f, 2);
    put_key(f, 2);
    f->encrypted_from = 0;
    f->encrypted_to = 5;
    assert_int_equal(f->written, 1);
    while (f->log.n_blocks < 5)
        log_mtrs(f, 1);
    flush(f);
    wait_for(f, mysql_log_end(&f->log));
    f->encrypted_to = 4;
    log_mtrs(f, 20);
    flush(f);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
}

static void a_key_that_cannot_be_had_ends_the_tail(void **state)
{
    struct fixture *f = *state;
    f->encrypted_to = SIZE_MAX;
    log_mtrs(f, 3);
    ensure_file(f, FIRST_ID);
    put_key(f, 2);
    flush(f);
    start(f);
    assert_dies(f, REFUSED,
                "the redo log is encrypted with key INNODBKey-" TEST_KEY_UUID
                "-2, which is not given");
    tailer_free(f->tail);
    f->tail = NULL;
    assert_int_equal(unlink(f->spool), 0);
    put_keyring(f, 1);
    start(f);
    assert_dies(f, REFUSED, "-2, which is not given");
    tailer_free(f->tail);
    f->tail = NULL;
    assert_int_equal(unlink(f->spool), 0);
    AUTO_FREE char *path = file_path(f, FIRST_ID, "");
    put_at(path, "\0", 1, 1072);
    start(f);
    assert_dies(f, REFUSED, "the redo log is encrypted, and no file of it has its key");
}

static void a_block_that_does_not_open_is_waited_for_then_named(void **state)
{
    struct fixture *f = *state;
    f->encrypted_to = SIZE_MAX;
    put_keyring(f, 1);
    while (f->log.n_blocks < 3)
        log_mtrs(f, 1);
    ensure_file(f, FIRST_ID);
    put_key(f, 1);
    flush(f);
    AUTO_FREE char *path = file_path(f, FIRST_ID, "");
    put_at(path, "torn", 4, MYSQL_REDO_HEADER_SIZE + 512 + 100);
    start(f);
    clock_sleep_ms(50);
    put_block(f, 1, mysql_log_block(&f->log, 1));
    wait_for(f, mysql_log_end(&f->log));
    log_mtrs(f, 8);
    flush(f);
    wait_for(f, mysql_log_end(&f->log));
    put_at(path, "torn", 4, MYSQL_REDO_HEADER_SIZE + (f->log.n_blocks - 1) * 512 + 40);
    assert_dies(f, CORRUPT, " does not open with the log's key");
}

static void dead_server_ends_the_tail(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 3);
    flush(f);
    start(f);
    fake_server.gone = true;
    assert_dies(f, SERVER, "redo tail: server has gone away");
}

/* --- records --- */

static void file_records_fill_the_table(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 3);
    const lsn_t end = log_delete(f, 9);
    flush(f);
    start(f);
    wait_for(f, end);
    const struct ddl_space *s = ddl_events_find(tailer_ddl_events(f->tail), 9);
    assert_non_null(s);
    assert_int_equal(s->deleted, end);
    assert_string_equal(s->name, "d/aa.ibd");
    tailer_release(f->tail);
    assert_null(tailer_file_ops(f->tail));
    tailer_release(f->tail);
}

static void file_records_behind_the_end_stay_out(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 3);
    const lsn_t before = flush(f);
    start(f);
    wait_for(f, before);
    const lsn_t end = log_delete(f, 9);
    const lsn_t later = log_delete(f, 10);
    tailer_end_at(f->tail, end);
    flush(f);
    ok(tailer_wait(f->tail, end, 10));
    assert_int_equal(tailer_lsn(f->tail), later); /* it was read all the same */
    ok(tailer_stop(f->tail));
    const struct ddl_events *events = tailer_ddl_events(f->tail);
    assert_non_null(ddl_events_find(events, 9));
    assert_null(ddl_events_find(events, 10));
    tailer_release(f->tail);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* --- a log at rest: Y7 --- */

static void log_at_rest_is_read_to_its_end_and_nobody_is_asked(void **state)
{
    struct fixture *f = *state;
    f->at_rest = true;
    fake_server.gone = true;
    const lsn_t end = log_mtrs(f, 100);
    flush(f);
    start(f);
    ok(tailer_wait_end(f->tail));
    assert_int_equal(tailer_lsn(f->tail), end);
    assert_int_equal(n_opened, 0);
    assert_spool(f, 0);
}

static void log_at_rest_without_a_mini_transaction_ends_at_its_checkpoint(void **state)
{
    struct fixture *f = *state;
    f->at_rest = true;
    ensure_file(f, FIRST_ID);
    start(f);
    ok(tailer_wait_end(f->tail));
    assert_int_equal(tailer_lsn(f->tail), FIRST + 12);
    assert_int_equal(tailer_seen_lsn(f->tail), FIRST + 12);
}

/* Recovery does not count it, for it has not seen where the next one would begin. */
static void mini_transaction_that_fills_its_block_counts_with_the_next_block_only(void **state)
{
    struct fixture *f = *state;
    uint8_t body[512] = {0, 200};
    struct mysql_mtr m = {0};
    f->at_rest = true;
    const lsn_t before = log_mtrs(f, 3);
    const unsigned n = 508 - f->log.used - 7;
    put_be16(body + 2, (uint16_t)n);
    mysql_mtr_record(&m, MYSQL_REDO_WRITE_STRING | 0x80, 5, 9, body, 4 + n);
    mysql_log_mtr(&f->log, m.bytes, m.n);
    const lsn_t end = mysql_log_end(&f->log);
    assert_int_equal(end, FIRST + 512 + 12);
    ensure_file(f, FIRST_ID);
    put_block(f, 0, mysql_log_block(&f->log, 0));
    start(f);
    ok(tailer_wait_end(f->tail));
    assert_int_equal(tailer_lsn(f->tail), before);
    assert_int_equal(tailer_seen_lsn(f->tail), end);
    tailer_free(f->tail);
    f->tail = NULL;
    assert_int_equal(unlink(f->spool), 0);
    flush(f);
    start(f);
    ok(tailer_wait_end(f->tail));
    assert_int_equal(tailer_lsn(f->tail), end);
}

static void torn_block_at_rest_ends_the_log_but_not_in_a_complete_file(void **state)
{
    struct fixture *f = *state;
    uint8_t torn[512];
    f->at_rest = true;
    log_mtrs(f, 12);
    flush(f);
    memcpy(torn, mysql_log_block(&f->log, 1), 512);
    torn[100] ^= 1;
    put_block(f, 1, torn);
    start(f);
    ok(tailer_wait_end(f->tail));
    assert_true(tailer_lsn(f->tail) <= FIRST + 512);
    tailer_free(f->tail);
    f->tail = NULL;
    assert_int_equal(unlink(f->spool), 0);
    set_flags(f, FIRST_ID, FLAG_FULL);
    start(f);
    error_is(tailer_wait_end(f->tail), CORRUPT,
             "the file is complete, but its block at LSN 51712 is not whole");
}

static void missing_file_of_a_log_at_rest_is_damage(void **state)
{
    struct fixture *f = *state;
    f->at_rest = true;
    log_mtrs(f, FILE_BLOCKS * 12);
    flush(f);
    AUTO_FREE char *second = file_path(f, FIRST_ID + 1, "");
    assert_int_equal(unlink(second), 0);
    start(f);
    error_is(tailer_wait_end(f->tail), CORRUPT, "#ib_redo9 is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(log_is_followed_from_file_to_file),
        TEST(last_block_is_read_again_as_it_grows),
        TEST(mini_transaction_is_whole_or_not_there),
        TEST(torn_block_is_left_until_it_is_whole),
        TEST(spare_files_are_no_part_of_the_log),
        TEST(old_blocks_of_a_used_file_are_never_taken),
        TEST(renamed_file_is_read_to_its_end),
        TEST(files_of_another_size_are_followed),
        TEST(newest_checkpoint_of_both_slots_and_all_files_is_taken),
        TEST(directory_without_a_log_is_refused),
        TEST(lapped_reader_is_told_by_how_much),
        TEST(file_used_again_before_its_end_was_read_is_an_overrun),
        TEST(vanished_file_with_nothing_more_in_it_is_an_overrun),
        TEST(next_file_that_begins_elsewhere_is_an_error),
        TEST(block_that_changes_after_it_was_read_is_an_error),
        TEST(complete_file_with_a_broken_block_is_damage),
        TEST(disabled_log_is_refused_whenever_it_shows),
        TEST(encrypted_blocks_are_opened_and_spooled_as_they_are),
        TEST(encryption_may_be_switched_and_the_master_key_rotated),
        TEST(a_key_that_cannot_be_had_ends_the_tail),
        TEST(a_block_that_does_not_open_is_waited_for_then_named),
        TEST(dead_server_ends_the_tail),
        TEST(file_records_fill_the_table),
        TEST(file_records_behind_the_end_stay_out),
        TEST(log_at_rest_is_read_to_its_end_and_nobody_is_asked),
        TEST(log_at_rest_without_a_mini_transaction_ends_at_its_checkpoint),
        TEST(mini_transaction_that_fills_its_block_counts_with_the_next_block_only),
        TEST(torn_block_at_rest_ends_the_log_but_not_in_a_complete_file),
        TEST(missing_file_of_a_log_at_rest_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
