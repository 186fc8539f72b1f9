/* engine/plain_copy_test.c: when a file of another engine is copied again, and when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "engine/engine_test_util.h"
#include "engine/plain_copy.h"

/* Linked instead of the tailer: there is no redo here. */
struct err *tailer_check(struct tailer *t)
{
    (void)t;
    return NULL;
}

struct fixture {
    char *dir, *data;
    struct datadir datadir;
    struct test_archive archive;
    struct copy_env env;
    struct plain_set set;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->data = mem_printf("%s/data", f->dir);
    ok(file_mkdirs(f->data, 0700));
    write_text(f->data, "ibdata1", "");
    const struct server_info s = {.datadir = f->data, .page_size = 16384};
    ok(datadir_resolve(&f->datadir, &s, NULL));
    archive_begin(&f->archive, f->dir);
    f->env = (struct copy_env){.writer = f->archive.writer, .datadir = &f->datadir, .parallel = 2};
    plain_set_init(&f->set, &f->env);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    plain_set_fini(&f->set);
    datadir_fini(&f->datadir);
    free(f->data);
    remove_dir(f->dir);
    free(f);
    return 0;
}

/* Lists and brings the set up to date; how many files were copied. */
static size_t sync_now(struct fixture *f, enum plain_trust trust)
{
    struct listing l;
    ok(listing_make(&l, &f->datadir));
    ok(plain_set_sync(&f->set, &l, trust));
    listing_fini(&l);
    return f->set.files_last_pass;
}

static size_t refresh_now(struct fixture *f)
{
    ok(plain_set_refresh(&f->set));
    return f->set.files_last_pass;
}

/* Until every stamp is old enough to prove something. */
static void let_stamps_age(void)
{
    for (const double end = clock_seconds() + 1.05; clock_seconds() < end;)
        clock_sleep_ms(50);
}

static void write_index(struct fixture *f, const char *name, unsigned open_count)
{
    uint8_t head[64] = {0xfe, 0xfe, 7, 1};
    put_be16(head + 24, (uint16_t)open_count);
    write_bytes(f->data, name, head, sizeof head);
}

static void quiet_files_are_copied_once(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.frm", "definition");
    write_text(f->data, "d/db.opt", "options");
    let_stamps_age();
    assert_int_equal(sync_now(f, PLAIN_MOVING), 2);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 0);
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 0);
    assert_int_equal(refresh_now(f), 0);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "d/t.frm", "definition");
    assert_archived(r, "d/db.opt", "options");
    archive_reader_free(r);
}

static void young_stamp_proves_nothing(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.frm", "one");
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    archive_reader_free(archive_end(&f->archive));
}

static void back_dated_change_is_seen(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.frm", "one");
    set_age(f->data, "d/t.frm", 100);
    let_stamps_age();
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    write_text(f->data, "d/t.frm", "two");
    set_age(f->data, "d/t.frm", 100);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "d/t.frm", "two");
    archive_reader_free(r);
}

/* With myisam_use_mmap the data file's stamps lie. */
static void changed_index_copies_the_whole_table(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.MYD", "rows");
    write_index(f, "d/t.MYI", 0);
    write_text(f->data, "d/t.frm", "definition");
    write_text(f->data, "d/other.MYD", "rows");
    let_stamps_age();
    assert_int_equal(sync_now(f, PLAIN_MOVING), 4);
    write_index(f, "d/t.MYI", 0);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 2);
    archive_reader_free(archive_end(&f->archive));
}

static void dropped_and_new_files_follow_the_listing(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/a.frm", "a");
    write_text(f->data, "d/c.frm", "c");
    sync_now(f, PLAIN_MOVING);
    AUTO_FREE char *a = mem_printf("%s/d/a.frm", f->data);
    assert_int_equal(unlink(a), 0);
    write_text(f->data, "d/b.frm", "b");
    sync_now(f, PLAIN_FLUSHED);
    assert_int_equal(f->set.n, 2);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "d/a.frm", NULL);
    assert_archived(r, "d/b.frm", "b");
    assert_archived(r, "d/c.frm", "c");
    archive_reader_free(r);
}

