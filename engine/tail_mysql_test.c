/* engine/tail_mysql_test.c: the tail (T1..T3, Y1..Y5) on redo files made by hand, which are renamed, emptied and used again
 * while it reads, and a server that says what it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "engine/engine_test_util.h"
#include "engine/redo_consumer.h"
#include "engine/tailer.h"
#include "innodb/redo_crypt_test_util.h"
#include "innodb/redo_mysql_test_util.h"
#include "server/mysql_archive.h"

enum {
    FIRST = 51200, /* LSN of the first file's first block */
    FIRST_ID = 8,  /* its number: more digits follow */
    FILE_BLOCKS = 6,
    FILE_SIZE = MYSQL_REDO_HEADER_SIZE + FILE_BLOCKS * 512,
    UUID = 0xABCD1234,
    CAPACITY = 8 << 20,
    FLAG_DISABLED = 1,
    FLAG_UNSAFE = 2,
    FLAG_FULL = 8,
};

/* --- the server --- */

enum archive_answer {
    ARCHIVE_STARTS,
    ARCHIVE_IS_DENIED,
    ARCHIVE_FILE_EXISTS,
    ARCHIVE_IS_BUSY,
    ARCHIVE_ANSWERS,
};

static struct conn {
    _Atomic uint64_t current, checkpoint, capacity;
    atomic_bool gone;
    atomic_int register_answer, advance_answer, busy_for;
    atomic_bool no_privilege;
    atomic_uint advances;
    atomic_bool registered;
    _Atomic uint64_t told;
    enum archive_answer archive_answer;
    const char *archive_dirs; /* NULL: not set */
    char *archive;            /* where it archives; the directory is empty before */
} fake_server;

/* A session of its own has an object of its own. */
static struct archive_session {
    struct conn conn;
    bool active;
    atomic_uint stops;
    char *label;
} archive_session;

static unsigned n_opened;

struct err *conn_open(struct conn **out, const struct conn_options *options)
{
    (void)options;
    *out = n_opened++ ? &archive_session.conn : &fake_server;
    return NULL;
}

void conn_close(struct conn *c)
{
    c->registered = false;
    if (c != &archive_session.conn || !archive_session.active)
        return;
    archive_session.active = false;
    unlink(fake_server.archive);
}

static struct err *archive_start(const char *label)
{
    static const char *const refusals[ARCHIVE_ANSWERS] = {
        [ARCHIVE_IS_DENIED] = "Access denied; you need INNODB_REDO_LOG_ARCHIVE",
        [ARCHIVE_FILE_EXISTS] = "Cannot create redo log archive file",
        [ARCHIVE_IS_BUSY] = "has been started on"};
    free(archive_session.label);
    archive_session.label = mem_strdup(label);
    if (fake_server.archive_answer == ARCHIVE_IS_BUSY)
        return err_make(SERVER, "has been started on '%s' - stop it first", fake_server.archive);
    if (refusals[fake_server.archive_answer])
        return err_make(SERVER, "%s", refusals[fake_server.archive_answer]);
    archive_session.active = true;
    const uint8_t head[MYSQL_ARCHIVE_HEAD_SIZE] = {0};
    AUTO_FD int fd = -1;
    ok(file_open(&fd, fake_server.archive, O_WRONLY | O_CREAT | O_EXCL, 0440));
    ok(file_pwrite(fd, head, sizeof head, 0, fake_server.archive));
    return NULL;
}

struct err *conn_exec(struct conn *c, const char *fmt, ...)
{
    assert_ptr_equal(c, &archive_session.conn);
    if (!strcmp(fmt, "DO innodb_redo_log_archive_stop()")) {
        archive_session.stops++;
        archive_session.active = false;
        return NULL;
    }
    assert_string_equal(fmt, "DO innodb_redo_log_archive_start(%s)");
    va_list ap;
    va_start(ap, fmt);
    struct err *e = archive_start(va_arg(ap, const char *));
    va_end(ap);
    return e;
}

