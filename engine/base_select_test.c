/* engine/base_select_test.c: which backup of a repository an increment is based on, and what is said of those that cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>

#include "archive/archive_file_test_util.h"
#include "archive/repo.h"
#include "engine/base_select.h"
#include "engine/engine_test_util.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

struct fixture {
    char *dir, *repo;
    struct repo *opened; /* the repository */
    struct server_info server;
    struct file_mark system;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->repo = mem_printf("%s/repo", f->dir);
    ok(repo_open(&f->opened, f->repo, &(struct repo_options){0}));
    f->server = (struct server_info){.flavour = FLAVOUR_MYSQL,
                                     .version = TEXT("9.7.4"),
                                     .server_uuid = TEXT("uuid-1"),
                                     .page_size = 16384};
    f->system = (struct file_mark){.inode = 7, .has_birth = true, .birth = {100, 1}};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    repo_close(f->opened);
    remove_dir(f->dir);
    free(f->repo);
    free(f);
    return 0;
}

/* A backup as far as it matters here. */
struct sample {
    const char *base; /* NULL: full */
    const char *full; /* below the base; NULL: that is it */
    unsigned length;  /* 0: 2 */
    uint64_t base_archive;
    lsn_t base_to, to;
    const char *flavour, *version, *uuid;
    bool damaged, no_facts, offline;
};

static uint64_t archive_id_of(const struct fixture *f, const char *id)
{
    AUTO_FREE char *path = mem_printf("%s/%s/backup.mbe", f->repo, id);
    AUTO(archive_reader) r = NULL;
    ok(archive_file_open(&r, path));
    return archive_reader_id(r);
}

static char *manifest_of(const struct sample *s)
{
    AUTO_FREE char *base =
        s->base ? mem_printf("\"base\":\"%s\",\"chain\":{\"full\":\"%s\",\"length\":%u,"
                             "\"base_archive\":\"%016" PRIx64 "\"}",
                             s->base, s->full ? s->full : s->base, s->length ? s->length : 2,
                             s->base_archive)
                : mem_strdup("\"base\":null");
    return mem_printf("{\"type\":\"%s\",%s,\"server\":{\"flavour\":\"%s\",\"version\":\"%s\","
                      "\"server_uuid\":\"%s\",\"page_size\":16384},"
                      "\"lsn\":{\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"base\":%" PRIu64
                      "},\"damaged\":%s,\"offline\":%s}",
                      s->base ? "incremental" : "full", base, s->flavour ? s->flavour : "mysql",
                      s->version ? s->version : "9.7.1", s->uuid ? s->uuid : "uuid-1", s->to, s->to,
                      s->base_to, s->damaged ? "true" : "false", s->offline ? "true" : "false");
}

/* Adds it to the repository; its id, owned by caller. */
static char *take(struct fixture *f, const struct sample *s)
{
    const struct archive_writer_options how = {.codec = ARCHIVE_CODEC_NONE};
    const struct archive_attr attr = {.kind = ARCHIVE_SPACE_MAP, .path = BASE_FACTS_PATH};
    AUTO(repo_draft) d = NULL;
    AUTO(archive_writer) w = NULL;
    AUTO_FREE char *json = manifest_of(s);
    struct out_bytes o = {0};
    uint32_t entry;
    ok(repo_begin(&d, f->opened, NULL, s->base ? "incremental" : "full"));
    struct sink *sink = repo_draft_sink(d);
    ok(archive_writer_open(&w, sink, &how));
    base_facts_put_head(&o, 0, &f->system);
    base_facts_put_end(&o);
    if (!s->no_facts) {
        ok(archive_entry_add(w, &attr, &entry));
        ok(archive_write(w, entry, 0, o.p, o.n));
    }
    free(o.p);
    ok(archive_writer_finish(w, json));
    ok(sink->commit(sink));
    ok(repo_publish(d));
    return mem_strdup(repo_draft_id(d));
}

