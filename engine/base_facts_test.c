/* engine/base_facts_test.c: what one backup tells the next, written and read back, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base_facts.h"
#include "engine/engine_test_util.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

static const struct file_mark born = {.inode = 1ull << 50,
                                      .has_birth = true,
                                      .birth = {1700000000, 999999999},
                                      .size = 5 << 20,
                                      .mtime = {-5, 1},
                                      .ctime = {1800000000, 2},
                                      .proves = true};
static const struct file_mark plain_mark = {.inode = 7, .size = PLAIN_BLOCK + 1};
static struct space_witness witnesses[] = {{3, 500}, {0, 0}, {UINT32_MAX, UINT64_MAX}};
static uint8_t hashes[2 * BLOCK_HASH] = "one hash, another one, of a file";

static uint64_t escaped[] = {(uint64_t)UINT32_MAX << 32 | UINT32_MAX, 5ull << 32 | 7, 0};
static space_id_t distrusted[] = {UINT32_MAX, 3, UINT32_MAX};
static const struct tracking_state tracking = {
    1ull << 40,   (1ull << 40) + 5,     .knows_escaped = true, .pages = escaped,
    .n_pages = 3, .spaces = distrusted, .n_spaces = 3};

static void put_sample(struct out_bytes *o)
{
    const struct space_fact second = {.id = 9, .page_size = 1024, .mark = born};
    const struct space_fact first = {.id = 0,
                                     .first_page = 640,
                                     .page_size = 16384,
                                     .page_lsn = 77,
                                     .mark = born,
                                     .witnesses = witnesses,
                                     .n_witnesses = 3};
    const struct plain_fact file = {.name = TEXT("d/t.MYD"),
                                    .content = TEXT("external/far/t.MYD"),
                                    .unclosed = true,
                                    .mark = plain_mark,
                                    .size = PLAIN_BLOCK + 1,
                                    .hashes = hashes};
    const struct plain_fact empty = {.name = TEXT("d/a.frm"), .is_view = true, .online_aria = true};
    base_facts_put_head(o, 1790000000, &born);
    base_facts_put_space(o, &second);
    base_facts_put_plain(o, &file);
    base_facts_put_tracking(o, &tracking);
    base_facts_put_last_index_id(o, 4711);
    base_facts_put_space(o, &first);
    base_facts_put_plain(o, &empty);
    base_facts_put_end(o);
}

static void assert_mark(const struct file_mark *found, const struct file_mark *expected)
{
    assert_int_equal(found->inode, expected->inode);
    assert_int_equal(found->has_birth, expected->has_birth);
    assert_true(file_mark_same_time(found->birth, expected->birth));
    assert_int_equal(found->size, expected->size);
    assert_true(file_mark_same_time(found->mtime, expected->mtime));
    assert_true(file_mark_same_time(found->ctime, expected->ctime));
    assert_int_equal(found->proves, expected->proves);
}

static void what_is_written_is_read(void **state)
{
    struct out_bytes o = {0};
    struct base_facts f;
    (void)state;
    put_sample(&o);
    ok(base_facts_parse(&f, o.p, o.n));
    assert_int_equal(f.server_start, 1790000000);
    assert_mark(&f.system, &born);
    assert_int_equal(f.tracking.begin, tracking.begin);
    assert_int_equal(f.tracking.reset, tracking.reset);
    assert_true(f.tracking.knows_escaped);
    assert_int_equal(f.tracking.n_pages, 3);
    for (size_t i = 0; i < 3; i++) /* sorted now */
        assert_true(f.tracking.pages[i] == escaped[2 - i]);
    assert_int_equal(f.tracking.n_spaces, 2);
    assert_true(f.tracking.spaces[0] == 3 && f.tracking.spaces[1] == UINT32_MAX); /* each once */
    assert_int_equal(f.last_index_id, 4711);
    const struct space_fact *s = base_facts_space(&f, 0, 640);
    assert_non_null(s);
    assert_int_equal(s->page_size, 16384);
    assert_int_equal(s->page_lsn, 77);
    assert_mark(&s->mark, &born);
    assert_int_equal(s->n_witnesses, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(s->witnesses[i].page, witnesses[i].page);
        assert_int_equal(s->witnesses[i].lsn, witnesses[i].lsn);
    }
    assert_non_null(base_facts_space(&f, 9, 0));
    assert_null(base_facts_space(&f, 9, 640));
    assert_null(base_facts_space(&f, 1, 0));
    const struct plain_fact *p = base_facts_plain(&f, "d/t.MYD");
    assert_non_null(p);
    assert_string_equal(p->content, "external/far/t.MYD");
    assert_true(p->unclosed && !p->is_view && !p->online_aria);
    assert_mark(&p->mark, &plain_mark);
    assert_int_equal(p->size, PLAIN_BLOCK + 1);
    assert_memory_equal(p->hashes, hashes, sizeof hashes);
    p = base_facts_plain(&f, "d/a.frm");
    assert_non_null(p);
    assert_null(p->content);
    assert_true(!p->unclosed && p->is_view && p->online_aria);
    assert_null(base_facts_plain(&f, "d/t.MYI"));
    base_facts_fini(&f);
    free(o.p);
}

