/* innodb/apply_index_test.c: changes of index pages: by hand, damaged, and random against a model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "innodb/apply_test_util.h"
#include "innodb/index_page.h"
#include "innodb/redo_apply.h"

/* --- index pages ------------------------------------------------------------------------------ */

static void index_page_is_initialised_in_both_formats(void **state)
{
    (void)state;
    static const struct {
        uint8_t subtype;
        const char *header; /* 26 bytes at 38 */
        const char *records;
        size_t n_records, supremum;
    } cases[] = {
        {REDO_EXT_INIT_ROW_FORMAT_REDUNDANT,
         "\0\2\0\175\0\2\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0",
         "\x08\x01\x00\x00\x03\x00\x74infimum\0\x09\x01\x00\x08\x03\x00\x00supremum\0", 31, 116},
        {REDO_EXT_INIT_ROW_FORMAT_DYNAMIC,
         "\0\2\0\170\200\2\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0",
         "\x01\x00\x02\x00\x0Dinfimum\0\x01\x00\x0B\x00\x00supremum", 26, 112},
    };
    for (size_t i = 0; i < 2; i++) {
        struct redo_page page = page_of();
        uint8_t expected[SIZE];
        fill_pattern(image);
        fill_pattern(expected);
        assert_applied(apply_to(&page, REDO_EXTENDED, false, &cases[i].subtype, 1));
        put_be16(expected + 24, 17855);
        memcpy(expected + 38, cases[i].header, 26);
        memcpy(expected + 94, cases[i].records, cases[i].n_records);
        memset(expected + 94 + cases[i].n_records, 0, SIZE - 8 - 94 - cases[i].n_records);
        put_be16(expected + SIZE - 10, i ? 99 : 101);
        put_be16(expected + SIZE - 12, (uint16_t)cases[i].supremum);
        assert_memory_equal(image, expected, SIZE);
        assert_int_equal(page.offset, 24);
    }
}

static struct redo_page new_index_page(bool comp)
{
    struct redo_page page = page_of();
    memset(image, 0, SIZE);
    assert_applied(apply_to(&page, REDO_INIT_PAGE, false, "", 0));
    assert_applied(apply_to(&page, REDO_EXTENDED, true, comp ? "\x01" : "\x00", 1));
    return page;
}

static void dynamic_record_is_built_from_its_parts(void **state)
{
    (void)state;
    struct redo_page page = new_index_page(true);
    /* First record: behind the infimum, 2 header bytes given, status bit 4, info 1; data "abcdef".
     */
    static const uint8_t first[] = {6,   0,  2 << 3 | 4 | 1, 0, 0, 0x0A, 0x0B, 'a', 'b', 'c', 'd',
                                    'e', 'f'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, first, sizeof first));
    static const uint8_t bytes[] = {0x0A, 0x0B, 0x10, 0x00, 0x14, 0xFF, 0xF1,
                                    'a',  'b',  'c',  'd',  'e',  'f'};
    assert_memory_equal(image + 120, bytes, sizeof bytes); /* origin 127, next: 112 - 127 = -15 */
    assert_int_equal(be16(image + 97), 127 - 99);
    assert_int_equal(image[107] & 15, 2); /* the supremum owns it */

    /* Second: behind the first, copies header byte 0B and "abc"; given: header 0C, data "XY". */
    static const uint8_t second[] = {6, 127 - 99, 1 << 3, 1, 3, 0x0C, 'X', 'Y'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, second, sizeof second));
    static const uint8_t more[] = {0x0C, 0x0B, 0x00, 0x00, 0x18, 0xFF,
                                   0xE4, 'a',  'b',  'c',  'X',  'Y'};
    assert_memory_equal(image + 133, more, sizeof more); /* origin 140 */
    assert_int_equal(be16(image + 125), 140 - 127);
    assert_int_equal(be16(image + INDEX_HEAP_TOP), 145);
    assert_int_equal(be16(image + INDEX_N_HEAP), 0x8004);
    assert_int_equal(be16(image + INDEX_LAST_INSERT), 140);
    assert_int_equal(be16(image + INDEX_N_RECS), 2);
    assert_int_equal(image[INDEX_DIRECTION] & 7, 2); /* behind the last one: right */
    assert_int_equal(be16(image + INDEX_N_DIRECTION), 1);

    /* Deleting the first, which is not the last allocated: to the free list, data zeroed. */
    static const uint8_t delete[] = {9, 0, 2, 6};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, delete, sizeof delete));
    assert_int_equal(be16(image + 97), 140 - 99);
    assert_int_equal(be16(image + INDEX_FREE), 127);
    assert_int_equal(be16(image + INDEX_GARBAGE), 13);
    assert_int_equal(be16(image + 125), 0);
    assert_true(bytes_are_zero(image + 127, 6));
    assert_int_equal(be16(image + INDEX_LAST_INSERT), 0);

    /* Reuse for one that is 2 header bytes shorter: shift 2 keeps the start in place. */
    static const uint8_t reuse[] = {7, 0, 2 << 1 | 1, 0, 0, 0, 'R'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, reuse, sizeof reuse));
    assert_int_equal(be16(image + 97), 125 - 99);
    assert_int_equal(be16(image + 123), 140 - 125);
    assert_int_equal(be16(image + 121) >> 3, 2); /* the heap number of the free record */
    assert_int_equal(image[125], 'R');
    assert_int_equal(be16(image + INDEX_FREE), 0);
    assert_int_equal(be16(image + INDEX_GARBAGE), 13 - 6);
    assert_int_equal(image[INDEX_DIRECTION] & 7, 5);
}

