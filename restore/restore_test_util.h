/* restore/restore_test_util.h: small backups made by hand, of a few pages and mini-transactions each, in a repository of their
 * own: full ones, and increments on them; and what is expected of what they are restored to. cmocka.h comes before it. */
#ifndef MBE_RESTORE_RESTORE_TEST_UTIL_H
#define MBE_RESTORE_RESTORE_TEST_UTIL_H

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive_file_test_util.h"
#include "archive/reader.h"
#include "archive/writer.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/page_check.h"
#include "innodb/redo_mariadb.h"
#include "innodb/space_map.h"
#include "restore/restore.h"
#include "restore/target.h"

enum { PAGE_SIZE = 4096, FLAGS = 0x13, FROM = 20000, AT = 200 };

/* A redo log in the making. */
struct log_maker {
    uint8_t bytes[REDO_START_OFFSET + 8192];
    size_t len, mtr;
    lsn_t from;
};

struct bench {
    char dir[64];
    char *repo, *target;
    struct repo *opened; /* the repository */
    struct archive_writer *writer;
    struct sink *sink;
    struct log_maker log;
    /* what a test may change before finish() */
    uint64_t manifest_from, manifest_to;
    const char *flavour, *space_map, *external_dir;
    const char *more; /* of the manifest */
    bool without_redo, without_check;
    /* the backups finished so far, and what the next one says of the last of them */
    unsigned n_finished;
    char *ids[8];
    uint64_t base_archive;
    lsn_t base_lsn;
};

static inline void must(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

/* --- redo --- */

static inline lsn_t redo_lsn(const struct log_maker *l)
{
    return l->from + (l->len - REDO_START_OFFSET);
}

static inline void redo_put_record(struct log_maker *l, uint8_t type_bits, uint8_t space,
                                   uint8_t page, const void *body, size_t n)
{
    const size_t len = n + 2;
    uint8_t *p = l->bytes + l->len;
    if (len <= 15) {
        *p++ = (uint8_t)(type_bits | len);
    } else {
        *p++ = type_bits;
        *p++ = (uint8_t)(len - 14);
    }
    *p++ = space;
    *p++ = page;
    memcpy(p, body, n);
    l->len = (size_t)(p - l->bytes) + n;
}

static inline void redo_end_mtr(struct log_maker *l)
{
    const uint32_t crc = crc32c(0, l->bytes + l->mtr, l->len - l->mtr);
    l->bytes[l->len] = 1;
    put_be32(l->bytes + l->len + 1, crc);
    l->len += 5;
    l->mtr = l->len;
}

static inline void redo_file(struct bench *b, enum redo_type type, uint8_t space, const char *body,
                             size_t n)
{
    redo_put_record(&b->log, (uint8_t)(type << 4), space, 0, body, n);
    redo_end_mtr(&b->log);
}

/* A mini-transaction that writes one byte at AT. */
static inline void redo_write_byte(struct bench *b, uint8_t space, uint8_t page, uint8_t value)
{
    const uint8_t body[] = {0x80, AT - 128, value};
    redo_put_record(&b->log, REDO_WRITE << 4, space, page, body, sizeof body);
    redo_end_mtr(&b->log);
}

/* A mini-transaction that makes page 0 of a new tablespace of n_pages pages. */
static inline void redo_new_space(struct bench *b, uint8_t space, uint8_t n_pages)
{
    uint8_t body[21] = {FSP_SPACE_ID};
    put_be32(body + 1, space);
    put_be32(body + 1 + FSP_SIZE - FSP_SPACE_ID, n_pages);
    put_be32(body + 1 + FSP_FLAGS - FSP_SPACE_ID, FLAGS);
    redo_put_record(&b->log, REDO_INIT_PAGE << 4, space, 0, "", 0);
    redo_put_record(&b->log, REDO_WRITE << 4, space, 0, body, sizeof body);
    redo_end_mtr(&b->log);
}

static inline void redo_new_page(struct bench *b, uint8_t space, uint8_t page)
{
    redo_put_record(&b->log, REDO_INIT_PAGE << 4, space, page, "", 0);
    redo_end_mtr(&b->log);
}

/* --- archive --- */

static inline uint32_t add_entry(struct bench *b, struct archive_attr attr, const void *data)
{
    uint32_t id;
    must(archive_entry_add(b->writer, &attr, &id));
    if (data && attr.size)
        must(archive_write(b->writer, id, 0, data, (size_t)attr.size));
    must(archive_entry_set(b->writer, id, &attr));
    return id;
}

static inline void make_page(uint8_t *page, space_id_t id, page_no_t no, lsn_t lsn, uint8_t fill)
{
    struct space_format f;
    must(space_format_decode(&f, FLAGS, PAGE_SIZE));
    memset(page, 0, PAGE_SIZE);
    put_be32(page + 4, no);
    put_be64(page + 16, lsn);
    put_be32(page + 34, id);
    if (no == 0) {
        put_be32(page + FSP_SPACE_ID, id);
        put_be32(page + FSP_SIZE, 2);
        put_be32(page + FSP_FLAGS, FLAGS);
    } else {
        page[AT] = fill;
    }
    page_stamp(&f, page);
}

/* A copy of a whole tablespace. pages: NULL for those that are put later. */
static inline uint32_t add_copy(struct bench *b, space_id_t id, const char *path, page_no_t n_pages,
                                const uint8_t *pages)
{
    const bool external = !strncmp(path, "external/", 9);
    return add_entry(b,
                     (struct archive_attr){.kind = ARCHIVE_SPACE,
                                           .path = path,
                                           .link_target = external ? path + 8 : NULL,
                                           .size = n_pages * (uint64_t)PAGE_SIZE,
                                           .mode = 0660,
                                           .space_id = id,
                                           .page_size = PAGE_SIZE,
                                           .space_flags = FLAGS,
                                           .lsn_at_start = b->log.from},
                     pages);
}

/* A copy of two pages, both of LSN FROM - 1; byte AT of page 1 is `fill`. */
static inline void add_space(struct bench *b, space_id_t id, const char *path, uint8_t fill)
{
    uint8_t pages[2 * PAGE_SIZE];
    make_page(pages, id, 0, FROM - 1, 0);
    make_page(pages + PAGE_SIZE, id, 1, FROM - 1, fill);
    add_copy(b, id, path, 2, pages);
}

static inline void add_plain(struct bench *b, const char *path, const char *text)
{
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_PLAIN,
                                    .path = path,
                                    .size = strlen(text),
                                    .mode = 0640,
                                    .mtime = 1000000},
              text);
}

