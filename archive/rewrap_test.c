/* archive/rewrap_test.c: sealed backups in a repository, and what becomes of them when their key is changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "archive/archive_test_util.h"
#include "archive/repo_kind.h"
#include "archive/rewrap.h"
#include "base/dir_test_util.h"

static void ok(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

static void assert_error(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    if (e->kind != kind || !strstr(e->message, message))
        fail_msg("kind %d: %s", (int)e->kind, e->message);
    err_free(e);
}

/* The repository in that directory, with these keys; NULL: without. */
static struct repo *open_with(const char *dir, const struct archive_key *a,
                              const struct archive_key *b)
{
    struct repo_options options = {.tmp_dir = "/tmp"};
    char text[2 * ARCHIVE_KEY_TEXT + 1] = "";
    struct repo *r;
    if (a)
        archive_key_text(text, ARCHIVE_KEY_SEAL, a);
    if (b)
        archive_key_text(text + ARCHIVE_KEY_TEXT, ARCHIVE_KEY_SEAL, b);
    if (a)
        ok(archive_keys_parse(&options.keys, ARCHIVE_KEY_SEAL, text, "text"));
    ok(repo_open(&r, dir, &options));
    return r;
}

/* A backup, sealed if the repository has a key. Owned by caller: its id. */
static char *take(struct repo *r)
{
    AUTO(repo_draft) d = NULL;
    ok(repo_begin(&d, r, NULL, "full"));
    struct sink *sink = repo_draft_sink(d);
    ok(test_sample_write_with(sink,
                              &(struct archive_writer_options){.seal_with = repo_sealing_key(r)}));
    ok(sink->commit(sink));
    ok(repo_publish(d));
    return mem_strdup(repo_draft_id(d));
}

static struct err *see_piece(void *ctx, uint32_t entry, uint64_t offset, const uint8_t *data,
                             uint64_t len)
{
    (void)entry;
    (void)offset;
    (void)data;
    (void)len;
    ++*(uint32_t *)ctx;
    return NULL;
}

static struct err *see_damage(void *ctx, const char *what)
{
    (void)ctx;
    return err_make(CORRUPT, "%s", what);
}

static struct err *read_both_ways(struct repo *r, const char *id)
{
    AUTO(archive_reader) reader = NULL;
    AUTO(source) source = NULL;
    uint32_t n_pieces = 0;
    bool complete;
    const struct archive_walk walk = {
        .on_piece = see_piece, .on_damage = see_damage, .ctx = &n_pieces};
    TRY(repo_open_reader(&reader, r, id));
    assert_string_equal(archive_reader_manifest(reader), SAMPLE_MANIFEST);
    TRY(repo_open_source(&source, r, id));
    TRY(repo_walk(r, id, source, &walk, &complete));
    assert_true(complete);
    assert_true(n_pieces > 0);
    return NULL;
}

struct two_keys {
    struct archive_key old, new;
};

static struct two_keys two_keys(void)
{
    struct two_keys k;
    ok(archive_key_random(&k.old, ARCHIVE_KEY_SEAL));
    ok(archive_key_random(&k.new, ARCHIVE_KEY_SEAL));
    return k;
}

static void a_backup_takes_its_new_key_and_the_old_one_no_more(void **state)
{
    const struct two_keys k = two_keys();
    enum rewrap_outcome outcome;
    AUTO(repo) with_old = open_with(*state, &k.old, NULL);
    AUTO(repo) with_new = open_with(*state, &k.new, NULL);
    AUTO(repo) with_none = open_with(*state, NULL, NULL);
    AUTO_FREE char *id = take(with_old), *in_clear = take(with_none);
    AUTO_FREE char *archive = mem_printf("%s/%s/backup.mbe", (const char *)*state, id);
    AUTO_FREE char *before = NULL, *after = NULL;
    size_t n_before, n_after;
    ok(file_read_all(&before, &n_before, archive, 1 << 20));
    ok(read_both_ways(with_old, id));

    ok(repo_rewrap(&outcome, with_old, id, &k.new));
    assert_int_equal(outcome, REWRAP_DONE);
    ok(read_both_ways(with_new, id));
    assert_error(read_both_ways(with_old, id), ERR_SEALED, "is sealed with key");
    ok(repo_rewrap(&outcome, with_old, id, &k.new));
    assert_int_equal(outcome, REWRAP_HAS_IT);
    ok(repo_rewrap(&outcome, with_new, id, &k.old)); /* and back */
    ok(read_both_ways(with_old, id));
    ok(repo_rewrap(&outcome, with_old, in_clear, &k.new));
    assert_int_equal(outcome, REWRAP_IN_CLEAR);
    ok(file_read_all(&after, &n_after, archive, 1 << 20));
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
}

static void who_cannot_open_it_cannot_change_its_key(void **state)
{
    const struct two_keys k = two_keys();
    enum rewrap_outcome outcome;
    struct stat st;
    AUTO(repo) with_old = open_with(*state, &k.old, NULL);
    AUTO(repo) with_new = open_with(*state, &k.new, NULL);
    AUTO(repo) with_none = open_with(*state, NULL, NULL);
    AUTO_FREE char *id = take(with_old);
    AUTO_FREE char *beside = mem_printf("%s/%s/backup.key", (const char *)*state, id);
    struct archive_key third;
    ok(archive_key_random(&third, ARCHIVE_KEY_SEAL));
    assert_error(repo_rewrap(&outcome, with_new, id, &third), ERR_SEALED,
                 "and the key that was given is");
    assert_error(repo_rewrap(&outcome, with_none, id, &third), ERR_SEALED, "no key was given");
    assert_int_equal(lstat(beside, &st), -1);
    ok(read_both_ways(with_old, id));

    AUTO(repo) stream = open_with("-", &k.old, NULL);
    assert_error(repo_rewrap(&outcome, stream, id, &third), ERR_REFUSED,
                 "standard input: keeps no keys beside its backups");
}

