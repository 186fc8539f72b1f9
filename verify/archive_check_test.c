/* verify/archive_check_test.c: whole archives pass; each kind of damage is found and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/archive_file_test_util.h"
#include "archive/writer.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/fil_page.h"
#include "innodb/page_check.h"
#include "innodb/redo_crypt_test_util.h"
#include "innodb/redo_test_util.h"
#include "innodb/space_map.h"
#include "verify/archive_check.h"

enum {
    PAGE = 16384,
    FLAGS = 0x15,  /* full_crc32, 16 KiB */
    N_PAGES = 300, /* more than one range */
    SYSTEM_PAGES = 200,
    FIRST_LSN = 50000,
    N_MTRS = 500,
};

#define ID "20261127T120000Z-full"

/* What to do differently from a whole archive; zero: nothing. */
struct variant {
    enum archive_codec codec;
    page_no_t spoiled[2]; /* pages of db/t.ibd, 0: none */
    page_no_t spoiled_system;
    uint64_t table_size; /* 0: as it is */
    uint32_t table_flags;
    int64_t lsn_to_shift, lsn_from_shift;
    bool spoil_redo;
    bool no_redo, encrypted_redo;
    bool
        delta; /* an increment: every 7th page of db/t.ibd, and of the system tablespace what is not page 5 */
    const char *manifest; /* NULL: a right one */
    const char *message;  /* expected in the log or the error */
    uint64_t pages_damaged;
};

struct sandbox {
    char dir[32];
    struct repo *repo;
    char *archive, *log_file;
};

static int setup(void **state)
{
    struct sandbox *s = mem_zalloc(sizeof *s);
    strcpy(s->dir, "/tmp/archive-check-XXXXXX");
    if (!mkdtemp(s->dir))
        return -1;
    AUTO_FREE char *marker = mem_printf("%s/mbe-repository", s->dir);
    s->archive = mem_printf("%s/" ID "/backup.mbe", s->dir);
    assert_null(file_replace(marker, "mbe repository 1\n", 17, 0600));
    assert_null(file_mkdirs_for(s->archive, 0700));
    assert_null(repo_open(&s->repo, s->dir, &(struct repo_options){0}));
    s->log_file = mem_printf("%s/log", s->dir);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct sandbox *s = *state;
    struct err *e = file_remove_tree(s->dir);
    const int rc = e ? -1 : 0;
    err_free(e);
    repo_close(s->repo);
    free(s->archive);
    free(s->log_file);
    free(s);
    return rc;
}

static void make_page(uint8_t *page, space_id_t id, page_no_t no, struct test_random *random)
{
    struct space_format format;
    assert_null(space_format_decode(&format, FLAGS, PAGE));
    memset(page, 0, PAGE);
    put_be32(page + FIL_PAGE_NO, no);
    put_be64(page + FIL_LSN, 60000 + no);
    put_be16(page + FIL_TYPE, no ? FIL_TYPE_INDEX : FIL_TYPE_FSP_HDR);
    put_be32(page + FIL_SPACE, id);
    if (no == 0) {
        put_be32(page + FSP_SPACE_ID, id);
        put_be32(page + FSP_FLAGS, FLAGS);
    } else {
        for (int i = 100; i < 1000; i++)
            page[i] = (uint8_t)test_random_u64(random);
    }
    if (id == 0 && no == 5) { /* TRX_SYS: doublewrite blocks at 64 and 128 */
        put_be32(page + PAGE - 190, 0x1FFFBD5F);
        put_be32(page + PAGE - 186, 64);
        put_be32(page + PAGE - 182, 128);
    }
    page_stamp(&format, page);
}

static void add_table(struct archive_writer *w, const struct variant *v, struct test_random *random)
{
    AUTO_FREE uint8_t *page = mem_alloc(PAGE);
    struct archive_attr attr = {
        .kind = v->delta ? ARCHIVE_SPACE_DELTA : ARCHIVE_SPACE,
        .path = "db/t.ibd",
        .size = v->table_size ? v->table_size : (uint64_t)N_PAGES * PAGE,
        .space_id = 7,
        .page_size = PAGE,
        .space_flags = v->table_flags ? v->table_flags : FLAGS,
    };
    uint32_t id;
    assert_null(archive_entry_add(w, &attr, &id));
    for (page_no_t no = 0; no < N_PAGES - 10; no++) {
        if ((no >= 80 && no < 250) || (v->delta && no % 7))
            continue; /* a hole */
        make_page(page, 7, no, random);
        if (no && (no == v->spoiled[0] || no == v->spoiled[1]))
            page[500] ^= 1;
        assert_null(archive_write(w, id, (uint64_t)no * PAGE, page, PAGE));
    }
    assert_null(archive_entry_set(w, id, &attr));
}