unsigned conn_errno(const struct conn *c)
{
    static const unsigned numbers[ARCHIVE_ANSWERS] = {
        [ARCHIVE_IS_DENIED] = 1227, [ARCHIVE_FILE_EXISTS] = 3847, [ARCHIVE_IS_BUSY] = 3848};
    if (c == &archive_session.conn)
        return numbers[fake_server.archive_answer];
    return c->gone ? 2006 : 1227;
}

bool conn_errno_is_lost(unsigned n)
{
    return n == 2006;
}

struct err *conn_status_u64(struct conn *c, uint64_t *out, const char *name)
{
    (void)c;
    (void)out;
    return err_make(FAILED, "not to be asked: %s", name);
}

enum { STATUS_VALUES = 3 };

struct err *conn_query(struct conn *c, struct rows *out, const char *fmt, ...)
{
    static const char *const names[STATUS_VALUES] = {"Innodb_redo_log_capacity_resized",
                                                     "Innodb_redo_log_checkpoint_lsn",
                                                     "Innodb_redo_log_current_lsn"};
    const uint64_t values[STATUS_VALUES] = {c->capacity, c->checkpoint, c->current};
    *out = (struct rows){0};
    if (c->gone)
        return err_make(SERVER, "server has gone away");
    assert_non_null(strstr(fmt, "SHOW GLOBAL STATUS WHERE"));
    out->n_rows = STATUS_VALUES;
    out->cells = mem_alloc(2 * STATUS_VALUES * sizeof *out->cells);
    for (int i = 0; i < STATUS_VALUES; i++) {
        out->cells[2 * i] = mem_strdup(names[i]);
        out->cells[2 * i + 1] = mem_printf("%" PRIu64, values[i]);
    }
    return NULL;
}

const char *rows_get(const struct rows *r, size_t row, const char *column)
{
    return r->cells[2 * row + !strcmp(column, "Value")];
}

void rows_fini(struct rows *r)
{
    for (size_t i = 0; i < 2 * r->n_rows; i++)
        free(r->cells[i]);
    free(r->cells);
}

static int consumer_call(struct conn *c, const char *function)
{
    if (!strcmp(function, "register()")) {
        const int answer = c->busy_for ? 1 : c->register_answer;
        c->busy_for -= c->busy_for > 0;
        c->registered = answer == 0;
        return answer;
    }
    if (!strcmp(function, "unregister()")) {
        c->registered = false;
        return 0;
    }
    assert_int_equal(strncmp(function, "advance(", 8), 0);
    c->told = strtoull(function + 8, NULL, 10);
    c->advances++;
    return c->advance_answer;
}

struct err *conn_query_text(struct conn *c, char **out, const char *fmt, ...)
{
    *out = NULL;
    if (c->gone)
        return err_make(SERVER, "server has gone away");
    if (strstr(fmt, "innodb_redo_log_archive_dirs")) {
        *out = c->archive_dirs ? mem_strdup(c->archive_dirs) : NULL;
        return NULL;
    }
    if (strstr(fmt, "server_uuid")) {
        *out = mem_strdup("u-u-i-d");
        return NULL;
    }
    if (c->no_privilege)
        return err_make(SERVER, "access denied; you need BACKUP_ADMIN");
    assert_string_equal(fmt, "SELECT innodb_redo_log_consumer_%s");
    va_list ap;
    va_start(ap, fmt);
    *out = mem_printf("%d", consumer_call(c, va_arg(ap, const char *)));
    va_end(ap);
    return NULL;
}

/* --- its files --- */

