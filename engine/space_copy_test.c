/* engine/space_copy_test.c: tablespaces made by hand, whole, damaged, torn and foreign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/uio.h>

#include <pthread.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "engine/engine_test_util.h"
#include "engine/page_filter.h"
#include "engine/space_copy.h"
#include "innodb/page_check.h"

enum { PAGE = 16384, FULL_CRC32 = 0x15, PAGES = 20 };

/* Linked instead of the tailer: it is always far enough. */
lsn_t tailer_lsn(const struct tailer *t)
{
    (void)t;
    return 777;
}

lsn_t tailer_start_lsn(const struct tailer *t)
{
    (void)t;
    return 100;
}

uint64_t tailer_headroom(const struct tailer *t, uint64_t *capacity)
{
    (void)t;
    *capacity = 1000;
    return 900;
}

struct err *tailer_check(struct tailer *t)
{
    (void)t;
    return NULL;
}

/* Linked instead of the files of page tracking: pages of space 5, in order. */
struct change_map {
    size_t n;
    page_no_t pages[8];
    bool distrusted;
};

bool change_map_next(const struct change_map *m, space_id_t space, page_no_t from, page_no_t gap,
                     uint64_t *begin, uint64_t *end)
{
    assert_int_equal(gap, 2); /* 32 KiB */
    for (size_t i = 0; space == 5 && i < m->n; i++)
        if (m->pages[i] >= from) {
            *begin = m->pages[i];
            *end = *begin + 1;
            return true;
        }
    return false;
}

bool change_map_has(const struct change_map *m, space_id_t space, page_no_t page)
{
    for (size_t i = 0; space == 5 && i < m->n; i++)
        if (m->pages[i] == page)
            return true;
    return false;
}

bool change_map_distrusts(const struct change_map *m, space_id_t space)
{
    return space == 5 && m->distrusted;
}

lsn_t change_map_end(const struct change_map *m)
{
    (void)m;
    return 5000;
}

#define TEXT(s) ((char *)(uintptr_t)(s))

struct fixture {
    char *dir, *data;
    struct datadir datadir;
    struct test_archive archive;
    struct copy_env env;
    struct space_set set;
};

static void make_page(uint8_t *page, space_id_t id, page_no_t no)
{
    struct space_format format;
    ok(space_format_decode(&format, FULL_CRC32, PAGE));
    memset(page, 0, PAGE);
    put_be32(page + 4, no);
    put_be64(page + 16, 500);
    put_be16(page + 24, no ? 17855 : 8);
    put_be32(page + 34, id);
    if (!no) {
        put_be32(page + FSP_SPACE_ID, id);
        put_be32(page + FSP_SIZE, PAGES);
        put_be32(page + FSP_FLAGS, FULL_CRC32);
    } else {
        memset(page + 200, (int)(no & 0xff), 1000);
    }
    page_stamp(&format, page);
}

/* A tablespace of n pages; every fifth is zeros. Owned by caller. */
static uint8_t *make_space(space_id_t id, page_no_t n)
{
    uint8_t *pages = mem_zalloc((size_t)n * PAGE);
    for (page_no_t no = 0; no < n; no++)
        if (no % 5 != 4)
            make_page(pages + (size_t)no * PAGE, id, no);
    return pages;
}

static void put_space(struct fixture *f, const char *name, space_id_t id, page_no_t n)
{
    AUTO_FREE uint8_t *pages = make_space(id, n);
    write_bytes(f->data, name, pages, (size_t)n * PAGE);
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->data = mem_printf("%s/data", f->dir);
    const struct server_info s = {.datadir = f->data, .page_size = PAGE};
    put_space(f, "ibdata1", 0, PAGES);
    ok(datadir_resolve(&f->datadir, &s, NULL));
    archive_begin(&f->archive, f->dir);
    f->env = (struct copy_env){.writer = f->archive.writer, .datadir = &f->datadir, .parallel = 2};
    pthread_mutex_init(&f->env.lock, NULL);
    space_set_init(&f->set, &f->env);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    space_set_fini(&f->set);
    for (size_t i = 0; i < f->env.n_corrupt; i++)
        free(f->env.corrupt[i]);
    free(f->env.corrupt);
    pthread_mutex_destroy(&f->env.lock);
    datadir_fini(&f->datadir);
    free(f->data);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static struct err *copy_all(struct fixture *f)
{
    struct listing l;
    ok(listing_make(&l, &f->datadir));
    struct err *e = space_set_copy_all(&f->set, &l);
    listing_fini(&l);
    return e;
}

static void abandon(struct fixture *f)
{
    archive_writer_free(f->archive.writer);
    f->archive.sink->free(f->archive.sink);
    free(f->archive.path);
}

static void assert_holds(struct archive_reader *r, const char *name, space_id_t id, page_no_t n)
{
    const int64_t i = archive_reader_find(r, name);
    assert_true(i >= 0);
    const struct archive_attr *a = archive_reader_entry(r, (uint32_t)i);
    assert_int_equal(a->kind, ARCHIVE_SPACE);
    assert_int_equal(a->space_id, id);
    assert_int_equal(a->page_size, PAGE);
    assert_int_equal(a->space_flags, FULL_CRC32);
    assert_int_equal(a->lsn_at_start, 777);
    assert_int_equal(a->size, (uint64_t)n * PAGE);
    AUTO_FREE uint8_t *expected = make_space(id, n), *found = mem_alloc((size_t)n * PAGE);
    ok(archive_read(r, (uint32_t)i, 0, found, (size_t)n * PAGE));
    assert_memory_equal(found, expected, (size_t)n * PAGE);
}

static void every_tablespace_is_copied_page_by_page(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_space(f, "undo001", 1, 3);
    ok(copy_all(f));
    assert_int_equal(space_set_find(&f->set, 5)->lsn_at_start, 777);
    assert_int_equal(f->env.bytes_read, (2 * PAGES + 3) * PAGE);
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "ibdata1", 0, PAGES);
    assert_holds(r, "d/a.ibd", 5, PAGES);
    assert_holds(r, "undo001", 1, 3);
    archive_reader_free(r);
}

