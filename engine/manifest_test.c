/* engine/manifest_test.c: the JSON texts of a backup, read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>

#include "engine/engine_test_util.h"
#include "engine/manifest.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

static json_t *parsed(char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!j)
        fail_msg("line %d: %s", e.line, e.text);
    free(text);
    return j;
}

/* The value at "a.b.0.c". */
static const json_t *at(const json_t *j, const char *path)
{
    AUTO_FREE char *copy = mem_strdup(path);
    char *save = NULL;
    for (const char *key = strtok_r(copy, ".", &save); key; key = strtok_r(NULL, ".", &save))
        j = json_is_array(j) ? json_array_get(j, (size_t)atoi(key)) : json_object_get(j, key);
    return j;
}

static void assert_text(const json_t *j, const char *path, const char *expected)
{
    assert_true(json_is_string(at(j, path)));
    assert_string_equal(json_string_value(at(j, path)), expected);
}

static void assert_number(const json_t *j, const char *path, json_int_t expected)
{
    assert_true(json_is_integer(at(j, path)));
    assert_int_equal(json_integer_value(at(j, path)), expected);
}

static const struct server_info server = {.version = TEXT("10.11.19-MariaDB-log"),
                                          .version_number = TEXT("10.11.19"),
                                          .flavour = FLAVOUR_MARIADB,
                                          .server_id = TEXT("7"),
                                          .datadir = TEXT("/var/lib/mysql"),
                                          .innodb_data_file_path = TEXT("ibdata1:12M:autoextend"),
                                          .lower_case_table_names = TEXT("0"),
                                          .page_size = 16384,
                                          .undo_tablespaces = 3};

static struct replica_coordinates replica = {.connection_name = TEXT(""),
                                             .master_host = TEXT("up"),
                                             .relay_master_log_file = TEXT("bin.000009"),
                                             .gtid_slave_pos = TEXT("0-1-9"),
                                             .using_gtid = TEXT("No"),
                                             .exec_master_log_pos = 1234,
                                             .master_port = 3306};

static void every_fact_has_its_key(void **state)
{
    (void)state;
    const struct coordinates c = {.binlog_file = TEXT("bin.000003"),
                                  .binlog_position = 5000000000,
                                  .gtid_binlog_pos = TEXT("0-7-21"),
                                  .gtid_current_pos = TEXT("0-7-21"),
                                  .gtid_slave_pos = TEXT(""),
                                  .n_replicas = 1,
                                  .replicas = &replica};
    const struct lock_times lock = {.seconds = 0.3125,
                                    .block_commit = 0.0114999,
                                    .block_ddl = 0.2,
                                    .start_wait = 0.001,
                                    .hash = 0.0021,
                                    .attempts = 2};
    const struct backup_hash_summary hash = {
        .tables = 5, .unsynchronised = 1, .not_hashed = 2, .rows = 1ull << 40, .seconds = 1.5};
    char *const corrupt[] = {TEXT("d/t.ibd: page 7 at offset 114688: checksum")};
    char *const repair[] = {TEXT("d/m"), NULL};
    const struct manifest m = {.id = "20261125T120000Z-full",
                               .started = "2026-11-25T12:00:00Z",
                               .finished = "2026-11-25T12:01:00Z",
                               .server = &server,
                               .coordinates = &c,
                               .lock = &lock,
                               .pace = {.settings = {.rate = 1 << 20, .latency_ms = 20},
                                        .bytes = 9 << 20,
                                        .seconds = 4.5,
                                        .waited = 3.25049,
                                        .lowest = 4 << 20},
                               .from = 1ull << 60,
                               .to = (1ull << 60) + 512,
                               .redo_key = "7",
                               .redo_key_version = 1,
                               .bytes_read = 100,
                               .bytes_stored = 50,
                               .files = 3,
                               .tables = 2,
                               .corrupt_pages = corrupt,
                               .n_corrupt = 1,
                               .needs_repair = repair,
                               .hash = &hash};
    char *text;
    ok(manifest_json(&text, &m));
    json_t *j = parsed(text);
    assert_text(j, "id", "20261125T120000Z-full");
    assert_text(j, "type", "full");
    assert_true(json_is_null(at(j, "base")));
    assert_text(j, "server.flavour", "mariadb");
    assert_text(j, "server.version", "10.11.19-MariaDB-log");
    assert_text(j, "server.server_id", "7");
    assert_true(json_is_null(at(j, "server.server_uid")));
    assert_number(j, "server.page_size", 16384);
    assert_number(j, "server.innodb_undo_tablespaces", 3);
    assert_number(j, "lsn.checkpoint", (json_int_t)1 << 60);
    assert_number(j, "lsn.from", (json_int_t)1 << 60);
    assert_number(j, "lsn.to", ((json_int_t)1 << 60) + 512);
    assert_true(json_is_null(at(j, "lsn.base")));
    assert_text(j, "chain.full", "20261125T120000Z-full");
    assert_number(j, "chain.length", 1);
    assert_true(json_is_null(at(j, "chain.base_archive")));
    assert_true(json_is_null(at(j, "change_map")));
    assert_true(json_is_null(at(j, "bytes.changed")));
    assert_true(json_is_true(at(j, "redo.encrypted")));
    assert_text(j, "redo.key", "7");
    assert_number(j, "redo.key_version", 1);
    assert_text(j, "binlog.file", "bin.000003");
    assert_number(j, "binlog.position", 5000000000);
    assert_text(j, "gtid.binlog_pos", "0-7-21");
    assert_text(j, "replicas.0.relay_master_log_file", "bin.000009");
    assert_number(j, "replicas.0.exec_master_log_pos", 1234);
    assert_true(json_real_value(at(j, "lock.seconds")) == 0.313);
    assert_true(json_real_value(at(j, "lock.block_commit")) == 0.011);
    assert_number(j, "lock.attempts", 2);
    assert_true(json_real_value(at(j, "lock.hash")) == 0.002);
    assert_number(j, "pace.throttle", 1 << 20);
    assert_number(j, "pace.latency", 20);
    assert_number(j, "pace.lowest", 4 << 20);
    assert_number(j, "pace.rate", 2 << 20);
    assert_true(json_real_value(at(j, "pace.seconds")) == 4.5);
    assert_true(json_real_value(at(j, "pace.waited")) == 3.25);
    assert_number(j, "hashes.tables", 5);
    assert_number(j, "hashes.unsynchronised", 1);
    assert_number(j, "hashes.not_hashed", 2);
    assert_number(j, "hashes.rows", 1ull << 40);
    assert_true(json_real_value(at(j, "hashes.seconds")) == 1.5);
    assert_number(j, "bytes.redo", 512);
    assert_number(j, "files", 3);
    assert_number(j, "tables", 2);
    assert_true(json_is_true(at(j, "damaged")));
    assert_text(j, "corrupt_pages.0", corrupt[0]);
    assert_text(j, "needs_repair.0", "d/m");
    assert_int_equal(json_array_size(at(j, "needs_repair")), 1);
    assert_text(j, "tool.name", "mbe");
    json_decref(j);
}