struct fixture {
    char *dir, *redo, *spool, *messages, *archive_dirs;
    struct mysql_log log; /* what the server has logged */
    size_t written;       /* blocks of it that are in the files, the last one perhaps not whole */
    struct log *out;
    struct tailer *tail;
    struct key_file *keys;
    struct space_key key;
    size_t encrypted_from, encrypted_to; /* blocks of the log that are encrypted in the files */
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->redo = mem_printf("%s/#innodb_redo", f->dir);
    f->spool = mem_printf("%s/spool", f->dir);
    f->messages = mem_printf("%s/messages", f->dir);
    f->log.start = FIRST;
    ok(file_mkdirs(f->redo, 0700));
    const struct log_options options = {.file = f->messages};
    ok(log_open(&f->out, &options));
    fake_server.current = fake_server.checkpoint = FIRST + 12;
    fake_server.capacity = CAPACITY;
    fake_server.gone = fake_server.no_privilege = fake_server.registered = false;
    fake_server.register_answer = fake_server.advance_answer = 0;
    fake_server.busy_for = 0;
    fake_server.advances = 0;
    fake_server.told = 0;
    n_opened = 0;
    archive_session.active = false;
    archive_session.stops = 0;
    f->archive_dirs = mem_printf(":%s/none;it's:%s/archive", f->dir, f->dir);
    AUTO_FREE char *archive = mem_printf("%s/archive", f->dir);
    ok(file_mkdirs(archive, 0700));
    fake_server.archive_answer = ARCHIVE_STARTS;
    fake_server.archive_dirs = f->archive_dirs;
    fake_server.archive = mem_printf("%s/archive.u-u-i-d.000001.log", archive);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tailer_free(f->tail);
    key_file_free(f->keys);
    log_close(f->out);
    mysql_log_free(&f->log);
    free(f->redo);
    free(f->spool);
    free(f->messages);
    free(f->archive_dirs);
    free(fake_server.archive);
    free(archive_session.label);
    archive_session.label = NULL;
    remove_dir(f->dir);
    free(f);
    return 0;
}

static char *file_path(const struct fixture *f, unsigned id, const char *suffix)
{
    return mem_printf("%s/#ib_redo%u%s", f->redo, id, suffix);
}

static lsn_t file_start(unsigned id)
{
    return FIRST + (id - FIRST_ID) * FILE_BLOCKS * 512;
}

static void put_at(const char *path, const void *bytes, size_t n, uint64_t at)
{
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, bytes, n, at, path));
}

/* The header of a file, at any path. */
static void put_header(const char *path, lsn_t start, lsn_t checkpoint, uint32_t flags,
                       uint32_t uuid)
{
    uint8_t area[MYSQL_REDO_HEADER_SIZE];
    redo_mysql_header_make(area, uuid, start, checkpoint, "MySQL 9.7.4");
    put_be32(area + 48, flags);
    put_be32(area + 508, crc32c(0, area, 508));
    put_at(path, area, sizeof area, 0);
}

static void set_flags(const struct fixture *f, unsigned id, uint32_t flags)
{
    AUTO_FREE char *path = file_path(f, id, "");
    put_header(path, file_start(id), id == FIRST_ID ? FIRST + 12 : 0, flags, UUID);
}

/* A new, empty file under its name with this suffix. */
static char *make_file(const struct fixture *f, unsigned id, const char *suffix)
{
    char *path = file_path(f, id, suffix);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(ftruncate(fd, FILE_SIZE), 0);
    put_header(path, file_start(id), id == FIRST_ID ? FIRST + 12 : 0, 0, UUID);
    return path;
}

static void rename_file(const struct fixture *f, unsigned from, const char *from_suffix,
                        unsigned to, const char *to_suffix)
{
    AUTO_FREE char *old = file_path(f, from, from_suffix);
    AUTO_FREE char *new = file_path(f, to, to_suffix);
    assert_int_equal(rename(old, new), 0);
}

static void ensure_file(const struct fixture *f, unsigned id)
{
    AUTO_FREE char *path = file_path(f, id, "");
    if (!access(path, F_OK))
        return;
    free(make_file(f, id, "_tmp"));
    rename_file(f, id, "_tmp", id, "");
}

