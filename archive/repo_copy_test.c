/* archive/repo_copy_test.c: what arrives is what was sent, of a damaged source nothing does, and what is there is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>

#include "archive/archive_test_util.h"
#include "archive/repo_copy.h"
#include "archive/repo_kind.h"
#include "archive/rewrap.h"
#include "archive/s3_store_test_util.h"
#include "base/dir_test_util.h"
#include "base/err_test_util.h"

#define ID "20261124T170632Z-incremental-3"

static void ok(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

/* The repository `name` in the directory; key: NULL, or the one it is opened with. */
static struct repo *open_in(const char *dir, const char *name, const struct archive_key *key)
{
    struct repo_options options = {.tmp_dir = "/tmp"};
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    char text[ARCHIVE_KEY_TEXT + 1] = "";
    struct repo *r;
    if (key) {
        archive_key_text(text, ARCHIVE_KEY_SEAL, key);
        ok(archive_keys_parse(&options.keys, ARCHIVE_KEY_SEAL, text, "text"));
    }
    ok(repo_open(&r, path, &options));
    return r;
}

/* A backup of that id, sealed if the repository has a key. */
static void take(struct repo *r, const char *id)
{
    AUTO(repo_draft) d = NULL;
    ok(repo_begin_as(&d, r, id));
    assert_string_equal(repo_draft_id(d), id);
    struct sink *sink = repo_draft_sink(d);
    ok(test_sample_write_with(sink,
                              &(struct archive_writer_options){.seal_with = repo_sealing_key(r)}));
    ok(sink->commit(sink));
    ok(repo_publish(d));
}

static char *read_archive(size_t *n, struct repo *r, const char *id)
{
    AUTO(source) source = NULL;
    ok(repo_open_source(&source, r, id));
    char *bytes = mem_alloc(source->size);
    ok(source->read_at(source, bytes, source->size, 0, n));
    assert_int_equal(*n, source->size);
    return bytes;
}

static void assert_equal_archives(struct repo *a, struct repo *b, const char *id)
{
    size_t n_a, n_b;
    AUTO_FREE char *of_a = read_archive(&n_a, a, id), *of_b = read_archive(&n_b, b, id);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(of_a, of_b, n_a);
}

/* Nothing lists there, and nothing else is left either. */
static void assert_empty(const char *dir, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    DIR *d = opendir(path);
    const struct dirent *de;
    while (d && (de = readdir(d)))
        if (de->d_name[0] != '.' && strcmp(de->d_name, "mbe-repository"))
            fail_msg("%s is left", de->d_name);
        else if (de->d_name[0] == '.' && de->d_name[1] != '.' && de->d_name[1])
            fail_msg("%s is left", de->d_name);
    if (d)
        closedir(d);
}

static void a_backup_arrives_once_and_whole(void **state)
{
    AUTO(repo) from = open_in(*state, "from", NULL);
    AUTO(repo) to = open_in(*state, "to", NULL);
    struct repo_copy_result result;
    struct backup_ids list;
    char *record;
    take(from, ID);
    ok(repo_record_append(from, ID, "{\"pin\":\"a\",\"reason\":\"x\"}"));
    ok(repo_copy(&result, to, from, ID, NULL));
    assert_false(result.there || result.unopened || result.gone);
    assert_equal_archives(from, to, ID);
    ok(repo_list(&list, to));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.ids[0], ID);
    backup_ids_fini(&list);
    ok(repo_record_read(&record, to, ID));
    assert_string_equal(record, "");
    free(record);
    const uint64_t bytes = result.bytes;
    ok(repo_copy(&result, to, from, ID, NULL));
    assert_true(result.there && result.bytes == bytes && bytes > 1000);
}

static void what_is_gone_is_told(void **state)
{
    AUTO(repo) from = open_in(*state, "from", NULL);
    AUTO(repo) to = open_in(*state, "to", NULL);
    struct repo_copy_result result;
    take(from, "20261124T170632Z-full");
    ok(repo_copy(&result, to, from, ID, NULL));
    assert_true(result.gone);
    assert_empty(*state, "to");
}