static void an_increment_names_its_base(void **state)
{
    (void)state;
    const struct coordinates none = {0};
    const struct lock_times lock = {0};
    const struct manifest_base base = {.id = "20261125T120000Z-incremental",
                                       .archive_id = 0xabc,
                                       .to = 900,
                                       .full_id = "20261124T120000Z-full",
                                       .n_chain = 2,
                                       .change_map = "scan",
                                       .bytes_changed = 16384};
    const struct manifest m = {.id = "20261126T120000Z-incremental",
                               .base = &base,
                               .started = "",
                               .finished = "",
                               .server = &server,
                               .coordinates = &none,
                               .lock = &lock,
                               .from = 800,
                               .to = 1000};
    char *text;
    ok(manifest_json(&text, &m));
    json_t *j = parsed(text);
    assert_text(j, "type", "incremental");
    assert_text(j, "base", "20261125T120000Z-incremental");
    assert_text(j, "chain.full", "20261124T120000Z-full");
    assert_number(j, "chain.length", 3);
    assert_text(j, "chain.base_archive", "0000000000000abc");
    assert_number(j, "lsn.base", 900);
    assert_text(j, "change_map", "scan");
    assert_number(j, "bytes.changed", 16384);
    json_decref(j);
}

static void absent_facts_are_null_or_empty(void **state)
{
    (void)state;
    struct replica_coordinates lost = {.connection_name = TEXT("")};
    const struct coordinates none = {.n_replicas = 1, .replicas = &lost};
    const struct lock_times lock = {0};
    const struct manifest m = {.id = "x",
                               .started = "",
                               .finished = "",
                               .server = &server,
                               .coordinates = &none,
                               .lock = &lock};
    char *text;
    ok(manifest_json(&text, &m));
    json_t *j = parsed(text);
    assert_true(json_is_null(at(j, "binlog")));
    assert_true(json_is_null(at(j, "gtid.binlog_pos")));
    assert_true(json_is_null(at(j, "replicas.0.relay_master_log_file")));
    assert_true(json_is_null(at(j, "replicas.0.exec_master_log_pos")));
    assert_true(json_is_false(at(j, "damaged")));
    assert_true(json_is_false(at(j, "redo.encrypted")));
    assert_true(json_is_null(at(j, "redo.key")));
    assert_true(json_is_null(at(j, "pace.throttle")));
    assert_true(json_is_null(at(j, "pace.latency")));
    assert_true(json_is_null(at(j, "pace.lowest")));
    assert_number(j, "pace.rate", 0);
    assert_int_equal(json_array_size(at(j, "corrupt_pages")), 0);
    json_decref(j);
}