/* A system tablespace in two files whose doublewrite area holds torn pages. */
static void add_system(struct archive_writer *w, const struct variant *v,
                       struct test_random *random)
{
    AUTO_FREE uint8_t *page = mem_alloc(PAGE);
    for (page_no_t first = 0; first <= SYSTEM_PAGES; first += SYSTEM_PAGES) {
        const struct archive_attr attr = {
            .kind = v->delta ? ARCHIVE_SPACE_DELTA : ARCHIVE_SPACE,
            .path = first ? "ibdata2" : "ibdata1",
            .size = (uint64_t)SYSTEM_PAGES * PAGE,
            .page_size = PAGE,
            .space_flags = FLAGS,
            .first_page = first,
        };
        uint32_t id;
        assert_null(archive_entry_add(w, &attr, &id));
        for (page_no_t no = first; no < first + SYSTEM_PAGES; no++) {
            if (no > (v->delta ? 4u : 5u) && no % 64 > 3 && no % 64 < 60)
                continue; /* what is far from the edges of the doublewrite blocks */
            make_page(page, 0, no, random);
            if ((no >= 64 && no < 192) || (no && no == v->spoiled_system))
                page[600] ^= 0x80;
            assert_null(archive_write(w, id, (uint64_t)(no - first) * PAGE, page, PAGE));
        }
        assert_null(archive_entry_set(w, id, &attr));
    }
}

/* Returns the LSN behind the redo. */
static lsn_t add_redo(struct archive_writer *w, const struct variant *v, struct test_random *random)
{
    const struct archive_attr attr = {.kind = ARCHIVE_REDO, .path = REDO_PATH};
    struct log_builder b = {0};
    AUTO_FREE uint8_t *header = mem_zalloc(REDO_START_OFFSET);
    uint32_t id;
    for (int i = 0; i < N_MTRS; i++) {
        const uint8_t body[] = {64, (uint8_t)test_random_u64(random)};
        log_page_record(&b, REDO_WRITE, 7, (page_no_t)test_random_below(random, N_PAGES), body,
                        sizeof body);
        log_end_mtr(&b);
    }
    if (v->spoil_redo)
        b.bytes[b.len / 2] ^= 4;
    redo_log_header_make(header, FIRST_LSN, FIRST_LSN, FIRST_LSN, "Backup 10.11.19");
    if (v->encrypted_redo) {
        struct mariadb_log l;
        mariadb_log_load(&l);
        redo_log_header_set_encryption(header, &l.header);
        assert_true(l.len <= b.len);
        memcpy(b.bytes, l.bytes, b.len = l.len);
        b.bytes[b.len / 2] ^= v->spoil_redo ? 4 : 0;
        mariadb_log_free(&l);
    }
    assert_null(archive_entry_add(w, &attr, &id));
    assert_null(archive_write(w, id, REDO_START_OFFSET, b.bytes, b.len));
    assert_null(archive_write(w, id, 0, header, REDO_START_OFFSET));
    const lsn_t end = FIRST_LSN + b.len;
    log_free(&b);
    if (v->no_redo)
        archive_entry_drop(w, id);
    return end;
}

static void make_archive(const struct sandbox *s, const struct variant *v)
{
    struct test_random random = {42};
    struct sink *sink = NULL;
    struct archive_writer *w = NULL;
    const struct archive_writer_options options = {.codec = v->codec, .level = 1};
    const struct archive_attr plain = {.kind = ARCHIVE_PLAIN, .path = "db/t.frm"};
    const struct archive_attr dir = {.kind = ARCHIVE_EMPTY_DIR, .path = "db"};
    uint32_t id;

    unlink(s->archive);
    assert_null(sink_file_open(&sink, s->archive));
    assert_null(archive_writer_open(&w, sink, &options));
    assert_null(archive_entry_add(w, &dir, &id));
    assert_null(archive_entry_add(w, &plain, &id));
    assert_null(archive_write(w, id, 0, "some definition", 15));
    add_table(w, v, &random);
    add_system(w, v, &random);
    const lsn_t to = add_redo(w, v, &random);
    AUTO_FREE char *manifest =
        mem_printf("{\"server\": {\"flavour\": \"mariadb\", \"page_size\": %d},"
                   " \"lsn\": {\"from\": %" PRId64 ", \"to\": %" PRId64 "}}",
                   PAGE, FIRST_LSN + v->lsn_from_shift, (int64_t)to + v->lsn_to_shift);
    assert_null(archive_writer_finish(w, v->manifest ? v->manifest : manifest));
    assert_null(sink->commit(sink));
    archive_writer_free(w);
    sink->free(sink);
}

