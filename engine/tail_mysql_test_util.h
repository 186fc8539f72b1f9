/* engine/tail_mysql_test_util.h: redo files made by hand, a tail that follows them, and a server that says what it is told to. Included
 * once per test program, after cmocka.h. */
#ifndef MBE_ENGINE_TAIL_MYSQL_TEST_UTIL_H
#define MBE_ENGINE_TAIL_MYSQL_TEST_UTIL_H

#include <inttypes.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "engine/engine_test_util.h"
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
    if (!c)
        return;
    c->registered = false;
    if (c != &archive_session.conn || !archive_session.active)
        return;
    archive_session.active = false;
    unlink(fake_server.archive);
}

static inline struct err *archive_start(const char *label)
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

static inline int consumer_call(struct conn *c, const char *function)
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
    bool at_rest;
};

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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

static inline char *file_path(const struct fixture *f, unsigned id, const char *suffix)
{
    return mem_printf("%s/#ib_redo%u%s", f->redo, id, suffix);
}

static inline lsn_t file_start(unsigned id)
{
    return FIRST + (id - FIRST_ID) * FILE_BLOCKS * 512;
}

static inline void put_at(const char *path, const void *bytes, size_t n, uint64_t at)
{
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, bytes, n, at, path));
}

/* The header of a file, at any path. */
static inline void put_header(const char *path, lsn_t start, lsn_t checkpoint, uint32_t flags,
                              uint32_t uuid)
{
    uint8_t area[MYSQL_REDO_HEADER_SIZE];
    redo_mysql_header_make(area, uuid, start, checkpoint, "MySQL 9.7.4");
    put_be32(area + 48, flags);
    put_be32(area + 508, crc32c(0, area, 508));
    put_at(path, area, sizeof area, 0);
}

static inline void set_flags(const struct fixture *f, unsigned id, uint32_t flags)
{
    AUTO_FREE char *path = file_path(f, id, "");
    put_header(path, file_start(id), id == FIRST_ID ? FIRST + 12 : 0, flags, UUID);
}

/* A new, empty file under its name with this suffix. */
static inline char *make_file(const struct fixture *f, unsigned id, const char *suffix)
{
    char *path = file_path(f, id, suffix);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(ftruncate(fd, FILE_SIZE), 0);
    put_header(path, file_start(id), id == FIRST_ID ? FIRST + 12 : 0, 0, UUID);
    return path;
}

static inline void rename_file(const struct fixture *f, unsigned from, const char *from_suffix,
                               unsigned to, const char *to_suffix)
{
    AUTO_FREE char *old = file_path(f, from, from_suffix);
    AUTO_FREE char *new = file_path(f, to, to_suffix);
    assert_int_equal(rename(old, new), 0);
}

static inline void ensure_file(const struct fixture *f, unsigned id)
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

static inline void put_block(const struct fixture *f, size_t i, const uint8_t *block)
{
    AUTO_FREE char *path = file_path(f, id_of_block(i), "");
    uint8_t stored[512];
    memcpy(stored, block, 512);
    if (i >= f->encrypted_from && i < f->encrypted_to)
        ok(redo_block_encrypt(&f->key, stored));
    put_at(path, stored, 512, MYSQL_REDO_HEADER_SIZE + i % FILE_BLOCKS * 512);
}

/* Writes what has been logged; returns where it ends. */
static inline lsn_t flush(struct fixture *f)
{
    for (size_t i = f->written ? f->written - 1 : 0; i < f->log.n_blocks; i++) {
        ensure_file(f, id_of_block(i));
        put_block(f, i, mysql_log_block(&f->log, i));
    }
    f->written = f->log.n_blocks;
    return mysql_log_end(&f->log);
}

static inline lsn_t log_mtrs(struct fixture *f, unsigned n)
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

static inline lsn_t log_delete(struct fixture *f, space_id_t space)
{
    struct mysql_mtr m = {0};
    static const char body[] = "\0\013./d/aa.ibd";
    mysql_mtr_record(&m, MYSQL_REDO_FILE_DELETE | 0x80, space, 0, body, sizeof body);
    mysql_log_mtr(&f->log, m.bytes, m.n);
    return mysql_log_end(&f->log);
}

static inline struct err *start_with(struct fixture *f, bool consumer, bool archive)
{
    const struct tailer_options options = {.log_kind = TAILER_MYSQL,
                                           .log_path = f->redo,
                                           .spool_path = f->spool,
                                           .log = f->out,
                                           .keys = f->keys,
                                           .at_rest = f->at_rest,
                                           .register_consumer = consumer,
                                           .redo_archive = archive};
    n_opened = 0;
    return tailer_open(&f->tail, &options);
}

static inline struct err *try_start(struct fixture *f, bool consumer)
{
    return start_with(f, consumer, false);
}

static inline void start(struct fixture *f)
{
    ok(try_start(f, false));
}

static inline void wait_for(struct fixture *f, lsn_t lsn)
{
    ok(tailer_wait(f->tail, lsn, 10));
    assert_int_equal(tailer_lsn(f->tail), lsn);
}

static inline struct err *death_of(struct fixture *f)
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
static inline void assert_spool(struct fixture *f, size_t first_block)
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

static inline void assert_message(struct fixture *f, const char *text)
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

#endif