static void page_tracking_that_makes_no_sense_is_damage(void **state)
{
    static const struct tracking_state bad[] = {
        {.begin = 0}, {.begin = 0, .reset = 7}, {.begin = 8, .reset = 7}};
    (void)state;
    for (size_t i = 0; i <= sizeof bad / sizeof bad[0]; i++) {
        struct out_bytes o = {0};
        struct base_facts f;
        base_facts_put_head(&o, 0, &born);
        base_facts_put_tracking(&o, i < sizeof bad / sizeof bad[0] ? &bad[i] : &tracking);
        if (i == sizeof bad / sizeof bad[0]) /* twice */
            base_facts_put_tracking(&o, &tracking);
        base_facts_put_end(&o);
        error_is(base_facts_parse(&f, o.p, o.n), CORRUPT, "makes no sense");
        free(o.p);
    }
}

/* Backups of an mbe that did not note what had escaped. */
static void page_tracking_without_what_escaped_is_read(void **state)
{
    static const struct tracking_state old = {.begin = 8, .reset = 9};
    struct out_bytes o = {0};
    struct base_facts f;
    (void)state;
    base_facts_put_head(&o, 0, &born);
    base_facts_put_tracking(&o, &old);
    base_facts_put_end(&o);
    ok(base_facts_parse(&f, o.p, o.n));
    assert_int_equal(f.tracking.reset, 9);
    assert_false(f.tracking.knows_escaped);
    base_facts_fini(&f);
    free(o.p);
}

static void what_escaped_and_makes_no_sense_is_damage(void **state)
{
    static const char *const bad[] = {
        "X\x01\x05\x00",                                                  /* without 'T' */
        "T\x08\x09X\x00\x00X\x00\x00",                                    /* twice */
        "T\x08\x09X\x7F\x05",                                             /* more than there is */
        "T\x08\x09X\x00\x7F\x05",                                         /* of spaces, too */
        "T\x08\x09X\x02\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x01\x00", /* beyond 64 bits */
    };
    static const size_t lengths[] = {4, 9, 6, 7, 17};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct out_bytes o = {0};
        struct base_facts f;
        base_facts_put_head(&o, 0, &born);
        out_bytes_put(&o, bad[i], lengths[i]);
        base_facts_put_end(&o);
        error_is(base_facts_parse(&f, o.p, o.n), CORRUPT, "makes no sense");
        free(o.p);
    }
}

static void a_last_index_id_that_makes_no_sense_is_damage(void **state)
{
    static const uint64_t bad[][2] = {{0, 0}, {7, 7}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct out_bytes o = {0};
        struct base_facts f;
        base_facts_put_head(&o, 0, &born);
        base_facts_put_last_index_id(&o, bad[i][0]);
        base_facts_put_last_index_id(&o, bad[i][1]);
        base_facts_put_end(&o);
        error_is(base_facts_parse(&f, o.p, o.n), CORRUPT, "makes no sense");
        free(o.p);
    }
}

