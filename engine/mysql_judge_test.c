/* engine/mysql_judge_test.c: each rule of mysql_judge.h, with made-up files, copies, redo and dictionary. Every test named
 * after a rule fails without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/mysql_judge.h"

/* In the order of things: redo starts, barrier, the files are opened, final lock. */
enum { BEFORE = 900, BARRIER = 1000, COPIED = 2000, AFTER = 3000 };
enum { UNDO_ID = 0xFFFFFFED, ROOM = 16 };

struct fixture {
    struct listed_space listed[ROOM];
    struct mysql_file files[ROOM];
    struct copied_space copies[ROOM];
    struct mysql_dict_row dict[ROOM];
    struct ddl_events events;
    struct mysql_verdict verdict;
    size_t n_files, n_copies, n_dict;
    bool final;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->final = true;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mysql_verdict_fini(&f->verdict);
    ddl_events_fini(&f->events);
    free(f);
    return 0;
}

#define STATIC_TEXT(s) ((char *)(uintptr_t)(s))

static struct mysql_file *file(struct fixture *f, const char *path, space_id_t id, ino_t inode)
{
    f->listed[f->n_files] =
        (struct listed_space){.name = STATIC_TEXT(path + 1), .path = STATIC_TEXT(path)};
    struct mysql_file *m = &f->files[f->n_files];
    *m = (struct mysql_file){.listed = &f->listed[f->n_files],
                             .state = MYSQL_FILE_WHOLE,
                             .id = id,
                             .dev = 1,
                             .inode = inode,
                             .size = 1000};
    f->n_files++;
    return m;
}

static struct copied_space *copied(struct fixture *f, space_id_t id, ino_t inode)
{
    struct copied_space *c = &f->copies[f->n_copies++];
    *c = (struct copied_space){.id = id, .lsn_at_start = COPIED, .barrier = BARRIER};
    c->dev = 1;
    c->mark.inode = inode;
    return c;
}

/* In the order of ids. inode 0: nothing is at that path. */
static struct mysql_dict_row *row(struct fixture *f, space_id_t id, const char *path, ino_t inode)
{
    struct mysql_dict_row *r = &f->dict[f->n_dict++];
    *r = (struct mysql_dict_row){
        .id = id, .name = "d/t", .path = path, .found = inode != 0, .dev = 1, .inode = inode};
    return r;
}

/* A table with its file, its copy and its row: nothing to do. */
static struct copied_space *table(struct fixture *f, space_id_t id, const char *path, ino_t inode)
{
    file(f, path, id, inode);
    row(f, id, path, inode);
    return copied(f, id, inode);
}

static void redo(struct fixture *f, unsigned type, space_id_t id, const void *body, size_t n,
                 lsn_t end)
{
    const struct redo_record rec = {
        .type = type, .space = id, .body = body, .body_len = (uint32_t)n};
    ok(ddl_events_record(&f->events, &rec, end));
    ddl_events_end(&f->events, end);
}

static void deleted(struct fixture *f, space_id_t id, lsn_t end)
{
    redo(f, 35, id, "\0\2x", 4, end);
}

static void loaded(struct fixture *f, space_id_t id, uint8_t index_id, lsn_t end)
{
    const uint8_t body[8] = {[7] = index_id};
    redo(f, 61, id, body, sizeof body, end);
}

static void initialised(struct fixture *f, space_id_t id, lsn_t end)
{
    redo(f, 59, id, "", 0, end);
}

static void born(struct fixture *f, space_id_t id, uint8_t index_id, lsn_t end)
{
    const uint8_t index[7] = {0, 66, 0, 0, 0, 0, index_id}, segment[3] = {0, 74, 0};
    const struct redo_record recs[] = {
        {.type = 37, .space = id, .page = 4},
        {.type = 2, .space = id, .page = 4, .body = segment, .body_len = sizeof segment},
        {.type = 8, .space = id, .page = 4, .body = index, .body_len = sizeof index}};
    for (size_t i = 0; i < sizeof recs / sizeof recs[0]; i++)
        ok(ddl_events_record(&f->events, &recs[i], end));
    ddl_events_end(&f->events, end);
}