static void file_of_several_ranges_is_whole(void **state)
{
    struct fixture *f = *state;
    const page_no_t n = 2 * (64 << 20) / PAGE + 7;
    AUTO_FREE char *path = mem_printf("%s/d/big.ibd", f->data);
    uint8_t page[PAGE];
    put_space(f, "d/big.ibd", 6, 1);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    make_page(page, 6, n - 1);
    ok(file_pwrite(fd, page, PAGE, (uint64_t)(n - 1) * PAGE, path));
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    const int64_t i = archive_reader_find(r, "d/big.ibd");
    uint8_t found[PAGE];
    assert_int_equal(archive_reader_entry(r, (uint32_t)i)->size, (uint64_t)n * PAGE);
    ok(archive_read(r, (uint32_t)i, (uint64_t)(n - 1) * PAGE, found, PAGE));
    assert_memory_equal(found, page, PAGE);
    archive_reader_free(r);
}

static void new_and_vanished_files_are_left_to_the_redo(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *zeros = mem_zalloc(4 * PAGE);
    AUTO_FREE char *gone = mem_printf("%s/d/gone.ibd", f->data);
    write_bytes(f->data, "d/new.ibd", zeros, 4 * PAGE);
    write_bytes(f->data, "d/empty.ibd", zeros, 0);
    put_space(f, "d/gone.ibd", 9, 2);
    struct listing l;
    ok(listing_make(&l, &f->datadir));
    assert_int_equal(unlink(gone), 0);
    ok(space_set_copy_all(&f->set, &l));
    listing_fini(&l);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(archive_reader_n_entries(r), 1);
    archive_reader_free(r);
}

static void space_is_copied_once_under_whatever_name(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, 4);
    ok(copy_all(f));
    AUTO_FREE char *from = mem_printf("%s/d/a.ibd", f->data),
                   *to = mem_printf("%s/d/b.ibd", f->data);
    assert_int_equal(rename(from, to), 0);
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(archive_reader_n_entries(r), 2);
    assert_true(archive_reader_find(r, "d/a.ibd") >= 0);
    archive_reader_free(r);
}

static void copy_again_takes_the_place_of_the_first(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, 4);
    ok(copy_all(f));
    put_space(f, "d/a.ibd", 5, 9);
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    const struct listed_space l = {.name = (char *)(uintptr_t) "d/a.ibd", .path = path};
    ok(space_set_copy_one(&f->set, &l, SPACE_COPY_AGAIN));
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/a.ibd", 5, 9);
    archive_reader_free(r);
}

static void files_of_the_system_tablespace_are_copied_once_each(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *pages = make_space(0, 2 * PAGES);
    char spec[] = "ibdata1:320K;ibdata2:320K:autoextend";
    const struct server_info s = {
        .datadir = f->data, .page_size = PAGE, .innodb_data_file_path = spec};
    datadir_fini(&f->datadir);
    ok(datadir_resolve(&f->datadir, &s, NULL));
    write_bytes(f->data, "ibdata2", pages + PAGES * PAGE, PAGES * PAGE);
    ok(copy_all(f));
    ok(copy_all(f));
    assert_int_equal(f->set.n, 2);
    struct archive_reader *r = archive_end(&f->archive);
    const int64_t i = archive_reader_find(r, "ibdata2");
    assert_int_equal(archive_reader_entry(r, (uint32_t)i)->first_page, PAGES);
    assert_int_equal(archive_reader_entry(r, (uint32_t)i)->space_id, 0);
    archive_reader_free(r);
}

static void damage(struct fixture *f, const char *name, page_no_t no)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, "damage", 6, (uint64_t)no * PAGE + 300, path));
}

static void corrupt_page_is_named_and_fails_the_backup(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, 10);
    damage(f, "d/a.ibd", 7);
    struct err *e = copy_all(f);
    assert_non_null(e);
    assert_non_null(strstr(e->hint, "--allow-corrupt"));
    error_is(e, CORRUPT, "d/a.ibd: page 7 at offset 114688: ");
    abandon(f);
}