static void every_cut_is_damage(void **state)
{
    struct out_bytes o = {0};
    (void)state;
    put_sample(&o);
    for (size_t n = 0; n < o.n; n++) {
        struct base_facts f;
        AUTO_FREE uint8_t *cut = mem_alloc(n + 1);
        memcpy(cut, o.p, n);
        error_is(base_facts_parse(&f, cut, n), CORRUPT, "mbe/base-facts: ");
        assert_null(f.spaces);
    }
    free(o.p);
}

/* Whatever the bytes, the answer is a value or an error. */
static void no_flipped_byte_is_read_beyond(void **state)
{
    struct out_bytes o = {0};
    (void)state;
    put_sample(&o);
    for (size_t i = 0; i < o.n; i++)
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            struct base_facts f;
            AUTO_FREE uint8_t *bad = mem_alloc(o.n);
            memcpy(bad, o.p, o.n);
            bad[i] ^= (uint8_t)flip;
            struct err *e = base_facts_parse(&f, bad, o.n);
            if (e)
                assert_true(e->kind == ERR_CORRUPT || e->kind == ERR_FAILED);
            else
                base_facts_fini(&f);
            err_free(e);
        }
    free(o.p);
}

static void put_raw(struct out_bytes *o, const char *text, size_t n)
{
    base_facts_put_head(o, 0, &born);
    out_bytes_put(o, text, n);
}

static void each_damage_has_its_words(void **state)
{
    (void)state;
#define RAW(text, words)             \
    {                                \
        text, sizeof text - 1, words \
    }
    static const struct {
        const char *text;
        size_t n;
        const char *words;
    } cases[] = {
        RAW("E!", "1 bytes behind the end"),
        RAW("X", "makes no sense"),
        /* a name with a NUL, an empty name */
        RAW("P\x02"
            "a\0"
            "\0\0\0\0\0\0\0\0\0\0E",
            "makes no sense"),
        RAW("P\0\0\0\0\0\0\0\0\0\0\0E", "makes no sense"),
        /* more blocks than there are hashes */
        RAW("P\x01"
            "a\0\0\0\x01\x01\0\0\0\0\x01"
            "E",
            "makes no sense"),
        /* more witnesses than there are bytes */
        RAW("S\x01\0\0\0\0\0\0\0\0\0\0\x7f"
            "E",
            "makes no sense"),
        RAW("S\x01\0\0\0\0\0\0\0\0\0\0\0S\x01\0\0\0\0\0\0\0\0\0\0\0E", "space 1 is there twice"),
        RAW("P\x01"
            "a\0\0\0\0\0\0\0\0\0\0P\x01"
            "a\0\0\0\0\0\0\0\0\0\0E",
            "a is there twice"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct out_bytes o = {0};
        struct base_facts f;
        put_raw(&o, cases[i].text, cases[i].n);
        error_is(base_facts_parse(&f, o.p, o.n), CORRUPT, cases[i].words);
        free(o.p);
    }
}

static void unknown_version_is_not_damage(void **state)
{
    struct out_bytes o = {0};
    struct base_facts f;
    (void)state;
    put_sample(&o);
    o.p[8] = 2;
    error_is(base_facts_parse(&f, o.p, o.n), FAILED, "mbe/base-facts: version 2 is not known");
    o.p[0] = 'x';
    error_is(base_facts_parse(&f, o.p, o.n), CORRUPT, "mbe/base-facts: does not begin as one");
    free(o.p);
}

static void archive_without_facts_is_no_error(void **state)
{
    struct test_archive a;
    struct base_facts f;
    bool present = true;
    char *dir = make_dir();
    (void)state;
    archive_begin(&a, dir);
    struct archive_reader *r = archive_end(&a);
    ok(base_facts_load(&f, &present, r));
    assert_false(present);
    archive_reader_free(r);
    remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(page_tracking_that_makes_no_sense_is_damage),
        cmocka_unit_test(page_tracking_without_what_escaped_is_read),
        cmocka_unit_test(what_escaped_and_makes_no_sense_is_damage),
        cmocka_unit_test(a_last_index_id_that_makes_no_sense_is_damage),
        cmocka_unit_test(every_cut_is_damage),
        cmocka_unit_test(no_flipped_byte_is_read_beyond),
        cmocka_unit_test(each_damage_has_its_words),
        cmocka_unit_test(unknown_version_is_not_damage),
        cmocka_unit_test(archive_without_facts_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
