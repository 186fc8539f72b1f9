/* engine/mysql_settle_test.c: the steps of mysql_settle.h on files made by hand, with a server and a redo tail that are made up.
 * What DDL does between the steps is done by the tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base_test_util.h"
#include "engine/engine_test_util.h"
#include "engine/mysql_settle.h"
#include "server/mysql.h"
#include "innodb/page_check.h"

enum { PAGE = 16384, FLAGS = 0x4021, PAGES = 4, UNDO_ID = 0xFFFFFFED };

struct fixture {
    char *dir, *data;
    struct datadir datadir;
    struct test_archive archive;
    struct copy_env env;
    struct space_set set;
    struct mysql_settle settle;
    struct ddl_events events;
    char steps[400]; /* what was called, in order */
    bool locked;
    unsigned refusals; /* tries of the lock that time out */
    lsn_t lsn;         /* of the made-up redo */
    lsn_t parsed;
    struct mysql_space rows[8]; /* the dictionary */
    struct mysql_datafile paths[8];
    size_t n_rows, n_paths;
    void (*at_lock)(struct fixture *f); /* DDL that the lock waited for */
    const char *refuse;                 /* text of the error of end_lsn */
    void (*at_look)(struct fixture *f); /* whenever the tail's LSN is asked for */
};

/* The tail is the fixture's: there is one at a time. */
static struct fixture *current(const struct tailer *t)
{
    return (struct fixture *)(uintptr_t)t;
}

