/* engine/change_map_test.c: a datadir with hand-made files of page tracking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <sys/wait.h>

#include "base/crc32c.h"
#include "engine/change_map.h"
#include "engine/engine_test_util.h"
#include "innodb/page_archive.h"

enum { BLOCK = PAGE_ARCHIVE_BLOCK, FULL = BLOCK - 32, BEGIN = 1000 };

static const struct change_map_query whole = {
    .base = {.begin = BEGIN, .reset = BEGIN, .knows_escaped = true},
    .since = 1100,
    .covered = 1200};

struct id {
    space_id_t space;
    page_no_t page;
};

/* --- a datadir --- */

struct block {
    uint8_t bytes[BLOCK];
};

static void set_data(struct block *b, size_t len)
{
    put_be16(b->bytes + 6, (uint16_t)len);
    put_be32(b->bytes + 2, crc32c(0, b->bytes + 32, len));
}

/* File 0 has one point, before its first data block's pages. */
static struct block reset_block(uint64_t file)
{
    struct block b = {{1, 0}};
    put_be64(b.bytes + 8, INT64_MAX);
    put_be64(b.bytes + 16, INT64_MAX);
    put_be64(b.bytes + 24, file);
    put_be64(b.bytes + 32, BEGIN);
    put_be16(b.bytes + 42, 32);
    set_data(&b, file ? 0 : 12);
    return b;
}

static struct block data_block(uint64_t number, lsn_t stop, const struct id *ids, size_t n)
{
    struct block b = {{1, 1}};
    put_be64(b.bytes + 8, stop);
    put_be64(b.bytes + 16, number ? 0 : BEGIN);
    put_be64(b.bytes + 24, number);
    for (size_t i = 0; i < n; i++)
        put_be64(b.bytes + 32 + 8 * i, page_archive_id(ids[i].space, ids[i].page));
    set_data(&b, 8 * n);
    return b;
}

struct fixture {
    char *dir;
    char *group;
    struct change_map *map;
};

static void add_file(struct fixture *f, const char *name, const void *data, size_t len)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->group, name);
    ok(file_replace(path, data, len, 0600));
}

static void add_group(struct fixture *f, lsn_t begin)
{
    free(f->group);
    f->group = mem_printf("%s/#ib_archive/page_group_%" PRIu64, f->dir, begin);
    ok(file_mkdirs(f->group, 0700));
    add_file(f, "active", "", 0);
    add_file(f, "durable", "", 0);
}

static void fixture_init(struct fixture *f)
{
    *f = (struct fixture){.dir = make_dir()};
}

static void fixture_fini(struct fixture *f)
{
    change_map_free(f->map);
    free(f->group);
    remove_dir(f->dir);
}

/* One group, whose list is these pages. */
static void fixture_of(struct fixture *f, lsn_t stop, const struct id *ids, size_t n)
{
    struct block blocks[2] = {reset_block(0), data_block(0, stop, ids, n)};
    fixture_init(f);
    add_group(f, BEGIN);
    add_file(f, "ib_page_0", blocks, sizeof blocks);
}

static struct err *load(struct fixture *f, const struct change_map_query *query)
{
    struct change_map_query q = *query;
    q.datadir = f->dir;
    return change_map_load(&f->map, &q);
}

/* --- ranges --- */

static const struct id pages[] = {
    {5, 40}, {5, 10}, {5, 11}, {7, 3}, {5, 14}, {5, 10}, {4, 0xFFFFFFFF}, {5, 41}, {5, 17},
};

static void assert_runs(const struct fixture *f, page_no_t gap, const uint64_t (*runs)[2], size_t n)
{
    uint64_t from = 0, begin, end;
    for (size_t i = 0; i < n; i++) {
        assert_true(change_map_next(f->map, 5, (page_no_t)from, gap, &begin, &end));
        assert_int_equal(begin, runs[i][0]);
        assert_int_equal(end, runs[i][1]);
        from = end;
    }
    assert_false(change_map_next(f->map, 5, (page_no_t)from, gap, &begin, &end));
}

static void pages_that_are_near_are_one_run(void **state)
{
    (void)state;
    struct fixture f;
    fixture_of(&f, 1200, pages, sizeof pages / sizeof pages[0]);
    ok(load(&f, &whole));
    assert_int_equal(change_map_size(f.map), 8);
    assert_int_equal(change_map_end(f.map), 1200);
    assert_runs(&f, 0, (const uint64_t[][2]){{10, 12}, {14, 15}, {17, 18}, {40, 42}}, 4);
    assert_runs(&f, 1, (const uint64_t[][2]){{10, 12}, {14, 15}, {17, 18}, {40, 42}}, 4);
    assert_runs(&f, 2, (const uint64_t[][2]){{10, 18}, {40, 42}}, 2);
    assert_runs(&f, 22, (const uint64_t[][2]){{10, 42}}, 1);
    fixture_fini(&f);
}

