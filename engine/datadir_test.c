/* engine/datadir_test.c: what a listing sees, and where the server's settings say its files are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/datadir.h"
#include "engine/engine_test_util.h"

static struct server_info server_at(char *dir)
{
    return (struct server_info){.datadir = dir, .page_size = 16384};
}

static struct datadir resolved(const struct server_info *s, const char *root)
{
    struct datadir d;
    ok(datadir_resolve(&d, s, root));
    return d;
}

static const struct listed_file *listed(const struct listing *l, const char *name)
{
    for (size_t i = 0; i < l->n_files; i++)
        if (!strcmp(l->files[i].name, name))
            return &l->files[i];
    return NULL;
}

static const struct listed_space *listed_space(const struct listing *l, const char *name)
{
    for (size_t i = 0; i < l->n_spaces; i++)
        if (!strcmp(l->spaces[i].name, name))
            return &l->spaces[i];
    return NULL;
}

static void settings_name_the_places_of_files(void **state)
{
    (void)state;
    char *dir = make_dir();
    static const struct {
        const char *setting, *expected; /* %s: the datadir */
    } cases[] = {
        {NULL, "%s"},
        {"", "%s"},
        {".", "%s"},
        {"./", "%s"},
        {"./undo", "%s/undo"},
        {"undo/", "%s/undo"},
        {"/elsewhere/undo/", "/elsewhere/undo"},
        {"/server/data", "%s"},
        {"/server/data/", "%s"},
        {"/server/data/undo", "%s/undo"},
        {"/server/database", "/server/database"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct server_info s = server_at((char *)(uintptr_t) "/server/data");
        AUTO_FREE char *setting = cases[i].setting ? mem_strdup(cases[i].setting) : NULL;
        char expected[PATH_MAX];
        const char *place = strstr(cases[i].expected, "%s");
        snprintf(expected, sizeof expected, "%s%s", place ? dir : "",
                 cases[i].expected + (place ? 2 : 0));
        s.innodb_undo_directory = setting;
        struct datadir d = resolved(&s, dir);
        assert_string_equal(d.undo_dir, expected);
        datadir_fini(&d);
    }
    remove_dir(dir);
}

static void system_tablespace_files_are_found_in_order(void **state)
{
    (void)state;
    char *dir = make_dir(), *home = mem_strdup("");
    char *spec = mem_printf("ibdata1:1M;%s/far/ibdata2:10M:autoextend", dir);
    struct server_info s = server_at(dir);
    s.innodb_data_file_path = spec;
    s.innodb_data_home_dir = home;
    struct datadir d = resolved(&s, NULL);
    assert_int_equal(d.n_system, 2);
    assert_string_equal(d.system_names[1], "ibdata2");
    AUTO_FREE char *far = mem_printf("%s/far/ibdata2", dir);
    assert_string_equal(d.system_paths[1], far);
    AUTO_FREE uint8_t *zeros = mem_zalloc(5 * 16384);
    write_bytes(dir, "ibdata1", zeros, 5 * 16384);
    write_bytes(dir, "far/ibdata2", zeros, 16384);
    struct listing l;
    ok(listing_make(&l, &d));
    assert_int_equal(l.n_spaces, 2);
    assert_int_equal(l.spaces[1].first_page, 5);
    assert_true(l.spaces[1].system);
    assert_int_equal(l.n_dirs, 0); /* "far" is InnoDB's, not a database */
    listing_fini(&l);
    datadir_fini(&d);
    free(spec);
    free(home);
    remove_dir(dir);
}

static void two_data_files_of_one_name_are_refused(void **state)
{
    (void)state;
    char *dir = make_dir(), *spec = mem_strdup("a/ibdata1:1M;b/ibdata1:1M");
    struct server_info s = server_at(dir);
    s.innodb_data_file_path = spec;
    struct datadir d;
    error_is(datadir_resolve(&d, &s, NULL), REFUSED, "two data files are named ibdata1");
    datadir_fini(&d);
    free(spec);
    remove_dir(dir);
}