static void corrupt_pages_are_listed_when_allowed(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, 10);
    put_space(f, "d/b.ibd", 6, 10);
    damage(f, "d/a.ibd", 7);
    damage(f, "d/b.ibd", 0);
    f->env.allow_corrupt = true;
    ok(copy_all(f));
    assert_int_equal(f->env.n_corrupt, 2);
    const bool a_first = strstr(f->env.corrupt[0], "d/a.ibd") != NULL;
    assert_non_null(strstr(f->env.corrupt[!a_first], "d/a.ibd: page 7 at offset 114688: "));
    assert_non_null(strstr(f->env.corrupt[a_first], "d/b.ibd: page 0 at offset 0: "));
    archive_reader_free(archive_end(&f->archive));
}

/* Writes the page whole once it was seen torn. */
static void *mend_later(void *arg)
{
    struct fixture *f = arg;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    AUTO_FREE uint8_t *page = mem_alloc(PAGE);
    AUTO_FD int fd = -1;
    make_page(page, 5, 7);
    for (const double end = clock_seconds() + 10; !f->env.pages_reread && clock_seconds() < end;)
        clock_sleep_ms(1);
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, page, PAGE, 7 * PAGE, path));
    return NULL;
}

static void torn_page_is_read_again(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    put_space(f, "d/a.ibd", 5, 10);
    damage(f, "d/a.ibd", 7);
    assert_int_equal(pthread_create(&thread, NULL, mend_later, f), 0);
    struct err *e = copy_all(f);
    pthread_join(thread, NULL);
    ok(e);
    assert_true(f->env.pages_reread > 0);
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/a.ibd", 5, 10);
    archive_reader_free(r);
}

static void pages_of_another_space_make_the_copy_suspect(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *pages = make_space(5, 10);
    make_page(pages + 7 * PAGE, 44, 7);
    make_page(pages + 8 * PAGE, 44, 8);
    write_bytes(f->data, "d/a.ibd", pages, 10 * PAGE);
    ok(copy_all(f));
    AUTO_FREE char *why =
        mem_printf("%s/d/a.ibd: page 7 at offset 114688: belongs to space 44, not 5", f->data);
    assert_string_equal(space_set_find(&f->set, 5)->suspect, why);
    archive_reader_free(archive_end(&f->archive));
}

/* MariaDB's checksum is over what is stored: no key is needed to tell that it is whole. */
static void encrypted_pages_are_copied_as_they_are(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *pages = make_space(5, 10);
    static const uint8_t crypt_data[] = {'s', 0x0e, 0x0c, 'R', 'E', 't', 1, 16};
    memcpy(pages + 10428, crypt_data, sizeof crypt_data);
    put_be32(pages + PAGE - 4, crc32c(0, pages, PAGE - 4));
    uint8_t *page = pages + 7 * PAGE;
    put_be32(page, 1); /* key version */
    put_be32(page + PAGE - 4, crc32c(0, page, PAGE - 4));
    write_bytes(f->data, "d/a.ibd", pages, 10 * PAGE);
    ok(copy_all(f));
    assert_int_equal(f->env.pages_reread, 0);
    AUTO(archive_reader) reader = archive_end(&f->archive);
    uint8_t stored[PAGE];
    const int64_t entry = archive_reader_find(reader, "d/a.ibd");
    assert_true(entry >= 0);
    ok(archive_read(reader, (uint32_t)entry, 7 * PAGE, stored, PAGE));
    assert_memory_equal(stored, page, PAGE);
}

static void doublewrite_area_is_not_judged(void **state)
{
    struct fixture *f = *state;
    enum { N = 256 };
    AUTO_FREE uint8_t *pages = make_space(0, N);
    uint8_t *trx_sys = pages + 5 * PAGE;
    make_page(trx_sys, 0, 5);
    put_be32(trx_sys + PAGE - 200 + 10, 0x1FFFBD5F);
    put_be32(trx_sys + PAGE - 200 + 14, 64);
    put_be32(trx_sys + PAGE - 200 + 18, 128);
    put_be32(trx_sys + PAGE - 4, crc32c(0, trx_sys, PAGE - 4));
    memset(pages + 70 * PAGE, 0xab, PAGE);
    memset(pages + 191 * PAGE, 0xcd, PAGE);
    write_bytes(f->data, "ibdata1", pages, N * PAGE);
    ok(copy_all(f));
    assert_int_equal(f->env.pages_reread, 0);
    archive_reader_free(archive_end(&f->archive));
}

