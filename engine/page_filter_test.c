/* engine/page_filter_test.c: which pages are stored, of which files, and what tells that a file was set back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/page_filter.h"

enum { PAGE = 1024, SINCE = 1000 };

static struct space_witness witness = {3, 900};

static struct space_fact fact_of(const struct file_mark *mark)
{
    return (struct space_fact){.id = 5,
                               .page_size = PAGE,
                               .page_lsn = 500,
                               .mark = *mark,
                               .witnesses = &witness,
                               .n_witnesses = 1};
}

static const struct file_mark mark = {.inode = 7,
                                      .has_birth = true,
                                      .birth = {100, 1},
                                      .size = 10 * PAGE,
                                      .mtime = {200, 2},
                                      .ctime = {200, 3},
                                      .proves = true};

static struct filtered_file file_of(const struct file_mark *m)
{
    return (struct filtered_file){.id = 5, .page_size = PAGE, .page_lsn = 500, .mark = *m};
}

static bool has_base(const struct space_fact *fact, const struct filtered_file *file)
{
    struct space_fact copy = *fact;
    const struct base_facts facts = {.spaces = &copy, .n_spaces = 1};
    struct page_filter f;
    page_filter_init(&f, &facts, SINCE, file);
    return f.base != NULL;
}

static void only_the_very_file_has_a_base(void **state)
{
    (void)state;
    const struct space_fact fact = fact_of(&mark);
    struct filtered_file file = file_of(&mark);
    assert_true(has_base(&fact, &file));
    file.mark.size *= 2; /* it may grow, and be written */
    file.mark.mtime.tv_sec++;
    file.page_lsn = 2000;
    assert_true(has_base(&fact, &file));
    file = file_of(&mark);
    file.mark.inode = 8;
    assert_false(has_base(&fact, &file));
    file = file_of(&mark);
    file.mark.birth.tv_nsec++;
    assert_false(has_base(&fact, &file));
    file = file_of(&mark);
    file.page_lsn = 499;
    assert_false(has_base(&fact, &file));
    file.system = true;
    assert_true(has_base(&fact, &file));
    file = file_of(&mark);
    file.page_size = 2 * PAGE;
    assert_false(has_base(&fact, &file));
    file = file_of(&mark);
    file.id = 6;
    assert_false(has_base(&fact, &file));
    file = file_of(&mark);
    file.first_page = 640;
    assert_false(has_base(&fact, &file));
}

static void without_births_page_0_must_be_old(void **state)
{
    (void)state;
    struct file_mark no_birth = mark;
    no_birth.has_birth = false;
    const struct space_fact fact = fact_of(&no_birth), with_birth = fact_of(&mark);
    struct filtered_file file = file_of(&no_birth);
    assert_true(has_base(&fact, &file));
    file.page_lsn = SINCE;
    assert_false(has_base(&fact, &file));
    file.page_lsn = 500;
    assert_false(has_base(&with_birth, &file));
}

static void make_page(uint8_t page[PAGE], lsn_t lsn, uint8_t fill)
{
    memset(page, fill, PAGE);
    put_be64(page + 16, lsn);
}

static void pages_are_stored_by_their_lsn(void **state)
{
    (void)state;
    struct space_fact fact = fact_of(&mark);
    const struct base_facts facts = {.spaces = &fact, .n_spaces = 1};
    struct filtered_file file = file_of(&mark);
    struct page_filter f;
    uint8_t page[PAGE];
    page_filter_init(&f, &facts, SINCE, &file);
    make_page(page, SINCE - 1, 1);
    assert_false(page_filter_stores(&f, 1, page));
    assert_false(page_filter_stores(&f, 0, page));
    make_page(page, SINCE, 1);
    assert_true(page_filter_stores(&f, 1, page));
    make_page(page, 0, 0);
    assert_true(page_filter_stores(&f, 1, page));
    make_page(page, 0, 1);
    assert_false(page_filter_stores(&f, 1, page)); /* nothing was written */
    file.mark.mtime.tv_nsec++;
    page_filter_init(&f, &facts, SINCE, &file);
    assert_true(page_filter_stores(&f, 1, page));
    fact.mark.proves = false;
    page_filter_init(&f, &facts, SINCE, &file);
    assert_true(page_filter_stores(&f, 1, page));
    page_filter_init(&f, NULL, 0, &file);
    make_page(page, 1, 1);
    assert_true(page_filter_stores(&f, 1, page));
}