static void a_run_may_begin_anywhere(void **state)
{
    (void)state;
    uint64_t begin, end;
    struct fixture f;
    fixture_of(&f, 1200, pages, sizeof pages / sizeof pages[0]);
    ok(load(&f, &whole));
    assert_true(change_map_next(f.map, 5, 11, 2, &begin, &end));
    assert_int_equal(begin, 11);
    assert_int_equal(end, 18);
    assert_true(change_map_next(f.map, 5, 18, 2, &begin, &end));
    assert_int_equal(begin, 40);
    assert_true(change_map_next(f.map, 4, 0, 2, &begin, &end));
    assert_int_equal(begin, 0xFFFFFFFF);
    assert_true(end == 0x100000000);
    assert_false(change_map_next(f.map, 6, 0, 2, &begin, &end));
    assert_false(change_map_next(f.map, 8, 0, 2, &begin, &end));
    assert_true(change_map_has(f.map, 7, 3));
    assert_false(change_map_has(f.map, 7, 2));
    assert_false(change_map_has(f.map, 8, 0));
    fixture_fini(&f);
}

static void an_empty_list_has_no_runs(void **state)
{
    (void)state;
    struct fixture f;
    fixture_of(&f, 1200, NULL, 0);
    ok(load(&f, &whole));
    assert_int_equal(change_map_size(f.map), 0);
    assert_runs(&f, 9, NULL, 0);
    assert_false(change_map_has(f.map, 5, 10));
    fixture_fini(&f);
}

/* --- what escaped --- */

static void pages_that_escaped_are_in_the_list(void **state)
{
    (void)state;
    static uint64_t escaped[] = {5ull << 32 | 11, 5ull << 32 | 12, 5ull << 32 | 9, 6ull << 32};
    static space_id_t spaces[] = {8, 4};
    struct change_map_query q = whole;
    q.base.pages = escaped;
    q.base.n_pages = 4;
    q.base.spaces = spaces;
    q.base.n_spaces = 2;
    struct fixture f;
    fixture_of(&f, 1200, pages, 3); /* 5:40, 5:10, 5:11 */
    ok(load(&f, &q));
    assert_int_equal(change_map_size(f.map), 6);
    assert_runs(&f, 0, (const uint64_t[][2]){{9, 13}, {40, 41}}, 2);
    assert_true(change_map_has(f.map, 6, 0));
    assert_false(change_map_has(f.map, 5, 8));
    assert_true(change_map_distrusts(f.map, 4) && change_map_distrusts(f.map, 8));
    assert_false(change_map_distrusts(f.map, 5));
    fixture_fini(&f);
}

/* --- when it may be used --- */

static void what_does_not_cover_the_time_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct change_map_query query;
        const char *message;
    } cases[] = {
        {{.base = {.begin = 0, .reset = 0}, .since = 1100, .covered = 1200},
         "page tracking was not on when the base ended"},
        {{.base = {.begin = 900, .reset = 900}, .since = 1100, .covered = 1200},
         "page tracking was begun anew at LSN 1000, the base ended at 1100"},
        {{.base = {.begin = BEGIN, .reset = BEGIN}, .since = 1100, .covered = 1200},
         "what escapes page tracking at a reset point was not noted with the base"},
        {{.base = {.begin = BEGIN, .reset = 1150, .knows_escaped = true},
          .since = 1100,
          .covered = 1200},
         "page tracking was begun at LSN 1150, behind the base's end at 1100"},
        {{.base = {.begin = BEGIN, .reset = 1050, .knows_escaped = true},
          .since = 1100,
          .covered = 1200},
         "page tracking has nothing of LSN 1050 any more"},
    };
    struct fixture f;
    fixture_of(&f, 1200, pages, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        error_is(load(&f, &cases[i].query), REFUSED, cases[i].message);
        assert_null(f.map);
    }
    fixture_fini(&f);
}

static void a_group_that_is_not_active_is_none(void **state)
{
    (void)state;
    static const char *const markers[] = {"active", "durable"};
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        fixture_of(&f, 1200, pages, 3);
        AUTO_FREE char *path = mem_printf("%s/%s", f.group, markers[i]);
        assert_int_equal(unlink(path), 0);
        error_is(load(&f, &whole), REFUSED, "page tracking is off");
        fixture_fini(&f);
    }
    struct fixture f;
    fixture_init(&f);
    error_is(load(&f, &whole), REFUSED, "page tracking is off");
    fixture_fini(&f);
}

static void two_active_groups_are_not_believed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_of(&f, 1200, pages, 3);
    add_group(&f, 1150);
    error_is(load(&f, &whole), CORRUPT, "#ib_archive: two groups are active");
    fixture_fini(&f);
}