/* Else a file that IMPORT rewrote in place would be taken for what it was before. */
static void a_stamp_is_of_a_file_with_the_same_inode_and_times(void **state)
{
    (void)state;
    const struct stat like = {.st_dev = 1, .st_ino = 2, .st_mtim = {3, 4}, .st_ctim = {5, 6}};
    struct copied_space c = {
        .dev = 1, .mark = {.inode = 2, .mtime = {3, 4}, .ctime = {5, 6}, .proves = true}};
    struct stat other[6];
    for (size_t i = 0; i < 6; i++)
        other[i] = like;
    other[0].st_dev++;
    other[1].st_ino++;
    other[2].st_mtim.tv_sec++;
    other[3].st_mtim.tv_nsec++;
    other[4].st_ctim.tv_sec++;
    other[5].st_ctim.tv_nsec++;
    assert_true(space_stamp_is_of(&c, &like));
    for (size_t i = 0; i < 6; i++)
        assert_false(space_stamp_is_of(&c, &other[i]));
    c.mark.proves = false;
    assert_false(space_stamp_is_of(&c, &like));
}

static void copies_get_the_last_names_of_the_redo(void **state)
{
    struct fixture *f = *state;
    struct file_ops ops = {0};
    put_space(f, "d/a.ibd", 5, 3);
    put_space(f, "d/b.ibd", 6, 3);
    put_space(f, "d/c.ibd", 7, 3);
    put_space(f, "d/e.ibd", 8, 3);
    put_space(f, "undo001", 1, 3);
    ok(copy_all(f));
    static const struct {
        enum redo_type type;
        space_id_t id;
        const char *name;
    } records[] = {
        {REDO_FILE_MODIFY, 5, "./d/b.ibd"},         {REDO_FILE_MODIFY, 6, "./d/a.ibd"},
        {REDO_FILE_DELETE, 7, "./d/c.ibd"},         {REDO_FILE_MODIFY, 8, "/far/d/e.ibd"},
        {REDO_FILE_MODIFY, 1, "/some/dir/undo001"},
    };
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        const struct redo_record rec = {.type = records[i].type,
                                        .space = records[i].id,
                                        .body = (const uint8_t *)records[i].name,
                                        .body_len = (uint32_t)strlen(records[i].name)};
        ok(file_ops_add(&ops, &rec, 1000));
    }
    ok(space_set_settle_names(&f->set, &ops));
    file_ops_fini(&ops);
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/b.ibd", 5, 3);
    assert_holds(r, "d/a.ibd", 6, 3);
    assert_holds(r, "external/far/d/e.ibd", 8, 3);
    assert_holds(r, "undo001", 1, 3);
    assert_int_equal(archive_reader_find(r, "d/c.ibd"), -1);
    archive_reader_free(r);
}

static void unsafe_name_in_the_redo_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct file_ops ops = {0};
    const struct redo_record rec = {.type = REDO_FILE_MODIFY,
                                    .space = 5,
                                    .body = (const uint8_t *)"./d/../../x.ibd",
                                    .body_len = 15};
    put_space(f, "d/a.ibd", 5, 3);
    ok(copy_all(f));
    ok(file_ops_add(&ops, &rec, 1000));
    error_is(space_set_settle_names(&f->set, &ops), CORRUPT, "space 5 is named \"d/../../x.ibd\"");
    file_ops_fini(&ops);
    abandon(f);
}

/* --- on a base --- */

/* Ends the first backup and begins one that is based on it, at this LSN. */
static void base_on_this(struct fixture *f, struct base_facts *facts, lsn_t lsn)
{
    struct out_bytes o = {0};
    const struct file_mark none = {0};
    base_facts_put_head(&o, 0, &none);
    space_set_put_facts(&f->set, &o);
    base_facts_put_end(&o);
    ok(base_facts_parse(facts, o.p, o.n));
    free(o.p);
    space_set_fini(&f->set);
    archive_next(&f->archive, f->dir);
    f->env.writer = f->archive.writer;
    f->env.base = facts;
    f->env.base_lsn = lsn;
    f->env.bytes_read = 0;
    space_set_init(&f->set, &f->env);
}

/* Another backup with the same base. Frees the archive of the one before. */
static void begin_again(struct fixture *f, struct archive_reader *before)
{
    AUTO_FREE char *path = mem_printf("%s/test.mbe", f->dir);
    archive_reader_free(before);
    assert_int_equal(unlink(path), 0);
    archive_begin(&f->archive, f->dir);
    space_set_fini(&f->set);
    f->env.writer = f->archive.writer;
    space_set_init(&f->set, &f->env);
}

static void put_index_page(struct fixture *f, const char *name, space_id_t id, page_no_t no,
                           lsn_t lsn, uint64_t index_id)
{
    uint8_t page[PAGE] = {0};
    if (lsn) {
        struct space_format format;
        ok(space_format_decode(&format, FULL_CRC32, PAGE));
        make_page(page, id, no);
        put_be64(page + 16, lsn);
        put_be64(page + 66, index_id);
        page_stamp(&format, page);
    }
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, page, PAGE, (uint64_t)no * PAGE, path));
}

static void put_page(struct fixture *f, const char *name, space_id_t id, page_no_t no, lsn_t lsn)
{
    put_index_page(f, name, id, no, lsn, 0);
}

static const struct archive_attr *attr_of(struct archive_reader *r, const char *name)
{
    const int64_t i = archive_reader_find(r, name);
    assert_true(i >= 0);
    return archive_reader_entry(r, (uint32_t)i);
}