static unsigned id_of_block(size_t i)
{
    return FIRST_ID + (unsigned)(i / FILE_BLOCKS);
}

static void put_block(const struct fixture *f, size_t i, const uint8_t *block)
{
    AUTO_FREE char *path = file_path(f, id_of_block(i), "");
    uint8_t stored[512];
    memcpy(stored, block, 512);
    if (i >= f->encrypted_from && i < f->encrypted_to)
        ok(redo_block_encrypt(&f->key, stored));
    put_at(path, stored, 512, MYSQL_REDO_HEADER_SIZE + i % FILE_BLOCKS * 512);
}

/* Writes what has been logged; returns where it ends. */
static lsn_t flush(struct fixture *f)
{
    for (size_t i = f->written ? f->written - 1 : 0; i < f->log.n_blocks; i++) {
        ensure_file(f, id_of_block(i));
        put_block(f, i, mysql_log_block(&f->log, i));
    }
    f->written = f->log.n_blocks;
    return mysql_log_end(&f->log);
}

static lsn_t log_mtrs(struct fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct mysql_mtr m = {0};
        uint8_t body[2 + 2 + 90] = {0, 200, 0, 90};
        memset(body + 4, (int)i, 90);
        mysql_mtr_record(&m, MYSQL_REDO_WRITE_STRING | 0x80, 5, i, body, sizeof body);
        mysql_log_mtr(&f->log, m.bytes, m.n);
    }
    return mysql_log_end(&f->log);
}

static lsn_t log_delete(struct fixture *f, space_id_t space)
{
    struct mysql_mtr m = {0};
    static const char body[] = "\0\013./d/aa.ibd";
    mysql_mtr_record(&m, MYSQL_REDO_FILE_DELETE | 0x80, space, 0, body, sizeof body);
    mysql_log_mtr(&f->log, m.bytes, m.n);
    return mysql_log_end(&f->log);
}

static struct err *start_with(struct fixture *f, bool consumer, bool archive)
{
    const struct tailer_options options = {.log_kind = TAILER_MYSQL,
                                           .log_path = f->redo,
                                           .spool_path = f->spool,
                                           .log = f->out,
                                           .keys = f->keys,
                                           .register_consumer = consumer,
                                           .redo_archive = archive};
    n_opened = 0;
    return tailer_open(&f->tail, &options);
}

static struct err *try_start(struct fixture *f, bool consumer)
{
    return start_with(f, consumer, false);
}

static void start(struct fixture *f)
{
    ok(try_start(f, false));
}

static void wait_for(struct fixture *f, lsn_t lsn)
{
    ok(tailer_wait(f->tail, lsn, 10));
    assert_int_equal(tailer_lsn(f->tail), lsn);
}

static struct err *death_of(struct fixture *f)
{
    struct err *e = NULL;
    for (const double end = clock_seconds() + 10; !e && clock_seconds() < end;) {
        clock_sleep_ms(5);
        e = tailer_check(f->tail);
    }
    return e;
}

#define assert_dies(f, kind, text) error_is(death_of(f), kind, text)

/* The spool holds the log as it is, from this block on. */
static void assert_spool(struct fixture *f, size_t first_block)
{
    char *data;
    size_t len;
    ok(tailer_stop(f->tail));
    ok(file_read_all(&data, &len, f->spool, 1 << 20));
    assert_int_equal(len, (f->log.n_blocks - first_block) * 512);
    for (size_t i = first_block; i < f->log.n_blocks; i++) {
        const uint8_t *stored = (uint8_t *)data + (i - first_block) * 512;
        uint8_t room[512];
        struct redo_block b;
        ok(redo_block_open(&b, &f->key, stored, FIRST + i * 512, room));
        assert_int_equal(b.encrypted, i >= f->encrypted_from && i < f->encrypted_to);
        assert_non_null(b.clear);
        assert_memory_equal(b.clear, mysql_log_block(&f->log, i), 512);
    }
    free(data);
}

