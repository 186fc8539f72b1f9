/* verify/lineage_test.c: repositories of small archives, whole and broken, as a tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/format.h"
#include "archive/reader.h"
#include "archive/rewrap.h"
#include "archive/writer.h"
#include "base/file.h"
#include "base/mem.h"
#include "verify/chain.h"
#include "verify/lineage.h"
#include "verify/manifest_read.h"

#define FULL_1 "20261101T000000Z-full"
#define FULL_2 "20261108T000000Z-full"
#define INC(day) "202611" day "T000000Z-incremental"

static int make_repository(void **state)
{
    char *dir = mem_strdup("/tmp/mbe-lineage-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    AUTO_FREE char *marker = mem_printf("%s/mbe-repository", dir);
    struct err *e = file_replace(marker, "mbe repository 1\n", 17, 0600);
    err_free(e);
    *state = dir;
    return e ? -1 : 0;
}

static int remove_repository(void **state)
{
    struct err *e = file_remove_tree(*state);
    err_free(e);
    free(*state);
    return e ? -1 : 0;
}

static char *archive_of(const char *repo, const char *id)
{
    return mem_printf("%s/%s/backup.mbe", repo, id);
}

/* Returns the id of the archive. key: NULL, or what to seal it with. */
static uint64_t put_sealed(const char *repo, const char *id, const char *manifest,
                           const struct archive_key *key)
{
    AUTO_FREE char *path = archive_of(repo, id);
    struct archive_writer *w = NULL;
    struct sink *sink;
    assert_null(file_mkdirs_for(path, 0700));
    assert_null(sink_file_open(&sink, path));
    assert_null(archive_writer_open(
        &w, sink, &(struct archive_writer_options){.codec = ARCHIVE_CODEC_NONE, .seal_with = key}));
    assert_null(archive_writer_finish(w, manifest));
    assert_null(sink->commit(sink));
    archive_writer_free(w);
    sink->free(sink);
    AUTO_FREE uint8_t *bytes = NULL;
    struct archive_header h;
    size_t n;
    assert_null(file_read_all((char **)&bytes, &n, path, 1 << 20));
    assert_null(archive_header_get(&h, bytes));
    return h.archive_id;
}

static uint64_t put(const char *repo, const char *id, const char *manifest)
{
    return put_sealed(repo, id, manifest, NULL);
}

static uint64_t put_full(const char *repo, const char *id)
{
    return put(repo, id,
               "{\"type\":\"full\",\"base\":null,\"finished\":\"2026-11-01T00:10:00Z\","
               "\"lsn\":{\"to\":100},"
               "\"server\":{\"datadir\":\"/data\",\"server_uid\":\"abc\",\"server_uuid\":null}}");
}

static uint64_t put_increment(const char *repo, const char *id, const char *base,
                              uint64_t base_archive)
{
    AUTO_FREE char *manifest = mem_printf(
        "{\"type\":\"incremental\",\"base\":\"%s\",\"chain\":{\"base_archive\":\"%016" PRIx64
        "\"},\"lsn\":{\"base\":100,\"to\":100},\"server\":{\"datadir\":\"/data\"}}",
        base, base_archive);
    return put(repo, id, manifest);
}

/* key: NULL, or the only one. */
static struct repo *opened_with(const char *repo, const struct archive_key *key)
{
    struct repo_options options = {.tmp_dir = "/tmp"};
    char text[ARCHIVE_KEY_TEXT + 1] = "";
    struct repo *r;
    if (key) {
        archive_key_text(text, ARCHIVE_KEY_SEAL, key);
        assert_null(archive_keys_parse(&options.keys, ARCHIVE_KEY_SEAL, text, "text"));
    }
    assert_null(repo_open(&r, repo, &options));
    return r;
}

static struct repo *opened(const char *repo)
{
    return opened_with(repo, NULL);
}

static struct lineage load_with(const char *repo, const struct archive_key *key)
{
    AUTO(repo) r = opened_with(repo, key);
    struct lineage l;
    struct err *e = lineage_load(&l, r);
    if (e)
        fail_msg("%s", e->message);
    return l;
}

static struct lineage load(const char *repo)
{
    return load_with(repo, NULL);
}