static void resting_files_need_one_tick_under_the_lock(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.MYD", "rows");
    write_index(f, "d/t.MYI", 0);
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 2);
    assert_int_equal(refresh_now(f), 0);
    write_index(f, "d/t.MYI", 0); /* a late close */
    assert_int_equal(refresh_now(f), 2);
    archive_reader_free(archive_end(&f->archive));
}

static void system_tables_in_use_wait_for_the_last_stage(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "mysql/user.MAD", "old");
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    write_text(f->data, "mysql/user.MAD", "new");
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 0);
    assert_int_equal(refresh_now(f), 1);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "mysql/user.MAD", "new");
    archive_reader_free(r);
}

static void large_log_table_is_not_copied_in_the_last_stage(void **state)
{
    struct fixture *f = *state;
    enum { LARGE = 17 << 20 };
    AUTO_FREE char *rows = mem_zalloc(LARGE);
    write_bytes(f->data, "mysql/general_log.CSV", rows, LARGE);
    write_text(f->data, "mysql/slow_log.CSV", "short");
    sync_now(f, PLAIN_MOVING);
    write_bytes(f->data, "mysql/general_log.CSV", rows, LARGE - 1);
    assert_int_equal(refresh_now(f), 1); /* slow_log, whose stamp is young */
    archive_reader_free(archive_end(&f->archive));
}

/* It is the only table in use. */
static void check_unclosed(const struct fixture *f, const char *table)
{
    char **names = plain_set_unclosed(&f->set);
    assert_non_null(names);
    assert_string_equal(names[0], table);
    assert_null(names[1]);
    plain_names_free(names);
}

static void table_in_use_is_named_and_copied_again(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.MYD", "rows");
    write_index(f, "d/t.MYI", 1);
    write_index(f, "d/fine.MYI", 0);
    write_index(f, "mysql/help.MYI", 1); /* flushed at BLOCK_COMMIT */
    let_stamps_age();
    sync_now(f, PLAIN_FLUSHED);
    check_unclosed(f, "d/t");
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 2); /* we came back */
    write_index(f, "d/t.MYI", 0);
    sync_now(f, PLAIN_FLUSHED);
    assert_null(plain_set_unclosed(&f->set));
    archive_reader_free(archive_end(&f->archive));
}

/* An index file without a key, which says how long its data file is. */
static void write_index_of(struct fixture *f, const char *name, uint16_t options, uint64_t data)
{
    uint8_t head[1024] = {0xfe, 0xfe, 7, 1};
    put_be16(head + 4, options);
    put_be64(head + 68, data);
    write_bytes(f->data, name, head, sizeof head);
}

static void index_that_is_older_than_its_data_counts_as_in_use(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/fine.MYD", "rows");
    write_index_of(f, "d/fine.MYI", 0x43, 4);
    write_text(f->data, "d/packed.MYD", "rows and seven");
    write_index_of(f, "d/packed.MYI", 0x47, 7);
    write_text(f->data, "d/t.MYD", "rows and seven");
    write_index_of(f, "d/t.MYI", 0x43, 7);
    let_stamps_age();
    sync_now(f, PLAIN_FLUSHED);
    check_unclosed(f, "d/t");
    write_index_of(f, "d/t.MYI", 0x43, 14); /* we let go, and came back */
    sync_now(f, PLAIN_FLUSHED);
    assert_null(plain_set_unclosed(&f->set));
    archive_reader_free(archive_end(&f->archive));
}

static void data_directory_link_and_its_target_are_kept(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *target = mem_printf("%s/far/t.MYD", f->dir);
    AUTO_FREE char *link = mem_printf("%s/d/t.MYD", f->data);
    AUTO_FREE char *external = mem_printf("external%s", target);
    write_text(f->dir, "far/t.MYD", "rows");
    write_text(f->data, "d/t.frm", "definition");
    assert_int_equal(symlink(target, link), 0);
    sync_now(f, PLAIN_MOVING);
    struct archive_reader *r = archive_end(&f->archive);
    const int64_t i = archive_reader_find(r, "d/t.MYD");
    assert_true(i >= 0);
    assert_int_equal(archive_reader_entry(r, (uint32_t)i)->kind, ARCHIVE_SYMLINK);
    assert_string_equal(archive_reader_entry(r, (uint32_t)i)->link_target, target);
    assert_archived(r, external, "rows");
    archive_reader_free(r);
}