static char *take_full(struct fixture *f, lsn_t to)
{
    return take(f, &(struct sample){.to = to});
}

/* On a full backup that ends at LSN 100000, or on an increment on that, that ends at 200000. */
static char *take_on(struct fixture *f, const char *base, const char *full, lsn_t to)
{
    return take(f, &(struct sample){.base = base,
                                    .full = full,
                                    .length = full ? 3 : 2,
                                    .base_archive = archive_id_of(f, base),
                                    .base_to = full ? 200000 : 100000,
                                    .to = to});
}

/* What is chosen, at LSN 1000000; or why nothing is. */
static void assert_chosen(struct fixture *f, const char *wanted, const char *id, const char *why)
{
    const struct base_query q = {.repo = f->opened,
                                 .wanted = wanted,
                                 .server = &f->server,
                                 .system = &f->system,
                                 .lsn = 1000000};
    struct base b;
    char *no = NULL;
    ok(base_select(&b, &no, &q));
    if (id) {
        if (!b.id)
            fail_msg("none: %s", no);
        assert_string_equal(b.id, id);
        assert_null(no);
    } else {
        assert_null(b.id);
        if (!strstr(no, why))
            fail_msg("\"%s\" is not in \"%s\"", why, no);
    }
    free(no);
    base_fini(&b);
}

/* A copy of the repository as it is, called `name`. */
static struct repo *copy_repository(const struct fixture *f, const char *name)
{
    struct repo *copy;
    struct backup_ids list;
    AUTO_FREE char *to = mem_printf("%s/%s", f->dir, name);
    AUTO_FREE char *marker = mem_printf("%s/mbe-repository", to);
    ok(file_mkdirs(to, 0700));
    ok(file_replace(marker, "mbe repository 1\n", 17, 0600));
    ok(repo_list(&list, f->opened));
    for (size_t i = 0; i < list.n; i++) {
        AUTO_FREE char *old = mem_printf("%s/%s/backup.mbe", f->repo, list.ids[i]);
        AUTO_FREE char *new = mem_printf("%s/%s/backup.mbe", to, list.ids[i]);
        AUTO_FREE char *bytes = NULL;
        size_t n;
        ok(file_read_all(&bytes, &n, old, 1 << 20));
        ok(file_mkdirs_for(new, 0700));
        ok(file_replace(new, bytes, n, 0600));
    }
    backup_ids_fini(&list);
    ok(repo_open(&copy, to, &(struct repo_options){0}));
    return copy;
}

/* The base that is in the fixture's repository and in `other`, and why it is no newer one. */
static struct err *select_in_both(struct base *out, char **why, struct fixture *f,
                                  struct repo *other, const char *wanted)
{
    const struct base_query q = {.repo = f->opened,
                                 .others = {other},
                                 .n_others = 1,
                                 .wanted = wanted,
                                 .server = &f->server,
                                 .system = &f->system,
                                 .lsn = 1000000};
    return base_select(out, why, &q);
}

static void remove_backup(struct fixture *f, const char *id)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->repo, id);
    ok(file_remove_tree(path));
}

static void the_newest_is_the_base(void **state)
{
    struct fixture *f = *state;
    assert_chosen(f, "latest", NULL, "no such directory");
    AUTO_FREE char *full = take_full(f, 100000);
    AUTO_FREE char *first = take_on(f, full, NULL, 200000);
    AUTO_FREE char *second = take_on(f, first, full, 300000);
    assert_chosen(f, "latest", second, NULL);
    assert_chosen(f, "latest-full", full, NULL);
    assert_chosen(f, first, first, NULL);
    const struct base_query q = {.repo = f->opened,
                                 .wanted = "latest",
                                 .server = &f->server,
                                 .system = &f->system,
                                 .lsn = 300000};
    struct base b;
    char *why;
    ok(base_select(&b, &why, &q));
    assert_string_equal(b.full_id, full);
    assert_int_equal(b.n_chain, 3);
    assert_int_equal(b.to, 300000);
    assert_int_equal(b.archive_id, archive_id_of(f, second));
    base_fini(&b);
    const struct base_query unknown = {.repo = f->opened,
                                       .wanted = "20261124T170632Z-full",
                                       .server = &f->server,
                                       .system = &f->system,
                                       .lsn = 300000};
    error_is(base_select(&b, &why, &unknown), USAGE, "has no backup 20261124T170632Z-full");
}