static void redundant_record_is_built_from_its_parts(void **state)
{
    (void)state;
    struct redo_page page = new_index_page(false);
    /* 2 fields, short offsets: ends 6 and 4; all given. */
    static const uint8_t first[] = {4, 0, 1 << 3 | 4 | 1, 0, 0, 6, 4, 'a', 'b', 'c', 'd', 'e', 'f'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, first, sizeof first));
    static const uint8_t bytes[] = {6,   4,   0x10, 0x00, 0x10, 0x05, 0x00,
                                    116, 'a', 'b',  'c',  'd',  'e',  'f'};
    assert_memory_equal(image + 125, bytes, sizeof bytes); /* origin 133 */
    assert_int_equal(be16(image + 99), 133);

    /* Copies the offset of field 0 (4) and "abcd" of the first; given: end 5, and "Z". */
    static const uint8_t second[] = {4, 133 - 101, 1 << 3 | 4, 1, 4, 5, 'Z'};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, second, sizeof second));
    static const uint8_t more[] = {5,   4,   0x00, 0x00, 0x18, 0x05, 0x00,
                                   116, 'a', 'b',  'c',  'd',  'Z'};
    assert_memory_equal(image + 139, more, sizeof more); /* origin 147 */
    assert_int_equal(be16(image + 131), 147);

    /* Deleting the last allocated gives its bytes back to the heap. */
    static const uint8_t delete[] = {8, 133 - 101};
    assert_applied(apply_to(&page, REDO_EXTENDED, true, delete, sizeof delete));
    assert_int_equal(be16(image + INDEX_HEAP_TOP), 139);
    assert_int_equal(be16(image + INDEX_N_HEAP), 3);
    assert_int_equal(be16(image + INDEX_GARBAGE), 0);
    assert_int_equal(be16(image + 131), 116);
    assert_true(bytes_are_zero(image + 139, 13));
    assert_string_equal(apply_to(&page, REDO_EXTENDED, true, "\x04\x00\x0D\x00\x00\x06\x04zz", 9),
                        "an inserted record of the wrong length");
}

