/* engine/space_copy_test_util.h: a datadir of tablespaces made by hand, to be copied into an archive, with a tailer and a change map that
 * are made up. Included once per test program, after cmocka.h. */
#ifndef MBE_ENGINE_SPACE_COPY_TEST_UTIL_H
#define MBE_ENGINE_SPACE_COPY_TEST_UTIL_H

#include <pthread.h>

#include "engine/engine_test_util.h"
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

/* Of a log at rest. */
static struct {
    lsn_t seen;
    space_id_t remade_space; /* and the page of it that the log makes anew */
    page_no_t remade_page;
    const char *made; /* name of the tablespace that it makes; NULL: none */
} log_at_rest;

lsn_t tailer_seen_lsn(const struct tailer *t)
{
    (void)t;
    return log_at_rest.seen;
}

bool tailer_remade(const struct tailer *t, space_id_t space, page_no_t page)
{
    (void)t;
    return space == log_at_rest.remade_space && page == log_at_rest.remade_page;
}

bool tailer_makes(struct tailer *t, const char *name)
{
    (void)t;
    return log_at_rest.made && !strcmp(name, log_at_rest.made);
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

static inline void make_page(uint8_t *page, space_id_t id, page_no_t no)
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
static inline uint8_t *make_space(space_id_t id, page_no_t n)
{
    uint8_t *pages = mem_zalloc((size_t)n * PAGE);
    for (page_no_t no = 0; no < n; no++)
        if (no % 5 != 4)
            make_page(pages + (size_t)no * PAGE, id, no);
    return pages;
}

static inline void put_space(struct fixture *f, const char *name, space_id_t id, page_no_t n)
{
    AUTO_FREE uint8_t *pages = make_space(id, n);
    write_bytes(f->data, name, pages, (size_t)n * PAGE);
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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

static inline struct err *copy_all(struct fixture *f)
{
    struct listing l;
    ok(listing_make(&l, &f->datadir));
    struct err *e = space_set_copy_all(&f->set, &l);
    listing_fini(&l);
    return e;
}

static inline void abandon(struct fixture *f)
{
    archive_writer_free(f->archive.writer);
    f->archive.sink->free(f->archive.sink);
    free(f->archive.path);
}

static inline void assert_holds(struct archive_reader *r, const char *name, space_id_t id,
                                page_no_t n)
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

#endif