/* --- backups of a chain --- */

static inline char *archive_path(const struct bench *b, unsigned n)
{
    return mem_printf("%s/%s/backup.mbe", b->repo, b->ids[n]);
}

/* Begins the first backup, a full one, or an increment on the last; its redo begins at `from`. */
static inline void begin(struct bench *b, lsn_t from)
{
    const struct archive_writer_options o = {.codec = ARCHIVE_CODEC_NONE};
    b->ids[b->n_finished] = mem_printf("202611%02uT000000Z-%s", b->n_finished + 1,
                                       b->n_finished ? "incremental" : "full");
    char *path = archive_path(b, b->n_finished);
    must(file_mkdirs_for(path, 0700));
    must(sink_file_open(&b->sink, path));
    must(archive_writer_open(&b->writer, b->sink, &o));
    b->manifest_from = from;
    b->manifest_to = 0;
    b->log.from = from;
    b->log.len = b->log.mtr = REDO_START_OFFSET;
    redo_log_header_make(b->log.bytes, from, from, from, "Backup 10.11.19");
    free(path);
}

static inline char *lineage_json(const struct bench *b)
{
    return b->n_finished
               ? mem_printf("\"type\":\"incremental\",\"base\":\"%s\",\"chain\":{\"full\":\"%s\","
                            "\"length\":%u,\"base_archive\":\"%016" PRIx64 "\"}",
                            b->ids[b->n_finished - 1], b->ids[0], b->n_finished + 1,
                            b->base_archive)
               : mem_strdup("\"type\":\"full\",\"base\":null");
}

static inline void finish(struct bench *b)
{
    char *lineage = lineage_json(b), *path = archive_path(b, b->n_finished);
    const lsn_t to = b->manifest_to ? b->manifest_to : redo_lsn(&b->log);
    struct archive_reader *reader;
    char *manifest = mem_printf(
        "{\"id\":\"x\",%s,\"server\":{\"flavour\":\"%s\",\"version\":\"10.11.19-MariaDB\","
        "\"page_size\":%d,"
        "\"innodb_data_file_path\":\"ibdata1:12M:autoextend\"},\"lsn\":{\"from\":%" PRIu64
        ",\"to\":%" PRIu64 ",\"base\":%" PRIu64 "}%s}",
        lineage, b->flavour, PAGE_SIZE, b->manifest_from, to, b->base_lsn, b->more);
    if (!b->without_redo)
        add_entry(b,
                  (struct archive_attr){
                      .kind = ARCHIVE_REDO, .path = REDO_PATH, .size = b->log.len, .mode = 0600},
                  b->log.bytes);
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_SPACE_MAP,
                                    .path = SPACE_MAP_PATH,
                                    .size = strlen(b->space_map),
                                    .mode = 0600},
              b->space_map);
    must(archive_writer_finish(b->writer, manifest));
    must(b->sink->commit(b->sink));
    archive_writer_free(b->writer);
    b->sink->free(b->sink);
    b->writer = NULL;
    must(archive_file_open(&reader, path));
    b->base_archive = archive_reader_id(reader);
    b->base_lsn = to;
    b->n_finished++;
    archive_reader_free(reader);
    free(manifest);
    free(lineage);
    free(path);
}