static void first_page_of_the_system_tablespace_is_always_stored(void **state)
{
    (void)state;
    struct space_fact fact = fact_of(&mark);
    fact.id = 0;
    const struct base_facts facts = {.spaces = &fact, .n_spaces = 1};
    struct filtered_file file = file_of(&mark);
    file.id = 0;
    file.system = true;
    struct page_filter f;
    uint8_t page[PAGE];
    make_page(page, SINCE - 1, 1);
    page_filter_init(&f, &facts, SINCE, &file);
    assert_true(page_filter_stores(&f, 0, page));
    assert_false(page_filter_stores(&f, 1, page));
}

static void witness_that_got_younger_is_another_history(void **state)
{
    (void)state;
    struct space_fact fact = fact_of(&mark);
    const struct base_facts facts = {.spaces = &fact, .n_spaces = 1};
    const struct filtered_file file = file_of(&mark);
    struct page_filter f;
    uint8_t page[PAGE];
    page_filter_init(&f, &facts, SINCE, &file);
    struct witness_watch w = {.part = 0};
    make_page(page, 899, 1);
    ok(witness_look(&w, &f, 2, page));
    error_is(witness_look(&w, &f, 3, page), REFUSED,
             "page 3: its LSN is 899, and was 900 in the base: the server's files were set back");
    make_page(page, 900, 1);
    ok(witness_look(&w, &f, 3, page));
    ok(witness_look(&w, &f, 4, page));
    assert_int_equal(w.best.page, 3);
    assert_int_equal(w.best.lsn, 900);
    make_page(page, 0, 0); /* freed and punched */
    ok(witness_look(&w, &f, 3, page));
    struct witness_watch beyond = {.part = 1};
    make_page(page, 5, 1);
    ok(witness_look(&beyond, &f, 3, page));
    assert_int_equal(beyond.best.lsn, 5);
}

static void the_head_of_a_page_tells_that_it_is_as_it_was(void **state)
{
    static const struct {
        page_no_t no, number;
        lsn_t lsn;
        bool known;
    } cases[] = {
        {4, 4, SINCE - 1, true},  {4, 4, 1, true}, {4, 4, SINCE, false}, /* "at" */
        {4, 4, SINCE + 1, false},                                        /* changed */
        {4, 4, 0, false},         /* zeros, or unlogged: all of it has to be seen */
        {4, 5, SINCE - 1, false}, /* of another place */
        {3, 3, SINCE - 1, false}, /* the witness */
        {0, 0, SINCE - 1, true},
    };
    (void)state;
    struct space_fact fact = fact_of(&mark);
    struct page_filter f = {.base = &fact, .since = SINCE};
    uint8_t head[PAGE_HEAD_BYTES] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_be32(head + 4, cases[i].number);
        put_be32(head + 34, 5);
        put_be64(head + 16, cases[i].lsn);
        assert_int_equal(page_filter_knows(&f, 0, cases[i].no, head), cases[i].known);
    }
    put_be32(head + 4, 3);
    assert_true(page_filter_knows(&f, 1, 3, head)); /* it is no witness of another part */
    put_be32(head + 34, 6);                         /* of another tablespace */
    assert_false(page_filter_knows(&f, 1, 3, head));
    put_be32(head + 4, 0);
    put_be32(head + 34, 0);
    fact.id = 0; /* of the system tablespace: has a field without LSN */
    assert_false(page_filter_knows(&f, 0, 0, head));
    f.base = NULL;
    assert_false(page_filter_knows(&f, 0, 0, head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_of_a_page_tells_that_it_is_as_it_was),
        cmocka_unit_test(only_the_very_file_has_a_base),
        cmocka_unit_test(without_births_page_0_must_be_old),
        cmocka_unit_test(pages_are_stored_by_their_lsn),
        cmocka_unit_test(first_page_of_the_system_tablespace_is_always_stored),
        cmocka_unit_test(witness_that_got_younger_is_another_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