/* The pages of the file that are stored, as "1 4z 7": z is zeros. */
static void assert_stored(struct archive_reader *r, const char *name, const char *expected)
{
    enum { NOT_STORED, ZEROS, DATA, MOST = 32 };
    AUTO(archive_cursor) c = NULL;
    char found[400] = "", pages[MOST] = {NOT_STORED};
    uint64_t at, len;
    const uint8_t *data;
    ok(archive_cursor_open(&c, r, (uint32_t)archive_reader_find(r, name), 0,
                           attr_of(r, name)->size));
    do {
        ok(archive_cursor_next(c, &at, &data, &len));
        for (uint64_t i = 0; i < len; i++) {
            const uint64_t no = (at + i) / PAGE;
            assert_true(no < MOST);
            if (pages[no] != DATA)
                pages[no] = data && data[i] ? DATA : ZEROS;
        }
    } while (len);
    for (int no = 0; no < MOST; no++)
        if (pages[no])
            snprintf(found + strlen(found), sizeof found - strlen(found), "%s%d%s",
                     *found ? " " : "", no, pages[no] == ZEROS ? "z" : "");
    assert_string_equal(found, expected);
}

static void pages_of_the_base_are_not_stored_again(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_space(f, "d/b.ibd", 6, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 3, 1000);
    put_page(f, "d/a.ibd", 5, 6, 0);
    put_page(f, "d/a.ibd", 5, 7, 2000);
    put_page(f, "d/a.ibd", 5, 8, 3000);
    put_page(f, "d/a.ibd", 5, 11, 999);
    put_page(f, "d/a.ibd", 5, PAGES + 1, 1500); /* it grew */
    ok(copy_all(f));
    assert_int_equal(f->env.bytes_read, (3 * PAGES + 2) * PAGE);
    assert_int_equal(f->env.bytes_changed, (4 + 1) * PAGE); /* and page 0 of ibdata1 */
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->kind, ARCHIVE_SPACE_DELTA);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, (PAGES + 2) * PAGE);
    assert_stored(r, "d/a.ibd", "3 4z 6z 7 8 9z 14z 19z 20z 21");
    assert_int_equal(attr_of(r, "d/b.ibd")->kind, ARCHIVE_SPACE_DELTA);
    assert_stored(r, "d/b.ibd", "4z 9z 14z 19z");
    assert_int_equal(attr_of(r, "ibdata1")->kind, ARCHIVE_SPACE_DELTA);
    assert_stored(r, "ibdata1", "0 4z 9z 14z 19z");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void file_that_took_the_place_of_the_base_is_stored_whole(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *a = mem_printf("%s/d/a.ibd", f->data), *b = mem_printf("%s/d/b.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_space(f, "d/b.ibd", 5, 6); /* same id and name, and every LSN is old */
    assert_int_equal(rename(b, a), 0);
    put_space(f, "d/new.ibd", 7, 6);
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/a.ibd", 5, 6);
    assert_holds(r, "d/new.ibd", 7, 6);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void renamed_file_is_still_that_of_the_base(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *a = mem_printf("%s/d/a.ibd", f->data), *b = mem_printf("%s/d/b.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    assert_int_equal(rename(a, b), 0);
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/b.ibd")->kind, ARCHIVE_SPACE_DELTA);
    assert_int_equal(archive_reader_find(r, "d/a.ibd"), -1);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void file_that_was_set_back_is_refused(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 7, 900);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 7, 800);
    error_is(copy_all(f), REFUSED, "d/a.ibd: page 7: its LSN is 800, and was 900 in the base");
    abandon(f);
    base_facts_fini(&facts);
}

static void copy_again_takes_the_place_of_a_delta(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 3, 1000);
    ok(copy_all(f));
    put_page(f, "d/a.ibd", 5, 7, 2000);
    const struct listed_space listed = {.name = TEXT("d/a.ibd"), .path = path};
    ok(space_set_copy_one(&f->set, &listed, SPACE_COPY_AGAIN));
    struct archive_reader *r = archive_end(&f->archive);
    assert_stored(r, "d/a.ibd", "3 4z 7 9z 14z 19z");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

/* Page 3 was changed, and is of an index; the base knows those up to LAST. */
static void a_file_with_an_index_that_the_base_does_not_know_is_a_suspect(void **state)
{
    enum { LAST = 100 };
    static const struct change_map changes = {.n = 1, .pages = {3}};
    static const struct {
        uint64_t index_id;
        lsn_t lsn;
        bool mysql, tracked, suspect;
    } cases[] = {
        {LAST, 1000, true, false, false},      {LAST + 1, 1000, true, false, true},
        {LAST + 1, 999, true, false, false}, /* as old as it looks: not the index's root, for that is made with redo */
        {LAST + 1, 1000, false, false, false}, /* MariaDB builds with redo */
        {LAST + 1, 1000, true, true, false},   /* all of the map is stored */
    };
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    facts.last_index_id = LAST;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_index_page(f, "d/a.ibd", 5, 3, cases[i].lsn, cases[i].index_id);
        f->set.by_file = cases[i].mysql;
        f->env.changes = cases[i].tracked ? &changes : NULL;
        ok(copy_all(f));
        const char *suspect = space_set_find(&f->set, 5)->suspect;
        assert_int_equal(suspect != NULL, cases[i].suspect);
        if (suspect)
            assert_non_null(
                strstr(suspect, "d/a.ibd: page 3: of an index that was built since the base"));
        begin_again(f, archive_end(&f->archive));
    }
    f->set.by_file = true;
    f->env.changes = NULL;
    facts.last_index_id = 0; /* a base that has not noted it */
    put_index_page(f, "d/a.ibd", 5, 3, 1000, 1);
    ok(copy_all(f));
    assert_non_null(space_set_find(&f->set, 5)->suspect);
    abandon(f);
    base_facts_fini(&facts);
}

static void damaged_page_is_stored_whatever_its_lsn(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    f->env.allow_corrupt = true;
    {
        AUTO_FD int fd = -1;
        ok(file_open(&fd, path, O_WRONLY, 0));
        ok(file_pwrite(fd, "x", 1, 12 * PAGE + 300, path));
    }
    ok(copy_all(f));
    assert_int_equal(f->env.n_corrupt, 1);
    struct archive_reader *r = archive_end(&f->archive);
    assert_stored(r, "d/a.ibd", "4z 9z 12 14z 19z");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void each_part_of_a_file_has_its_witness(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    const page_no_t second = WITNESS_BYTES / PAGE;
    put_space(f, "d/big.ibd", 6, 2);
    put_page(f, "d/big.ibd", 6, 1, 600);
    put_page(f, "d/big.ibd", 6, 2 * second + 5, 700);
    put_page(f, "d/big.ibd", 6, 2 * second + 6, 650);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    const struct space_fact *fact = base_facts_space(&facts, 6, 0);
    assert_non_null(fact);
    assert_int_equal(fact->n_witnesses, 3);
    assert_int_equal(fact->witnesses[0].page, 1);
    assert_int_equal(fact->witnesses[0].lsn, 600);
    assert_int_equal(fact->witnesses[1].lsn, 0);
    assert_int_equal(fact->witnesses[2].page, 2 * second + 5);
    assert_int_equal(fact->witnesses[2].lsn, 700);
    abandon(f);
    base_facts_fini(&facts);
}

static void only_changed_pages_are_read(void **state)
{
    static const struct change_map changes = {.n = 4, .pages = {0, 3, 7, 8}};
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 17, 600); /* the witness */
    put_space(f, "d/b.ibd", 6, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 3, 1000);
    put_page(f, "d/a.ibd", 5, 7, 2000);
    put_page(f, "d/a.ibd", 5, 8, 999);
    put_page(f, "d/a.ibd", 5, 11,
             2000); /* not in the map, and behind what it covers: in the redo */
    put_space(f, "d/new.ibd", 7, 6);
    f->env.changes = &changes;
    ok(copy_all(f));
    /* the changes and the witness of a; witnesses of b and ibdata1, which are page 0; all of the new one */
    assert_int_equal(f->env.bytes_read, (5 + 1 + 1 + 6) * PAGE);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, PAGES * PAGE);
    assert_stored(r, "d/a.ibd", "0 3 7 8"); /* whatever their LSNs */
    assert_int_equal(attr_of(r, "d/b.ibd")->size, PAGES * PAGE);
    assert_stored(r, "d/b.ibd", "");
    assert_holds(r, "d/new.ibd", 7, 6);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void what_a_file_has_grown_by_is_read_without_a_map(void **state)
{
    static const struct change_map changes = {.n = 2, .pages = {3, 21}};
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 3, 1000);
    put_page(f, "d/a.ibd", 5, PAGES + 3, 1500);
    f->env.changes = &changes;
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, (PAGES + 4) * PAGE);
    assert_stored(r, "d/a.ibd", "3 20z 21z 22z 23");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void a_file_that_was_cut_off_is_read_whole(void **state)
{
    static const struct change_map changes = {.n = 1, .pages = {3}};
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 7, 2000);
    assert_int_equal(truncate(path, (PAGES - 4) * PAGE), 0);
    f->env.changes = &changes;
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, (PAGES - 4) * PAGE);
    assert_stored(r, "d/a.ibd", "3 4z 7 9z 14z");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