static void views_are_not_tables(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.frm", "\xfe\x01 table");
    write_text(f->data, "d/v.frm", "TYPE=VIEW\nquery=select 1\n");
    sync_now(f, PLAIN_MOVING);
    assert_int_equal(plain_set_tables(&f->set), 1);
    char **names = plain_set_table_names(&f->set);
    assert_string_equal(names[0], "d/t");
    assert_null(names[1]);
    plain_names_free(names);
    archive_reader_free(archive_end(&f->archive));
}

static void file_of_several_pieces_is_whole(void **state)
{
    struct fixture *f = *state;
    const size_t n = 2 * ARCHIVE_PIECE_MAX + 12345;
    AUTO_FREE char *rows = mem_alloc(n + 1);
    for (size_t i = 0; i < n; i++)
        rows[i] = (char)('a' + i % 23);
    rows[n] = '\0';
    write_bytes(f->data, "d/t.MYD", rows, n);
    sync_now(f, PLAIN_MOVING);
    assert_int_equal(f->set.bytes_last_pass, n);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "d/t.MYD", rows);
    archive_reader_free(r);
}

/* --- on a base --- */

/* Ends the first backup and begins one that is based on it. */
static void base_on_this(struct fixture *f, struct base_facts *facts)
{
    struct out_bytes o = {0};
    const struct file_mark none = {0};
    base_facts_put_head(&o, 0, &none);
    plain_set_put_facts(&f->set, &o);
    base_facts_put_end(&o);
    ok(base_facts_parse(facts, o.p, o.n));
    free(o.p);
    plain_set_fini(&f->set);
    archive_next(&f->archive, f->dir);
    f->env.writer = f->archive.writer;
    f->env.base = facts;
    f->env.base_same_run = true;
    f->env.bytes_read = f->env.bytes_changed = 0;
    plain_set_init(&f->set, &f->env);
}

static const struct archive_attr *attr_of(struct archive_reader *r, const char *name)
{
    const int64_t i = archive_reader_find(r, name);
    assert_true(i >= 0);
    return archive_reader_entry(r, (uint32_t)i);
}

/* Bytes of the entry that are stored, zeros or not. */
static uint64_t stored_bytes(struct archive_reader *r, const char *name)
{
    AUTO(archive_cursor) c = NULL;
    uint64_t at, len, sum = 0;
    const uint8_t *data;
    ok(archive_cursor_open(&c, r, (uint32_t)archive_reader_find(r, name), 0,
                           attr_of(r, name)->size));
    do {
        ok(archive_cursor_next(c, &at, &data, &len));
        sum += len;
    } while (len);
    return sum;
}

static void untouched_table_is_not_read_again(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    write_text(f->data, "d/t.MYD", "rows");
    write_text(f->data, "d/t.MYI", "keys");
    write_text(f->data, "d/v.frm", "TYPE=VIEW\nquery=select 1\n");
    let_stamps_age();
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &facts);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 0);
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 0);
    assert_int_equal(refresh_now(f), 0);
    assert_int_equal(f->env.bytes_read, 0);
    assert_int_equal(plain_set_tables(&f->set), 0);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/t.MYD")->kind, ARCHIVE_PLAIN_DELTA);
    assert_int_equal(attr_of(r, "d/t.MYD")->size, 4);
    assert_int_equal(attr_of(r, "d/t.MYD")->mode, 0640);
    assert_int_equal(stored_bytes(r, "d/t.MYD"), 0);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

/* And what a third backup would be told of it is what the first one knew. */
static void untouched_table_is_a_base_again(void **state)
{
    struct fixture *f = *state;
    struct base_facts first, second;
    write_text(f->data, "d/t.MYD", "rows");
    let_stamps_age();
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &first);
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &second);
    const struct plain_fact *a = base_facts_plain(&first, "d/t.MYD");
    const struct plain_fact *b = base_facts_plain(&second, "d/t.MYD");
    assert_non_null(a);
    assert_non_null(b);
    assert_true(b->mark.proves && a->size == b->size && b->size == 4);
    assert_memory_equal(a->hashes, b->hashes, BLOCK_HASH);
    archive_reader_free(archive_end(&f->archive));
    base_facts_fini(&first);
    base_facts_fini(&second);
}

