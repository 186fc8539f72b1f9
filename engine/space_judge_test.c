/* engine/space_judge_test.c: each rule of space_judge.h with made-up files, copies and redo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/space_judge.h"

enum { COPIED = 2000, PAGE_LSN = 500 };

struct fixture {
    char *dir;
    struct datadir datadir;
    struct space_set set;
    struct copied_space copies[8];
    struct file_ops ops;
    struct listing listing;
    struct space_verdict verdict;
    bool at_rest;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    write_text(f->dir, "ibdata1", "");
    const struct server_info s = {.datadir = f->dir, .page_size = 16384};
    ok(datadir_resolve(&f->datadir, &s, NULL));
    f->set.items = f->copies;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    space_verdict_fini(&f->verdict);
    listing_fini(&f->listing);
    file_ops_fini(&f->ops);
    map64_fini(&f->set.by_id);
    datadir_fini(&f->datadir);
    remove_dir(f->dir);
    free(f);
    return 0;
}

/* A file whose page 0 says this. */
static void place(struct fixture *f, const char *name, space_id_t id, lsn_t lsn)
{
    uint8_t head[64] = {1};
    put_be64(head + 16, lsn);
    put_be32(head + 34, id);
    write_bytes(f->dir, name, head, sizeof head);
}

/* A copy of a space, taken from the file `name` as that is now (which need not be there). */
static struct copied_space *copied(struct fixture *f, space_id_t id, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->dir, name);
    struct copied_space *c = &f->copies[f->set.n];
    struct stat st;
    *c = (struct copied_space){
        .id = id, .lsn_at_start = COPIED, .page_lsn = PAGE_LSN, .name = (char *)(uintptr_t)name};
    if (!stat(path, &st)) {
        c->dev = st.st_dev;
        c->mark.inode = st.st_ino;
        c->mark.mtime = st.st_mtim;
        c->mark.ctime = st.st_ctim;
        c->mark.proves = true;
    }
    map64_put(&f->set.by_id, id, f->set.n++);
    return c;
}

static void redo(struct fixture *f, enum redo_type type, space_id_t id, const char *name, lsn_t lsn)
{
    const struct redo_record rec = {.type = type,
                                    .space = id,
                                    .body = (const uint8_t *)name,
                                    .body_len = (uint32_t)strlen(name)};
    ok(file_ops_add(&f->ops, &rec, lsn));
}

static void renamed(struct fixture *f, space_id_t id, const char *from, const char *to, lsn_t lsn)
{
    const size_t n = strlen(from), m = strlen(to);
    AUTO_FREE char *body = mem_printf("%s%c%s", from, 0, to);
    const struct redo_record rec = {.type = REDO_FILE_RENAME,
                                    .space = id,
                                    .body = (const uint8_t *)body,
                                    .body_len = (uint32_t)(n + 1 + m)};
    ok(file_ops_add(&f->ops, &rec, lsn));
}

static const struct space_verdict *judged(struct fixture *f)
{
    ok(listing_make(&f->listing, &f->datadir));
    const struct space_evidence evidence = {
        .listing = &f->listing,
        .ops = &f->ops,
        .copied = &f->set,
        .root = f->dir,
        .at_rest = f->at_rest,
    };
    ok(space_judge(&f->verdict, &evidence));
    return &f->verdict;
}

static void assert_counts(const struct space_verdict *v, size_t copies, size_t ghosts, size_t voids,
                          size_t unlisted, size_t conflicts)
{
    assert_int_equal(v->n_copies, copies);
    assert_int_equal(v->n_ghosts, ghosts);
    assert_int_equal(v->n_voids, voids);
    assert_int_equal(v->n_unlisted, unlisted);
    assert_int_equal(v->n_conflicts, conflicts);
}

static void assert_copy(const struct space_verdict *v, space_id_t id, const char *name,
                        const char *why)
{
    assert_counts(v, 1, v->n_ghosts, v->n_voids, v->n_unlisted, v->n_conflicts);
    assert_int_equal(v->copies[0].id, id);
    assert_string_equal(v->copies[0].file->name, name);
    assert_string_equal(v->copies[0].why, why);
}

static void untouched_copied_files_are_not_opened(void **state)
{
    struct fixture *f = *state;
    place(f, "d/a.ibd", 5, 500);
    place(f, "d/b.ibd", 6, 500);
    copied(f, 5, "d/a.ibd");
    copied(f, 6, "d/b.ibd");
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 0, 0, 0, 0);
    assert_int_equal(v->n_opened, 0);
}