/* Page 0 has changed, within what the map covers, and is not in it: the file was written by other ways than the server's usual ones. */
static void a_file_that_the_map_does_not_know_well_is_read_whole(void **state)
{
    static const struct change_map changes = {.n = 1, .pages = {3}};
    static const struct {
        lsn_t lsn;
        const char *stored;
    } cases[] = {
        {1000, "3"}, /* the base may have it */
        {1001, "0 3 4z 7 9z 14z 19z"},
        {5000, "0 3 4z 7 9z 14z 19z"},
        {5001, "3"}, /* behind what the map covers: in the redo */
    };
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 1, 700); /* the witness */
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 7, 2000);
    f->env.changes = &changes;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_page(f, "d/a.ibd", 5, 0, cases[i].lsn);
        ok(copy_all(f));
        struct archive_reader *r = archive_end(&f->archive);
        assert_stored(r, "d/a.ibd", cases[i].stored);
        begin_again(f, r);
    }
    abandon(f);
    base_facts_fini(&facts);
}

/* Pages of it may have been written past the map, with any LSN. */
static void a_file_that_the_map_cannot_vouch_for_is_stored_whole(void **state)
{
    static const struct change_map maps[] = {{.n = 1, .pages = {3}},
                                             {.n = 1, .pages = {3}, .distrusted = true}};
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    for (size_t i = 0; i < 2; i++) {
        f->env.changes = &maps[i];
        ok(copy_all(f));
        assert_true(space_set_find(&f->set, 5)->by_map == !maps[i].distrusted);
        struct archive_reader *r = archive_end(&f->archive);
        assert_int_equal(attr_of(r, "d/a.ibd")->kind,
                         maps[i].distrusted ? ARCHIVE_SPACE : ARCHIVE_SPACE_DELTA);
        if (maps[i].distrusted)
            assert_holds(r, "d/a.ibd", 5, PAGES);
        else
            assert_stored(r, "d/a.ibd", "3");
        begin_again(f, r);
    }
    abandon(f);
    base_facts_fini(&facts);
}