static void another_backup_of_that_name_is_not_touched(void **state)
{
    AUTO(repo) from = open_in(*state, "from", NULL);
    AUTO(repo) to = open_in(*state, "to", NULL);
    struct repo_copy_result result;
    size_t n_before, n_after;
    take(from, ID);
    take(to, ID); /* of the same size, but for its id */
    AUTO_FREE char *before = read_archive(&n_before, to, ID);
    assert_error(repo_copy(&result, to, from, ID, NULL), ERR_REFUSED,
                 "%s/to: has another backup of the name " ID, (const char *)*state);
    AUTO_FREE char *after = read_archive(&n_after, to, ID);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    AUTO(repo_draft) d = NULL;
    take(to, "20261124T170632Z-full");
    assert_error(repo_begin_as(&d, to, "20261124T170632Z-full"), ERR_REFUSED,
                 "%s/to: backup 20261124T170632Z-full is there already, or is being written",
                 (const char *)*state);
}

/* ---- damage ---- */

static void put_archive(const char *dir, const void *bytes, size_t n)
{
    AUTO_FREE char *path = mem_printf("%s/from/" ID "/backup.mbe", dir);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY | O_TRUNC, 0));
    ok(file_write(fd, bytes, n, path));
}

static void check_damage_is_found(const char *dir, const struct archive_key *key, size_t at)
{
    AUTO(repo) from = open_in(dir, "from", key);
    AUTO(repo) to = open_in(dir, "to", NULL);
    struct repo_copy_result result;
    struct err *e = repo_copy(&result, to, from, ID, NULL);
    if (!e || e->kind != ERR_CORRUPT || !strstr(e->message, "from/" ID "/backup.mbe"))
        fail_msg("at %zu: %s", at, e ? e->message : "nothing was found");
    err_free(e);
    assert_empty(dir, "to");
}

enum { N_CHUNKS = 6 }; /* of the sample */

/* Bytes in turn, and lengths; sealed: with or without the key. */
static void damage_each(const char *dir, const struct archive_key *seal,
                        const struct archive_key *copy_with)
{
    size_t n;
    AUTO(repo) from = open_in(dir, "from", seal);
    take(from, ID);
    AUTO_FREE char *bytes = read_archive(&n, from, ID);
    const size_t step = 101 * test_stride();
    for (size_t at = 0; at < n; at += step) {
        bytes[at] ^= 0x10;
        put_archive(dir, bytes, n);
        check_damage_is_found(dir, copy_with, at);
        bytes[at] ^= 0x10;
        put_archive(dir, bytes, at);
        check_damage_is_found(dir, copy_with, at);
    }
    for (uint32_t i = 0; i <= N_CHUNKS; i++) { /* cut off where nothing is torn */
        const size_t at = test_chunk_at((const uint8_t *)bytes, i);
        put_archive(dir, bytes, at);
        check_damage_is_found(dir, copy_with, at);
    }
    AUTO_FREE char *longer = mem_zalloc(n + 1);
    memcpy(longer, bytes, n);
    put_archive(dir, longer, n + 1);
    check_damage_is_found(dir, copy_with, n);
}

static void of_a_damaged_source_nothing_arrives(void **state)
{
    damage_each(*state, NULL, NULL);
}

static void of_a_sealed_one_damage_is_found_without_its_key(void **state)
{
    struct archive_key key;
    ok(archive_key_random(&key, ARCHIVE_KEY_SEAL));
    damage_each(*state, &key, NULL);
}

static void of_a_sealed_one_damage_is_found_with_its_key(void **state)
{
    struct archive_key key;
    ok(archive_key_random(&key, ARCHIVE_KEY_SEAL));
    damage_each(*state, &key, &key);
}

/* ---- sealed ---- */