static void file_changed_through_the_redo_is_opened_and_left(void **state)
{
    struct fixture *f = *state;
    place(f, "d/a.ibd", 5, 500);
    copied(f, 5, "d/a.ibd")->mark.proves = false;
    redo(f, REDO_FILE_MODIFY, 5, "./d/a.ibd", 1500);
    place(f, "d/a.ibd", 5, 1700);
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 0, 0, 0, 0);
    assert_int_equal(v->n_opened, 1);
}

static void renamed_and_swapped_files_keep_their_copies(void **state)
{
    struct fixture *f = *state;
    copied(f, 5, "d/a.ibd");
    copied(f, 6, "d/b.ibd");
    renamed(f, 5, "./d/a.ibd", "./d/x.ibd", 1500);
    renamed(f, 6, "./d/b.ibd", "./d/a.ibd", 1501);
    renamed(f, 5, "./d/x.ibd", "./d/b.ibd", 1502);
    place(f, "d/a.ibd", 6, 500);
    place(f, "d/b.ibd", 5, 500);
    assert_counts(judged(f), 0, 0, 0, 0, 0);
}

/* Both files were seen under one name by the listing: the other was never opened. */
static void space_missed_by_the_listing_is_copied(void **state)
{
    struct fixture *f = *state;
    copied(f, 5, "d/a.ibd");
    renamed(f, 5, "./d/a.ibd", "./d/b.ibd", 1500);
    renamed(f, 6, "./d/b.ibd", "./d/a.ibd", 1500);
    place(f, "d/a.ibd", 6, 500);
    place(f, "d/b.ibd", 5, 500);
    assert_copy(judged(f), 6, "d/a.ibd", "not copied yet");
}

static void created_space_is_left_to_the_redo(void **state)
{
    struct fixture *f = *state;
    redo(f, REDO_FILE_CREATE, 7, "./d/new.ibd", 1500);
    redo(f, REDO_FILE_CREATE, 8, "./d/fresh.ibd", 1500);
    place(f, "d/new.ibd", 7, 1501);
    static const uint8_t zeros[64];
    write_bytes(f->dir, "d/fresh.ibd", zeros, sizeof zeros); /* J5 */
    assert_counts(judged(f), 0, 0, 0, 0, 0);
}

static void failed_create_is_a_ghost(void **state)
{
    struct fixture *f = *state;
    redo(f, REDO_FILE_CREATE, 7, "./d/gone.ibd", 1500);
    redo(f, REDO_FILE_CREATE, 8, "./d/stray.ibd", 1500);
    place(f, "d/stray.ibd", 99, 500); /* it was in the way */
    copied(f, 99, "d/stray.ibd");
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 2, 0, 0, 0);
    assert_true(v->ghosts[0] + v->ghosts[1] == 15);
}

static void create_on_an_empty_file_is_a_ghost(void **state)
{
    struct fixture *f = *state;
    redo(f, REDO_FILE_CREATE, 8, "./d/empty.ibd", 1502);
    write_bytes(f->dir, "d/empty.ibd", "", 0);
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 1, 0, 0, 0);
    assert_int_equal(v->ghosts[0], 8);
}

/* Either the file of 9 was in the way when 10 was to be created, or another one was when 9 was. */
static void only_the_dictionary_tells_whose_unwritten_file_it_is(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[64];
    redo(f, REDO_FILE_CREATE, 9, "./d/new.ibd", 1500);
    redo(f, REDO_FILE_CREATE, 10, "./d/new.ibd", 1501);
    write_bytes(f->dir, "d/new.ibd", zeros, sizeof zeros);
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 0, 0, 0, 0);
    assert_int_equal(v->n_doubtful, 2);
    assert_int_equal(v->doubtful[0], 9);
    assert_int_equal(v->doubtful[1], 10);
}

/* Once page 0 is written, it tells. */
static void older_and_younger_spaces_under_one_name_are_ghosts(void **state)
{
    struct fixture *f = *state;
    redo(f, REDO_FILE_CREATE, 8, "./d/new.ibd", 1500);
    redo(f, REDO_FILE_CREATE, 9, "./d/new.ibd", 1501);
    redo(f, REDO_FILE_CREATE, 10, "./d/new.ibd", 1502);
    place(f, "d/new.ibd", 9, 1503);
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 2, 0, 0, 0);
    assert_int_equal(v->ghosts[0], 8);
    assert_int_equal(v->ghosts[1], 10);
    assert_int_equal(v->n_doubtful, 0);
}

