/* verify/backup_hashes_test.c: hashes come out of an archive as they went in, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive_file_test_util.h"
#include "archive/sink.h"
#include "archive/writer.h"
#include "base/mem.h"
#include "verify/backup_hashes.h"

/* A reader of an archive that holds this as its hashes; NULL: none. size: what the entry claims. */
static struct archive_reader *archive_with(const char *text, uint64_t size)
{
    char path[] = "/tmp/mbe-backup-hashes-XXXXXX";
    struct archive_attr attr = {.kind = ARCHIVE_SPACE_MAP, .path = TABLE_HASHES_PATH, .size = size};
    struct sink *sink;
    struct archive_writer *w;
    struct archive_reader *r;
    uint32_t entry;
    close(mkstemp(path));
    unlink(path);
    assert_null(sink_file_open(&sink, path));
    assert_null(archive_writer_open(&w, sink, &(struct archive_writer_options){0}));
    if (text) {
        assert_null(archive_entry_add(w, &attr, &entry));
        assert_null(archive_write(w, entry, 0, text, strlen(text)));
        assert_null(archive_entry_set(w, entry, &attr));
    }
    assert_null(archive_writer_finish(w, "{}"));
    assert_null(sink->commit(sink));
    archive_writer_free(w);
    sink->free(sink);
    assert_null(archive_file_open(&r, path));
    unlink(path);
    return r;
}

static void hashes_come_back_as_they_were(void **state)
{
    (void)state;
    struct hash_set in = {.lsn = 4711}, out;
    bool present;
    char *text;
    size_t n;
    hashed_table_mark(hash_set_add(&in, "d", "t"), HASH_NOT, "because");
    hash_set_sort(&in);
    hash_set_write(&text, &n, &in);
    AUTO(archive_reader) r = archive_with(text, n);
    assert_null(backup_hashes_load(&out, &present, r));
    assert_true(present);
    assert_int_equal(out.lsn, 4711);
    assert_int_equal(out.n, 1);
    const struct hashed_table *t = hash_set_find(&out, "d", "t");
    assert_non_null(t);
    assert_int_equal(t->state, HASH_NOT);
    assert_string_equal(t->reason, "because");
    free(text);
    hash_set_fini(&in);
    hash_set_fini(&out);
}

static void a_backup_without_hashes_has_none(void **state)
{
    (void)state;
    AUTO(archive_reader) r = archive_with(NULL, 0);
    struct hash_set out;
    bool present = true;
    assert_null(backup_hashes_load(&out, &present, r));
    assert_false(present);
    assert_int_equal(out.n, 0);
}

static void what_is_no_hash_file_is_damage(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t size;
        const char *message;
    } cases[] = {
        {"{", 1, TABLE_HASHES_PATH},
        {"[]", 2, TABLE_HASHES_PATH},
        {"{}", 2, TABLE_HASHES_PATH},
        {"{", (UINT64_C(1) << 30) + 1, TABLE_HASHES_PATH ": 1073741825 bytes are too many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO(archive_reader) r = archive_with(cases[i].text, cases[i].size);
        struct hash_set out;
        bool present;
        struct err *e = backup_hashes_load(&out, &present, r);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_non_null(strstr(e->message, cases[i].message));
        assert_int_equal(out.n, 0);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_come_back_as_they_were),
        cmocka_unit_test(a_backup_without_hashes_has_none),
        cmocka_unit_test(what_is_no_hash_file_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
