/* cli/manifest_test.c: the summary of full and sparse manifests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "cli/manifest.h"

static const char full[] =
    "{\"id\":\"20261124T170632Z-full\",\"type\":\"full\",\"base\":null,"
    "\"server\":{\"flavour\":\"mariadb\",\"version\":\"10.11.19\"},"
    "\"lsn\":{\"checkpoint\":100,\"from\":100,\"to\":9007199254740993},"
    "\"binlog\":{\"file\":\"bin.000003\",\"position\":4711},\"gtid\":{\"binlog_pos\":\"0-1-12\"},"
    "\"started\":\"a\",\"finished\":\"b\",\"lock\":{\"seconds\":0.25,\"start_wait\":0.5,"
    "\"attempts\":2},"
    "\"bytes\":{\"read\":1073741824,\"stored\":1048576,\"redo\":512},\"files\":12,\"tables\":7}";

static json_t *parsed(const char *text)
{
    json_t *m = NULL;
    assert_null(manifest_parse(&m, text, "a.mbe"));
    return m;
}

static void a_summary_tells_sizes_lock_and_position(void **state)
{
    (void)state;
    json_auto_t *m = parsed(full);
    AUTO_FREE char *text = manifest_summary(m);
    assert_string_equal(text,
                        "1.0 GiB read, 1.0 MiB stored, 512 B redo; server locked for 0.250 s "
                        "(start_wait 0.500 s, attempts 2); LSN 100 to 9007199254740993; binary "
                        "log bin.000003:4711; GTID 0-1-12; 12 files, 7 tables");
}

static void a_summary_of_an_increment_tells_what_it_read_for_each_changed_byte(void **state)
{
    (void)state;
    json_auto_t *m = parsed("{\"base\":\"b-full\",\"bytes\":{\"read\":3072,\"changed\":2048}}");
    AUTO_FREE char *text = manifest_summary(m);
    assert_non_null(strstr(text, "; 2.0 KiB changed since b-full, 1.50 bytes read for each; "));
}

static void a_summary_tells_for_how_long_reading_was_held_back(void **state)
{
    (void)state;
    json_auto_t *held =
        parsed("{\"pace\":{\"throttle\":1048576,\"rate\":1048000,\"waited\":12.5}}");
    json_auto_t *free_run =
        parsed("{\"pace\":{\"throttle\":null,\"rate\":1048000,\"waited\":0.0}}");
    AUTO_FREE char *of_held = manifest_summary(held), *of_free = manifest_summary(free_run);
    assert_non_null(strstr(of_held, "redo; read at 1023.4 KiB/s, held back for 12.500 s; "));
    assert_null(strstr(of_free, "held back"));
}

static void a_summary_tells_how_many_tables_were_hashed(void **state)
{
    (void)state;
    json_auto_t *all = parsed("{\"hashes\":{\"tables\":7,\"unsynchronised\":0,\"not_hashed\":0}}");
    json_auto_t *some = parsed("{\"hashes\":{\"tables\":7,\"unsynchronised\":1,\"not_hashed\":2}}");
    json_auto_t *none = parsed("{\"hashes\":null}");
    AUTO_FREE char *of_all = manifest_summary(all), *of_some = manifest_summary(some);
    AUTO_FREE char *of_none = manifest_summary(none);
    assert_non_null(strstr(of_all, "tables; 7 tables hashed"));
    assert_null(strstr(of_all, "not proven"));
    assert_non_null(strstr(of_some, "; 7 tables hashed, 3 are not proven"));
    assert_null(strstr(of_none, "hashed"));
}

static void odd_manifests_have_a_summary_too(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}",
        "{\"lock\":[],\"bytes\":1,\"lsn\":\"x\",\"binlog\":null,\"gtid\":[]}",
        "{\"lock\":{},\"bytes\":{\"read\":-5},\"binlog\":{\"file\":3}}",
        "{\"gtid\":{\"binlog_pos\":false}}",
        "{\"lock\":{\"seconds\":\"long\",\"x\":{}}}",
        "{\"hashes\":{\"tables\":\"many\",\"not_hashed\":-1}}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        json_auto_t *m = parsed(odd[i]);
        AUTO_FREE char *text = manifest_summary(m);
        assert_non_null(strstr(text, "0 B read, 0 B stored, 0 B redo"));
        assert_non_null(strstr(text, "LSN 0 to 0"));
        assert_null(strstr(text, "binary log"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_summary_tells_sizes_lock_and_position),
        cmocka_unit_test(a_summary_of_an_increment_tells_what_it_read_for_each_changed_byte),
        cmocka_unit_test(a_summary_tells_for_how_long_reading_was_held_back),
        cmocka_unit_test(a_summary_tells_how_many_tables_were_hashed),
        cmocka_unit_test(odd_manifests_have_a_summary_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