/* FILE_CREATE comes before the file, and a running ALTER makes tables under BLOCK_DDL too. */
/* Recovery makes the file of the first, and gives the file that is in the way of the second its new name. */
static void at_rest_only_a_name_that_another_space_has_makes_a_ghost(void **state)
{
    struct fixture *f = *state;
    f->at_rest = true;
    redo(f, REDO_FILE_CREATE, 7, "./d/lost.ibd", 1000);
    place(f, "d/old.ibd", 8, PAGE_LSN);
    copied(f, 8, "d/old.ibd");
    renamed(f, 8, "./d/old.ibd", "./d/new.ibd", 1000);
    redo(f, REDO_FILE_CREATE, 9, "./d/old.ibd", 1100);
    place(f, "d/in_the_way.ibd", 10, PAGE_LSN);
    copied(f, 10, "d/in_the_way.ibd");
    redo(f, REDO_FILE_CREATE, 11, "./d/in_the_way.ibd", 1200);
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 1, 0, 0, 0);
    assert_int_equal(v->ghosts[0], 11);
}

static void tables_of_a_running_alter_are_no_ghosts(void **state)
{
    struct fixture *f = *state;
    redo(f, REDO_FILE_CREATE, 7, "./d/FTS_000000000000007d_BEING_DELETED.ibd", 1500);
    redo(f, REDO_FILE_CREATE, 8, "./d/#sql-alter-1-2.ibd", 1501);
    redo(f, REDO_FILE_CREATE, 9, "./d/#sql-alter-1-2.ibd", 1502);
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 1, 0, 0, 0);
    assert_int_equal(v->ghosts[0], 8); /* but of two with one name the older is */
}

static void deleted_space_is_no_ghost(void **state)
{
    struct fixture *f = *state;
    redo(f, REDO_FILE_CREATE, 7, "./d/gone.ibd", 1500);
    redo(f, REDO_FILE_DELETE, 7, "./d/gone.ibd", 1501);
    copied(f, 5, "d/dropped.ibd");
    redo(f, REDO_FILE_DELETE, 5, "./d/dropped.ibd", 1502);
    assert_counts(judged(f), 0, 0, 0, 0, 0);
}

static void import_makes_an_earlier_copy_stale(void **state)
{
    struct fixture *f = *state;
    place(f, "d/t.ibd", 5, COPIED + 100);
    copied(f, 5, "d/t.ibd");
    redo(f, REDO_FILE_DELETE, 5, "./d/t.ibd", COPIED + 50);
    redo(f, REDO_FILE_MODIFY, 5, "./d/t.ibd", COPIED + 150);
    const struct space_verdict *v = judged(f);
    assert_copy(v, 5, "d/t.ibd", "imported");
    assert_false(v->copies[0].revives);
}

static void copy_begun_after_the_import_is_good(void **state)
{
    struct fixture *f = *state;
    place(f, "d/t.ibd", 5, COPIED - 100);
    copied(f, 5, "d/t.ibd");
    redo(f, REDO_FILE_DELETE, 5, "./d/t.ibd", COPIED - 200);
    redo(f, REDO_FILE_MODIFY, 5, "./d/t.ibd", COPIED - 100);
    assert_counts(judged(f), 0, 0, 0, 0, 0);
}

/* Nothing in the redo tells of it before the tablespace is changed. */
static void silent_import_is_seen_by_its_file(void **state)
{
    struct fixture *f = *state;
    place(f, "d/t.ibd", 5, COPIED + 100);
    copied(f, 5, "d/t.ibd");
    redo(f, REDO_FILE_MODIFY, 5, "./d/t.ibd", 1500);
    redo(f, REDO_FILE_DELETE, 5, "./d/t.ibd", COPIED + 50);
    const struct space_verdict *v = judged(f);
    assert_copy(v, 5, "d/t.ibd", "imported");
    assert_true(v->copies[0].revives);
}

static void deleted_space_in_a_foreign_file_stays_deleted(void **state)
{
    struct fixture *f = *state;
    place(f, "d/saved.ibd", 5, 500);
    place(f, "d/#sql-ib5.ibd", 6, 500);
    redo(f, REDO_FILE_DELETE, 5, "./d/t.ibd", 1500);
    redo(f, REDO_FILE_MODIFY, 6, "./d/#sql-ib5.ibd", 1500);
    redo(f, REDO_FILE_DELETE, 6, "./d/#sql-ib5.ibd", 1501);
    assert_counts(judged(f), 0, 0, 0, 0, 0);
}