static void a_sealed_backup_is_copied_without_its_key(void **state)
{
    struct archive_key key, other;
    ok(archive_key_random(&key, ARCHIVE_KEY_SEAL));
    ok(archive_key_random(&other, ARCHIVE_KEY_SEAL));
    AUTO(repo) sealing = open_in(*state, "from", &key);
    AUTO(repo) locked = open_in(*state, "from", NULL);
    AUTO(repo) wrong = open_in(*state, "from", &other);
    AUTO(repo) to = open_in(*state, "to", NULL);
    AUTO(repo) opened = open_in(*state, "to", &key);
    AUTO(archive_reader) reader = NULL;
    struct repo_copy_result result;
    take(sealing, ID);
    struct err *e = repo_copy(&result, to, wrong, ID, NULL);
    assert_int_equal(e->kind, ERR_SEALED);
    err_free(e);
    assert_empty(*state, "to");
    ok(repo_copy(&result, to, locked, ID, NULL));
    assert_true(result.unopened);
    assert_equal_archives(locked, to, ID);
    ok(repo_open_reader(&reader, opened, ID));
    take(sealing, "20261124T170632Z-full");
    ok(repo_copy(&result, to, sealing, "20261124T170632Z-full", NULL));
    assert_false(result.unopened);
}

static void its_key_block_comes_with_it_and_one_that_is_there_stays(void **state)
{
    struct archive_key old, new, third;
    enum rewrap_outcome outcome;
    ok(archive_key_random(&old, ARCHIVE_KEY_SEAL));
    ok(archive_key_random(&new, ARCHIVE_KEY_SEAL));
    ok(archive_key_random(&third, ARCHIVE_KEY_SEAL));
    AUTO(repo) from = open_in(*state, "from", &old);
    AUTO(repo) to = open_in(*state, "to", NULL);
    AUTO(repo) with_new = open_in(*state, "to", &new);
    AUTO(repo) with_third = open_in(*state, "to", &third);
    AUTO(archive_reader) reader = NULL;
    AUTO(archive_reader) again = NULL;
    struct repo_copy_result result;
    take(from, ID);
    AUTO_FREE char *beside = mem_printf("%s/to/" ID "/backup.key", (const char *)*state);
    ok(repo_rewrap(&outcome, from, ID, &new));
    AUTO(repo) locked = open_in(*state, "from", NULL);
    ok(repo_copy(&result, to, locked, ID, NULL));
    ok(repo_open_reader(&reader, with_new, ID));
    assert_int_equal(unlink(beside), 0); /* as if it had been cut off before that */
    ok(repo_copy(&result, to, locked, ID, NULL));
    assert_true(result.there);
    ok(repo_rewrap(&outcome, with_new, ID, &third));
    ok(repo_copy(&result, to, locked, ID, NULL));
    ok(repo_open_reader(&again, with_third, ID));
}

/* ---- an object store ---- */

static void to_an_object_store_and_back(void **state)
{
    void *dir;
    struct memory_store *m = *state;
    const struct repo_options options = {.tmp_dir = "/tmp",
                                         .s3 = {.endpoint = m->http.endpoint,
                                                .region = "testland-1",
                                                .path_style = true,
                                                .timeout_s = 30}};
    assert_int_equal(test_dir_make(&dir), 0);
    s3_client_free(store_client(&m->http, NULL)); /* sets the environment */
    struct repo_copy_result result;
    {
        AUTO(repo) from = open_in(dir, "from", NULL);
        AUTO(repo) back = open_in(dir, "back", NULL);
        AUTO(repo) store = NULL;
        ok(repo_open(&store, "s3://buck/db", &options));
        take(from, ID);
        ok(repo_copy(&result, store, from, ID, NULL));
        assert_false(result.there);
        ok(repo_copy(&result, store, from, ID, NULL));
        assert_true(result.there);
        ok(repo_copy(&result, back, store, ID, NULL));
        assert_equal_archives(from, back, ID);
    }
    assert_int_equal(test_dir_remove(&dir), 0);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_backup_arrives_once_and_whole),
        IN_DIR(what_is_gone_is_told),
        IN_DIR(another_backup_of_that_name_is_not_touched),
        IN_DIR(of_a_damaged_source_nothing_arrives),
        IN_DIR(of_a_sealed_one_damage_is_found_without_its_key),
        IN_DIR(of_a_sealed_one_damage_is_found_with_its_key),
        IN_DIR(a_sealed_backup_is_copied_without_its_key),
        IN_DIR(its_key_block_comes_with_it_and_one_that_is_there_stays),
        cmocka_unit_test_setup_teardown(to_an_object_store_and_back, memory_start, memory_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