static void a_key_block_that_is_damaged_is_named(void **state)
{
    const struct two_keys k = two_keys();
    enum rewrap_outcome outcome;
    AUTO(repo) with_both = open_with(*state, &k.old, &k.new);
    AUTO_FREE char *id = take(with_both);
    AUTO_FREE char *beside = mem_printf("%s/%s/backup.key", (const char *)*state, id);
    AUTO_FREE char *bytes = NULL;
    size_t n;
    ok(repo_rewrap(&outcome, with_both, id, &k.new));
    ok(read_both_ways(with_both, id));
    ok(file_read_all(&bytes, &n, beside, 1 << 20));
    assert_int_equal(n, KEY_BLOCK_SIZE);
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 1;
        ok(file_replace(beside, bytes, n, 0600));
        assert_error(read_both_ways(with_both, id), ERR_CORRUPT, "key block");
        bytes[i] ^= 1;
    }
    ok(file_replace(beside, bytes, n - 1, 0600));
    assert_error(read_both_ways(with_both, id), ERR_CORRUPT, "backup.key: 127 bytes, 128 expected");
    AUTO_FREE char *longer = mem_zalloc(5000);
    memcpy(longer, bytes, n);
    ok(file_replace(beside, longer, 5000, 0600));
    assert_error(read_both_ways(with_both, id), ERR_CORRUPT,
                 "backup.key: 129 bytes or more, 128 expected");
}

/* The id of its key stands in clear, and anybody can write another one. */
static void a_key_block_that_only_names_the_new_key_does_not_have_it(void **state)
{
    const struct two_keys k = two_keys();
    enum rewrap_outcome outcome;
    struct key_block b;
    AUTO(repo) with_old = open_with(*state, &k.old, NULL);
    AUTO_FREE char *id = take(with_old);
    AUTO_FREE char *beside = mem_printf("%s/%s/backup.key", (const char *)*state, id);
    AUTO_FREE char *bytes = NULL;
    size_t n;
    ok(repo_rewrap(&outcome, with_old, id, &k.old)); /* in the archive itself */
    assert_int_equal(outcome, REWRAP_HAS_IT);
    struct archive_key third;
    ok(archive_key_random(&third, ARCHIVE_KEY_SEAL));
    ok(repo_rewrap(&outcome, with_old, id, &third));
    ok(file_read_all(&bytes, &n, beside, KEY_BLOCK_SIZE));
    ok(key_block_get(&b, (uint8_t *)bytes));
    b.key_id = k.new.id;
    key_block_put((uint8_t *)bytes, &b);
    ok(file_replace(beside, bytes, n, 0600));
    assert_error(repo_rewrap(&outcome, with_old, id, &k.new), ERR_CORRUPT, "key block");
}

/* As a directory, but somebody else replaces the block right behind us, by one that is all zeroes. */
static struct err *replace_and_lose(struct repo *r, const char *id, const uint8_t *p)
{
    static const uint8_t theirs[KEY_BLOCK_SIZE];
    ok(repo_kind_directory.key_block_replace(r, id, p));
    return repo_kind_directory.key_block_replace(r, id, theirs);
}

static void a_key_that_somebody_else_changes_at_the_same_time_is_not_taken_for_ours(void **state)
{
    const struct two_keys k = two_keys();
    enum rewrap_outcome outcome;
    struct repo_kind contended = repo_kind_directory;
    contended.key_block_replace = replace_and_lose;
    AUTO(repo) with_old = open_with(*state, &k.old, NULL);
    AUTO_FREE char *id = take(with_old);
    with_old->kind = &contended;
    assert_error(repo_rewrap(&outcome, with_old, id, &k.new), ERR_REFUSED,
                 "was given another key by somebody else at the same time");
}

/* What is kept for a while is in clear, and does not belong in a repository that is not trusted. */
static void what_a_sealed_backup_needs_for_a_while_is_elsewhere(void **state)
{
    const struct two_keys k = two_keys();
    AUTO(repo) sealed = open_with(*state, &k.old, NULL);
    AUTO(repo) in_clear = open_with(*state, NULL, NULL);
    AUTO(repo_draft) a = NULL;
    AUTO(repo_draft) b = NULL;
    struct stat st;
    ok(repo_begin(&a, sealed, NULL, "full"));
    ok(repo_begin(&b, in_clear, NULL, "full"));
    assert_null(strstr(repo_draft_dir(a), *state));
    assert_non_null(strstr(repo_draft_dir(b), *state));
    AUTO_FREE char *dir = mem_strdup(repo_draft_dir(a));
    assert_int_equal(stat(dir, &st), 0);
    repo_draft_free(a);
    a = NULL;
    assert_int_equal(stat(dir, &st), -1);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_backup_takes_its_new_key_and_the_old_one_no_more),
        IN_DIR(who_cannot_open_it_cannot_change_its_key),
        IN_DIR(a_key_block_that_is_damaged_is_named),
        IN_DIR(a_key_block_that_only_names_the_new_key_does_not_have_it),
        IN_DIR(a_key_that_somebody_else_changes_at_the_same_time_is_not_taken_for_ours),
        IN_DIR(what_a_sealed_backup_needs_for_a_while_is_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