/* DISCARD before our redo begins. */
static void import_without_its_discard_is_seen_by_page_0(void **state)
{
    struct fixture *f = *state;
    static const struct {
        lsn_t page_lsn;
        bool imported;
    } cases[] = {{0, true}, {PAGE_LSN - 1, true}, {PAGE_LSN, false}, {PAGE_LSN + 1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        place(f, "d/t.ibd", 5, cases[i].page_lsn);
        f->set.n = 0;
        copied(f, 5, "d/t.ibd")->mark.proves = false;
        assert_int_equal(judged(f)->n_copies, cases[i].imported);
        space_verdict_fini(&f->verdict);
        listing_fini(&f->listing);
    }
}

static void suspect_copy_is_made_again(void **state)
{
    struct fixture *f = *state;
    char why[] = "mixed";
    place(f, "d/t.ibd", 5, 500);
    copied(f, 5, "d/t.ibd")->suspect = why;
    assert_copy(judged(f), 5, "d/t.ibd", "pages of two spaces were in it");
}

/* The file that waits for IMPORT carries the id of the table it was exported from. */
static void file_placed_by_hand_loses_to_the_name_in_the_redo(void **state)
{
    struct fixture *f = *state;
    place(f, "d/hand.ibd", 5, 500);
    place(f, "d/src.ibd", 5, 1600);
    copied(f, 5, "d/hand.ibd");
    redo(f, REDO_FILE_MODIFY, 5, "./d/src.ibd", 1500);
    assert_copy(judged(f), 5, "d/src.ibd", "copied from another file");
}

static void file_placed_by_hand_is_left_when_the_right_one_was_copied(void **state)
{
    struct fixture *f = *state;
    place(f, "d/hand.ibd", 5, 500);
    place(f, "d/src.ibd", 5, 500);
    copied(f, 5, "d/src.ibd");
    redo(f, REDO_FILE_MODIFY, 5, "./d/src.ibd", 1500);
    assert_counts(judged(f), 0, 0, 0, 0, 0);
}

static void two_files_and_a_silent_redo_are_a_conflict(void **state)
{
    struct fixture *f = *state;
    place(f, "d/a.ibd", 5, 500);
    place(f, "d/b.ibd", 5, 500);
    copied(f, 5, "d/a.ibd");
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 0, 0, 0, 1);
    assert_int_equal(v->conflicts[0].id, 5);
}

static void replaced_file_voids_the_old_copy(void **state)
{
    struct fixture *f = *state;
    copied(f, 77, "d/t.ibd"); /* placed by hand for an import that is done by now */
    place(f, "d/t.ibd", 5, 1700);
    const struct space_verdict *v = judged(f);
    assert_copy(v, 5, "d/t.ibd", "not copied yet");
    assert_int_equal(v->n_voids, 1);
    assert_int_equal(v->voids[0], 77);
}

static void live_space_outside_every_listing_is_named(void **state)
{
    struct fixture *f = *state;
    redo(f, REDO_FILE_MODIFY, 5, "/far/away/t.ibd", 1500);
    const struct space_verdict *v = judged(f);
    assert_counts(v, 0, 0, 0, 1, 0);
    assert_string_equal(v->unlisted[0].name, "/far/away/t.ibd");
}

static void undo_tablespaces_have_no_name_of_a_table(void **state)
{
    struct fixture *f = *state;
    place(f, "undo001", 1, 1600);
    copied(f, 1, "undo001")->mark.proves = false;
    redo(f, REDO_FILE_MODIFY, 1, "/some/where/undo001", 1500);
    redo(f, REDO_FILE_MODIFY, 2, ".//undo002", 1500);
    assert_counts(judged(f), 0, 0, 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(untouched_copied_files_are_not_opened),
        TEST(file_changed_through_the_redo_is_opened_and_left),
        TEST(renamed_and_swapped_files_keep_their_copies),
        TEST(space_missed_by_the_listing_is_copied),
        TEST(created_space_is_left_to_the_redo),
        TEST(failed_create_is_a_ghost),
        TEST(create_on_an_empty_file_is_a_ghost),
        TEST(only_the_dictionary_tells_whose_unwritten_file_it_is),
        TEST(older_and_younger_spaces_under_one_name_are_ghosts),
        TEST(at_rest_only_a_name_that_another_space_has_makes_a_ghost),
        TEST(tables_of_a_running_alter_are_no_ghosts),
        TEST(deleted_space_is_no_ghost),
        TEST(import_makes_an_earlier_copy_stale),
        TEST(copy_begun_after_the_import_is_good),
        TEST(silent_import_is_seen_by_its_file),
        TEST(deleted_space_in_a_foreign_file_stays_deleted),
        TEST(import_without_its_discard_is_seen_by_page_0),
        TEST(suspect_copy_is_made_again),
        TEST(file_placed_by_hand_loses_to_the_name_in_the_redo),
        TEST(file_placed_by_hand_is_left_when_the_right_one_was_copied),
        TEST(two_files_and_a_silent_redo_are_a_conflict),
        TEST(replaced_file_voids_the_old_copy),
        TEST(live_space_outside_every_listing_is_named),
        TEST(undo_tablespaces_have_no_name_of_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