static void assert_message(struct fixture *f, const char *text)
{
    char *data = NULL;
    size_t len;
    for (const double end = clock_seconds() + 10; clock_seconds() < end; clock_sleep_ms(5)) {
        free(data);
        ok(file_read_all(&data, &len, f->messages, 1 << 20));
        if (strstr(data, text))
            break;
    }
    assert_non_null(strstr(data, text));
    free(data);
}

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

/* --- the server's side --- */

static void headroom_is_what_the_log_still_takes(void **state)
{
    struct fixture *f = *state;
    const lsn_t end = log_mtrs(f, 8);
    flush(f);
    fake_server.current = end + (2 << 20);
    fake_server.checkpoint = end;
    start(f);
    wait_for(f, end);
    uint64_t capacity;
    assert_int_equal(tailer_headroom(f->tail, &capacity), (6 << 20) - CAPACITY / 32);
    assert_int_equal(capacity, CAPACITY);
}

static void consumer_advances_and_leaves_at_the_end(void **state)
{
    struct fixture *f = *state;
    const lsn_t end = log_mtrs(f, 8);
    flush(f);
    fake_server.current = end;
    ok(try_start(f, true));
    assert_true(fake_server.registered);
    wait_for(f, end);
    for (int i = 0; i < 1000 && fake_server.told != end; i++) /* a second later at the latest */
        clock_sleep_ms(5);
    assert_int_equal(fake_server.told, end);
    assert_true(fake_server.registered);
    ok(tailer_stop(f->tail));
    assert_false(fake_server.registered);
}

/* A killed backup may be the consumer for a moment longer. */
static void consumer_waits_for_one_that_is_about_to_go(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 8);
    flush(f);
    fake_server.busy_for = 2;
    ok(try_start(f, true));
    assert_true(fake_server.registered);
    assert_int_equal(fake_server.busy_for, 0);
    ok(tailer_stop(f->tail));
}

static void consumer_lets_go_before_the_server_has_to_wait(void **state)
{
    struct fixture *f = *state;
    const lsn_t end = log_mtrs(f, 8);
    flush(f);
    fake_server.current = end;
    ok(try_start(f, true));
    wait_for(f, end);
    fake_server.current = end + CAPACITY / 100 * 69;
    clock_sleep_ms(150);
    assert_true(fake_server.registered);
    fake_server.current = end + CAPACITY / 100 * 71;
    assert_message(f, "5 MiB behind, and the log holds 8 MiB: no longer its consumer");
    for (int i = 0; i < 1000 && fake_server.registered; i++)
        clock_sleep_ms(5);
    assert_false(fake_server.registered);
    ok(tailer_check(f->tail)); /* it goes on without */
}

static void consumer_that_was_stopped_may_catch_up(void **state)
{
    struct fixture *f = *state;
    struct redo_consumer c;
    const lsn_t server = 1 + CAPACITY / 100 * 79;
    ok(redo_consumer_register(&c, &fake_server, f->out));
    ok(redo_consumer_tend(&c, 1, server, CAPACITY));
    c.tended_at = clock_seconds() - 3600;
    ok(redo_consumer_tend(&c, 1, server, CAPACITY));
    assert_true(c.registered);
    ok(redo_consumer_tend(&c, server, server, CAPACITY)); /* it had only been stopped */
    assert_int_equal(fake_server.told, server);
    for (const double end = clock_seconds() + 10; c.registered && clock_seconds() < end;) {
        ok(redo_consumer_tend(&c, server, 2 * server, CAPACITY)); /* it stays behind */
        clock_sleep_ms(1);
    }
    assert_false(fake_server.registered);
}