static void direction_of_inserts_is_kept(void **state)
{
    (void)state;
    /* A record is inserted between those at 125 and 131. */
    static const struct {
        uint16_t last;
        uint8_t was, now;
        uint16_t n_before, n_after;
    } cases[] = {
        {125, 5, 2, 0, 1},                    /* behind the last one: right */
        {125, 2, 2, 7, 8}, {125, 1, 5, 7, 0}, /* not against the direction so far */
        {131, 5, 1, 0, 1},                    /* before the last one: left */
        {131, 1, 1, 7, 8}, {131, 2, 5, 7, 0}, {0, 2, 5, 7, 0}, {137, 2, 5, 7, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redo_page page = new_index_page(true);
        assert_applied(apply_to(&page, REDO_EXTENDED, true,
                                "\x06\x00\x00\x00\x00"
                                "a",
                                6));
        assert_applied(apply_to(&page, REDO_EXTENDED, true,
                                "\x06\x1A\x00\x00\x00"
                                "b",
                                6));
        put_be16(image + INDEX_LAST_INSERT, cases[i].last);
        image[INDEX_DIRECTION] = (uint8_t)(0x10 | cases[i].was); /* the other bits stay */
        put_be16(image + INDEX_N_DIRECTION, cases[i].n_before);
        assert_applied(apply_to(&page, REDO_EXTENDED, true,
                                "\x06\x1A\x00\x00\x00"
                                "c",
                                6));
        assert_int_equal(image[INDEX_DIRECTION], 0x10 | cases[i].now);
        assert_int_equal(be16(image + INDEX_N_DIRECTION), cases[i].n_after);
    }
}

static void rtree_pages_have_no_insert_direction(void **state)
{
    (void)state;
    struct redo_page page = new_index_page(true);
    put_be16(image + 24, 17854);
    assert_applied(apply_to(&page, REDO_EXTENDED, true,
                            "\x06\x00\x00\x00\x00"
                            "a",
                            6));
    image[INDEX_DIRECTION] = 3;
    assert_applied(apply_to(&page, REDO_EXTENDED, true,
                            "\x06\x1A\x00\x00\x00"
                            "b",
                            6));
    assert_int_equal(image[INDEX_DIRECTION], 3);
    assert_int_equal(be16(image + INDEX_N_DIRECTION), 0);
}

static void inner_pages_hold_node_pointers(void **state)
{
    (void)state;
    struct redo_page page = new_index_page(true);
    put_be16(image + INDEX_LEVEL, 1);
    assert_applied(apply_to(&page, REDO_EXTENDED, true,
                            "\x06\x00\x04\x00\x00"
                            "a",
                            6));
    assert_int_equal(be16(image + 121), 2 << 3 | 1);
}

static void damaged_index_pages_are_named(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint16_t value; /* BE16 put there on a page of three records at 125, 131, 137 */
        const char *body;
        size_t len;
        const char *why;
    } cases[] = {
        {24, 17000, "\x06\x00\x00\x00\x00z", 6,
         "a change of records, but the page is no index page"},
        {INDEX_N_HEAP, 5, "\x06\x00\x00\x00\x00z", 6,
         "a change of records of another row format than the page has"},
        {INDEX_N_SLOTS, 1, "\x06\x00\x00\x00\x00z", 6,
         "the directory of the index page is damaged"},
        {INDEX_N_SLOTS, 3000, "\x06\x00\x00\x00\x00z", 6,
         "the directory of the index page is damaged"},
        {INDEX_HEAP_TOP, 119, "\x06\x00\x00\x00\x00z", 6,
         "the record heap of the index page is damaged"},
        {INDEX_HEAP_TOP, 4085, "\x06\x00\x00\x00\x00z", 6,
         "the record heap of the index page is damaged"},
        {INDEX_HEAP_TOP, 4084, "\x06\x00\x00\x00\x00z", 6,
         "no room on the index page for the inserted record"},
        {INDEX_N_HEAP, 0xA000, "\x06\x00\x00\x00\x00z", 6,
         "no room on the index page for the inserted record"},
        {0, 0, "\x06\x7F\x00\x00\x00z", 6, "an insert behind a record outside the heap"},
        {0, 0, "\x06\xF0\xEF\xDF\xBF\x7F\x00\x00\x00z", 10,
         "an insert behind a record outside the page"},
        {0, 0, "\x06\x0D\x00\x00\x00z", 6,
         "the record list of the index page is broken"}, /* behind the supremum */
        {97, 0, "\x06\x00\x00\x00\x00z", 6, "the record list of the index page is broken"},
        {97, 4000, "\x06\x00\x00\x00\x00z", 6, "the record list of the index page is broken"},
        {123, 0, "\x06\x00\x00\x00\x00z", 6,
         "the record list of the index page is broken"}, /* no owner */
        {123, 0xFFFA, "\x06\x1A\x00\x00\x00z", 6, "the record list of the index page is broken"},
        {129, 0xFFFA, "\x06\x00\x00\x00\x00z", 6,
         "the record list of the index page is broken"}, /* a loop */
        {SIZE - 12, 113, "\x06\x00\x00\x00\x00z", 6, "the record list of the index page is broken"},
        {107, 0x0F00, "\x06\x00\x00\x00\x00z", 6,
         "a directory slot of the index page owns too many records"},
        {0, 0, "\x06\x00\x08\x00\x00", 5, "a record that is cut off"},
        {0, 0, "\x06\x00\x08\x00", 4, "a record that is cut off"},
        {0, 0, "\x06\x00\x00\x39\x00z", 6,
         "an insert that copies too much of the preceding record"},
        {0, 0, "\x06\x00\x00\x00\x9F\x10z", 7,
         "an insert that copies too much of the preceding record"},
        {0, 0, "\x07\x00\x00\x00\x00\x00z", 7, "the free list of the index page is damaged"},
        {INDEX_FREE, 4000, "\x07\x00\x00\x00\x00\x00z", 7,
         "the free list of the index page is damaged"},
        {INDEX_FREE, 131, "\x07\x00\x00\x00\x00\x00z", 7,
         "the inserted record does not fit the free one that it is to take"}, /* no garbage */
        {0, 0, "\x09\x00\x00", 3, "a delete of the wrong length"},
        {0, 0, "\x09\x00\x00\x01\x01", 5, "a delete of the wrong length"},
        {0, 0, "\x09\x00\x0A\x01", 4, "the deleted record is not a user record within the heap"},
        {0, 0, "\x09\x00\x00\x7F", 4, "the deleted record is not a user record within the heap"},
        {0, 0, "\x09\x26\x00\x01", 4,
         "the record list of the index page is broken"}, /* the supremum */
        {0, 0, "\x09\xF0\xEF\xDF\xBF\x7F\x00\x01", 8,
         "the record list of the index page is broken"},
        {123, 0, "\x09\x00\x00\x01", 4, "the record list of the index page is broken"},
        {INDEX_N_RECS, 0, "\x09\x00\x00\x01", 4,
         "the deleted record is not a user record within the heap"},
        {INDEX_GARBAGE, 0xFFFF, "\x09\x00\x00\x01", 4,
         "the garbage count of the index page is too large"},
        {INDEX_HEAP_TOP, 160, "\x09\x20\x00\x01", 4,
         "the garbage count of the index page is too small"},
        {0, 0, "\x04\x00\x04\x00\x00z", 6,
         "a change of records of another row format than the page has"},
        {0, 0, "\x08\x00", 2, "a change of records of another row format than the page has"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redo_page page = new_index_page(true);
        assert_applied(apply_to(&page, REDO_EXTENDED, true,
                                "\x06\x00\x00\x00\x00"
                                "a",
                                6));
        assert_applied(apply_to(&page, REDO_EXTENDED, true,
                                "\x06\x1A\x00\x00\x00"
                                "b",
                                6));
        assert_applied(apply_to(&page, REDO_EXTENDED, true,
                                "\x06\x20\x00\x00\x00"
                                "c",
                                6));
        if (cases[i].at)
            put_be16(image + cases[i].at, cases[i].value);
        const char *why = apply_to(&page, REDO_EXTENDED, false, cases[i].body, cases[i].len);
        if (!why || strcmp(why, cases[i].why) != 0)
            fail_msg("case %zu: expected \"%s\", found \"%s\"", i, cases[i].why, why ? why : "");
    }
}

/* --- random changes against a model ----------------------------------------------------------- */

/* The records of a page in list order, and the sizes of what lies at each origin. */
struct index_model {
    bool comp;
    size_t n;
    struct {
        uint32_t origin, len;
        uint8_t data[100];
    } recs[600];
    uint16_t extra_at[SIZE], data_at[SIZE];
};

static void model_insert(struct index_model *m, struct redo_page *page, struct test_random *r)
{
    const uint32_t infimum = m->comp ? COMP_INFIMUM : REDUNDANT_INFIMUM;
    const size_t at = test_random_below(r, m->n + 1);
    const uint32_t prev = at ? m->recs[at - 1].origin : infimum;
    const uint32_t free_rec = be16(image + INDEX_FREE);
    const uint32_t header = m->comp ? (uint32_t)test_random_below(r, 4) : 1;
    uint32_t len = 1 + (uint32_t)test_random_below(r, 60), start = be16(image + INDEX_HEAP_TOP);
    const uint32_t extra = header + (m->comp ? COMP_EXTRA : REDUNDANT_EXTRA);
    const bool reuse =
        free_rec && extra + len <= (uint32_t)m->extra_at[free_rec] + m->data_at[free_rec];
    uint8_t body[200] = {(uint8_t)((m->comp ? 6 : 4) + reuse)}, data[100];
    size_t n = 1;
    if (!reuse && start + extra + len + 4 > SIZE - 8 - 2u * be16(image + INDEX_N_SLOTS))
        return;
    if (reuse)
        start = free_rec - m->extra_at[free_rec];
    for (uint32_t i = 0; i < len; i++)
        data[i] = (uint8_t)test_random_u64(r);
    n += put_varint(body + n, prev - infimum);
    if (reuse && m->comp) {
        const int shift = (int)extra - m->extra_at[free_rec];
        n += put_varint(body + n, (uint32_t)(shift < 0 ? -shift << 1 | 1 : shift << 1));
    }
    n += put_varint(body + n, m->comp ? header << 3 : 4); /* REDUNDANT: one field, short offsets */
    body[n++] = 0;                                        /* nothing is copied */
    body[n++] = 0;
    for (uint32_t i = 0; i < header; i++)
        body[n++] = (uint8_t)(m->comp ? test_random_u64(r) : len);
    memcpy(body + n, data, len);
    assert_applied(apply_to(page, REDO_EXTENDED, false, body, n + len));
    memmove(m->recs + at + 1, m->recs + at, (m->n - at) * sizeof m->recs[0]);
    m->n++;
    m->recs[at].origin = start + extra;
    m->recs[at].len = len;
    memcpy(m->recs[at].data, data, len);
    m->extra_at[start + extra] = (uint16_t)extra;
    m->data_at[start + extra] = (uint16_t)len;
}

static void model_delete(struct index_model *m, struct redo_page *page, struct test_random *r)
{
    const uint32_t infimum = m->comp ? COMP_INFIMUM : REDUNDANT_INFIMUM;
    if (!m->n)
        return;
    const size_t at = test_random_below(r, m->n);
    const uint32_t prev = at ? m->recs[at - 1].origin : infimum, origin = m->recs[at].origin;
    uint8_t body[20] = {m->comp ? 9 : 8};
    size_t n = 1 + put_varint(body + 1, prev - infimum);
    if (m->comp) {
        n += put_varint(body + n, m->extra_at[origin] - COMP_EXTRA);
        n += put_varint(body + n, m->data_at[origin]);
    }
    assert_applied(apply_to(page, REDO_EXTENDED, false, body, n));
    m->n--;
    memmove(m->recs + at, m->recs + at + 1, (m->n - at) * sizeof m->recs[0]);
}

/* The page holds the records of the model, its directory and its counts are right. */
static void check_index(const struct index_model *m)
{
    struct index_page ix;
    assert_null(index_page_open(&ix, image, SIZE, m->comp));
    uint32_t r = index_page_infimum(&ix), slot = 0, group = 0, used = 0;
    for (size_t i = 0; i <= m->n + 1; i++) {
        group++;
        if (i > 0 && i <= m->n) {
            assert_int_equal(r, m->recs[i - 1].origin);
            assert_memory_equal(image + r, m->recs[i - 1].data, m->recs[i - 1].len);
            used += m->extra_at[r] + m->recs[i - 1].len;
        }
        const unsigned owned = index_page_n_owned(&ix, r);
        if (owned) {
            assert_int_equal(owned, group);
            assert_int_equal(index_page_slot(&ix, slot), r);
            if (i == 0)
                assert_int_equal(owned, 1);
            else if (i <= m->n)
                assert_in_range(owned, INDEX_GROUP_MIN, INDEX_GROUP_MAX);
            else
                assert_in_range(owned, 1, INDEX_GROUP_MAX);
            slot++;
            group = 0;
        }
        r = index_page_next(&ix, r);
        assert_int_equal(r == 0, i == m->n + 1);
    }
    assert_int_equal(slot, ix.n_slots);
    assert_int_equal(be16(image + INDEX_N_RECS), m->n);
    assert_int_equal(be16(image + INDEX_GARBAGE),
                     index_page_heap_top(&ix) - index_page_heap_start(&ix) - used);
}

static void random_changes_keep_list_directory_and_counts_right(void **state)
{
    (void)state;
    struct index_model *m = mem_alloc(sizeof *m);
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct test_random r = {seed};
        *m = (struct index_model){.comp = seed % 2};
        struct redo_page page = new_index_page(m->comp);
        for (int step = 0; step < 400; step++) {
            const uint64_t inserts = step / 100 % 2 ? 3 : 7; /* of 10: grows, shrinks, ... */
            if (test_random_below(&r, 10) < inserts)
                model_insert(m, &page, &r);
            else
                model_delete(m, &page, &r);
            check_index(m);
        }
    }
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_page_is_initialised_in_both_formats),
        cmocka_unit_test(dynamic_record_is_built_from_its_parts),
        cmocka_unit_test(redundant_record_is_built_from_its_parts),
        cmocka_unit_test(direction_of_inserts_is_kept),
        cmocka_unit_test(rtree_pages_have_no_insert_direction),
        cmocka_unit_test(inner_pages_hold_node_pointers),
        cmocka_unit_test(damaged_index_pages_are_named),
        cmocka_unit_test(random_changes_keep_list_directory_and_counts_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