static void a_witness_is_looked_at_in_each_part_that_has_no_changes(void **state)
{
    static const struct change_map changes = {.n = 1, .pages = {3}};
    struct fixture *f = *state;
    struct base_facts facts;
    const page_no_t second = WITNESS_BYTES / PAGE;
    put_space(f, "d/a.ibd", 5, 2);
    put_page(f, "d/a.ibd", 5, second + 5, 700);
    put_page(f, "d/a.ibd", 5, second + 6, 650);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    f->env.changes = &changes;
    ok(copy_all(f));
    const struct copied_space *copy = space_set_find(&f->set, 5);
    assert_int_equal(copy->n_witnesses, 2);
    assert_int_equal(copy->witnesses[1].page, second + 5);
    assert_int_equal(copy->witnesses[1].lsn, 700);
    begin_again(f, archive_end(&f->archive));
    put_page(f, "d/a.ibd", 5, second + 5, 600);
    error_is(copy_all(f), REFUSED, "its LSN is 600, and was 700 in the base");
    abandon(f);
    base_facts_fini(&facts);
}

static void a_page_that_is_cut_off_in_the_middle_is_none(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    put_space(f, "d/a.ibd", 5, 24); /* the last four have no page of zeros, nor the witness */
    assert_int_equal(truncate(path, 23 * PAGE + 100), 0);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, 23 * PAGE);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static struct space_fact *fact_of(struct base_facts *facts, space_id_t id)
{
    size_t i = 0;
    while (facts->spaces[i].id != id)
        i++;
    return &facts->spaces[i];
}

static void a_file_that_nobody_wrote_to_is_not_read(void **state)
{
    static const struct {
        bool same_run, proves, written;
        unsigned read; /* pages of a */
        const char *stored;
    } cases[] = {
        {true, true, false, 0, ""},
        {false, true, false, PAGES, "4z 9z 14z 19z"}, /* its times may be lost */
        {true, false, false, PAGES,
         "4z 9z 14z 19z"}, /* may have been written within the same tick */
        {true, true, true, PAGES, "4z 7 9z 14z 19z"},
    };
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 17, 600); /* the witness */
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fact_of(&facts, 5)->mark.proves = cases[i].proves;
        f->env.base_same_run = cases[i].same_run;
        f->env.bytes_read = 0;
        if (cases[i].written)
            put_page(f, "d/a.ibd", 5, 7, 2000);
        ok(copy_all(f));
        assert_int_equal(f->env.bytes_read, (PAGES + cases[i].read) * PAGE); /* ibdata1 */
        const struct copied_space *copy = space_set_find(&f->set, 5);
        assert_int_equal(copy->n_witnesses, 1);
        assert_int_equal(copy->witnesses[0].lsn, cases[i].written ? 2000 : 600);
        struct archive_reader *r = archive_end(&f->archive);
        assert_int_equal(attr_of(r, "d/a.ibd")->kind, ARCHIVE_SPACE_DELTA);
        assert_int_equal(attr_of(r, "d/a.ibd")->size, PAGES * PAGE);
        assert_stored(r, "d/a.ibd", cases[i].stored);
        begin_again(f, r);
    }
    abandon(f);
    base_facts_fini(&facts);
}