static struct err *judge(struct fixture *f)
{
    const struct mysql_evidence e = {.files = f->files,
                                     .n_files = f->n_files,
                                     .copies = f->copies,
                                     .n_copies = f->n_copies,
                                     .events = &f->events,
                                     .final = f->final,
                                     .dict = f->dict,
                                     .n_dict = f->n_dict};
    mysql_verdict_fini(&f->verdict);
    return mysql_judge(&f->verdict, &e);
}

static const struct mysql_ruling *ruling_on(const struct fixture *f, const struct mysql_file *file)
{
    for (size_t i = 0; i < f->verdict.n; i++)
        if (f->verdict.rulings[i].file == file)
            return &f->verdict.rulings[i];
    return NULL;
}

/* The ruling on the n-th file. */
static void assert_fate_(struct fixture *f, size_t n, enum mysql_fate fate, const char *why,
                         const char *at, int line)
{
    const struct mysql_ruling *r = ruling_on(f, &f->files[n]);
    if (r && r->fate == fate && (!why || (r->why && !strcmp(r->why, why))))
        return;
    print_error("%s:%d: file %zu: fate %d, %s\n", at, line, n, r ? (int)r->fate : -1,
                r && r->why ? r->why : "no reason");
    fail();
}
#define assert_fate(f, n, fate, why) assert_fate_(f, n, fate, why, __FILE__, __LINE__)

#define UNKNOWN "the server's dictionary does not know its tablespace id"
#define DISCARDED "the tablespace of its table is discarded"
#define OTHER "another file is in use with the same tablespace id"

/* --- nothing to do --- */

static void a_copy_of_an_unchanged_space_is_kept(void **state)
{
    struct fixture *f = *state;
    copied(f, 3, 33)->dropped = true;
    table(f, 5, "/d/t.ibd", 50);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
    assert_int_equal(f->verdict.rulings[0].copy, 1);
    assert_int_equal(f->verdict.n_drops, 0);
    assert_int_equal(f->verdict.copy_bytes, 0);
}

static void renames_swaps_and_instant_changes_are_nothing(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/b.ibd", 50)->name = STATIC_TEXT("d/a.ibd");
    table(f, 6, "/d/a.ibd", 60)->name = STATIC_TEXT("d/b.ibd");
    redo(f, 34, 5, "\0\2a\0\0\2b", 8, AFTER);
    redo(f, 65, 6, "\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0", 16, AFTER);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
    assert_fate(f, 1, MYSQL_KEEP, NULL);
}

/* --- R1 to R5 --- */

static void r1_a_space_without_a_copy_is_new(void **state)
{
    struct fixture *f = *state;
    file(f, "/d/t.ibd", 5, 50);
    row(f, 5, "./d/t.ibd", 50);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "new");
    assert_int_equal(f->verdict.copy_bytes, 1000);
}

static void r1_a_table_truncated_or_rebuilt_is_new_and_its_old_copy_dropped(void **state)
{
    struct fixture *f = *state;
    copied(f, 5, 50);
    file(f, "/d/t.ibd", 6, 60);
    row(f, 6, "./d/t.ibd", 60);
    deleted(f, 5, AFTER);
    born(f, 6, 9, AFTER);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "new");
    assert_int_equal(f->verdict.n_drops, 1);
    assert_int_equal(f->verdict.drops[0], 0);
}

static void r1_a_copy_from_another_file_is_no_copy(void **state)
{
    /* a file that waits for its IMPORT has the id of a table that lives, and was copied last */
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    copied(f, 5, 77);
    file(f, "/d/waits.ibd", 5, 77);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
    assert_int_equal(ruling_on(f, &f->files[0])->copy, 0);
    f->copies[0].dropped = true; /* only the other file's copy is left */
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "new");
}

static void r1_the_same_inode_on_another_device_is_another_file(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50)->dev = 2;
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "new");
}

static void r1_a_copy_with_a_bad_page_is_none(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50)->suspect = STATIC_TEXT("page 7: checksum");
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "a page of its copy was not whole, or of a new index");
}

static void r2_discard_and_import_after_the_barrier_make_the_copy_void(void **state)
{
    /* same id, same inode even: inodes are used again. The DELETE was parsed before the file was opened: c.lsn is no measure */
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    deleted(f, 5, BARRIER + 1);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "imported");
}

static void r2_an_import_before_the_barrier_is_in_the_copy(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    deleted(f, 5, BARRIER);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
}