/* An entry of the changes of a tablespace that has n_pages pages now. */
static inline uint32_t add_delta(struct bench *b, space_id_t id, const char *path,
                                 page_no_t n_pages)
{
    return add_entry(b,
                     (struct archive_attr){.kind = ARCHIVE_SPACE_DELTA,
                                           .path = path,
                                           .size = n_pages * (uint64_t)PAGE_SIZE,
                                           .mode = 0660,
                                           .space_id = id,
                                           .page_size = PAGE_SIZE,
                                           .space_flags = FLAGS,
                                           .lsn_at_start = b->log.from},
                     NULL);
}

static inline void put_page(struct bench *b, uint32_t entry, space_id_t id, page_no_t no, lsn_t lsn,
                            uint8_t fill)
{
    uint8_t page[PAGE_SIZE];
    make_page(page, id, no, lsn, fill);
    must(archive_write(b->writer, entry, no * (uint64_t)PAGE_SIZE, page, sizeof page));
}

static inline void put_zero_page(struct bench *b, uint32_t entry, page_no_t no)
{
    const uint8_t page[PAGE_SIZE] = {0};
    must(archive_write(b->writer, entry, no * (uint64_t)PAGE_SIZE, page, sizeof page));
}

/* Ends the backup in the making and begins an increment on it, in which nothing of the system tablespace has changed. */
static inline void next_backup(struct bench *b, lsn_t from)
{
    finish(b);
    begin(b, from);
    add_delta(b, 0, "ibdata1", 2);
}

static inline int set_up(void **state)
{
    struct bench *b = mem_zalloc(sizeof *b);
    strcpy(b->dir, "/tmp/mbe-restore-XXXXXX");
    if (!mkdtemp(b->dir))
        return -1;
    b->repo = mem_printf("%s/repo", b->dir);
    b->target = mem_printf("%s/data", b->dir);
    b->flavour = "mariadb";
    b->more = "";
    b->space_map = "{\"ghosts\":[],\"imports\":[]}";
    char *marker = mem_printf("%s/mbe-repository", b->repo);
    must(file_mkdirs(b->repo, 0700));
    must(file_replace(marker, "mbe repository 1\n", 17, 0600));
    free(marker);
    must(repo_open(&b->opened, b->repo, &(struct repo_options){0}));
    begin(b, FROM);
    add_space(b, 0, "ibdata1", 0);
    *state = b;
    return 0;
}

static inline int tear_down(void **state)
{
    struct bench *b = *state;
    if (b->writer) {
        archive_writer_free(b->writer);
        b->sink->free(b->sink);
    }
    struct err *e = file_remove_tree(b->dir);
    const int failed = e != NULL;
    err_free(e);
    for (unsigned i = 0; i < sizeof b->ids / sizeof b->ids[0]; i++)
        free(b->ids[i]);
    repo_close(b->opened);
    free(b->repo);
    free(b->target);
    free(b);
    return failed;
}

static inline struct err *restore(struct bench *b)
{
    const struct restore_options o = {.repo = b->opened,
                                      .backup_id = "latest",
                                      .datadir = b->target,
                                      .memory = 16 << 20,
                                      .parallel = 2,
                                      .external_dir = b->external_dir,
                                      .check = !b->without_check};
    if (b->writer)
        finish(b);
    return restore_run(&o);
}

/* --- expectations --- */

static inline bool exists(const struct bench *b, const char *name)
{
    char *path = mem_printf("%s/%s", b->target, name);
    const bool yes = access(path, F_OK) == 0;
    free(path);
    return yes;
}

static inline void assert_page(const struct bench *b, const char *name, page_no_t no, space_id_t id,
                               lsn_t lsn, uint8_t fill)
{
    char *path = mem_printf("%s/%s", b->target, name), *data, why[160];
    size_t len;
    struct space_format f;
    must(file_read_all(&data, &len, path, 1 << 20));
    must(space_format_decode(&f, FLAGS, PAGE_SIZE));
    assert_true(len >= (no + 1) * (size_t)PAGE_SIZE);
    const uint8_t *page = (const uint8_t *)data + no * (size_t)PAGE_SIZE;
    if (page_check(&f, id, no, page, why) != PAGE_OK)
        fail_msg("%s page %u: %s", name, no, why);
    assert_int_equal(be64(page + 16), lsn);
    assert_int_equal(page[AT], fill);
    free(data);
    free(path);
}

static inline void assert_fails(struct bench *b, enum err_kind kind, const char *text)
{
    struct err *e = restore(b);
    assert_non_null(e);
    if (!strstr(e->message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, e->message);
    assert_int_equal(e->kind, kind);
    assert_true(!exists(b, "ibdata1") || exists(b, TARGET_MARKER));
    assert_false(exists(b, "ib_logfile0"));
    err_free(e);
}

#endif