/* The archive that make_archive has made, as one of a chain. */
static void link_of(const struct sandbox *s, struct chain_link *l)
{
    *l = (struct chain_link){.id = s->archive};
    assert_null(archive_file_open(&l->reader, s->archive));
}

/* Checks the archive with `parallel` threads; *text is what was logged, and the error's message,
 * owned by caller. */
static struct err *check_in_chain(const struct sandbox *s, const struct chain *chain, int parallel,
                                  struct archive_check_result *result, char **text)
{
    struct log *log = NULL;
    char *logged;
    size_t len;
    unlink(s->log_file);
    assert_null(log_open(&log, &(struct log_options){.file = s->log_file}));
    const struct archive_check_options options = {.chain = chain, .parallel = parallel, .log = log};
    struct err *e = archive_check(result, s->repo, ID, &options);
    log_close(log);
    assert_null(file_read_all(&logged, &len, s->log_file, 1 << 20));
    *text = mem_printf("%s%s", logged, e ? e->message : "");
    free(logged);
    return e;
}

static struct err *check(const struct sandbox *s, int parallel, struct archive_check_result *result,
                         char **text)
{
    return check_in_chain(s, NULL, parallel, result, text);
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in: %s", part, text);
}

static void a_whole_archive_passes_with_any_number_of_threads(void **state)
{
    const struct sandbox *s = *state;
    for (int codec = ARCHIVE_CODEC_NONE; codec <= ARCHIVE_CODEC_ZSTD; codec++) {
        make_archive(s, &(struct variant){.codec = (enum archive_codec)codec});
        for (int parallel = 1; parallel <= 5; parallel += 2) {
            struct archive_check_result r;
            char *text;
            assert_null(check(s, parallel, &r, &text));
            assert_string_equal(text, "");
            assert_false(r.redo_unopened);
            assert_int_equal(r.entries, 6);
            assert_int_equal(r.pages, N_PAGES + 2 * SYSTEM_PAGES);
            assert_true(r.bytes > 0);
            assert_int_equal(r.chunks_damaged + r.pages_damaged, 0);
            free(text);
        }
    }
}

static void damage_that_was_backed_up_is_named(void **state)
{
    static const struct variant cases[] = {
        {.spoiled = {3},
         .message = "db/t.ibd: page 3 at offset 49152: checksum 0x",
         .pages_damaged = 1},
        {.spoiled = {280, 3},
         .message = "db/t.ibd: page 280 at offset 4587520: checksum 0x",
         .pages_damaged = 2},
        {.spoiled_system = 63,
         .message = "ibdata1: page 63 at offset 1032192: ",
         .pages_damaged = 1},
        {.spoiled_system = 192,
         .message = "ibdata1: page 192 at offset 3145728: ",
         .pages_damaged = 1},
        {.spoiled_system = 252,
         .message = "ibdata2: page 252 at offset 851968: ",
         .pages_damaged = 1},
        {.table_flags = 0x16, .message = "db/t.ibd: "},
        {.table_size = (uint64_t)N_PAGES * PAGE + 1,
         .message = "db/t.ibd: 4915201 bytes are not whole pages of 16384"},
        {.table_size = UINT64_C(1) << 60,
         .message = "db/t.ibd: 1152921504606846976 bytes are more pages than a tablespace"},
        {.spoil_redo = true, .message = "mbe/redo: "},
        {.no_redo = true, .message = "mbe/redo: is missing"},
        {.lsn_to_shift = 1, .message = "mbe/redo: "},
        {.lsn_to_shift = -1, .message = "do not hold the redo from LSN 50000 to"},
        {.lsn_from_shift = 1,
         .lsn_to_shift = 1,
         .message = "mbe/redo: starts at LSN 50000, the manifest says 50001"},
        {.manifest = "{", .message = "manifest: line 1: "},
        {.manifest = "{\"server\": 1}", .message = "manifest: no text server.flavour"},
        {.manifest = "{\"server\": {\"flavour\": \"mariadb\", \"page_size\": \"16384\"}}",
         .message = "manifest: no number server.page_size"},
        {.manifest = "{\"server\": {\"flavour\": \"mariadb\", \"page_size\": 5000}, \"lsn\": "
                     "{\"from\": 1, \"to\": 2}}",
         .message = "manifest: server.page_size 5000 is no page size"},
        {.manifest = "{\"server\": {\"flavour\": \"mariadb\", \"page_size\": 16384}, \"lsn\": "
                     "{\"from\": -1}}",
         .message = "manifest: no number lsn.from"},
    };
    const struct sandbox *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct archive_check_result r;
        char *text;
        make_archive(s, &cases[i]);
        struct err *e = check(s, 2, &r, &text);
        if (!e)
            fail_msg("not found: %s", cases[i].message);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_contains(text, cases[i].message);
        assert_contains(e->message, s->archive);
        assert_int_equal(r.pages_damaged, cases[i].pages_damaged);
        assert_int_equal(r.chunks_damaged, 0);
        err_free(e);
        free(text);
    }
}