static void r3_a_file_copied_while_its_table_was_discarded_is_copied_again(void **state)
{
    /* put before the backup, imported during it: the FILE_DELETE is older than the redo */
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50)->was_discarded = true;
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "was discarded");
}

static void r4_an_online_index_is_copied_again(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    born(f, 5, 9, COPIED + 10);
    loaded(f, 5, 9, COPIED + 100);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "index load");
}

static void r4_an_index_loaded_before_the_file_was_opened_is_in_the_copy(void **state)
{
    /* its birth is after the barrier; the load clears it */
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    born(f, 5, 9, BARRIER + 10);
    loaded(f, 5, 9, COPIED);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
}

static void r4_an_index_that_is_loaded_while_the_file_is_copied_is_copied_again(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    born(f, 5, 9, BARRIER + 10);
    loaded(f, 5, 9, COPIED + 1);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "index load");
}

static void r5_a_shared_index_build_is_copied_again_though_nothing_was_loaded(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    born(f, 5, 9, COPIED + 10);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "index birth");
}

static void r5_a_build_that_was_running_when_the_file_was_opened_is_copied_again(void **state)
{
    /* the birth was parsed, the pages were not yet there: only the barrier measures births */
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    born(f, 5, 9, BARRIER + 1);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "index birth");
}

static void r5_a_build_that_ended_before_the_barrier_is_in_the_copy(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    born(f, 5, 9, BARRIER);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
}

static void r5_the_load_of_one_index_does_not_vouch_for_another(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    born(f, 5, 9, BARRIER + 10);
    born(f, 5, 10, BARRIER + 20);
    loaded(f, 5, 9, BARRIER + 30);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "index birth");
}

static void r5_new_tables_make_a_shared_space_suspect_until_the_next_barrier(void **state)
{
    struct fixture *f = *state;
    file(f, "/ibdata1", 0, 10)->listed = &f->listed[0];
    f->listed[0].system = true;
    copied(f, 0, 10);
    table(f, 5, "/general.ibd", 50);
    born(f, 0, 9, COPIED + 10);
    born(f, 5, 10, COPIED + 20);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "index birth");
    assert_fate(f, 1, MYSQL_COPY, "index birth");
    f->copies[0].barrier = f->copies[1].barrier = COPIED + 20;
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
    assert_fate(f, 1, MYSQL_KEEP, NULL);
}

static void each_file_of_the_system_tablespace_has_its_own_copy(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        file(f, i ? "/ibdata2" : "/ibdata1", 0, 10 + i);
        f->listed[i].system = true;
        f->listed[i].first_page = (uint32_t)(i * 768);
    }
    copied(f, 0, 10);
    copied(f, 0, 11)->first_page = 768;
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
    assert_fate(f, 1, MYSQL_KEEP, NULL);
    assert_int_equal(f->verdict.n_drops, 0);
    f->copies[1].first_page = 0;
    ok(judge(f));
    assert_fate(f, 1, MYSQL_COPY, "new");
}

/* --- R6 --- */

static void r6_an_undo_space_born_within_the_redo_is_built_from_it(void **state)
{
    struct fixture *f = *state;
    file(f, "/undo_003.ibu", UNDO_ID, 50);
    row(f, UNDO_ID, "./undo_003.ibu", 50);
    initialised(f, UNDO_ID, BEFORE);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_BUILD, "all of it is in the redo");
}

static void r6_an_undo_space_older_than_the_redo_is_copied(void **state)
{
    struct fixture *f = *state;
    file(f, "/undo_003.ibu", UNDO_ID, 50);
    row(f, UNDO_ID, "./undo_003.ibu", 50);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "new");
}

static void r6_a_table_is_never_built_from_redo_alone(void **state)
{
    /* its index may have been built without redo */
    struct fixture *f = *state;
    file(f, "/d/t.ibd", 5, 50);
    row(f, 5, "./d/t.ibd", 50);
    initialised(f, 5, AFTER);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "new");
}

static void r6_a_copied_undo_space_is_kept(void **state)
{
    struct fixture *f = *state;
    table(f, UNDO_ID, "/undo_003.ibu", 50);
    initialised(f, UNDO_ID, BEFORE);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
}