static void a_large_file_that_nobody_wrote_to_keeps_its_size_and_witnesses(void **state)
{
    static const struct change_map changes = {.n = 1, .pages = {3}};
    struct fixture *f = *state;
    struct base_facts facts;
    const page_no_t second = WITNESS_BYTES / PAGE;
    put_space(f, "d/a.ibd", 5, 2);
    put_page(f, "d/a.ibd", 5, second + 5, 700);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    fact_of(&facts, 5)->mark.proves = true;
    f->env.base_same_run = true;
    for (int tracked = 0; tracked < 2; tracked++) {
        f->env.bytes_read = 0;
        f->env.changes = tracked ? &changes : NULL;
        ok(copy_all(f));
        assert_int_equal(f->env.bytes_read, (tracked ? 1 : PAGES) * PAGE); /* ibdata1 */
        const struct copied_space *copy = space_set_find(&f->set, 5);
        assert_int_equal(copy->n_witnesses, 2);
        assert_int_equal(copy->witnesses[1].page, second + 5);
        struct archive_reader *r = archive_end(&f->archive);
        assert_int_equal(attr_of(r, "d/a.ibd")->size, (uint64_t)(second + 6) * PAGE);
        begin_again(f, r);
    }
    abandon(f);
    base_facts_fini(&facts);
}

/* What preadv2 with RWF_NOWAIT says of the file's page: whether it is in the file cache. Other file systems than the usual ones, and
 * old kernels, do not tell. */
static bool is_cached(const struct fixture *f, const char *name, page_no_t no)
{
    uint8_t head[PAGE_HEAD_BYTES];
    const struct iovec to = {head, sizeof head};
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_RDONLY, 0));
    return preadv2(fd, &to, 1, (off_t)no * PAGE, RWF_NOWAIT) == PAGE_HEAD_BYTES;
}

static void put_byte(const struct fixture *f, const char *name, uint64_t at, char byte)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, &byte, 1, at, path));
}

/* Pages 0 to 3 are one piece, without a page of zeros. */
static void cached_pages_that_are_as_they_were_are_known_by_their_heads(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 17, 600); /* the witness */
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    if (!is_cached(f, "d/a.ibd", 2)) {
        abandon(f);
        base_facts_fini(&facts);
        skip();
    }
    put_page(f, "d/a.ibd", 5, 1, 900); /* the base has it from its redo */
    put_byte(f, "d/a.ibd", 2 * PAGE + 300,
             'x'); /* which nobody sees: it is the disk's page that counts */
    ok(copy_all(f));
    assert_int_equal(f->env.bytes_read, 2 * PAGES * PAGE);
    assert_int_equal(space_set_find(&f->set, 5)->witnesses[0].page, 1);
    assert_int_equal(space_set_find(&f->set, 5)->witnesses[0].lsn, 900);
    struct archive_reader *r = archive_end(&f->archive);
    assert_stored(r, "d/a.ibd", "4z 9z 14z 19z");
    begin_again(f, r);
    put_page(f, "d/a.ibd", 5, 3, 1000); /* next to a change */
    error_is(copy_all(f), CORRUPT, "d/a.ibd: page 2 at offset 32768: checksum");
    abandon(f);
    base_facts_fini(&facts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_tablespace_is_copied_page_by_page),
        TEST(file_of_several_ranges_is_whole),
        TEST(new_and_vanished_files_are_left_to_the_redo),
        TEST(space_is_copied_once_under_whatever_name),
        TEST(copy_again_takes_the_place_of_the_first),
        TEST(files_of_the_system_tablespace_are_copied_once_each),
        TEST(corrupt_page_is_named_and_fails_the_backup),
        TEST(corrupt_pages_are_listed_when_allowed),
        TEST(torn_page_is_read_again),
        TEST(pages_of_another_space_make_the_copy_suspect),
        TEST(encrypted_pages_are_copied_as_they_are),
        TEST(doublewrite_area_is_not_judged),
        cmocka_unit_test(a_stamp_is_of_a_file_with_the_same_inode_and_times),
        TEST(copies_get_the_last_names_of_the_redo),
        TEST(unsafe_name_in_the_redo_is_an_error),
        TEST(pages_of_the_base_are_not_stored_again),
        TEST(file_that_took_the_place_of_the_base_is_stored_whole),
        TEST(renamed_file_is_still_that_of_the_base),
        TEST(file_that_was_set_back_is_refused),
        TEST(copy_again_takes_the_place_of_a_delta),
        TEST(damaged_page_is_stored_whatever_its_lsn),
        TEST(each_part_of_a_file_has_its_witness),
        TEST(only_changed_pages_are_read),
        TEST(what_a_file_has_grown_by_is_read_without_a_map),
        TEST(a_file_that_was_cut_off_is_read_whole),
        TEST(a_file_that_the_map_does_not_know_well_is_read_whole),
        TEST(a_file_that_the_map_cannot_vouch_for_is_stored_whole),
        TEST(a_witness_is_looked_at_in_each_part_that_has_no_changes),
        TEST(a_file_with_an_index_that_the_base_does_not_know_is_a_suspect),
        TEST(cached_pages_that_are_as_they_were_are_known_by_their_heads),
        TEST(a_page_that_is_cut_off_in_the_middle_is_none),
        TEST(a_file_that_nobody_wrote_to_is_not_read),
        TEST(a_large_file_that_nobody_wrote_to_keeps_its_size_and_witnesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