static void consumer_that_was_dropped_is_a_warning(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 8);
    const lsn_t end = flush(f);
    fake_server.advance_answer = 1;
    ok(try_start(f, true));
    assert_message(f, "no longer consumer of the redo log, what was not read may be overwritten: "
                      "the server does not keep its redo log for us any more (LSN");
    wait_for(f, end);
    const unsigned advances = fake_server.advances;
    clock_sleep_ms(50);
    assert_int_equal(fake_server.advances, advances);
}

static void consumer_is_not_had_by_everybody(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 8);
    const lsn_t end = flush(f);
    fake_server.register_answer = 1;
    ok(try_start(f, true));
    assert_message(f, "not registered as consumer of the redo log: another session is");
    wait_for(f, end);
    tailer_free(f->tail);
    f->tail = NULL;
    assert_int_equal(unlink(f->spool), 0);
    fake_server.no_privilege = true;
    ok(try_start(f, true));
    assert_message(f, "not registered as consumer of the redo log: access denied");
    wait_for(f, end);
}

/* --- the archive --- */

/* In pieces of 4096 bytes, as the server does, with zeros behind. */
static void archive_blocks(const struct fixture *f, size_t first, size_t stop)
{
    AUTO_FD int fd = -1;
    ok(file_open(&fd, fake_server.archive, O_WRONLY | O_CREAT, 0440));
    for (size_t i = first; i < stop; i++)
        ok(file_pwrite(fd, mysql_log_block(&f->log, i), 512,
                       MYSQL_ARCHIVE_HEAD_SIZE + (i - first) * 512, fake_server.archive));
    assert_int_equal(ftruncate(fd, MYSQL_ARCHIVE_HEAD_SIZE + (stop - first + 7) / 8 * 4096), 0);
}

static void log_blocks(struct fixture *f, size_t n)
{
    while (f->log.n_blocks < n)
        log_mtrs(f, 1);
}

/* The log goes on for `blocks` blocks, but for its newest file all of that is overwritten at once. */
static void overtake(struct fixture *f, size_t blocks)
{
    const size_t old = f->written - 1, end_of_file = (old / FILE_BLOCKS + 1) * FILE_BLOCKS;
    assert_true(f->log.n_blocks >= blocks);
    for (size_t i = old; i < end_of_file && i < blocks; i++)
        put_block(f, i, mysql_log_block(&f->log, i));
    const size_t newest = (blocks - 1) / FILE_BLOCKS * FILE_BLOCKS;
    assert_true(newest > end_of_file);
    AUTO_FREE char *temporary = make_file(f, id_of_block(newest), "_tmp");
    for (size_t i = newest; i < blocks; i++)
        put_at(temporary, mysql_log_block(&f->log, i), 512,
               MYSQL_REDO_HEADER_SIZE + (i - newest) * 512);
    rename_file(f, id_of_block(newest), "_tmp", id_of_block(newest), "");
    f->written = blocks;
}

static unsigned messages_with(const struct fixture *f, const char *text)
{
    char *data;
    size_t len;
    unsigned n = 0;
    ok(file_read_all(&data, &len, f->messages, 1 << 20));
    for (const char *at = data; (at = strstr(at, text)); at++)
        n++;
    free(data);
    return n;
}

static const char fell_back[] = "redo log overwritten before it was read: on from LSN";

/* Archived from block `first` on, read up to the middle of the first file. */
static void start_archived(struct fixture *f)
{
    log_blocks(f, FILE_BLOCKS / 2);
    const lsn_t end = flush(f);
    ok(start_with(f, false, true));
    wait_for(f, end);
}