static void r6_an_undo_space_deleted_since_its_first_page_was_made_is_not_built(void **state)
{
    struct fixture *f = *state;
    file(f, "/undo_003.ibu", UNDO_ID, 50);
    row(f, UNDO_ID, "./undo_003.ibu", 50);
    initialised(f, UNDO_ID, BEFORE);
    deleted(f, UNDO_ID, BARRIER);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_COPY, "new");
}

static void r6_an_undo_space_of_the_dictionary_without_a_written_page_is_built(void **state)
{
    struct fixture *f = *state;
    file(f, "/undo_003.ibu", 0, 50)->state = MYSQL_FILE_UNBORN;
    row(f, UNDO_ID, "./undo_003.ibu", 50);
    initialised(f, UNDO_ID, AFTER);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_LEAVE_OUT, "its first page is empty");
    assert_int_equal(f->verdict.n, 2);
    assert_int_equal(f->verdict.rulings[1].fate, MYSQL_BUILD);
    assert_int_equal(f->verdict.rulings[1].id, UNDO_ID);
    assert_string_equal(f->verdict.rulings[1].path, "./undo_003.ibu");
}

static void undo_ids_are_127_numbers_in_400000_lives(void **state)
{
    (void)state;
    assert_true(mysql_is_undo_id(0xFFFFFFEF));
    assert_false(mysql_is_undo_id(0xFFFFFFF0));
    assert_false(mysql_is_undo_id(0xFFFFFFFE)); /* mysql.ibd */
    assert_true(mysql_is_undo_id(0xFFFFFFF0u - 127 - 127 * 399999u));
    assert_false(mysql_is_undo_id(0xFFFFFFF0u - 127 - 127 * 399999u - 1));
    assert_false(mysql_is_undo_id(5));
}

/* --- D1 to D5 --- */

static void d1_a_file_the_dictionary_does_not_know_is_left_out_and_its_copy_dropped(void **state)
{
    struct fixture *f = *state;
    file(f, "/d/waits.ibd", 99, 50);
    copied(f, 99, 50);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_LEAVE_OUT, UNKNOWN);
    assert_int_equal(f->verdict.n_drops, 1);
}

static void d1_a_file_of_a_discarded_table_is_left_out(void **state)
{
    /* restored, it would block the name of the table: error 1813 */
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    f->dict[0].discarded = true;
    ok(judge(f));
    assert_fate(f, 0, MYSQL_LEAVE_OUT, DISCARDED);
    assert_int_equal(f->verdict.n_drops, 1);
}

static void d1_a_discarded_table_without_a_file_is_nothing(void **state)
{
    struct fixture *f = *state;
    copied(f, 5, 50);
    row(f, 5, "./d/t.ibd", 0)->discarded = true;
    ok(judge(f));
    assert_int_equal(f->verdict.n, 0);
    assert_int_equal(f->verdict.n_drops, 1);
}

static void d2_of_two_files_with_one_id_that_of_the_dictionary_is_the_space(void **state)
{
    /* an export of d/t lies under the name of d/a, a discarded table, whose name comes first */
    struct fixture *f = *state;
    file(f, "/d/a.ibd", 6, 77);
    row(f, 5, "./d/a.ibd", 77)->discarded = true;
    table(f, 6, "/d/t.ibd", 60);
    copied(f, 6, 77);
    ok(judge(f));
    assert_fate(f, 0, MYSQL_LEAVE_OUT, OTHER);
    assert_fate(f, 1, MYSQL_KEEP, NULL);
    assert_int_equal(ruling_on(f, &f->files[1])->copy, 0);
    assert_int_equal(f->verdict.n_drops, 1);
    assert_int_equal(f->verdict.drops[0], 1);
}

static void d2_two_files_where_the_dictionary_has_no_path_are_refused(void **state)
{
    struct fixture *f = *state;
    file(f, "/d/a.ibd", 5, 50);
    file(f, "/d/b.ibd", 5, 51);
    row(f, 5, "./d/t.ibd", 0);
    error_is(judge(f), REFUSED, "/d/a.ibd and /d/b.ibd both have the id of tablespace 5 (d/t)");
}

static void d2_one_file_where_the_dictionary_has_no_path_is_taken(void **state)
{
    struct fixture *f = *state;
    table(f, 0xFFFFFFFE, "/mysql.ibd", 50);
    f->dict[0].found = false;
    f->dict[0].path = NULL;
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
}