static void file_name_that_is_not_utf8_is_still_json(void **state)
{
    (void)state;
    const struct coordinates none = {0};
    const struct lock_times lock = {0};
    char *const corrupt[] = {TEXT("d/\xff\xfe.ibd: page 7")};
    const struct manifest m = {.id = "x",
                               .started = "",
                               .finished = "",
                               .server = &server,
                               .coordinates = &none,
                               .lock = &lock,
                               .corrupt_pages = corrupt,
                               .n_corrupt = 1};
    char *text;
    ok(manifest_json(&text, &m));
    json_t *j = parsed(text);
    assert_text(j, "corrupt_pages.0",
                "d/?"
                "?.ibd: page 7");
    json_decref(j);
}

static void space_map_tells_ghosts_and_imports(void **state)
{
    (void)state;
    enum { COPIED = 1000 };
    static const struct {
        lsn_t import_lsn;
        bool deleted, revived, dropped;
        json_int_t expected; /* 0: not in the map */
    } cases[] = {
        {0, false, false, false, 0},         /* never imported */
        {900, false, false, false, 900},     /* copied after its import */
        {1200, false, false, false, COPIED}, /* silent when it was copied, changed later */
        {0, true, true, false, COPIED},      /* silent to the end */
        {900, true, true, false, COPIED},    /* imported, discarded, imported silently */
        {900, true, false, true, 0},         /* imported, dropped */
    };
    enum { N = sizeof cases / sizeof cases[0] };
    struct file_ops ops = {0};
    struct copied_space items[N + 1] = {0};
    for (uint32_t i = 0; i < N; i++) {
        const struct redo_record rec = {
            .type = REDO_FILE_MODIFY, .space = i, .body = (const uint8_t *)"n", .body_len = 1};
        ok(file_ops_add(&ops, &rec, 100));
        ops.items[i].import_lsn = cases[i].import_lsn;
        ops.items[i].deleted = cases[i].deleted;
        items[i] = (struct copied_space){.id = i,
                                         .lsn_at_start = COPIED,
                                         .revived = cases[i].revived,
                                         .dropped = cases[i].dropped};
    }
    items[N] =
        (struct copied_space){.id = 4000000000u, .lsn_at_start = COPIED}; /* nothing in the redo */
    const struct space_set set = {.items = items, .n = N + 1};
    space_id_t ids[] = {7, 4000000001u};
    const struct ghosts ghosts = {ids, 2};
    char *text;
    ok(manifest_space_map_json(&text, &ghosts, &set, &ops));
    json_t *j = parsed(text);
    assert_number(j, "ghosts.0", 7);
    assert_number(j, "ghosts.1", 4000000001);
    size_t n = 0;
    for (uint32_t i = 0; i < N; i++)
        if (cases[i].expected) {
            const json_t *import = json_array_get(at(j, "imports"), n++);
            assert_number(import, "id", i);
            assert_number(import, "lsn", cases[i].expected);
        }
    assert_int_equal(json_array_size(at(j, "imports")), n);
    json_decref(j);
    file_ops_fini(&ops);
}

static void space_map_of_mysql_tells_what_is_built_from_redo(void **state)
{
    (void)state;
    struct created_space created[] = {{0xFFFFFFED, (char *)(uintptr_t) "undo_003.ibu"},
                                      {0xFFFFFFEC, (char *)(uintptr_t) "/u/x.ibu"}};
    const struct space_import imports[] = {{7, 12345}};
    char *text;
    ok(manifest_created_map_json(&text, created, 2, imports, 1));
    json_t *j = parsed(text);
    assert_number(j, "created.0.id", 0xFFFFFFED);
    assert_text(j, "created.0.name", "undo_003.ibu");
    assert_text(j, "created.1.name", "/u/x.ibu");
    assert_int_equal(json_array_size(at(j, "created")), 2);
    assert_int_equal(json_array_size(at(j, "ghosts")), 0);
    assert_number(j, "imports.0.id", 7);
    assert_number(j, "imports.0.lsn", 12345);
    assert_int_equal(json_array_size(at(j, "imports")), 1);
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fact_has_its_key),
        cmocka_unit_test(an_increment_names_its_base),
        cmocka_unit_test(absent_facts_are_null_or_empty),
        cmocka_unit_test(file_name_that_is_not_utf8_is_still_json),
        cmocka_unit_test(space_map_tells_ghosts_and_imports),
        cmocka_unit_test(space_map_of_mysql_tells_what_is_built_from_redo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