static void after_a_restart_no_stamp_of_the_base_proves_anything(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    write_text(f->data, "d/t.MYD", "rows");
    let_stamps_age();
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &facts);
    f->env.base_same_run = false;
    sync_now(f, PLAIN_MOVING);
    assert_int_equal(f->env.bytes_read, 4);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/t.MYD")->kind, ARCHIVE_PLAIN_DELTA);
    assert_int_equal(stored_bytes(r, "d/t.MYD"), 0); /* it is as it was, all the same */
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void young_stamp_of_the_base_proves_nothing(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    write_text(f->data, "d/t.MYD", "rows");
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &facts);
    let_stamps_age();
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    assert_int_equal(f->env.bytes_read, 4);
    assert_int_equal(f->env.bytes_changed, 0);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/t.MYD")->kind, ARCHIVE_PLAIN_DELTA);
    assert_int_equal(stored_bytes(r, "d/t.MYD"), 0);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void only_changed_blocks_are_stored_again(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    const size_t n = 6 * PLAIN_BLOCK + 100;
    AUTO_FREE char *rows = mem_alloc(n + PLAIN_BLOCK);
    for (size_t i = 0; i < n + PLAIN_BLOCK; i++)
        rows[i] = (char)('a' + i % 23);
    write_bytes(f->data, "d/t.MYD", rows, n);
    write_text(f->data, "d/t.MYI", "keys");
    let_stamps_age();
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &facts);
    memset(rows + 2 * PLAIN_BLOCK, 0, PLAIN_BLOCK); /* zeros that are new */
    rows[3 * PLAIN_BLOCK] = '!';
    write_bytes(f->data, "d/t.MYD", rows, n + 5); /* the last block grew */
    assert_int_equal(sync_now(f, PLAIN_MOVING), 2);
    assert_int_equal(f->env.bytes_changed, 2 * PLAIN_BLOCK + 105);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/t.MYD")->size, n + 5);
    assert_int_equal(stored_bytes(r, "d/t.MYD"), 2 * PLAIN_BLOCK + 105);
    assert_int_equal(attr_of(r, "d/t.MYI")->kind, ARCHIVE_PLAIN_DELTA);
    assert_int_equal(stored_bytes(r, "d/t.MYI"), 0);
    AUTO_FREE char *found = mem_alloc(PLAIN_BLOCK);
    ok(archive_read(r, (uint32_t)archive_reader_find(r, "d/t.MYD"), 3 * PLAIN_BLOCK, found,
                    PLAIN_BLOCK));
    assert_memory_equal(found, rows + 3 * PLAIN_BLOCK, PLAIN_BLOCK);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void file_that_was_cut_off_needs_no_block(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    const size_t n = 2 * PLAIN_BLOCK;
    AUTO_FREE char *rows = mem_alloc(n);
    memset(rows, 'r', n);
    write_bytes(f->data, "d/t.MYD", rows, n);
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &facts);
    write_bytes(f->data, "d/t.MYD", rows, PLAIN_BLOCK);
    sync_now(f, PLAIN_MOVING);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/t.MYD")->size, PLAIN_BLOCK);
    assert_int_equal(stored_bytes(r, "d/t.MYD"), 0);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void one_changed_file_has_its_whole_table_read(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    write_text(f->data, "d/t.MYD", "rows");
    write_text(f->data, "d/t.MYI", "keys");
    let_stamps_age();
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &facts);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 0);
    write_text(f->data, "d/t.MYI", "KEYS");
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 2);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(stored_bytes(r, "d/t.MYD"), 0);
    assert_archived(r, "d/t.MYI", "KEYS");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void new_and_moved_files_are_stored_whole(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *t = mem_printf("%s/d/t.MYD", f->data), *u = mem_printf("%s/d/u.MYD", f->data);
    AUTO_FREE char *far = mem_printf("%s/far/u.MYD", f->dir);
    AUTO_FREE char *external = mem_printf("external%s", far);
    write_text(f->data, "d/t.MYD", "rows");
    write_text(f->data, "d/u.MYD", "more");
    let_stamps_age();
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &facts);
    AUTO_FREE char *renamed = mem_printf("%s/d/r.MYD", f->data);
    assert_int_equal(rename(t, renamed), 0);
    ok(file_mkdirs_for(far, 0700));
    assert_int_equal(rename(u, far), 0);
    assert_int_equal(symlink(far, u), 0);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 2);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/r.MYD")->kind, ARCHIVE_PLAIN);
    assert_archived(r, "d/r.MYD", "rows");
    assert_int_equal(attr_of(r, external)->kind, ARCHIVE_EXTERNAL);
    assert_archived(r, external, "more");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void linked_file_is_a_delta_behind_its_link(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *target = mem_printf("%s/far/t.MYD", f->dir);
    AUTO_FREE char *link = mem_printf("%s/d/t.MYD", f->data);
    AUTO_FREE char *external = mem_printf("external%s", target);
    write_text(f->dir, "far/t.MYD", "rows");
    ok(file_mkdirs_for(link, 0700));
    assert_int_equal(symlink(target, link), 0);
    let_stamps_age();
    sync_now(f, PLAIN_MOVING);
    base_on_this(f, &facts);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 0);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/t.MYD")->kind, ARCHIVE_SYMLINK);
    assert_int_equal(attr_of(r, external)->kind, ARCHIVE_EXTERNAL_DELTA);
    assert_string_equal(attr_of(r, external)->link_target, target);
    assert_int_equal(attr_of(r, external)->size, 4);
    assert_int_equal(stored_bytes(r, external), 0);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void write_table(struct fixture *f, const char *table)
{
    static const char *const exts[] = {".frm", ".MYD", ".MYI"};
    for (size_t i = 0; i < sizeof exts / sizeof exts[0]; i++) {
        AUTO_FREE char *name = mem_printf("%s%s", table, exts[i]);
        write_text(f->data, name, table);
    }
}