static void d2_a_file_in_another_place_than_the_dictionary_says_is_an_error(void **state)
{
    struct fixture *f = *state;
    file(f, "/d/other.ibd", 5, 51);
    row(f, 5, "./d/t.ibd", 50);
    error_is(judge(f), CORRUPT, "/d/other.ibd has the id of tablespace 5 (d/t), which by the");
}

static void d2_a_file_reached_by_two_paths_is_one_file_under_the_dictionary_s_name(void **state)
{
    struct fixture *f = *state;
    file(f, "/a/link/t.ibd", 5, 50);
    file(f, "/d/t.ibd", 5, 50);
    row(f, 5, "./d/t.ibd", 50);
    copied(f, 5, 50);
    ok(judge(f));
    assert_int_equal(f->verdict.n, 1);
    assert_fate(f, 1, MYSQL_KEEP, NULL);
}

static void d3_an_unborn_file_is_left_out(void **state)
{
    struct fixture *f = *state;
    file(f, "/d/t.ibd", 0, 50)->state = MYSQL_FILE_UNBORN;
    ok(judge(f));
    assert_fate(f, 0, MYSQL_LEAVE_OUT, "its first page is empty");
}

static void d4_a_table_without_its_file_is_an_error(void **state)
{
    struct fixture *f = *state;
    copied(f, 5, 50);
    row(f, 5, "./d/t.ibd", 0);
    error_is(judge(f), CORRUPT,
             "tablespace 5 (d/t): no file with its id was found; the server's "
             "dictionary has it in ./d/t.ibd");
}

static void d4_a_table_s_redo_does_not_replace_its_file(void **state)
{
    struct fixture *f = *state;
    row(f, 5, "./d/t.ibd", 0);
    initialised(f, 5, AFTER);
    error_is(judge(f), CORRUPT, "no file with its id");
}

static void d5_the_copy_of_a_dropped_table_is_dropped(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    copied(f, 6, 60);
    copied(f, 7, 70)->dropped = true;
    ok(judge(f));
    assert_int_equal(f->verdict.n_drops, 1);
    assert_int_equal(f->verdict.drops[0], 1);
}

static void d5_the_stale_copy_of_a_space_to_be_copied_again_is_dropped(void **state)
{
    struct fixture *f = *state;
    table(f, 5, "/d/t.ibd", 50);
    deleted(f, 5, AFTER);
    ok(judge(f));
    assert_int_equal(f->verdict.n_drops, 1);
}

/* --- with DDL running --- */

static void before_the_lock_suspects_are_found_and_nothing_is_left_out(void **state)
{
    struct fixture *f = *state;
    f->final = false;
    file(f, "/d/known.ibd", 5, 50);
    copied(f, 5, 50);
    file(f, "/d/new.ibd", 6, 60);
    file(f, "/d/same_id.ibd", 6, 61);
    file(f, "/d/unborn.ibd", 0, 62)->state = MYSQL_FILE_UNBORN;
    file(f, "/d/gone.ibd", 0, 0)->state = MYSQL_FILE_GONE;
    file(f, "/undo_003.ibu", UNDO_ID, 70);
    initialised(f, UNDO_ID, BEFORE);
    copied(f, 8, 80); /* its file may be on its way to another name */
    ok(judge(f));
    assert_fate(f, 0, MYSQL_KEEP, NULL);
    assert_fate(f, 1, MYSQL_COPY, "new");
    assert_fate(f, 2, MYSQL_COPY, "new");
    assert_fate(f, 3, MYSQL_PASS_OVER, NULL);
    assert_fate(f, 4, MYSQL_PASS_OVER, NULL);
    assert_fate(f, 5, MYSQL_BUILD, NULL);
    assert_int_equal(f->verdict.n_drops, 0);
    assert_int_equal(f->verdict.copy_bytes, 2000);
}