static void what_the_log_has_lost_is_read_in_the_archive(void **state)
{
    struct fixture *f = *state;
    start_archived(f);
    assert_true(archive_session.active);
    assert_string_equal(archive_session.label,
                        "X'69742773'"); /* the first of the two is not there */
    assert_message(f, "redo that is overwritten before it was read is read from");
    for (unsigned lap = 1; lap <= 3; lap++) {
        const size_t end = f->log.n_blocks + 5 * FILE_BLOCKS;
        log_blocks(f, end);
        archive_blocks(f, 1, end - 2); /* it lags */
        overtake(f, end);
        wait_for(f, mysql_log_end(&f->log));
        log_mtrs(f, 3);
        flush(f);
        wait_for(f, mysql_log_end(&f->log));
    }
    assert_int_equal(messages_with(f, fell_back), 1);
    assert_int_equal(access(fake_server.archive, F_OK), 0);
    assert_spool(f, 0);
    assert_int_equal(archive_session.stops, 1);
    assert_int_not_equal(access(fake_server.archive, F_OK), 0);
}

static void archive_may_lag_behind_for_a_while(void **state)
{
    struct fixture *f = *state;
    start_archived(f);
    const size_t end = 7 * FILE_BLOCKS;
    log_blocks(f, end);
    overtake(f, end);
    clock_sleep_ms(100);
    archive_blocks(f, 0, 3 * FILE_BLOCKS + 2);
    ok(tailer_wait(f->tail, file_start(FIRST_ID + 3), 10));
    clock_sleep_ms(100); /* what follows is neither there nor in the log */
    archive_blocks(f, 0, end);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
}

static void archive_that_does_not_go_on_where_we_are_is_no_help(void **state)
{
    struct fixture *f = *state;
    static const struct {
        size_t first, stop;
        bool foreign;
        const char *message, *hint;
    } cases[] = {
        {FILE_BLOCKS, 99, false, "#ib_redo9 is gone", ".000001.log begins at LSN 54272)"},
        {0, 4, false, "#ib_redo9 is gone", ".000001.log ends before LSN 53760)"},
        {0, 0, false, "#ib_redo9 is gone", ".000001.log ends before LSN 53760)"},
        {0, 2 * FILE_BLOCKS, false,
         "overwritten before it was read: the archive has less than the log has lost",
         ".000001.log ends before LSN 57344)"},
        {0, 99, true,
         "is no archive of this log: its block at LSN 53760 is not the one that was read before",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t end = 5 * FILE_BLOCKS;
        f->written = 0;
        start_archived(f);
        log_blocks(f, end);
        uint8_t *seam = mysql_log_block(&f->log, FILE_BLOCKS - 1);
        seam[40] ^= cases[i].foreign;
        mysql_log_seal(&f->log);
        archive_blocks(f, cases[i].first, cases[i].stop < end ? cases[i].stop : end);
        seam[40] ^= cases[i].foreign;
        mysql_log_seal(&f->log);
        overtake(f, end);
        struct err *e = death_of(f);
        assert_non_null(e);
        if (cases[i].hint && (!e->hint || !strstr(e->hint, cases[i].hint)))
            fail_msg("case %zu: %s; hint %s", i, e->message, e->hint ? e->hint : "none");
        error_is(e, SERVER, cases[i].message);
        assert_int_equal(messages_with(f, fell_back), i >= 3); /* the fourth went on for a while */
        tailer_free(f->tail);
        f->tail = NULL;
        assert_int_not_equal(access(fake_server.archive, F_OK), 0);
        assert_int_equal(unlink(f->spool), 0);
        ok(file_remove_tree(f->redo));
        ok(file_mkdirs(f->redo, 0700));
        mysql_log_free(&f->log);
        f->log = (struct mysql_log){.start = FIRST};
    }
}

static void archive_of_another_session_is_used_and_left_alone(void **state)
{
    struct fixture *f = *state;
    fake_server.archive_answer = ARCHIVE_IS_BUSY;
    log_blocks(f, 2);
    archive_blocks(f, 0, 2);
    start_archived(f);
    assert_message(f, "another session's archive");
    const size_t end = 5 * FILE_BLOCKS;
    log_blocks(f, end);
    archive_blocks(f, 0, end);
    assert_int_equal(unlink(fake_server.archive), 0); /* that session ends */
    overtake(f, end);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
    ok(tailer_stop(f->tail));
    assert_int_equal(archive_session.stops, 0);
}

static void archive_that_cannot_be_had_is_said_and_nothing_more(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *empty = mem_printf(":%s/archive", f->dir);
    static const struct {
        enum archive_answer answer;
        const char *why;
    } cases[] = {
        {ARCHIVE_IS_DENIED, "Access denied; you need INNODB_REDO_LOG_ARCHIVE"},
        {ARCHIVE_FILE_EXISTS, "archive.u-u-i-d.000001.log is left over from earlier archiving, to "
                              "be removed: Cannot create"},
        {ARCHIVE_IS_BUSY, "archive.u-u-i-d.000001.log: cannot open: No such file"},
    };
    log_blocks(f, 2);
    flush(f);
    fake_server.archive_dirs = empty;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_server.archive_answer = cases[i].answer;
        if (cases[i].answer == ARCHIVE_FILE_EXISTS)
            archive_blocks(f, 0, 1);
        ok(start_with(f, false, true));
        wait_for(f, mysql_log_end(&f->log));
        assert_int_equal(messages_with(f, "no redo archive to fall back on: "), i + 1);
        assert_message(f, cases[i].why);
        assert_spool(f, 0);
        tailer_free(f->tail);
        f->tail = NULL;
        assert_int_equal(unlink(f->spool), 0);
        if (cases[i].answer == ARCHIVE_FILE_EXISTS)
            assert_int_equal(unlink(fake_server.archive), 0); /* it was left alone */
    }
    const unsigned said = messages_with(f, "archive");
    fake_server.archive_dirs = NULL; /* not set up for it: no word, unless it would have helped */
    start_archived(f);
    log_blocks(f, 5 * FILE_BLOCKS);
    overtake(f, 5 * FILE_BLOCKS);
    struct err *e = death_of(f);
    assert_non_null(e);
    assert_non_null(strstr(e->hint, "go on with: innodb_redo_log_archive_dirs is not set)"));
    error_is(e, SERVER, "#ib_redo9 is gone");
    assert_int_equal(messages_with(f, "archive"), said);
}

