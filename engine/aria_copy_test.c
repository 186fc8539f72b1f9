/* engine/aria_copy_test.c: Aria's control file is whole or not copied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <zlib.h>

#include "base/clock.h"
#include "engine/aria_copy.h"
#include "engine/engine_test_util.h"

enum { SIZE = 52, CREATE = 30, CHANGE = 22 };

/* As a server writes it: 30 bytes made once, 22 that change. */
static void make_control(uint8_t *b)
{
    static const uint8_t magic[] = {0xfe, 0xfe, 0x0c, 1};
    memset(b, 7, SIZE);
    memcpy(b, magic, sizeof magic);
    put_le16(b + 20, CREATE);
    put_le16(b + 22, CHANGE);
    put_le32(b + CREATE - 4, (uint32_t)crc32(0, b, CREATE - 4));
    put_le32(b + CREATE, (uint32_t)crc32(0, b + CREATE + 4, CHANGE - 4));
}

static void every_damage_is_seen(void **state)
{
    (void)state;
    uint8_t b[SIZE];
    char why[80];
    make_control(b);
    assert_true(aria_control_is_whole(b, SIZE, why));
    for (size_t bit = 0; bit < SIZE * 8; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(aria_control_is_whole(b, SIZE, why));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < SIZE; len++)
        assert_false(aria_control_is_whole(b, len, why));
}

static void reason_is_given(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        const char *why;
    } cases[] = {
        {0, "no Aria control file"},
        {20, "parts of 31 and 22 bytes in a file of 52"},
        {23, "parts of 30 and 278 bytes in a file of 52"},
        {10, "checksum of the create-time part is wrong"},
        {40, "checksum of the changeable part is wrong"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t b[SIZE];
        char why[80] = "";
        make_control(b);
        b[cases[i].at] ^= 1;
        assert_false(aria_control_is_whole(b, SIZE, why));
        if (strcmp(why, cases[i].why))
            print_error("case %zu: ", i);
        assert_string_equal(why, cases[i].why);
    }
}

struct fixture {
    char *dir, *data;
    struct datadir datadir;
    struct test_archive archive;
    struct copy_env env;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->data = mem_printf("%s/data", f->dir);
    write_text(f->data, "ibdata1", "");
    const struct server_info s = {.datadir = f->data, .page_size = 16384};
    ok(datadir_resolve(&f->datadir, &s, NULL));
    archive_begin(&f->archive, f->dir);
    f->env = (struct copy_env){.writer = f->archive.writer, .datadir = &f->datadir, .parallel = 1};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    datadir_fini(&f->datadir);
    free(f->data);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static void *mend_later(void *arg)
{
    struct fixture *f = arg;
    uint8_t b[SIZE];
    make_control(b);
    clock_sleep_ms(60);
    write_bytes(f->data, "aria_log_control", b, SIZE);
    return NULL;
}

static void half_written_control_file_is_read_again(void **state)
{
    struct fixture *f = *state;
    uint8_t b[SIZE];
    pthread_t thread;
    make_control(b);
    b[40] ^= 1;
    write_bytes(f->data, "aria_log_control", b, SIZE);
    assert_int_equal(pthread_create(&thread, NULL, mend_later, f), 0);
    struct aria_control control;
    struct err *e = aria_control_read(&control, &f->env);
    pthread_join(thread, NULL);
    ok(e);
    b[40] ^= 1;
    assert_int_equal(control.len, SIZE);
    assert_memory_equal(control.bytes, b, SIZE);
    archive_reader_free(archive_end(&f->archive));
}

/* Copies the logs there are; the control file in the archive must be whole and name this newest log. */
static struct archive_reader *copy_logs(struct fixture *f, uint32_t last_log)
{
    struct aria_control control;
    uint8_t b[SIZE];
    char why[80];
    make_control(b);
    write_bytes(f->data, "aria_log_control", b, SIZE);
    ok(aria_control_read(&control, &f->env));
    ok(aria_copy_logs(&f->env, &control));
    struct archive_reader *r = archive_end(&f->archive);
    AUTO_FREE char *found = archived(r, "aria_log_control");
    assert_true(aria_control_is_whole((const uint8_t *)found, SIZE, why));
    assert_int_equal(le32(found + 41), last_log);
    assert_memory_equal(found, b, 30);
    assert_memory_equal(found + 34, b + 34, 7); /* the checkpoint */
    assert_memory_equal(found + 45, b + 45, SIZE - 45);
    return r;
}

static void logs_are_copied_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    uint8_t two[8193] = {2};
    write_text(f->data, "aria_log.00000001", "one");
    write_bytes(f->data, "aria_log.00000002", two, sizeof two);
    write_text(f->data, "aria_log.0000003", "short name");
    write_text(f->data, "aria_log.0000000x", "no number");
    struct archive_reader *r = copy_logs(f, 2);
    assert_int_equal(f->env.n_files, 3);
    assert_int_equal(archive_reader_n_entries(r), 3);
    assert_archived(r, "aria_log.00000001", "one");
    assert_true(archive_reader_find(r, "aria_log.00000002") >= 0);
    archive_reader_free(r);
}

static void newest_log_with_only_its_header_is_left_out(void **state)
{
    struct fixture *f = *state;
    uint8_t header[8192] = {2};
    write_text(f->data, "aria_log.00000007", "seven");
    write_bytes(f->data, "aria_log.00000008", header, sizeof header);
    struct archive_reader *r = copy_logs(f, 7);
    assert_int_equal(archive_reader_find(r, "aria_log.00000008"), -1);
    archive_reader_free(r);
}

static void only_log_is_copied_whatever_its_size(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "aria_log.00000003", "three");
    struct archive_reader *r = copy_logs(f, 3);
    assert_archived(r, "aria_log.00000003", "three");
    archive_reader_free(r);
}

static void missing_control_file_is_named(void **state)
{
    struct fixture *f = *state;
    struct aria_control control;
    error_is(aria_control_read(&control, &f->env), IO, "/data/aria_log_control: ");
    archive_reader_free(archive_end(&f->archive));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damage_is_seen),
        cmocka_unit_test(reason_is_given),
        TEST(half_written_control_file_is_read_again),
        TEST(logs_are_copied_and_nothing_else),
        TEST(newest_log_with_only_its_header_is_left_out),
        TEST(only_log_is_copied_whatever_its_size),
        TEST(missing_control_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