static void a_thousand_tables_are_told_apart(void **state)
{
    struct fixture *f = *state;
    enum { N = 1000 };
    struct listed_space *listed = mem_zalloc(N * sizeof *listed);
    struct mysql_file *files = mem_zalloc(N * sizeof *files);
    struct copied_space *copies = mem_zalloc(N * sizeof *copies);
    struct mysql_dict_row *dict = mem_zalloc(N * sizeof *dict);
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t other = (i * 7 + 3) % N; /* the lists are in different orders */
        listed[i].path = listed[i].name = STATIC_TEXT("/d/t.ibd");
        files[i] = (struct mysql_file){
            .listed = &listed[i], .state = MYSQL_FILE_WHOLE, .id = other + 1, .inode = other};
        copies[i] = (struct copied_space){.id = i + 1};
        copies[i].mark.inode = i;
        dict[i] = (struct mysql_dict_row){
            .id = i + 1, .name = "d/t", .path = "./d/t.ibd", .found = true, .inode = i};
    }
    const struct mysql_evidence e = {.files = files,
                                     .n_files = N,
                                     .copies = copies,
                                     .n_copies = N,
                                     .events = &f->events,
                                     .final = true,
                                     .dict = dict,
                                     .n_dict = N};
    ok(mysql_judge(&f->verdict, &e));
    assert_int_equal(f->verdict.n, N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(f->verdict.rulings[i].fate, MYSQL_KEEP);
        assert_int_equal(f->verdict.rulings[i].copy, f->verdict.rulings[i].id - 1);
    }
    free(listed);
    free(files);
    free(copies);
    free(dict);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_copy_of_an_unchanged_space_is_kept),
        TEST(renames_swaps_and_instant_changes_are_nothing),
        TEST(r1_a_space_without_a_copy_is_new),
        TEST(r1_a_table_truncated_or_rebuilt_is_new_and_its_old_copy_dropped),
        TEST(r1_a_copy_from_another_file_is_no_copy),
        TEST(r1_the_same_inode_on_another_device_is_another_file),
        TEST(r1_a_copy_with_a_bad_page_is_none),
        TEST(r2_discard_and_import_after_the_barrier_make_the_copy_void),
        TEST(r2_an_import_before_the_barrier_is_in_the_copy),
        TEST(r3_a_file_copied_while_its_table_was_discarded_is_copied_again),
        TEST(r4_an_online_index_is_copied_again),
        TEST(r4_an_index_loaded_before_the_file_was_opened_is_in_the_copy),
        TEST(r4_an_index_that_is_loaded_while_the_file_is_copied_is_copied_again),
        TEST(r5_a_shared_index_build_is_copied_again_though_nothing_was_loaded),
        TEST(r5_a_build_that_was_running_when_the_file_was_opened_is_copied_again),
        TEST(r5_a_build_that_ended_before_the_barrier_is_in_the_copy),
        TEST(r5_the_load_of_one_index_does_not_vouch_for_another),
        TEST(r5_new_tables_make_a_shared_space_suspect_until_the_next_barrier),
        TEST(each_file_of_the_system_tablespace_has_its_own_copy),
        TEST(r6_an_undo_space_born_within_the_redo_is_built_from_it),
        TEST(r6_an_undo_space_older_than_the_redo_is_copied),
        TEST(r6_a_table_is_never_built_from_redo_alone),
        TEST(r6_a_copied_undo_space_is_kept),
        TEST(r6_an_undo_space_deleted_since_its_first_page_was_made_is_not_built),
        TEST(r6_an_undo_space_of_the_dictionary_without_a_written_page_is_built),
        TEST(undo_ids_are_127_numbers_in_400000_lives),
        TEST(d1_a_file_the_dictionary_does_not_know_is_left_out_and_its_copy_dropped),
        TEST(d1_a_file_of_a_discarded_table_is_left_out),
        TEST(d1_a_discarded_table_without_a_file_is_nothing),
        TEST(d2_of_two_files_with_one_id_that_of_the_dictionary_is_the_space),
        TEST(d2_two_files_where_the_dictionary_has_no_path_are_refused),
        TEST(d2_one_file_where_the_dictionary_has_no_path_is_taken),
        TEST(d2_a_file_in_another_place_than_the_dictionary_says_is_an_error),
        TEST(d2_a_file_reached_by_two_paths_is_one_file_under_the_dictionary_s_name),
        TEST(d3_an_unborn_file_is_left_out),
        TEST(d4_a_table_without_its_file_is_an_error),
        TEST(d4_a_table_s_redo_does_not_replace_its_file),
        TEST(d5_the_copy_of_a_dropped_table_is_dropped),
        TEST(d5_the_stale_copy_of_a_space_to_be_copied_again_is_dropped),
        TEST(before_the_lock_suspects_are_found_and_nothing_is_left_out),
        TEST(a_thousand_tables_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