static void archive_that_is_not_ours_to_remove_ends_with_the_session(void **state)
{
    struct fixture *f = *state;
    start_archived(f);
    assert_int_equal(unlink(fake_server.archive), 0); /* cannot be removed any more */
    assert_true(archive_session.active);
    ok(tailer_stop(f->tail));
    assert_false(archive_session.active);
    assert_int_equal(archive_session.stops, 0);
}

static void archiving_ends_when_the_tail_cannot_begin(void **state)
{
    struct fixture *f = *state;
    error_is(start_with(f, false, true), CORRUPT, "no redo file with a valid checkpoint");
    assert_false(archive_session.active);
    assert_int_not_equal(access(fake_server.archive, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(headroom_is_what_the_log_still_takes),
        TEST(consumer_advances_and_leaves_at_the_end),
        TEST(consumer_waits_for_one_that_is_about_to_go),
        TEST(consumer_lets_go_before_the_server_has_to_wait),
        TEST(consumer_that_was_stopped_may_catch_up),
        TEST(consumer_that_was_dropped_is_a_warning),
        TEST(consumer_is_not_had_by_everybody),
        TEST(what_the_log_has_lost_is_read_in_the_archive),
        TEST(archive_may_lag_behind_for_a_while),
        TEST(archive_that_does_not_go_on_where_we_are_is_no_help),
        TEST(archive_of_another_session_is_used_and_left_alone),
        TEST(archive_that_cannot_be_had_is_said_and_nothing_more),
        TEST(archive_that_is_not_ours_to_remove_ends_with_the_session),
        TEST(archiving_ends_when_the_tail_cannot_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
