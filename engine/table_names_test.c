/* engine/table_names_test.c: which tables there were, and whether a name is still that of the same one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "engine/engine_test_util.h"
#include "engine/table_names.h"

/* Linked instead of the tailer: there is no redo here. */
struct err *tailer_check(struct tailer *t)
{
    (void)t;
    return NULL;
}

enum { COPIES_MAX = 16 };

struct fixture {
    char *dir, *data;
    enum server_flavour flavour;
    struct datadir datadir;
    struct test_archive archive;
    struct copy_env env;
    struct plain_set plain;
    struct space_set spaces;
    struct copied_space copies[COPIES_MAX];
    struct listing listing;
    struct table_names names;
};

static struct fixture *fixture_of(enum server_flavour flavour)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->flavour = flavour;
    f->dir = make_dir();
    f->data = mem_printf("%s/data", f->dir);
    ok(file_mkdirs(f->data, 0700));
    write_text(f->data, "ibdata1", "");
    const struct server_info s = {.flavour = flavour, .datadir = f->data, .page_size = 16384};
    ok(datadir_resolve(&f->datadir, &s, NULL));
    archive_begin(&f->archive, f->dir);
    f->env = (struct copy_env){.writer = f->archive.writer, .datadir = &f->datadir, .parallel = 1};
    plain_set_init(&f->plain, &f->env);
    f->spaces.items = f->copies;
    return f;
}

static int set_up_mysql(void **state)
{
    *state = fixture_of(FLAVOUR_MYSQL);
    return 0;
}

static int set_up_mariadb(void **state)
{
    *state = fixture_of(FLAVOUR_MARIADB);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    archive_reader_free(archive_end(&f->archive));
    for (size_t i = 0; i < f->spaces.n; i++)
        free((char *)(uintptr_t)f->copies[i].attr.path);
    table_names_fini(&f->names);
    plain_set_fini(&f->plain);
    listing_fini(&f->listing);
    datadir_fini(&f->datadir);
    free(f->data);
    remove_dir(f->dir);
    free(f);
    return 0;
}

/* A tablespace and its copy. `name` is relative to the datadir, or to the test's own directory behind "/". */
static struct copied_space *space(struct fixture *f, const char *name)
{
    const bool external = name[0] == '/';
    const char *top = external ? f->dir : f->data;
    AUTO_FREE char *path = mem_printf("%s/%s", top, name + external);
    struct file_mark mark;
    write_text(top, name + external, "pages");
    assert_true(file_mark_look(&mark, path));
    assert_true(f->spaces.n < COPIES_MAX);
    struct copied_space *c = &f->copies[f->spaces.n++];
    *c = (struct copied_space){.mark = mark};
    c->attr.path = external ? mem_printf("external%s", path) : mem_strdup(name);
    c->attr.link_target = external ? c->attr.path + strlen("external") : NULL;
    return c;
}

/* Everything is copied; the lock is let go. */
static void end(struct fixture *f)
{
    ok(listing_make(&f->listing, &f->datadir));
    for (size_t i = 0; i < f->spaces.n; i++)
        if (f->copies[i].attr.link_target)
            listing_add_space(&f->listing, &f->datadir, f->copies[i].attr.link_target);
    ok(plain_set_sync(&f->plain, &f->listing, PLAIN_FLUSHED));
    if (f->flavour == FLAVOUR_MARIADB)
        table_names_note(&f->names, &f->listing);
    table_names_make(&f->names, f->flavour, &f->spaces, &f->plain, &f->listing);
}

static void move(const struct fixture *f, const char *from, const char *to)
{
    AUTO_FREE char *a = mem_printf("%s/%s", f->data, from);
    AUTO_FREE char *b = mem_printf("%s/%s", f->data, to);
    assert_int_equal(rename(a, b), 0);
}

static void swap(const struct fixture *f, const char *a, const char *b)
{
    move(f, a, "swapped");
    move(f, b, a);
    move(f, "swapped", b);
}

static void assert_identity(const struct fixture *f, const char *table, enum hash_identity wanted)
{
    const enum hash_identity found = table_names_identify(&f->names, table);
    if (found != wanted)
        fail_msg("%s: identity %d, not %d", table, (int)found, (int)wanted);
}

/* The names that were not ticked off, with blanks between them. */
static char *unticked(const struct fixture *f)
{
    char *all = mem_strdup("");
    const char *name;
    for (size_t at = 0; (name = table_names_unticked(&f->names, &at)) != NULL;) {
        char *longer = mem_printf("%s%s%s", all, *all ? " " : "", name);
        free(all);
        all = longer;
    }
    return all;
}