/* Tables whose names begin alike, one with partitions. */
static void write_tables(struct fixture *f)
{
    static const char *const tables[] = {"d/s", "d/t", "d/t1", "d/t_x", "d/t@002d", "d/T"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        write_table(f, tables[i]);
    write_text(f->data, "d/p.frm", "definition");
    write_text(f->data, "d/p#P#p0.MYD", "rows");
    write_text(f->data, "d/p#P#p1.MYD", "rows");
    let_stamps_age();
    sync_now(f, PLAIN_MOVING);
}

static void rows_rest_until_one_of_their_files_changes(void **state)
{
    static const char *const changes[] = {"d/t.MYD", "d/s.MYD", "d/t1.MYI", "d/p#P#p1.MYD"};
    static const char *const tables[] = {"d/t", "d/s", "d/t1", "d/p"};
    struct fixture *f = *state;
    write_tables(f);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = i; k < 4; k++)
            assert_true(plain_set_data_rests(&f->set, tables[k]));
        write_text(f->data, changes[i], "otherwise");
        assert_false(plain_set_data_rests(&f->set, tables[i]));
    }
    write_text(f->data, "d/t_x.frm", "otherwise");
    assert_true(plain_set_data_rests(&f->set, "d/t_x"));
    assert_false(plain_set_file_rests(&f->set, "d/t_x.frm"));
    assert_true(plain_set_data_rests(&f->set, "d/T"));
    archive_reader_free(archive_end(&f->archive));
}

static void move(const struct fixture *f, const char *from, const char *to)
{
    AUTO_FREE char *a = mem_printf("%s/%s", f->data, from);
    AUTO_FREE char *b = mem_printf("%s/%s", f->data, to);
    assert_int_equal(rename(a, b), 0);
}