/* The tree with the levels as indent, and why a backup is broken. Owned by caller. */
static char *drawn(const struct lineage *l)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    for (size_t i = 0; i < l->n; i++) {
        const struct lineage_row *row = &l->rows[l->order[i]];
        fprintf(out, "%*s%s %zu%s%s\n", (int)row->level, "", row->id, row->n_chain,
                row->broken ? " " : "", row->broken ? row->broken : "");
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

static void each_increment_stands_below_its_base(void **state)
{
    const char *repo = *state;
    const uint64_t one = put_full(repo, FULL_1), two = put_full(repo, FULL_2);
    const uint64_t b = put_increment(repo, INC("02"), FULL_1, one);
    put_increment(repo, INC("03"), INC("02"), b);
    put_increment(repo, INC("09"), FULL_2, two);
    put_increment(repo, INC("10"), FULL_1, one);
    put_increment(repo, INC("11"), INC("02"), b);
    struct lineage l = load(repo);
    AUTO_FREE char *tree = drawn(&l);
    assert_string_equal(tree, FULL_1 " 1\n " INC("02") " 2\n  " INC("03") " 3\n  " INC(
                                  "11") " 3\n " INC("10") " 2\n" FULL_2 " 1\n " INC("09") " 2\n");
    assert_string_equal(l.rows[l.rows[2].full_row].id, FULL_1);
    lineage_fini(&l);
}

static void what_the_manifest_says_is_in_the_row(void **state)
{
    const char *repo = *state;
    const uint64_t one = put_full(repo, FULL_1);
    put_increment(repo, INC("02"), FULL_1, one);
    put(repo, FULL_2,
        "{\"type\":\"full\",\"damaged\":true,\"server\":{\"server_uuid\":\"u-u\",\"datadir\":\"/"
        "d\"}}");
    struct lineage l = load(repo);
    assert_true(l.rows[0].full && !l.rows[1].full);
    assert_true(l.rows[0].archive_id == one && l.rows[1].base_archive_id == one);
    assert_string_equal(l.rows[0].server, "abc");
    assert_string_equal(l.rows[1].server, "/data");
    assert_string_equal(l.rows[2].server, "u-u");
    assert_int_equal(l.rows[0].finished, 1793491800); /* of the manifest */
    assert_int_equal(l.rows[1].finished, 1793577600); /* of the id */
    assert_true(l.rows[2].damaged);
    assert_string_equal(l.rows[2].broken, "holds corrupt pages");
    static const char *const keys[] = {"id",       "type",  "base", "chain",  "started",
                                       "finished", "bytes", "lsn",  "server", "damaged"};
    for (size_t i = 0; i < l.n; i++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            assert_non_null(json_object_get(l.rows[i].facts, keys[k]));
    assert_string_equal(manifest_text(l.rows[1].facts, "base", ""), FULL_1);
    lineage_fini(&l);
}

static void broken_chains_say_what_they_lack(void **state)
{
    const char *repo = *state;
    AUTO_FREE char *damaged = archive_of(repo, FULL_2);
    const uint64_t one = put_full(repo, FULL_1), two = put_full(repo, FULL_2);
    const uint64_t b = put_increment(repo, INC("02"), "20260101T000000Z-full", 1);
    put_increment(repo, INC("03"), INC("02"), b);
    put_increment(repo, INC("04"), FULL_1, one ^ 1);
    put_increment(repo, INC("09"), FULL_2, two);
    put_increment(repo, INC("20"), INC("21"), 1);
    put_increment(repo, INC("21"), INC("20"), 1);
    assert_int_equal(truncate(damaged, 100), 0);
    struct lineage l = load(repo);
    AUTO_FREE char *tree = drawn(&l);
    AUTO_FREE char *expected = mem_printf(
        FULL_1
        " 1\n" INC("02") " 0 needs 20260101T000000Z-full, which is not here\n"
                         " " INC("03") " 0 needs " INC("02") ", which cannot be restored\n" INC(
                             "04") " 0 needs " FULL_1 ", but the backup of that name here is "
                                   "another one: its archive is %016" PRIx64 ", not %016" PRIx64
                                   "\n" FULL_2 " 0 cannot be read\n"
                                   " " INC("09") " 0 needs " FULL_2 ", which cannot be read\n",
        one, one ^ 1);
    assert_int_equal(strncmp(tree, expected, strlen(expected)), 0);
    assert_non_null(strstr(
        tree, INC("20") " 0 needs " INC("21") ", but the backup of that name here is another one"));
    lineage_fini(&l);
}

static void an_increment_goes_on_where_its_base_ends(void **state)
{
    const char *repo = *state;
    const uint64_t one = put(repo, FULL_1, "{\"type\":\"full\",\"lsn\":{\"to\":101}}");
    put_increment(repo, INC("02"), FULL_1, one);
    struct lineage l = load(repo);
    AUTO_FREE char *tree = drawn(&l);
    assert_string_equal(tree, FULL_1 " 1\n" INC("02") " 0 needs " FULL_1
                                                      " up to LSN 100, but that ends at 101\n");
    lineage_fini(&l);
}

static void a_backup_that_cannot_be_read_is_a_row_with_its_error(void **state)
{
    static const struct {
        const char *manifest, *message;
    } cases[] = {
        {"{\"type\":\"weekly\"}", "manifest: its type is neither full nor incremental"},
        {"[]", "manifest: is not a JSON object"},
        {"{\"a\":\"\xFF\"}", "manifest: line 1: unable to decode byte 0xff near '\"'"},
        {"{\"type\":\"incremental\"}",
         "manifest: an incremental backup without the id of its base"},
        {"{\"type\":\"incremental\",\"base\":"
         "\"12345678901234567890123456789012345678901234567890123456789012345\"}",
         "manifest: an incremental backup without the id of its base"},
        {"{\"type\":\"incremental\",\"base\":\"x\"}",
         "manifest: chain.base_archive is no archive id"},
        {"{\"type\":\"incremental\",\"base\":\"x\",\"chain\":{\"base_archive\":\"12345678\"}}",
         "manifest: chain.base_archive is no archive id"},
        {"{\"type\":\"incremental\",\"base\":\"x\",\"chain\":{\"base_archive\":"
         "\"123456789012345X\"}}",
         "manifest: chain.base_archive is no archive id"},
    };
    const char *repo = *state;
    AUTO_FREE char *path = archive_of(repo, FULL_1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(repo, FULL_1, cases[i].manifest);
        struct lineage l = load(repo);
        AUTO_FREE char *expected = mem_printf("%s: %s", path, cases[i].message);
        assert_int_equal(l.n, 1);
        assert_string_equal(l.rows[0].error, expected);
        assert_string_equal(manifest_text(l.rows[0].facts, "id", ""), FULL_1);
        assert_non_null(manifest_text(l.rows[0].facts, "error", NULL));
        assert_string_equal(l.rows[0].broken, "cannot be read");
        assert_int_equal(l.rows[0].unsure, strstr(cases[i].message, "its type is") != NULL);
        lineage_fini(&l);
        assert_int_equal(unlink(path), 0);
    }
}

/* An archive of this id. */
static char *manifest_of(const char *id)
{
    return mem_printf("{\"type\":\"full\",\"id\":\"%s\",\"server\":{\"datadir\":\"/d\"}}", id);
}

static void a_sealed_one_under_the_name_of_another_is_no_good_backup(void **state)
{
    const char *repo = *state;
    struct archive_key key;
    assert_null(archive_key_random(&key, ARCHIVE_KEY_SEAL));
    AUTO_FREE char *manifest = manifest_of(FULL_1);
    put_sealed(repo, FULL_2, manifest, &key);
    put_sealed(repo, FULL_1, manifest, &key);
    struct lineage l = load_with(repo, &key);
    AUTO_FREE char *tree = drawn(&l);
    assert_string_equal(tree, FULL_1 " 1\n" FULL_2 " 0 is the archive of backup " FULL_1 "\n");
    lineage_fini(&l);
}

static void where_a_key_is_given_one_in_clear_is_no_good_backup(void **state)
{
    const char *repo = *state;
    struct archive_key key;
    assert_null(archive_key_random(&key, ARCHIVE_KEY_SEAL));
    AUTO_FREE char *one = manifest_of(FULL_1), *two = manifest_of(FULL_2);
    put_sealed(repo, FULL_1, one, &key);
    put(repo, FULL_2, two);
    struct lineage l = load_with(repo, &key);
    AUTO_FREE char *tree = drawn(&l);
    assert_string_equal(tree, FULL_1 " 1\n" FULL_2 " 0 is not sealed, and a key was given\n");
    assert_false(l.rows[1].unsure);
    lineage_fini(&l);
}

/* The row of the only backup, with the key. */
static void assert_unsure(const char *repo, const struct archive_key *key, bool unsure,
                          const char *message)
{
    struct lineage l = load_with(repo, key);
    assert_int_equal(l.n, 1);
    assert_non_null(l.rows[0].error);
    if (!strstr(l.rows[0].error, message))
        fail_msg("%s", l.rows[0].error);
    assert_int_equal(l.rows[0].unsure, unsure);
    lineage_fini(&l);
}

static void flip(const char *path, off_t at)
{
    AUTO_FD int fd = open(path, O_RDWR);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

/* Behind a key block that is damaged there may be a sound increment, which needs its base. */
static void a_damaged_key_block_says_nothing_of_its_archive(void **state)
{
    const char *repo = *state;
    struct archive_key old, key;
    enum rewrap_outcome outcome;
    assert_null(archive_key_random(&old, ARCHIVE_KEY_SEAL));
    assert_null(archive_key_random(&key, ARCHIVE_KEY_SEAL));
    AUTO_FREE char *path = archive_of(repo, FULL_1), *manifest = manifest_of(FULL_1);
    AUTO_FREE char *beside = mem_printf("%s/" FULL_1 "/backup.key", repo);
    put_sealed(repo, FULL_1, manifest, &old);
    AUTO(repo) with_old = opened_with(repo, &old);
    assert_null(repo_rewrap(&outcome, with_old, FULL_1, &key));
    assert_unsure(repo, &old, true, "is sealed with key");
    flip(beside, 50);
    assert_unsure(repo, &key, true, "key block");
    assert_int_equal(truncate(beside, 5), 0);
    assert_unsure(repo, &key, true, "5 bytes, 128 expected");
    assert_int_equal(unlink(beside), 0);
    flip(path, ARCHIVE_HEADER_SIZE + 50); /* the archive's own */
    assert_unsure(repo, &old, true, "key block");
    flip(path, ARCHIVE_HEADER_SIZE + 50);
    assert_int_equal(truncate(path, ARCHIVE_HEADER_SIZE + KEY_BLOCK_SIZE + 100), 0);
    assert_unsure(repo, &old, false, "is incomplete");
}

static void a_long_chain_needs_no_stack(void **state)
{
    enum { LENGTH = 100000 };
    (void)state;
    struct lineage l = {0};
    for (int i = 0; i < LENGTH; i++) {
        mem_grow(&l.rows, &l.cap, l.n, sizeof *l.rows);
        l.rows[l.n++] =
            (struct lineage_row){.id = mem_printf("%06d", i),
                                 .full = i == LENGTH - 1,
                                 .base_id = i == LENGTH - 1 ? NULL : mem_printf("%06d", i + 1)};
    }
    lineage_link(&l);
    assert_int_equal(l.rows[0].level, LENGTH - 1);
    assert_int_equal(l.rows[LENGTH - CHAIN_MAX].n_chain, CHAIN_MAX);
    assert_int_equal(l.rows[LENGTH - CHAIN_MAX].full_row, LENGTH - 1);
    assert_string_equal(l.rows[LENGTH - CHAIN_MAX - 1].broken,
                        "is the end of a chain of more than 500 archives");
    assert_non_null(l.rows[0].broken);
    AUTO_FREE bool *chosen = mem_zalloc(LENGTH * sizeof *chosen);
    chosen[1000] = true;
    assert_int_equal(lineage_add_dependents(&l, chosen), 1000);
    assert_true(chosen[0] && !chosen[1001]);
    l.rows[LENGTH - 1].full = false; /* and a circle as long */
    l.rows[LENGTH - 1].base_id = mem_strdup("000000");
    lineage_link(&l);
    for (size_t i = 0; i < l.n; i++)
        assert_true(l.rows[i].broken != NULL);
    lineage_fini(&l);
}

static void backups_are_found_by_their_id_alone(void **state)
{
    size_t row = 99;
    const char *repo = *state;
    put_full(repo, FULL_1);
    put_full(repo, FULL_2);
    AUTO(repo) r = opened(repo);
    struct lineage l = load(repo);
    assert_null(lineage_find(&row, &l, r, FULL_2));
    assert_int_equal(row, 1);
    static const char *const absent[] = {"latest", "../x", "", "20261101T000000Z"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        AUTO_FREE char *expected = mem_printf("%s: has no backup %s", repo, absent[i]);
        struct err *e = lineage_find(&row, &l, r, absent[i]);
        assert_non_null(e);
        assert_string_equal(e->message, expected);
        assert_int_equal(e->kind, ERR_USAGE);
        err_free(e);
    }
    lineage_fini(&l);
}

static void an_empty_repository_is_an_empty_tree(void **state)
{
    struct lineage l = load(*state);
    assert_int_equal(l.n, 0);
    lineage_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_REPOSITORY(test) \
    cmocka_unit_test_setup_teardown(test, make_repository, remove_repository)
        IN_REPOSITORY(each_increment_stands_below_its_base),
        IN_REPOSITORY(what_the_manifest_says_is_in_the_row),
        IN_REPOSITORY(broken_chains_say_what_they_lack),
        IN_REPOSITORY(an_increment_goes_on_where_its_base_ends),
        IN_REPOSITORY(a_backup_that_cannot_be_read_is_a_row_with_its_error),
        IN_REPOSITORY(a_sealed_one_under_the_name_of_another_is_no_good_backup),
        IN_REPOSITORY(where_a_key_is_given_one_in_clear_is_no_good_backup),
        IN_REPOSITORY(a_damaged_key_block_says_nothing_of_its_archive),
        cmocka_unit_test(a_long_chain_needs_no_stack),
        IN_REPOSITORY(backups_are_found_by_their_id_alone),
        IN_REPOSITORY(an_empty_repository_is_an_empty_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