static void encrypted_redo_is_checked_from_outside(void **state)
{
    const struct sandbox *s = *state;
    struct archive_check_result r;
    char *text;
    make_archive(s, &(struct variant){.encrypted_redo = true});
    assert_null(check(s, 1, &r, &text));
    assert_true(r.redo_unopened);
    assert_contains(text, "mbe/redo is encrypted: checked as it is stored");
    free(text);
    make_archive(s, &(struct variant){.encrypted_redo = true, .spoil_redo = true});
    struct err *e = check(s, 1, &r, &text);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_contains(text, "mbe/redo: LSN ");
    err_free(e);
    free(text);
}

/* Checks an increment on the archive that is there, which holds page 5 of the system tablespace. */
static struct err *check_on_base(const struct sandbox *s, const struct variant *v,
                                 struct archive_check_result *r, char **text)
{
    struct chain_link links[2];
    const struct chain chain = {.links = links, .n = 2};
    link_of(s, &links[0]);
    make_archive(s, v);
    link_of(s, &links[1]);
    struct err *e = check_in_chain(s, &chain, 2, r, text);
    archive_reader_free(links[0].reader);
    archive_reader_free(links[1].reader);
    return e;
}

static void only_what_an_increment_stores_is_judged(void **state)
{
    const struct sandbox *s = *state;
    struct archive_check_result r;
    char *text;
    make_archive(s, &(struct variant){.codec = ARCHIVE_CODEC_ZSTD});
    struct err *e = check_on_base(s, &(struct variant){.delta = true}, &r, &text);
    if (e)
        fail_msg("%s", text);
    assert_int_equal(r.pages, (12 + 6) + (5 + 4 + 5 * 8 + 4)); /* see add_table, add_system */
    free(text);
}

static void damage_in_an_increment_is_named_beside_the_doublewrite_area(void **state)
{
    static const struct variant cases[] = {
        {.delta = true, .spoiled = {14}, .message = "db/t.ibd: page 14 at offset 229376: "},
        {.delta = true, .spoiled_system = 192, .message = "ibdata1: page 192 at offset 3145728: "},
    };
    const struct sandbox *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct archive_check_result r;
        char *text;
        make_archive(s, &(struct variant){.codec = ARCHIVE_CODEC_ZSTD});
        struct err *e = check_on_base(s, &cases[i], &r, &text);
        if (!e)
            fail_msg("not found: %s", cases[i].message);
        assert_int_equal(r.pages_damaged, 1);
        assert_contains(text, cases[i].message);
        err_free(e);
        free(text);
    }
}

/* Nobody knows then which pages of it are copies of others. */
static void system_pages_of_an_increment_without_its_base_are_not_judged(void **state)
{
    const struct sandbox *s = *state;
    struct archive_check_result r;
    char *text;
    make_archive(s, &(struct variant){.delta = true, .spoiled_system = 192});
    assert_null(check(s, 2, &r, &text));
    free(text);
    make_archive(s, &(struct variant){.delta = true, .spoiled = {14}});
    struct err *e = check(s, 2, &r, &text);
    assert_non_null(e);
    assert_int_equal(r.pages_damaged, 1);
    err_free(e);
    free(text);
}