static void a_table_of_mysql_is_known_by_the_inodes_of_its_tablespaces(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"d/t.ibd",  "d/t1.ibd",     "d/p#p#p0.ibd", "d/p#p#p1.ibd",
                                        "d/tt.ibd", "/far/d/x.ibd", "d/y.ibd",      "d/t@002d.ibd"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        space(f, names[i]);
    write_text(f->data, "mysql/dummy", "");
    end(f);
    static const char *const same[] = {"d/t", "d/t1", "d/p", "d/tt", "d/x", "d/y", "d/t@002d"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_identity(f, same[i], HASH_TABLE_SAME);
    static const char *const unknown[] = {"d/nothing", "d", "d/", "", "e/t", "d/t2"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_identity(f, unknown[i], HASH_TABLE_UNKNOWN);
    assert_identity(f, "mysql/user", HASH_TABLE_SAME); /* in a tablespace with others, always */

    swap(f, "d/t.ibd", "d/t1.ibd");
    assert_identity(f, "d/t", HASH_TABLE_OTHER);
    assert_identity(f, "d/t1", HASH_TABLE_OTHER);
    swap(f, "d/t.ibd",
         "d/t1.ibd"); /* and back, before it was looked at again: it is the same table */
    assert_identity(f, "d/t", HASH_TABLE_SAME);
    move(f, "d/p#p#p1.ibd", "d/elsewhere");
    assert_identity(f, "d/p", HASH_TABLE_OTHER);
    move(f, "d/y.ibd", "d/old");
    write_text(f->data, "d/y.ibd", "pages"); /* truncated, rebuilt, made anew */
    assert_identity(f, "d/y", HASH_TABLE_OTHER);
    f->spaces.items[0].mark.birth.tv_nsec ^= 1; /* a number of an inode may come back */
    table_names_fini(&f->names);
    table_names_make(&f->names, f->flavour, &f->spaces, &f->plain, &f->listing);
    assert_identity(f, "d/t",
                    f->spaces.items[0].mark.has_birth ? HASH_TABLE_OTHER : HASH_TABLE_SAME);
    assert_identity(f, "d/tt", HASH_TABLE_SAME);
}

static void other_engines_of_mysql_rest_while_their_files_do(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/m.MYD", "rows");
    write_text(f->data, "d/m.MYI", "keys");
    end(f);
    assert_identity(f, "d/m", HASH_TABLE_RESTED);
    write_text(f->data, "d/m.MYD", "more rows");
    assert_identity(f, "d/m", HASH_TABLE_UNKNOWN);
}

static void write_frms(const struct fixture *f, const char *const *tables, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *frm = mem_printf("%s.frm", tables[i]);
        write_text(f->data, frm, "\xfe\x01 table");
    }
}

static void a_table_of_mariadb_is_known_by_its_frm(void **state)
{
    struct fixture *f = *state;
    static const char *const tables[] = {"d/t", "d/s", "d/m", "d/gone", "d/t@002d"};
    write_frms(f, tables, 5);
    write_text(f->data, "d/v.frm", "TYPE=VIEW\nquery=select 1\n");
    write_text(f->data, "d/m.MYD", "rows");
    space(f, "d/t.ibd");
    space(f, "d/s.ibd");
    space(f, "d/without.ibd");
    end(f);
    AUTO_FREE char *all = unticked(f);
    assert_string_equal(all, "d/gone d/m d/s d/t d/t@002d");
    table_names_tick(&f->names, "d/m");
    table_names_tick(&f->names, "d/v");
    table_names_tick(&f->names, "d/t@002d");
    AUTO_FREE char *rest = unticked(f);
    assert_string_equal(rest, "d/gone d/s d/t");
    assert_identity(f, "d/t", HASH_TABLE_SAME);
    assert_identity(f, "d/m", HASH_TABLE_RESTED);
    assert_identity(f, "d/without", HASH_TABLE_OTHER);
    write_text(f->data, "d/m.MYD", "more rows");
    assert_identity(f, "d/m", HASH_TABLE_UNKNOWN);
    swap(f, "d/t.frm", "d/s.frm");
    swap(f, "d/t.frm", "d/s.frm"); /* was another table meanwhile, and is again */
    assert_identity(f, "d/t", HASH_TABLE_OTHER);
    assert_identity(f, "d/s", HASH_TABLE_OTHER);
    move(f, "d/gone.frm", "d/here.frm");
    assert_identity(f, "d/gone", HASH_TABLE_OTHER);
    assert_identity(f, "d/here", HASH_TABLE_OTHER);
}

static void an_exchanged_partition_of_mariadb_is_known_by_its_inode(void **state)
{
    struct fixture *f = *state;
    static const char *const tables[] = {"d/p", "d/t", "d/young"};
    write_frms(f, tables, 3);
    space(f, "d/p#P#p0.ibd");
    space(f, "d/p#P#p1.ibd");
    space(f, "d/t.ibd");
    end(f);
    write_text(f->data, "d/young.ibd", "made since");
    assert_identity(f, "d/p", HASH_TABLE_SAME);
    assert_identity(f, "d/t", HASH_TABLE_SAME);
    assert_identity(f, "d/young", HASH_TABLE_UNKNOWN);
    swap(f, "d/p#P#p1.ibd", "d/t.ibd");
    assert_identity(f, "d/p", HASH_TABLE_OTHER);
    assert_identity(f, "d/t", HASH_TABLE_OTHER);
}

int main(void)
{
#define TEST(family, name) cmocka_unit_test_setup_teardown(name, set_up_##family, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(mysql, a_table_of_mysql_is_known_by_the_inodes_of_its_tablespaces),
        TEST(mysql, other_engines_of_mysql_rest_while_their_files_do),
        TEST(mariadb, a_table_of_mariadb_is_known_by_its_frm),
        TEST(mariadb, an_exchanged_partition_of_mariadb_is_known_by_its_inode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