static void missing_datadir_is_named(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct server_info s = server_at(dir);
    struct datadir d;
    AUTO_FREE char *missing = mem_printf("%s/none", dir);
    struct err *e = datadir_resolve(&d, &s, missing);
    assert_non_null(e->hint);
    error_is(e, REFUSED, "/none: cannot find the datadir: No such file or directory");
    datadir_fini(&d);
    remove_dir(dir);
}

static void listing_takes_what_belongs_to_a_backup(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct server_info s = server_at(dir);
    AUTO_FREE char *outside = mem_printf("%s/.away/db/x.ibd", dir);
    static const char *const names[] = {
        "ibdata1",
        "ib_logfile0",
        "ibtmp1",
        "undo001",
        "undo1",
        "aria_log_control",
        "ddl.log",
        "ib_buffer_pool",
        "binlog.00001",
        "db/t.ibd",
        "db/t.frm",
        "db/#sql-alter-1-2.ibd",
        "db/#sql-1.frm",
        "db/t.cfg",
        "db/m.MYD",
        "db/m.MYI",
        "db/m.frm",
        "db/odd.file",
        "db/db.opt",
        "#innodb/x.ibd",
        ".away/db/x.ibd",
        "lost+found/x",
        "repo/mbe-repository",
        "repo/x/backup.mbe",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        write_text(dir, names[i], "x");
    write_text(dir, "db/x.isl", outside);
    write_text(dir, "db/stale.isl", "relative/path.ibd");
    AUTO_FREE char *empty = mem_printf("%s/empty", dir);
    ok(file_mkdirs(empty, 0700));
    struct datadir d = resolved(&s, NULL);
    struct listing l;
    ok(listing_make(&l, &d));

    assert_int_equal(l.n_dirs, 2);
    assert_string_equal(l.dirs[0], "db");
    assert_string_equal(l.dirs[1], "empty");
    static const char *const files[] = {"db/t.frm", "db/m.MYD",     "db/m.MYI",
                                        "db/m.frm", "db/odd.file",  "db/db.opt",
                                        "db/x.isl", "db/stale.isl", "ib_buffer_pool"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_non_null(listed(&l, files[i]));
    assert_int_equal(l.n_files, sizeof files / sizeof files[0]);
    assert_false(listed(&l, "db/odd.file")->known);
    assert_true(listed(&l, "db/m.MYI")->known);

    static const char *const spaces[] = {"ibdata1", "undo001", "db/t.ibd", "db/#sql-alter-1-2.ibd"};
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        assert_non_null(listed_space(&l, spaces[i]));
    assert_int_equal(l.n_spaces, 5);
    assert_true(listed_space(&l, outside)->external);
    listing_fini(&l);
    datadir_fini(&d);
    remove_dir(dir);
}

/* Whatever a user put there is copied and reported, though no table is in it. */
static void directory_inside_a_database_is_listed_as_unknown_files(void **state)
{
    (void)state;
    char *dir = make_dir();
    write_text(dir, "ibdata1", "");
    write_text(dir, "db/strange.MYD/deep/t.ibd", "x");
    write_text(dir, "db/strange.MYD/a.MYI", "x");
    struct server_info s = server_at(dir);
    struct datadir d = resolved(&s, NULL);
    struct listing l;
    ok(listing_make(&l, &d));
    assert_non_null(listed(&l, "db/strange.MYD/deep/t.ibd"));
    assert_false(listed(&l, "db/strange.MYD/deep/t.ibd")->known);
    assert_false(listed(&l, "db/strange.MYD/a.MYI")->known);
    assert_null(listed_space(&l, "db/strange.MYD/deep/t.ibd"));
    listing_fini(&l);
    datadir_fini(&d);
    remove_dir(dir);
}

struct named {
    const char *file, *name; /* name NULL: not listed */
};

/* Every tablespace MySQL would find, once, under the right name; and of the other files what a restored server can use. */
static void mysql_listing_takes_what_belongs_to_a_backup(void **state)
{
    (void)state;
    char *top = make_dir(), *dir = mem_printf("%s/data", top), *undo = mem_printf("%s/undo", top);
    char *more = mem_printf("%s/far;%s/far/deep;%s;./d;%s/absent", top, top, dir, top);
    struct server_info s = server_at(dir);
    s.flavour = FLAVOUR_MYSQL;
    s.innodb_undo_directory = undo;
    s.innodb_directories = more;
    static const struct named spaces[] = {
        {"data/ibdata1", "ibdata1"},
        {"data/mysql.ibd", "mysql.ibd"},
        {"data/general.ibd", "general.ibd"},
        {"data/d/t.ibd", "d/t.ibd"},
        {"data/d/t#p#p0.ibd", "d/t#p#p0.ibd"},
        {"data/d/#sql-ib1-2.ibd", "d/#sql-ib1-2.ibd"},
        {"data/d/sub/g.ibd", "d/sub/g.ibd"},
        {"data/own.ibu", "own.ibu"},
        {"undo/undo_001", "undo_001"},
        {"undo/un.ibu", "un.ibu"},
        {"far/d/x.ibd", "far/d/x.ibd"},
        {"far/deep/y.ibd", "far/deep/y.ibd"},
        {"far/z.ibu", "far/z.ibu"},
        {"data/undo_01", NULL},
        {"data/ibtmp1", NULL},
        {"data/#innodb_temp/temp_1.ibt", NULL},
        {"data/#innodb_redo/#ib_redo5", NULL},
        {"data/#innodb_redo/x.ibd", NULL},
        {"data/#ib_archive/x.ibd", NULL},
        {"data/#meb/1.idx", NULL},
        {"data/.mylogin/x.ibd", NULL},
        {"data/lost+found/x.ibd", NULL},
        {"undo/undo_1_trunc.log", NULL},
        {"far/readme", NULL},
    };
    static const struct named files[] = {
        {"data/d/m.MYD", "d/m.MYD"},
        {"data/d/m.MYI", "d/m.MYI"},
        {"data/d/m_383.sdi", "d/m_383.sdi"},
        {"data/d/c.CSV", "d/c.CSV"},
        {"data/d/c.CSM", "d/c.CSM"},
        {"data/d/a.ARZ", "d/a.ARZ"},
        {"data/d/me.MRG", "d/me.MRG"},
        {"data/mysqld-auto.cnf", "mysqld-auto.cnf"},
        {"data/server-key.pem", "server-key.pem"},
        {"data/mysql_upgrade_history", "mysql_upgrade_history"},
        {"data/ib_buffer_pool", "ib_buffer_pool"},
        {"data/auto.cnf", NULL},
        {"data/vm.pid", NULL},
        {"data/binlog.000001", NULL},
        {"data/binlog.index", NULL},
        {"data/vm-relay-bin.000001", NULL},
        {"data/#ib_16384_0.dblwr", NULL},
        {"data/component_keyring_file", NULL},
        {"data/d/t.cfg", NULL},
        {"data/d/t.cfp", NULL},
        {"data/d/undo_1_trunc.log", NULL},
    };
    enum { N_SPACES = sizeof spaces / sizeof spaces[0], N_FILES = sizeof files / sizeof files[0] };
    for (size_t i = 0; i < N_SPACES; i++)
        write_text(top, spaces[i].file, "x");
    for (size_t i = 0; i < N_FILES; i++)
        write_text(top, files[i].file, "x");
    struct datadir d = resolved(&s, NULL);
    struct listing l;
    ok(listing_make(&l, &d));
    size_t n = 0;
    for (size_t i = 0; i < N_SPACES && spaces[i].name; i++, n++) {
        const bool external = !strncmp(spaces[i].file, "far/", 4);
        AUTO_FREE char *name =
            external ? mem_printf("%s/%s", top, spaces[i].name) : mem_strdup(spaces[i].name);
        AUTO_FREE char *path = mem_printf("%s/%s", top, spaces[i].file);
        const struct listed_space *found = listed_space(&l, name);
        assert_non_null(found);
        assert_string_equal(found->path, path);
        assert_int_equal(found->external, external);
    }
    assert_int_equal(l.n_spaces, n);
    n = 0;
    for (size_t i = 0; i < N_FILES && files[i].name; i++, n++) {
        assert_non_null(listed(&l, files[i].name));
        assert_true(listed(&l, files[i].name)->known);
    }
    assert_int_equal(l.n_files, n);
    assert_int_equal(l.n_dirs, 1);
    listing_fini(&l);
    datadir_fini(&d);
    remove_dir(top);
    free(dir);
    free(undo);
    free(more);
}

/* A database may be a link; links further down are not followed, so that no walk goes round. */
static void mysql_databases_may_be_links(void **state)
{
    (void)state;
    char *top = make_dir(), *dir = mem_printf("%s/data", top);
    struct server_info s = server_at(dir);
    s.flavour = FLAVOUR_MYSQL;
    write_text(top, "data/ibdata1", "x");
    write_text(top, "disk2/d/t.ibd", "x");
    AUTO_FREE char *link = mem_printf("%s/d", dir), *loop = mem_printf("%s/disk2/d/loop", top);
    assert_int_equal(symlink("../disk2/d", link), 0);
    assert_int_equal(symlink(".", loop), 0);
    struct datadir d = resolved(&s, NULL);
    struct listing l;
    ok(listing_make(&l, &d));
    assert_int_equal(l.n_spaces, 2);
    assert_non_null(listed_space(&l, "d/t.ibd"));
    listing_fini(&l);
    datadir_fini(&d);
    remove_dir(top);
    free(dir);
}

static void files_of_one_table_are_neighbours(void **state)
{
    (void)state;
    struct listed_file f[] = {{(char *)(uintptr_t) "d/t.MYD", 3, true},
                              {(char *)(uintptr_t) "d/t.MYI", 3, true},
                              {(char *)(uintptr_t) "d/t.frm", 7, true},
                              {(char *)(uintptr_t) "d/t2.MYD", 4, true}};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++) {
            const int c = listed_file_compare(&f[i], &f[j]);
            assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
        }
}

static void at_rest_what_ddl_has_left_is_listed(void **state)
{
    (void)state;
    static const char *const files[] = {"ddl_recovery.log", "d/#sql-alter-1-2.frm", "d/t.frm",
                                        "d/t.cfg"};
    char *dir = make_dir();
    write_text(dir, "ibdata1", "");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        write_text(dir, files[i], "x");
    const struct server_info s = server_at(dir);
    struct datadir d = resolved(&s, dir);
    struct listing l;
    for (int at_rest = 0; at_rest < 2; at_rest++) {
        d.at_rest = at_rest;
        ok(listing_make(&l, &d));
        assert_int_equal(l.n_files, at_rest ? 3 : 1);
        assert_non_null(listed(&l, "d/t.frm"));
        assert_int_equal(listed(&l, "ddl_recovery.log") != NULL, at_rest);
        assert_int_equal(listed(&l, "d/#sql-alter-1-2.frm") != NULL, at_rest);
        listing_fini(&l);
    }
    datadir_fini(&d);
    remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_name_the_places_of_files),
        cmocka_unit_test(system_tablespace_files_are_found_in_order),
        cmocka_unit_test(two_data_files_of_one_name_are_refused),
        cmocka_unit_test(missing_datadir_is_named),
        cmocka_unit_test(listing_takes_what_belongs_to_a_backup),
        cmocka_unit_test(directory_inside_a_database_is_listed_as_unknown_files),
        cmocka_unit_test(mysql_listing_takes_what_belongs_to_a_backup),
        cmocka_unit_test(mysql_databases_may_be_links),
        cmocka_unit_test(files_of_one_table_are_neighbours),
        cmocka_unit_test(at_rest_what_ddl_has_left_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
