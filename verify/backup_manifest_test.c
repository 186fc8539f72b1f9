/* verify/backup_manifest_test.c: what a manifest has to say, and what each thing is called that it lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "archive/archive_file_test_util.h"
#include "archive/archive_test_util.h"
#include "base/mem.h"
#include "verify/backup_manifest.h"

/* Of an archive that holds nothing but this manifest. */
static struct err *load(struct backup_manifest *out, const char *json)
{
    const struct test_file file = test_file_new();
    struct test_sink sink = test_sink_new();
    AUTO(archive_writer) w = NULL;
    AUTO(archive_reader) r = NULL;
    assert_null(archive_writer_open(&w, &sink.sink, &(struct archive_writer_options){0}));
    assert_null(archive_writer_finish(w, json));
    test_file_set(&file, sink.bytes.p, sink.bytes.n);
    assert_null(archive_file_open(&r, file.path));
    struct err *e = backup_manifest_load(out, r);
    test_sink_free(&sink.sink);
    close(file.fd);
    return e;
}

#define SERVER "\"server\":{\"flavour\":\"mysql\",\"page_size\":16384,\"server_uuid\":\"u\"}"
#define LSN "\"lsn\":{\"from\":20000,\"to\":30000,\"base\":19000}"
#define INCREMENT(chain) \
    "{\"type\":\"incremental\",\"base\":\"b\",\"chain\":{" chain "}," SERVER "," LSN "}"

static void a_full_backup_is_a_chain_of_one(void **state)
{
    (void)state;
    static const char *const texts[] = {"{" SERVER "," LSN "}",
                                        "{\"type\":\"full\",\"base\":null," SERVER "," LSN "}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct backup_manifest m;
        assert_null(load(&m, texts[i]));
        assert_ptr_equal(m.family, &redo_family_mysql);
        assert_int_equal(m.page_size, 16384);
        assert_string_equal(m.server_uuid, "u");
        assert_int_equal(m.from, 20000);
        assert_int_equal(m.to, 30000);
        assert_int_equal(m.length, 1);
        assert_null(m.base);
        backup_manifest_fini(&m);
    }
}

static void an_increment_names_its_base(void **state)
{
    (void)state;
    struct backup_manifest m;
    assert_null(
        load(&m, INCREMENT("\"full\":\"f\",\"length\":3,\"base_archive\":\"00ab00000000000f\"")));
    assert_int_equal(m.length, 3);
    assert_string_equal(m.full, "f");
    assert_string_equal(m.base, "b");
    assert_int_equal(m.base_archive, 0x00ab00000000000f);
    assert_int_equal(m.base_lsn, 19000);
    backup_manifest_fini(&m);
}

static void what_is_missing_or_absurd_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum err_kind kind;
        const char *message;
    } cases[] = {
        {"[", ERR_CORRUPT, "manifest: line 1: "},
        {"{}", ERR_CORRUPT, "manifest: no text server.flavour"},
        {"{\"server\":{\"flavour\":\"x\"}}", ERR_REFUSED, "the backup is of a x server"},
        {"{\"server\":{\"flavour\":\"mysql\",\"page_size\":16000}}", ERR_CORRUPT,
         "manifest: server.page_size 16000 is no page size"},
        {"{" SERVER ",\"lsn\":{\"from\":5}}", ERR_CORRUPT, "manifest: no number lsn.to"},
        {"{" SERVER ",\"lsn\":{\"from\":30000,\"to\":29999}}", ERR_CORRUPT, "are no range"},
        {"{\"type\":\"half\"," SERVER "," LSN "}", ERR_REFUSED,
         "of a type that this mbe does not know"},
        {"{\"type\":\"incremental\"," SERVER "," LSN "}", ERR_CORRUPT, "manifest: no text base"},
        {INCREMENT(""), ERR_CORRUPT, "manifest: no text chain.full"},
        {INCREMENT("\"full\":\"f\""), ERR_CORRUPT, "manifest: no text chain.base_archive"},
        {INCREMENT("\"full\":\"f\",\"base_archive\":\"00ab\""), ERR_CORRUPT,
         "is not 16 hex digits"},
        {INCREMENT("\"full\":\"f\",\"base_archive\":\"00ab00000000000f0\""), ERR_CORRUPT,
         "is not 16 hex digits"},
        {INCREMENT("\"full\":\"f\",\"base_archive\":\"00ab00000000000f\""), ERR_CORRUPT,
         "manifest: no number chain.length"},
        {INCREMENT("\"full\":\"f\",\"base_archive\":\"00ab00000000000f\",\"length\":1"),
         ERR_CORRUPT, "manifest: chain.length 1 is none of an increment"},
        {INCREMENT("\"full\":\"f\",\"base_archive\":\"00ab00000000000f\",\"length\":4294967296"),
         ERR_CORRUPT, "manifest: chain.length 4294967296 is none of an increment"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct backup_manifest m;
        struct err *e = load(&m, cases[i].json);
        if (!e)
            fail_msg("accepted: %s", cases[i].json);
        if (!strstr(e->message, cases[i].message))
            fail_msg("\"%s\" expected in \"%s\"", cases[i].message, e->message);
        assert_int_equal(e->kind, cases[i].kind);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_backup_is_a_chain_of_one),
        cmocka_unit_test(an_increment_names_its_base),
        cmocka_unit_test(what_is_missing_or_absurd_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