static void damage_is_told_with_its_place(void **state)
{
    (void)state;
    enum { DATA = 1 };
    static const struct {
        int block, at;
        uint8_t value;
        const char *message;
    } cases[] = {
        {DATA, 40, 0xEE, "ib_page_0: block 1: checksum"},
        {DATA, 0, 0, "ib_page_0: block 1: version 0"},
        {DATA, 1, 0, "ib_page_0: block 1 is of the wrong kind"},
        {DATA, 8, 0x80, "ib_page_0: block 1: data block 0 was filled while the server recovered"},
        {DATA, 31, 1, "ib_page_0: block 1: data block 1 where 0 is expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct block blocks[2] = {reset_block(0), data_block(0, 1200, pages, 3)};
        struct fixture f;
        fixture_init(&f);
        add_group(&f, BEGIN);
        blocks[cases[i].block].bytes[cases[i].at] = cases[i].value;
        add_file(&f, "ib_page_0", blocks, sizeof blocks);
        error_is(load(&f, &whole), CORRUPT, cases[i].message);
        assert_null(f.map);
        fixture_fini(&f);
    }
}

static void files_that_are_cut_or_missing_are_told(void **state)
{
    (void)state;
    struct block blocks[2] = {reset_block(0), data_block(0, 1200, pages, 3)};
    struct fixture f;
    fixture_init(&f);
    add_group(&f, BEGIN);
    error_is(load(&f, &whole), CORRUPT, "no file of page tracking");
    add_file(&f, "ib_page_0", blocks, sizeof blocks - 1);
    error_is(load(&f, &whole), CORRUPT, "ib_page_0: block 1: 16383 bytes are no block");
    add_file(&f, "ib_page_0", blocks, BLOCK);
    error_is(load(&f, &whole), REFUSED, "page tracking has nothing of LSN 1000 any more");
    add_file(&f, "ib_page_0", blocks, sizeof blocks);
    add_file(&f, "ib_page_1", blocks, BLOCK);
    error_is(load(&f, &whole), CORRUPT, "ib_page_1: block 0: reset block of file 0 behind");
    fixture_fini(&f);
}

static void all_files_of_a_group_are_read(void **state)
{
    (void)state;
    enum { N = PAGE_ARCHIVE_FILE_BLOCKS };
    static const struct id last[] = {{5, 99}};
    static struct id many[FULL / 8];
    struct block *blocks = mem_alloc(N * sizeof *blocks);
    for (size_t i = 0; i < FULL / 8; i++)
        many[i] = (struct id){5, (page_no_t)i};
    blocks[0] = reset_block(0);
    for (uint64_t i = 1; i < N; i++)
        blocks[i] = data_block(i - 1, 1100, many, FULL / 8);
    struct block next[2] = {reset_block(1), data_block(N - 1, 1300, last, 1)};
    struct fixture f;
    fixture_init(&f);
    add_group(&f, BEGIN);
    add_file(&f, "ib_page_0", blocks, N * sizeof *blocks);
    add_file(&f, "ib_page_1", next, sizeof next);
    ok(load(&f, &whole));
    assert_int_equal(change_map_size(f.map), FULL / 8);
    assert_int_equal(change_map_end(f.map), 1200);
    change_map_free(f.map);
    f.map = NULL;
    add_file(&f, "ib_page_0", blocks, (N - 1) * sizeof *blocks);
    error_is(load(&f, &whole), CORRUPT, "ib_page_1: block 0: reset block of file 1 behind");
    fixture_fini(&f);
    free(blocks);
}

static void a_block_that_is_just_being_written_is_read_again(void **state)
{
    (void)state;
    struct block blocks[2] = {reset_block(0), data_block(0, 1200, pages, 3)};
    struct fixture f;
    fixture_init(&f);
    add_group(&f, BEGIN);
    add_file(&f, "ib_page_0", blocks, BLOCK + 100);
    const pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (!child) {
        usleep(60000);
        AUTO_FREE char *path = mem_printf("%s/ib_page_0", f.group);
        const int fd = open(path, O_WRONLY);
        _exit(pwrite(fd, blocks, sizeof blocks, 0) != sizeof blocks);
    }
    ok(load(&f, &whole));
    assert_int_equal(change_map_size(f.map), 3);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fixture_fini(&f);
}

static void a_group_knows_when_it_was_begun(void **state)
{
    (void)state;
    struct timespec birth;
    struct fixture f;
    fixture_of(&f, 1200, pages, 3);
    assert_false(tracking_group_birth(&birth, f.dir, 999));
    if (tracking_group_birth(&birth, f.dir, BEGIN)) /* not every file system keeps it */
        assert_true(labs((long)(time(NULL) - birth.tv_sec)) < 600);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_that_are_near_are_one_run),
        cmocka_unit_test(a_run_may_begin_anywhere),
        cmocka_unit_test(an_empty_list_has_no_runs),
        cmocka_unit_test(pages_that_escaped_are_in_the_list),
        cmocka_unit_test(what_does_not_cover_the_time_is_refused),
        cmocka_unit_test(a_group_that_is_not_active_is_none),
        cmocka_unit_test(two_active_groups_are_not_believed),
        cmocka_unit_test(damage_is_told_with_its_place),
        cmocka_unit_test(files_that_are_cut_or_missing_are_told),
        cmocka_unit_test(all_files_of_a_group_are_read),
        cmocka_unit_test(a_block_that_is_just_being_written_is_read_again),
        cmocka_unit_test(a_group_knows_when_it_was_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