/* Each of them is taken behind a good one: that is the base then. */
static void what_cannot_be_the_base_is_passed_over(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct sample sample;
        const char *why;
    } cases[] = {
        {{.to = 100000, .flavour = "mariadb"}, "it is of another server"},
        {{.to = 100000, .uuid = "uuid-2"},
         "it is of another server: server_uuid was uuid-2 and is uuid-1"},
        {{.to = 100000, .version = "9.70.4"}, "the server was of version 9.70.4 then"},
        {{.to = 100000, .version = "8.4.1-log"}, "the server was of version 8.4.1-log then"},
        {{.to = 1000001}, "it ends at LSN 1000001, and the server is at 1000000 only"},
        {{.to = 100000, .damaged = true}, "it holds damaged pages"},
        {{.to = 100000, .offline = true}, "it was taken with --offline"},
        {{.to = 100000, .no_facts = true}, "did not note what a base has to"},
        {{.base = "20200101T000000Z-full", .to = 100000},
         "needs its base 20200101T000000Z-full, which is not in"},
        {{.to = 0}, "manifest: lacks what a backup is known by"},
    };
    AUTO_FREE char *good = take_full(f, 100000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *bad = take(f, &cases[i].sample);
        assert_chosen(f, "latest", good, NULL);
        assert_chosen(f, bad, NULL, cases[i].why);
        assert_chosen(f, bad, NULL, bad);
        remove_backup(f, bad);
    }
}

static void another_system_tablespace_is_another_server(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *full = take_full(f, 100000);
    f->system.size++; /* it may grow */
    assert_chosen(f, "latest", full, NULL);
    f->system.birth.tv_nsec++;
    assert_chosen(f, "latest", NULL, "the server's system tablespace is another file than then");
    f->system.birth.tv_nsec--;
    f->system.inode++;
    assert_chosen(f, "latest", NULL, "the server's system tablespace is another file than then");
}

static void broken_chain_is_no_base(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *full = take_full(f, 100000);
    AUTO_FREE char *first = take_on(f, full, NULL, 200000);
    AUTO_FREE char *second = take_on(f, first, full, 300000);
    AUTO_FREE char *words =
        mem_printf("%s cannot be the base: backup %s needs its base %s", second, second, first);
    AUTO_FREE char *path = mem_printf("%s/%s/backup.mbe", f->repo, first);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    assert_chosen(f, second, NULL, words);
    assert_chosen(f, second, NULL, "is incomplete");
    assert_chosen(f, "latest", full, NULL); /* what is whole of the chain */
    remove_backup(f, first);
    assert_chosen(f, second, NULL, words);
    assert_chosen(f, second, NULL, "which is not in");
}

static void foreign_archive_under_the_name_of_the_base_is_none(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *full = take_full(f, 100000);
    AUTO_FREE char *other = take_full(f, 100000);
    AUTO_FREE char *on = take_on(f, full, NULL, 200000);
    AUTO_FREE char *from = mem_printf("%s/%s/backup.mbe", f->repo, other);
    AUTO_FREE char *to = mem_printf("%s/%s/backup.mbe", f->repo, full);
    assert_int_equal(rename(from, to), 0);
    assert_chosen(f, on, NULL, "was made on the archive 0x");
}