static void swapped_dropped_and_unknown_files_do_not_rest(void **state)
{
    struct fixture *f = *state;
    write_tables(f);
    assert_true(plain_set_file_rests(&f->set, "d/t.frm"));
    assert_true(plain_set_file_rests(&f->set, "d/s.frm"));
    for (int i = 0; i < 2; i++) { /* there and back */
        move(f, "d/s.frm", "d/x");
        move(f, "d/t.frm", "d/s.frm");
        move(f, "d/x", "d/t.frm");
    }
    assert_false(plain_set_file_rests(&f->set, "d/s.frm"));
    assert_false(plain_set_file_rests(&f->set, "d/t.frm"));
    move(f, "d/t1.MYD", "d/gone");
    assert_false(plain_set_data_rests(&f->set, "d/t1"));
    static const char *const unknown[] = {"d/nothing", "d", "", "d/", "z/z", "d/t.", "a"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_false(plain_set_data_rests(&f->set, unknown[i]));
        assert_false(plain_set_file_rests(&f->set, unknown[i]));
    }
    archive_reader_free(archive_end(&f->archive));
}

static void young_stamp_does_not_rest(void **state)
{
    struct fixture *f = *state;
    write_table(f, "d/t");
    sync_now(f, PLAIN_MOVING);
    assert_false(plain_set_data_rests(&f->set, "d/t"));
    assert_false(plain_set_file_rests(&f->set, "d/t.frm"));
    sync_now(f, PLAIN_FLUSHED);
    assert_true(plain_set_data_rests(&f->set, "d/t"));
    assert_true(plain_set_file_rests(&f->set, "d/t.frm"));
    archive_reader_free(archive_end(&f->archive));
}

static void reading_is_held_back(void **state)
{
    struct fixture *f = *state;
    struct test_pace pace;
    AUTO_FREE uint8_t *rows = mem_zalloc(4096);
    write_bytes(f->data, "d/t.MYD", rows, 4096);
    test_pace_open(&pace, 1);
    f->env.pace = pace.pace;
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    assert_int_equal(pace.polls, 1);
    pace_free(pace.pace);
    archive_reader_free(archive_end(&f->archive));
}

static void who_is_held_back_is_let_go_when_another_thread_fails(void **state)
{
    struct fixture *f = *state;
    struct test_pace pace;
    struct listing l;
    AUTO_FREE uint8_t *rows = mem_zalloc(1 << 20);
    AUTO_FREE char *loop = mem_printf("%s/d/u.MYD", f->data);
    write_bytes(f->data, "d/t.MYD", rows, 1 << 20);
    assert_int_equal(symlink(loop, loop), 0);
    test_pace_open(&pace, 300);
    f->env.pace = pace.pace;
    ok(listing_make(&l, &f->datadir));
    error_is(plain_set_sync(&f->set, &l, PLAIN_MOVING), IO, "d/u.MYD: cannot stat");
    assert_true(pace.polls < 300);
    listing_fini(&l);
    pace_free(pace.pace);
    archive_writer_free(f->archive.writer);
    f->archive.sink->free(f->archive.sink);
    free(f->archive.path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(quiet_files_are_copied_once),
        TEST(young_stamp_proves_nothing),
        TEST(back_dated_change_is_seen),
        TEST(changed_index_copies_the_whole_table),
        TEST(dropped_and_new_files_follow_the_listing),
        TEST(resting_files_need_one_tick_under_the_lock),
        TEST(system_tables_in_use_wait_for_the_last_stage),
        TEST(large_log_table_is_not_copied_in_the_last_stage),
        TEST(table_in_use_is_named_and_copied_again),
        TEST(index_that_is_older_than_its_data_counts_as_in_use),
        TEST(data_directory_link_and_its_target_are_kept),
        TEST(views_are_not_tables),
        TEST(file_of_several_pieces_is_whole),
        TEST(reading_is_held_back),
        TEST(who_is_held_back_is_let_go_when_another_thread_fails),
        TEST(untouched_table_is_not_read_again),
        TEST(untouched_table_is_a_base_again),
        TEST(after_a_restart_no_stamp_of_the_base_proves_anything),
        TEST(young_stamp_of_the_base_proves_nothing),
        TEST(only_changed_blocks_are_stored_again),
        TEST(file_that_was_cut_off_needs_no_block),
        TEST(one_changed_file_has_its_whole_table_read),
        TEST(new_and_moved_files_are_stored_whole),
        TEST(linked_file_is_a_delta_behind_its_link),
        TEST(rows_rest_until_one_of_their_files_changes),
        TEST(swapped_dropped_and_unknown_files_do_not_rest),
        TEST(young_stamp_does_not_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