lsn_t tailer_lsn(const struct tailer *t)
{
    struct fixture *f = current(t);
    if (f->at_look)
        f->at_look(f);
    return f->parsed;
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

static void step(struct fixture *f, const char *name)
{
    strncat(f->steps, name, sizeof f->steps - strlen(f->steps) - 1);
}

/* Not asked here: the server runs. */
lsn_t tailer_seen_lsn(const struct tailer *t)
{
    (void)t;
    return 0;
}

bool tailer_remade(const struct tailer *t, space_id_t space, page_no_t page)
{
    (void)t;
    (void)space;
    (void)page;
    return false;
}

bool tailer_makes(struct tailer *t, const char *name)
{
    (void)t;
    (void)name;
    return false;
}

struct err *tailer_wait(struct tailer *t, lsn_t lsn, double timeout_seconds)
{
    struct fixture *f = current(t);
    assert_true(timeout_seconds > 0);
    step(f, "tail ");
    if (lsn > f->parsed)
        f->parsed = lsn;
    return NULL;
}

const struct ddl_events *tailer_ddl_events(struct tailer *t)
{
    return &current(t)->events;
}

void tailer_release(struct tailer *t)
{
    (void)t;
}

static struct err *fake_lock(void *ctx, unsigned wait_seconds, bool *timed_out)
{
    struct fixture *f = ctx;
    assert_false(f->locked);
    assert_true(wait_seconds >= 1 && wait_seconds <= 5);
    step(f, "lock ");
    *timed_out = f->refusals != 0;
    if (f->refusals) {
        f->refusals--;
        return NULL;
    }
    f->locked = true;
    if (f->at_lock)
        f->at_lock(f);
    f->at_lock = NULL;
    return NULL;
}

static struct err *fake_unlock(void *ctx)
{
    struct fixture *f = ctx;
    assert_true(f->locked);
    step(f, "unlock ");
    f->locked = false;
    return NULL;
}

static struct err *fake_end_lsn(void *ctx, lsn_t *lsn)
{
    struct fixture *f = ctx;
    assert_true(f->locked);
    step(f, "lsn ");
    *lsn = f->lsn;
    return f->refuse ? err_make(REFUSED, "%s", f->refuse) : NULL;
}

static struct err *fake_spaces(void *ctx, struct mysql_spaces *out)
{
    struct fixture *f = ctx;
    assert_true(f->locked);
    step(f, "spaces ");
    out->items = mem_zalloc((f->n_rows + 1) * sizeof *out->items);
    out->n = f->n_rows;
    for (size_t i = 0; i < f->n_rows; i++) {
        out->items[i] = f->rows[i];
        out->items[i].name = mem_strdup(f->rows[i].name);
        out->items[i].type = mem_strdup("Single");
        out->items[i].state = mem_strdup(f->rows[i].discarded ? "discarded" : "normal");
    }
    return NULL;
}

static struct err *fake_datafiles(void *ctx, struct mysql_datafiles *out)
{
    struct fixture *f = ctx;
    assert_true(f->locked);
    step(f, "paths ");
    out->items = mem_zalloc((f->n_paths + 1) * sizeof *out->items);
    out->n = f->n_paths;
    for (size_t i = 0; i < f->n_paths; i++)
        out->items[i] = (struct mysql_datafile){f->paths[i].id, mem_strdup(f->paths[i].path)};
    return NULL;
}

static struct err *fake_poll(void *ctx)
{
    (void)ctx;
    return NULL;
}

/* A page of MySQL's with `mark` in it. */
static void make_page(uint8_t *page, space_id_t id, page_no_t no, uint8_t mark)
{
    struct space_format format;
    ok(space_format_decode(&format, FLAGS, PAGE));
    memset(page, 0, PAGE);
    put_be32(page + 4, no);
    put_be64(page + 16, 500);
    put_be16(page + 24, no ? 17855 : 8);
    put_be32(page + 34, id);
    if (!no) {
        put_be32(page + FSP_SPACE_ID, id);
        put_be32(page + FSP_SIZE, PAGES);
        put_be32(page + FSP_FLAGS, FLAGS);
    }
    memset(page + 200, mark, 100);
    page_stamp(&format, page);
}

/* Writes a tablespace; in place when the file is there. */
static void put_space(struct fixture *f, const char *name, space_id_t id, uint8_t mark)
{
    AUTO_FREE uint8_t *pages = mem_zalloc((size_t)PAGES * PAGE);
    for (page_no_t no = 0; no < PAGES; no++)
        make_page(pages + (size_t)no * PAGE, id, no, mark);
    write_bytes(f->data, name, pages, (size_t)PAGES * PAGE);
}

static void put_row(struct fixture *f, space_id_t id, const char *path, bool discarded)
{
    f->rows[f->n_rows++] =
        (struct mysql_space){.id = id, .name = (char *)(uintptr_t) "d/t", .discarded = discarded};
    f->paths[f->n_paths++] = (struct mysql_datafile){id, (char *)(uintptr_t)path};
}

static void rename_file(struct fixture *f, const char *from, const char *to)
{
    AUTO_FREE char *a = mem_printf("%s/%s", f->data, from), *b = mem_printf("%s/%s", f->data, to);
    ok(file_mkdirs_for(b, 0700));
    assert_int_equal(rename(a, b), 0);
}

static void remove_file(struct fixture *f, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    assert_int_equal(unlink(path), 0);
}

/* One record in the made-up redo, which grows by 100. */
static void redo(struct fixture *f, unsigned type, space_id_t id, const void *body, size_t n)
{
    const struct redo_record rec = {
        .type = type, .space = id, .body = body, .body_len = (uint32_t)n};
    f->lsn += 100;
    ok(ddl_events_record(&f->events, &rec, f->lsn));
    ddl_events_end(&f->events, f->lsn);
}

static void born(struct fixture *f, space_id_t id)
{
    static const uint8_t index[7] = {0, 66, 0, 0, 0, 0, 9}, segment[3] = {0, 74, 0};
    const struct redo_record recs[] = {
        {.type = 37, .space = id, .page = 4},
        {.type = 2, .space = id, .page = 4, .body = segment, .body_len = sizeof segment},
        {.type = 8, .space = id, .page = 4, .body = index, .body_len = sizeof index}};
    f->lsn += 100;
    for (size_t i = 0; i < sizeof recs / sizeof recs[0]; i++)
        ok(ddl_events_record(&f->events, &recs[i], f->lsn));
    ddl_events_end(&f->events, f->lsn);
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->data = mem_printf("%s/data", f->dir);
    f->lsn = f->parsed = 1000;
    put_space(f, "ibdata1", 0, 1);
    put_space(f, "d/t.ibd", 5, 1);
    put_row(f, 5, "./d/t.ibd", false);
    const struct server_info s = {.flavour = FLAVOUR_MYSQL, .datadir = f->data, .page_size = PAGE};
    ok(datadir_resolve(&f->datadir, &s, NULL));
    archive_begin(&f->archive, f->dir);
    f->env = (struct copy_env){.writer = f->archive.writer,
                               .tail = (struct tailer *)f,
                               .datadir = &f->datadir,
                               .parallel = 2};
    pthread_mutex_init(&f->env.lock, NULL);
    space_set_init(&f->set, &f->env);
    const struct mysql_calls calls = {.lock = fake_lock,
                                      .unlock = fake_unlock,
                                      .end_lsn = fake_end_lsn,
                                      .spaces = fake_spaces,
                                      .datafiles = fake_datafiles,
                                      .poll = fake_poll,
                                      .ctx = f};
    mysql_settle_init(&f->settle, &f->set, calls, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mysql_settle_fini(&f->settle);
    space_set_fini(&f->set);
    for (size_t i = 0; i < f->env.n_corrupt; i++)
        free(f->env.corrupt[i]);
    free(f->env.corrupt);
    pthread_mutex_destroy(&f->env.lock);
    ddl_events_fini(&f->events);
    datadir_fini(&f->datadir);
    free(f->data);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static void abandon(struct fixture *f)
{
    archive_writer_free(f->archive.writer);
    f->archive.sink->free(f->archive.sink);
    free(f->archive.path);
}

static void start_and_copy(struct fixture *f)
{
    ok(mysql_settle_start(&f->settle));
    ok(mysql_settle_copy(&f->settle));
}

/* The archive has this space under this name, with this mark on its pages; mark 0: it has nothing of that name. */
static void assert_has(struct archive_reader *r, const char *name, space_id_t id, uint8_t mark)
{
    const int64_t i = archive_reader_find(r, name);
    if (!mark) {
        assert_true(i < 0);
        return;
    }
    assert_true(i >= 0);
    const struct archive_attr *a = archive_reader_entry(r, (uint32_t)i);
    assert_int_equal(a->kind, ARCHIVE_SPACE);
    assert_int_equal(a->space_id, id);
    assert_int_equal(a->size, PAGES * PAGE);
    AUTO_FREE uint8_t *bytes = mem_alloc(a->size);
    ok(archive_read(r, (uint32_t)i, 0, bytes, a->size));
    for (page_no_t no = 0; no < PAGES; no++)
        assert_int_equal(bytes[(size_t)no * PAGE + 250], mark);
}

static struct archive_reader *finish(struct fixture *f)
{
    ok(mysql_settle_final(&f->settle));
    assert_true(f->locked);
    return archive_end(&f->archive);
}

/* --- M1 to M9 --- */

static void nothing_happens_and_nothing_is_copied_twice(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    struct archive_reader *r = finish(f);
    assert_int_equal(f->settle.times.final_copies, 0);
    assert_has(r, "d/t.ibd", 5, 1);
    assert_has(r, "ibdata1", 0, 1);
    archive_reader_free(r);
}

static void m2_to_m6_the_steps_come_in_this_order(void **state)
{
    struct fixture *f = *state;
    ok(mysql_settle_start(&f->settle));
    assert_string_equal(f->steps, "lock lsn spaces unlock tail ");
    assert_int_equal(f->set.n, 0); /* M3: no file was opened before */
    f->steps[0] = '\0';
    ok(mysql_settle_copy(&f->settle));
    assert_string_equal(f->steps, "");
    ok(mysql_settle_rounds(&f->settle, 2));
    assert_string_equal(f->steps, "lock lsn spaces unlock tail "); /* one was enough */
    f->steps[0] = '\0';
    ok(mysql_settle_final(&f->settle));
    assert_string_equal(f->steps, "lock lsn tail spaces paths ");
    assert_true(f->locked); /* M9 */
    abandon(f);
}

static void m4_a_copy_is_noted_with_the_tail_and_the_barrier_before_it(void **state)
{
    struct fixture *f = *state;
    f->lsn = 5000;
    ok(mysql_settle_start(&f->settle));
    f->parsed = 6000;
    ok(mysql_settle_copy(&f->settle));
    const struct copied_space *c = space_set_find(&f->set, 5);
    assert_int_equal(c->barrier, 5000);
    assert_int_equal(c->lsn_at_start, 6000);
    assert_false(c->was_discarded);
    abandon(f);
}

/* A map of changes of a test: one page of space 5, if it is not 0, up to its end. */
struct change_map {
    lsn_t end;
    page_no_t page;
};

lsn_t change_map_end(const struct change_map *m)
{
    return m->end;
}

bool change_map_distrusts(const struct change_map *m, space_id_t space)
{
    (void)m;
    (void)space;
    return false;
}

bool change_map_has(const struct change_map *m, space_id_t space, page_no_t page)
{
    return m->page && space == 5 && page == m->page;
}

bool change_map_next(const struct change_map *m, space_id_t space, page_no_t from, page_no_t gap,
                     uint64_t *begin, uint64_t *end)
{
    (void)gap;
    *begin = m->page;
    *end = m->page + 1;
    return m->page && space == 5 && from <= m->page;
}

/* What was copied becomes the base of what comes next. */
static void base_on_copies(struct fixture *f, struct base_facts *facts, lsn_t lsn)
{
    base_on_set(facts, &f->set, &f->archive, f->dir, lsn);
    mysql_settle_fini(&f->settle);
    mysql_settle_init(&f->settle, &f->set, f->settle.calls, 1);
}

/* Its pages are in the file when the copy begins; but which pages to read was known before that. */
static void r4_an_online_index_between_barrier_and_copy_condemns_a_copy_by_map(void **state)
{
    enum { BASE = 400, MAP_END = 450 }; /* pages have LSN 500 */
    struct fixture *f = *state;
    struct change_map map = {MAP_END, 0};
    struct base_facts facts;
    start_and_copy(f);
    base_on_copies(f, &facts, BASE);
    f->lsn = f->parsed = 5000;
    ok(mysql_settle_start(&f->settle));
    f->env.changes = &map;
    born(f, 5);
    redo(f, 61, 5, "\0\0\0\0\0\0\0\x9", 8);
    put_space(f, "d/t.ibd", 5, 2);
    f->parsed = f->lsn;
    ok(mysql_settle_copy(&f->settle));
    assert_int_equal(space_set_find(&f->set, 5)->lsn_at_start, 5000);
    f->env.changes = NULL;
    f->env.stores_whole = true;
    f->env.base_lsn = 600; /* the pages look older than the base: they were used before */
    struct archive_reader *r = finish(f);
    assert_int_equal(f->settle.times.final_copies, 1);
    assert_has(r, "d/t.ibd", 5, 2);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

/* A page that is used again and written without redo keeps the LSN it had: older than the base. */
static void a_page_of_the_map_is_stored_whatever_its_lsn(void **state)
{
    enum { BASE = 600, MAP_END = 5000, CHANGED = 2 };
    struct fixture *f = *state;
    struct change_map map = {MAP_END, CHANGED};
    struct base_facts facts;
    start_and_copy(f);
    base_on_copies(f, &facts, BASE);
    put_space(f, "d/t.ibd", 5, 2);
    ok(mysql_settle_start(&f->settle));
    f->env.changes = &map;
    ok(mysql_settle_copy(&f->settle));
    struct archive_reader *r = finish(f);
    const int64_t i = archive_reader_find(r, "d/t.ibd");
    uint8_t byte = 0;
    assert_true(i >= 0);
    assert_int_equal(archive_reader_entry(r, (uint32_t)i)->kind, ARCHIVE_SPACE_DELTA);
    ok(archive_read(r, (uint32_t)i, CHANGED * PAGE + 250, &byte, 1));
    assert_int_equal(byte, 2);
    ok(archive_read(r, (uint32_t)i, (CHANGED + 1) * PAGE + 250, &byte, 1));
    assert_int_equal(byte, 0); /* not stored */
    archive_reader_free(r);
    base_facts_fini(&facts);
}

/* Each LSN of the tail has its own file, marked with it. */
static void replace_file(struct fixture *f)
{
    f->parsed++;
    put_space(f, "d/new", 5, (uint8_t)f->parsed);
    rename_file(f, "d/new", "d/t.ibd");
}

/* What replaced the file when the tail was asked is in the copy: it was opened afterwards. */
static void m4_the_tail_is_asked_before_the_file_is_opened(void **state)
{
    struct fixture *f = *state;
    f->env.parallel = 1;
    f->at_look = replace_file;
    ok(mysql_settle_start(&f->settle));
    ok(listing_make(&f->settle.listing, &f->datadir));
    ok(space_set_copy_all(&f->set, &f->settle.listing));
    const lsn_t noted = space_set_find(&f->set, 5)->lsn_at_start;
    assert_true(noted > 1000);
    struct archive_reader *r = archive_end(&f->archive);
    assert_has(r, "d/t.ibd", 5, (uint8_t)noted);
    archive_reader_free(r);
}

static void build_shared(struct fixture *f)
{
    born(f, 5);
    put_space(f, "d/t.ibd", 5, 2);
}

static void a_shared_index_build_the_lock_waited_for_is_in_the_backup(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    f->at_lock = build_shared;
    struct archive_reader *r = finish(f);
    assert_int_equal(f->settle.times.final_copies, 1);
    assert_has(r, "d/t.ibd", 5, 2);
    archive_reader_free(r);
}

/* What DDL does while the lock is let go is settled when it is taken again; much of it is left to another time. */
static void confirming_copies_little_and_refuses_to_copy_much(void **state)
{
    struct fixture *f = *state;
    bool settled = true;
    start_and_copy(f);
    ok(mysql_settle_final(&f->settle));
    ok(f->settle.calls.unlock(f));
    f->locked = false;
    f->at_lock = build_shared;
    ok(mysql_settle_confirm(&f->settle, PAGES * PAGE - 1, &settled));
    assert_false(settled);
    assert_false(f->locked);
    assert_int_equal(f->settle.times.final_copies, 0);
    ok(mysql_settle_confirm(&f->settle, PAGES * PAGE, &settled));
    assert_true(settled);
    assert_true(f->locked);
    assert_int_equal(f->settle.times.final_copies, 1);
    struct archive_reader *r = archive_end(&f->archive);
    assert_has(r, "d/t.ibd", 5, 2);
    archive_reader_free(r);
}

/* Commits are stopped then, and who holds the lock may wait for them to go on. */
static void confirming_never_waits_for_the_lock_a_second_time(void **state)
{
    struct fixture *f = *state;
    bool settled = true;
    start_and_copy(f);
    ok(mysql_settle_final(&f->settle));
    ok(f->settle.calls.unlock(f));
    f->refusals = 2;
    ok(mysql_settle_confirm(&f->settle, UINT64_MAX, &settled));
    assert_false(settled);
    assert_false(f->locked);
    assert_int_equal(f->refusals, 1);
    f->refusals = 0;
    ok(mysql_settle_confirm(&f->settle, UINT64_MAX, &settled));
    assert_true(settled);
    archive_reader_free(archive_end(&f->archive));
}

static void m5_a_round_leaves_nothing_to_be_copied_under_the_lock(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    f->at_lock = build_shared;
    ok(mysql_settle_rounds(&f->settle, 1));
    assert_false(f->locked);
    struct archive_reader *r = finish(f);
    assert_int_equal(f->settle.times.final_copies, 0);
    assert_has(r, "d/t.ibd", 5, 2);
    archive_reader_free(r);
}

static void m7_names_are_those_of_the_last_listing(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/u.ibd", 6, 3);
    start_and_copy(f);
    rename_file(f, "d/t.ibd", "d/x.ibd");
    rename_file(f, "d/u.ibd", "d/t.ibd");
    rename_file(f, "d/x.ibd", "e/u.ibd");
    f->n_rows = f->n_paths = 0;
    put_row(f, 5, "./e/u.ibd", false);
    put_row(f, 6, "./d/t.ibd", false);
    struct archive_reader *r = finish(f);
    assert_has(r, "e/u.ibd", 5, 1);
    assert_has(r, "d/t.ibd", 6, 3);
    assert_has(r, "d/u.ibd", 0, 0);
    archive_reader_free(r);
}

static void swap_files(struct fixture *f, const char *a, const char *b)
{
    rename_file(f, a, "d/x.ibd");
    rename_file(f, b, a);
    rename_file(f, "d/x.ibd", b);
}

/* EXCHANGE PARTITION before the first lock, and back between the two. */
static void m7_names_may_be_again_those_that_the_files_were_copied_under(void **state)
{
    struct fixture *f = *state;
    bool settled;
    put_space(f, "d/u.ibd", 6, 3);
    start_and_copy(f);
    swap_files(f, "d/t.ibd", "d/u.ibd");
    f->n_rows = f->n_paths = 0;
    put_row(f, 5, "./d/u.ibd", false);
    put_row(f, 6, "./d/t.ibd", false);
    ok(mysql_settle_final(&f->settle));
    ok(fake_unlock(f));
    swap_files(f, "d/t.ibd", "d/u.ibd");
    f->n_rows = f->n_paths = 0;
    put_row(f, 5, "./d/t.ibd", false);
    put_row(f, 6, "./d/u.ibd", false);
    ok(mysql_settle_confirm(&f->settle, UINT64_MAX, &settled));
    assert_true(settled);
    struct archive_reader *r = archive_end(&f->archive);
    assert_has(r, "d/t.ibd", 5, 1);
    assert_has(r, "d/u.ibd", 6, 3);
    archive_reader_free(r);
}

static void m8_a_dropped_table_is_not_in_the_backup_and_its_successor_is(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    remove_file(f, "d/t.ibd");
    redo(f, 35, 5, "\0\2x", 4);
    put_space(f, "d/t.ibd", 7, 4);
    f->n_rows = f->n_paths = 0;
    put_row(f, 7, "./d/t.ibd", false);
    struct archive_reader *r = finish(f);
    assert_has(r, "d/t.ibd", 7, 4);
    archive_reader_free(r);
}

static void m8_an_import_of_the_tables_own_export_is_in_the_backup(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    redo(f, 35, 5, "\0\2x", 4);
    put_space(f, "d/t.ibd", 5, 6); /* in place: the same inode */
    struct archive_reader *r = finish(f);
    assert_has(r, "d/t.ibd", 5, 6);
    archive_reader_free(r);
}

static void m8_a_file_put_before_the_backup_and_imported_during_it_is_in_the_backup(void **state)
{
    struct fixture *f = *state;
    f->rows[0].discarded = true;
    start_and_copy(f);
    assert_true(space_set_find(&f->set, 5)->was_discarded);
    f->rows[0].discarded = false;
    put_space(f, "d/t.ibd", 5, 7);
    struct archive_reader *r = finish(f);
    assert_has(r, "d/t.ibd", 5, 7);
    archive_reader_free(r);
}

static void m8_an_export_of_a_live_table_under_a_discarded_name_harms_neither(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, 9); /* an old export of d/t, listed before it */
    put_row(f, 6, "./d/a.ibd", true);
    put_space(f, "d/z.ibd", 5, 9); /* and one listed behind it */
    start_and_copy(f);
    struct archive_reader *r = finish(f);
    assert_int_equal(f->settle.times.final_copies, 0);
    assert_has(r, "d/t.ibd", 5, 1);
    assert_has(r, "d/a.ibd", 0, 0);
    assert_has(r, "d/z.ibd", 0, 0);
    archive_reader_free(r);
}

static void m8_an_undo_space_of_the_redo_is_not_copied_but_noted(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    put_space(f, "undo_003.ibu", UNDO_ID, 5);
    redo(f, 59, UNDO_ID, "", 0);
    put_row(f, UNDO_ID, "./undo_003.ibu", false);
    struct archive_reader *r = finish(f);
    assert_has(r, "undo_003.ibu", 0, 0);
    assert_int_equal(f->settle.n_created, 1);
    assert_int_equal(f->settle.created[0].id, UNDO_ID);
    assert_string_equal(f->settle.created[0].name, "undo_003.ibu");
    archive_reader_free(r);
}

static void m8_a_table_outside_all_directories_is_found_by_the_dictionary(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *path = mem_printf("%s/far/d/x.ibd", f->dir);
    put_space(f, "../far/d/x.ibd", 8, 8);
    put_row(f, 8, path, false);
    start_and_copy(f);
    struct archive_reader *r = finish(f);
    AUTO_FREE char *name = mem_printf("external%s", path);
    assert_has(r, name, 8, 8);
    archive_reader_free(r);
}

static void m8_a_table_without_its_file_is_an_error(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    remove_file(f, "d/t.ibd");
    error_is(mysql_settle_final(&f->settle), CORRUPT, "tablespace 5 (d/t): no file with its id");
    abandon(f);
}

static void m8_a_file_that_is_replaced_under_the_lock_is_an_error(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    born(f, 5);
    f->at_look = replace_file;
    error_is(mysql_settle_final(&f->settle), CORRUPT,
             "d/t.ibd: space 5 could not be copied: the file has changed");
    abandon(f);
}

static void m8_pages_of_another_space_under_the_lock_are_an_error(void **state)
{
    struct fixture *f = *state;
    uint8_t page[PAGE];
    start_and_copy(f);
    born(f, 5);
    make_page(page, 6, 2, 1);
    AUTO_FREE char *path = mem_printf("%s/d/t.ibd", f->data);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    assert_int_equal(pwrite(fd, page, PAGE, 2 * PAGE), PAGE);
    error_is(mysql_settle_final(&f->settle), CORRUPT,
             "t.ibd: page 2 at offset 32768: belongs to space 6, not 5");
    abandon(f);
}

/* --- damage --- */

static void spoil(struct fixture *f, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    assert_int_equal(pwrite(fd, "bad", 3, 2 * PAGE + 300), 3);
}

static void a_page_that_is_bad_before_the_lock_is_looked_at_again_under_it(void **state)
{
    struct fixture *f = *state;
    spoil(f, "d/t.ibd");
    start_and_copy(f);
    put_space(f, "d/t.ibd", 5, 2); /* it was being written, after all */
    struct archive_reader *r = finish(f);
    assert_int_equal(f->settle.times.final_copies, 1);
    assert_has(r, "d/t.ibd", 5, 2);
    archive_reader_free(r);
}

static void a_page_that_is_bad_under_the_lock_is_damage(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    spoil(f, "d/t.ibd");
    born(f, 5);
    error_is(mysql_settle_final(&f->settle), CORRUPT, "t.ibd: page 2 at offset 32768: ");
    abandon(f);
}

static void an_encrypted_page_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t page[PAGE];
    struct space_format format;
    ok(space_format_decode(&format, FLAGS, PAGE));
    make_page(page, 5, 1, 1);
    put_be16(page + 24, 15);
    page_stamp(&format, page);
    AUTO_FREE char *path = mem_printf("%s/d/t.ibd", f->data);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    assert_int_equal(pwrite(fd, page, PAGE, PAGE), PAGE);
    ok(mysql_settle_start(&f->settle));
    error_is(mysql_settle_copy(&f->settle), REFUSED, "t.ibd: page 1 is encrypted");
    abandon(f);
}

/* --- the lock --- */

static void a_lock_that_is_not_granted_is_tried_again(void **state)
{
    struct fixture *f = *state;
    f->settle.lock_wait_seconds = 60;
    f->refusals = 2;
    ok(mysql_settle_start(&f->settle));
    assert_string_equal(f->steps, "lock lock lock lsn spaces unlock tail ");
    assert_true(f->settle.times.start_wait > 0.3); /* two pauses */
    abandon(f);
}

static void waiting_for_the_lock_is_bounded(void **state)
{
    struct fixture *f = *state;
    f->settle.lock_wait_seconds = 0;
    f->refusals = 100;
    error_is(mysql_settle_start(&f->settle), SERVER,
             "LOCK INSTANCE FOR BACKUP was not granted within 0 seconds");
    assert_int_equal(f->refusals, 99);
    abandon(f);
}

static void
commits_are_not_stopped_beside_a_statement_of_a_second_until_half_the_time_is_over(void **state)
{
    (void)state;
    assert_int_equal(mysql_slow_seconds(0, 60), 1);
    assert_int_equal(mysql_slow_seconds(29.9, 60), 1);
    assert_int_equal(mysql_slow_seconds(30, 60), 10);
    assert_int_equal(mysql_slow_seconds(60, 60), 10);
    assert_int_equal(mysql_slow_seconds(0, 0), 10); /* the only try there is */
}

static void a_redo_log_that_is_turned_off_ends_the_backup(void **state)
{
    struct fixture *f = *state;
    start_and_copy(f);
    f->refuse = "the redo log is turned off";
    error_is(mysql_settle_final(&f->settle), REFUSED, "the redo log is turned off");
    abandon(f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_happens_and_nothing_is_copied_twice),
        TEST(m2_to_m6_the_steps_come_in_this_order),
        TEST(m4_a_copy_is_noted_with_the_tail_and_the_barrier_before_it),
        TEST(m4_the_tail_is_asked_before_the_file_is_opened),
        TEST(r4_an_online_index_between_barrier_and_copy_condemns_a_copy_by_map),
        TEST(a_page_of_the_map_is_stored_whatever_its_lsn),
        TEST(a_shared_index_build_the_lock_waited_for_is_in_the_backup),
        TEST(confirming_copies_little_and_refuses_to_copy_much),
        TEST(confirming_never_waits_for_the_lock_a_second_time),
        TEST(m5_a_round_leaves_nothing_to_be_copied_under_the_lock),
        TEST(m7_names_are_those_of_the_last_listing),
        TEST(m7_names_may_be_again_those_that_the_files_were_copied_under),
        TEST(m8_a_dropped_table_is_not_in_the_backup_and_its_successor_is),
        TEST(m8_an_import_of_the_tables_own_export_is_in_the_backup),
        TEST(m8_a_file_put_before_the_backup_and_imported_during_it_is_in_the_backup),
        TEST(m8_an_export_of_a_live_table_under_a_discarded_name_harms_neither),
        TEST(m8_an_undo_space_of_the_redo_is_not_copied_but_noted),
        TEST(m8_a_table_outside_all_directories_is_found_by_the_dictionary),
        TEST(m8_a_table_without_its_file_is_an_error),
        TEST(m8_a_file_that_is_replaced_under_the_lock_is_an_error),
        TEST(m8_pages_of_another_space_under_the_lock_are_an_error),
        TEST(a_page_that_is_bad_before_the_lock_is_looked_at_again_under_it),
        TEST(a_page_that_is_bad_under_the_lock_is_damage),
        TEST(an_encrypted_page_is_refused),
        TEST(a_lock_that_is_not_granted_is_tried_again),
        TEST(waiting_for_the_lock_is_bounded),
        cmocka_unit_test(
            commits_are_not_stopped_beside_a_statement_of_a_second_until_half_the_time_is_over),
        TEST(a_redo_log_that_is_turned_off_ends_the_backup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