static void a_backup_of_another_kind_of_server_is_refused(void **state)
{
    const struct sandbox *s = *state;
    struct archive_check_result r;
    char *text;
    make_archive(s, &(struct variant){.manifest = "{\"server\": {\"flavour\": \"postgres\"}}"});
    struct err *e = check(s, 1, &r, &text);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_contains(text, "the backup is of a postgres server");
    err_free(e);
    free(text);
}

/* Changes one byte of the archive; returns what it was. */
static uint8_t flip(const struct sandbox *s, uint64_t at)
{
    AUTO_FD int fd = -1;
    uint8_t byte;
    size_t got;
    assert_null(file_open(&fd, s->archive, O_RDWR, 0));
    assert_null(file_pread(fd, &byte, 1, at, &got, s->archive));
    assert_int_equal(got, 1);
    const uint8_t other = byte ^ 0x10;
    assert_null(file_pwrite(fd, &other, 1, at, s->archive));
    return byte;
}

static uint64_t archive_size(const struct sandbox *s)
{
    struct stat st;
    assert_int_equal(stat(s->archive, &st), 0);
    return (uint64_t)st.st_size;
}

static void a_changed_byte_anywhere_is_found(void **state)
{
    enum { PROBES = 40 };
    const struct sandbox *s = *state;
    struct test_random random = {7};
    make_archive(s, &(struct variant){.codec = ARCHIVE_CODEC_ZSTD});
    for (int i = 0; i < PROBES; i++) {
        struct archive_check_result r;
        char *text;
        const uint64_t at = test_random_below(&random, archive_size(s));
        flip(s, at);
        struct err *e = check(s, 2, &r, &text);
        if (!e)
            fail_msg("byte %" PRIu64 " changed, nothing found", at);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_contains(text, "backup.mbe: ");
        err_free(e);
        free(text);
        flip(s, at);
    }
}

static void pages_of_a_damaged_chunk_are_named(void **state)
{
    const struct sandbox *s = *state;
    struct archive_check_result r;
    char *text;
    make_archive(s, &(struct variant){.codec = ARCHIVE_CODEC_NONE});
    flip(s, 1000 * 1000); /* in the pages of db/t.ibd */
    struct err *e = check(s, 2, &r, &text);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_int_equal(r.chunks_damaged, 1);
    assert_true(r.pages_damaged >= 1 && r.pages_damaged < N_PAGES);
    assert_int_equal(r.pages, N_PAGES + 2 * SYSTEM_PAGES);
    assert_contains(text, "db/t.ibd: pages ");
    assert_contains(text, "backup.mbe: chunk ");
    assert_contains(e->message, "2 places are damaged (1 chunk, ");
    err_free(e);
    free(text);
}

static void a_truncated_archive_is_incomplete(void **state)
{
    const struct sandbox *s = *state;
    make_archive(s, &(struct variant){.codec = ARCHIVE_CODEC_ZSTD});
    const uint64_t size = archive_size(s);
    const uint64_t cuts[] = {0, 1, 100, size / 2, size - 100, size - 1};
    for (size_t i = sizeof cuts / sizeof cuts[0]; i-- > 0;) {
        struct archive_check_result r;
        char *text;
        assert_int_equal(truncate(s->archive, (off_t)cuts[i]), 0);
        struct err *e = check(s, 2, &r, &text);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_contains(text, s->archive);
        err_free(e);
        free(text);
    }
}

static void an_absent_archive_is_an_io_error(void **state)
{
    const struct sandbox *s = *state;
    struct archive_check_result r;
    char *text;
    struct err *e = check(s, 1, &r, &text);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    assert_contains(text, "backup.mbe: cannot open: No such file or directory");
    err_free(e);
    free(text);
}

int main(void)
{
#define IN_SANDBOX(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(a_whole_archive_passes_with_any_number_of_threads),
        IN_SANDBOX(damage_that_was_backed_up_is_named),
        IN_SANDBOX(only_what_an_increment_stores_is_judged),
        IN_SANDBOX(damage_in_an_increment_is_named_beside_the_doublewrite_area),
        IN_SANDBOX(system_pages_of_an_increment_without_its_base_are_not_judged),
        IN_SANDBOX(encrypted_redo_is_checked_from_outside),
        IN_SANDBOX(a_backup_of_another_kind_of_server_is_refused),
        IN_SANDBOX(a_changed_byte_anywhere_is_found),
        IN_SANDBOX(pages_of_a_damaged_chunk_are_named),
        IN_SANDBOX(a_truncated_archive_is_incomplete),
        IN_SANDBOX(an_absent_archive_is_an_io_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