static void base_cannot_be_deleted_while_it_is_one(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *full = take_full(f, 100000);
    const struct base_query q = {.repo = f->opened,
                                 .wanted = "latest",
                                 .server = &f->server,
                                 .system = &f->system,
                                 .lsn = 300000};
    struct base b;
    char *why;
    bool in_use;
    ok(base_select(&b, &why, &q));
    for (int i = 0; i < 2; i++) {
        AUTO(repo_deletion) d = NULL;
        ok(repo_deletion_begin(&d, f->opened));
        ok(repo_deletion_claim(d, full, &in_use));
        assert_int_equal(in_use, i == 0);
        if (i == 0)
            base_fini(&b);
    }
}

static void one_that_is_not_in_the_other_repository_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct base b;
    char *why;
    AUTO_FREE char *full = take_full(f, 100000);
    AUTO(repo) other = copy_repository(f, "other");
    ok(select_in_both(&b, &why, f, other, "latest"));
    assert_string_equal(b.id, full);
    base_fini(&b);
    AUTO_FREE char *on = take_on(f, full, NULL, 200000);
    ok(select_in_both(&b, &why, f, other, "latest"));
    assert_string_equal(b.id, full);
    base_fini(&b);
    AUTO_FREE char *words =
        mem_printf("%s cannot be the base: %s: has no backup %s", on, repo_name(other), on);
    ok(select_in_both(&b, &why, f, other, on));
    assert_null(b.id);
    assert_string_equal(why, words);
    free(why);
    AUTO_FREE char *nowhere = mem_printf("%s/nowhere", f->dir);
    AUTO(repo) none = NULL;
    ok(repo_open(&none, nowhere, &(struct repo_options){0}));
    ok(select_in_both(&b, &why, f, none, "latest"));
    assert_null(b.id);
    assert_non_null(strstr(why, "no such directory"));
    free(why);
}

static void another_archive_under_its_name_in_the_other_repository_is_no_base(void **state)
{
    struct fixture *f = *state;
    struct base b;
    char *why;
    AUTO_FREE char *full = take_full(f, 100000);
    AUTO_FREE char *again = take_full(f, 100000);
    AUTO(repo) other = copy_repository(f, "other");
    AUTO_FREE char *from = mem_printf("%s/other/%s/backup.mbe", f->dir, full);
    AUTO_FREE char *to = mem_printf("%s/other/%s/backup.mbe", f->dir, again);
    assert_int_equal(rename(from, to), 0);
    AUTO_FREE char *words = mem_printf("%s cannot be the base: %s: its backup %s is another one",
                                       again, repo_name(other), again);
    ok(select_in_both(&b, &why, f, other, again));
    assert_null(b.id);
    assert_string_equal(why, words);
    free(why);
}

static void base_cannot_be_deleted_in_the_other_repository_either(void **state)
{
    struct fixture *f = *state;
    struct base b;
    char *why;
    bool in_use;
    AUTO_FREE char *full = take_full(f, 100000);
    AUTO(repo) other = copy_repository(f, "other");
    ok(select_in_both(&b, &why, f, other, "latest"));
    for (int i = 0; i < 2; i++) {
        AUTO(repo_deletion) d = NULL;
        ok(repo_deletion_begin(&d, other));
        ok(repo_deletion_claim(d, full, &in_use));
        assert_int_equal(in_use, i == 0);
        if (i == 0)
            base_fini(&b);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_is_the_base),
        TEST(what_cannot_be_the_base_is_passed_over),
        TEST(another_system_tablespace_is_another_server),
        TEST(broken_chain_is_no_base),
        TEST(foreign_archive_under_the_name_of_the_base_is_none),
        TEST(base_cannot_be_deleted_while_it_is_one),
        TEST(one_that_is_not_in_the_other_repository_is_passed_over),
        TEST(another_archive_under_its_name_in_the_other_repository_is_no_base),
        TEST(base_cannot_be_deleted_in_the_other_repository_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
