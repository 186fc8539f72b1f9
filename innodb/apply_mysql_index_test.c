/* innodb/apply_mysql_index_test.c: changes of MySQL's B-tree pages: by hand, damaged, and random against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "innodb/apply_mysql_test_util.h"
#include "innodb/mysql_btree.h"
#include "innodb/redo_test_util.h"

/* An INT key, DB_TRX_ID, DB_ROLL_PTR, a VARCHAR that may be NULL: key field 1 of 4. */
#define COMP "\x01\x01\x00\x04\x00\x01\x80\x04\x80\x06\x80\x07\x00\x00"
#define REDUNDANT "\x01\x00"
#define TRX "TTTTTTRRRRRRR"

static struct mysql_page new_page(unsigned create)
{
    struct mysql_page page = plain_page();
    memset(image, 0, SIZE);
    assert_applied(APPLY(&page, MYSQL_REDO_INIT_FILE_PAGE2, ""));
    assert_applied(apply_to(&page, create, "", 0));
    return page;
}

/* --- by hand ---------------------------------------------------------------------------------- */

static void index_pages_are_created_in_every_type_and_format(void **state)
{
    (void)state;
    static const struct {
        unsigned record, type;
        bool comp;
    } cases[] = {
        {MYSQL_REDO_PAGE_CREATE, 17855, false},
        {MYSQL_REDO_COMP_PAGE_CREATE, 17855, true},
        {MYSQL_REDO_PAGE_CREATE_RTREE, 17854, false},
        {MYSQL_REDO_COMP_PAGE_CREATE_RTREE, 17854, true},
        {MYSQL_REDO_PAGE_CREATE_SDI, 17853, false},
        {MYSQL_REDO_COMP_PAGE_CREATE_SDI, 17853, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mysql_page page = plain_page();
        uint8_t expected[SIZE];
        fill_pattern(image, SIZE);
        fill_pattern(expected, SIZE);
        index_page_create(expected, SIZE, cases[i].type, cases[i].comp);
        assert_applied(apply_to(&page, cases[i].record, "", 0));
        assert_memory_equal(image, expected, SIZE);
        assert_int_equal(be16(image + 24), cases[i].type);
        assert_int_equal(be16(image + 42), cases[i].comp ? 0x8002 : 2);
        /* The header of a compressed page that has no frame yet comes from its image. */
        page = zip_page();
        fill_pattern(zip_image, ZIP_SIZE);
        assert_applied(apply_to(&page, cases[i].record, "", 0));
        assert_memory_equal(image, expected, 94);
        assert_true(page.frame_valid && page.frame_newer);
    }
}

/* Key 1, "abc", behind the infimum: 27 bytes, 7 of them before the origin; key 2, "abX": its last 20, the rest as before. */
static void two_rows(struct mysql_page *page)
{
    assert_applied(APPLY(page, MYSQL_REDO_REC_INSERT,
                         COMP "\x00\x63\x37\x00\x07\x00\x03\x00\x00\x00\x00\x00\x00\x80\0\0\1" TRX
                              "abc"));
    assert_applied(APPLY(page, MYSQL_REDO_REC_INSERT, COMP "\x00\x7F\x28\x80\0\0\2" TRX "abX"));
}

static void record_is_built_from_the_one_in_front(void **state)
{
    (void)state;
    struct mysql_page page = new_page(MYSQL_REDO_COMP_PAGE_CREATE);
    assert_applied(APPLY(&page, MYSQL_REDO_REC_INSERT,
                         COMP "\x00\x63\x37\x20\x07\x00\x03\x00\x00\x00\x00\x00\x00\x80\0\0\1" TRX
                              "abc"));
    static const uint8_t first[] = "\x03\x00\x20\x00\x10\xFF\xF1\x80\0\0\1" TRX "abc";
    assert_memory_equal(image + 120, first, 27); /* origin 127, next 112 */
    assert_applied(APPLY(&page, MYSQL_REDO_REC_INSERT, COMP "\x00\x7F\x02X"));
    static const uint8_t second[] = "\x03\x00\x20\x00\x18\xFF\xD6\x80\0\0\1" TRX "abX";
    assert_memory_equal(image + 147, second, 27); /* origin 154 */
    assert_int_equal(be16(image + 125), 154 - 127);
    assert_memory_equal(image + 40, "\0\xAE\x80\4\0\0\0\0\0\x9A\0\2\0\1\0\2", 16);

    /* NULL needs no length byte: it fits the room of the first, which shrinks by what is used. */
    assert_applied(APPLY(&page, MYSQL_REDO_REC_DELETE, COMP "\x00\x7F"));
    assert_memory_equal(image + 44, "\0\x7F\0\x1B\0\0", 6);
    assert_applied(APPLY(&page, MYSQL_REDO_REC_INSERT,
                         COMP "\x00\x63\x2F\x00\x06\x00\x01\x00\x00\x00\x00\x00\x80\0\0\0" TRX));
    assert_memory_equal(image + 120, "\x01\x00\x00\x10\x00\x1C\x80\0\0\0" TRX, 23); /* origin 126 */
    assert_memory_equal(image + 44, "\0\0\0\4\0\x7E", 6);
}

/* An INT key, DB_TRX_ID, DB_ROLL_PTR, a CHAR(10) and a VARCHAR that may be NULL. */
#define COMP_5 "\x01\x01\x00\x05\x00\x01\x80\x04\x80\x06\x80\x07\x00\x0A\x00\x00"

static void compressed_page_reuses_only_what_has_room_before_the_origin(void **state)
{
    (void)state;
    for (int zip = 0; zip < 2; zip++) {
        struct mysql_page page = zip ? zip_page() : plain_page();
        memset(zip_image, 0, ZIP_SIZE);
        assert_applied(APPLY(&page, MYSQL_REDO_COMP_PAGE_CREATE, ""));
        /* 27 bytes become free, 7 of them before the origin at 127; 23 are needed, 6 before it. */
        assert_applied(
            APPLY(&page, MYSQL_REDO_REC_INSERT,
                  COMP "\x00\x63\x37\x00\x07\x00\x03\x00\x00\x00\x00\x00\x00\x80\0\0\1" TRX "abc"));
        assert_applied(APPLY(&page, MYSQL_REDO_REC_DELETE, COMP "\x00\x7F"));
        assert_applied(APPLY(&page, MYSQL_REDO_REC_INSERT,
                             COMP
                             "\x00\x63\x2F\x00\x06\x00\x01\x00\x00\x00\x00\x00\x80\0\0\0" TRX));
        assert_int_equal(be16(image + INDEX_LAST_INSERT), zip ? 127 : 126);
        assert_int_equal(be16(image + INDEX_GARBAGE), 4);

        /* 33 bytes become free, 6 of them before the origin at 126; 27 are needed, 7 before it. */
        assert_applied(APPLY(&page, MYSQL_REDO_COMP_PAGE_CREATE, ""));
        assert_applied(APPLY(&page, MYSQL_REDO_REC_INSERT,
                             COMP_5 "\x00\x63\x43\x00\x06\x00\x02\x00\x00\x00\x00\x00\x80\0\0\1" TRX
                                    "0123456789"));
        assert_applied(APPLY(&page, MYSQL_REDO_REC_DELETE, COMP_5 "\x00\x7E"));
        assert_applied(APPLY(
            &page, MYSQL_REDO_REC_INSERT,
            COMP_5 "\x00\x63\x37\x00\x07\x00\x03\x01\x00\x00\x00\x00\x00\x80\0\0\1" TRX "abc"));
        assert_int_equal(be16(image + INDEX_LAST_INSERT), zip ? 153 + 7 : 127);
    }
}

static void rows_are_marked_and_updated_in_place(void **state)
{
    (void)state;
    struct mysql_page page = new_page(MYSQL_REDO_COMP_PAGE_CREATE);
    two_rows(&page);
    assert_applied(APPLY(&page, MYSQL_REDO_REC_SEC_DELETE_MARK, "\x01\x00\x7F"));
    assert_int_equal(image[127 - 5], 0x20);
    assert_applied(APPLY(&page, MYSQL_REDO_REC_SEC_DELETE_MARK, "\x00\x00\x7F"));
    assert_int_equal(image[127 - 5], 0);
    static const char sys[] = COMP "\x00\x01\x01rrrrrrr\x00\x00\x00\x00\x05\x00\x7F";
    assert_applied(APPLY(&page, MYSQL_REDO_REC_CLUST_DELETE_MARK, sys));
    assert_int_equal(image[127 - 5], 0x20);
    assert_memory_equal(image + 131, "\0\0\0\0\0\5rrrrrrrabc", 16);
    /* Flag 4: the system columns stay. A virtual column is passed over. */
    assert_applied(APPLY(&page, MYSQL_REDO_REC_UPDATE_IN_PLACE,
                         COMP "\x04\x01sssssss\x00\x00\x00\x00\x06\x00\x7F\x00\x02"
                              "\x03\x03xyz"
                              "\x83\xFF\x02qq"));
    assert_int_equal(image[127 - 5], 0);
    assert_memory_equal(image + 131, "\0\0\0\0\0\5rrrrrrrxyz", 16);
    assert_string_equal(APPLY(&page, MYSQL_REDO_REC_UPDATE_IN_PLACE,
                              COMP "\x04\x01sssssss\x00\x00\x00\x00\x06\x00\x7F\x00\x01\x03\x02xy"),
                        "an update in place that changes the length of a field");
    assert_string_equal(APPLY(&page, MYSQL_REDO_REC_UPDATE_IN_PLACE,
                              COMP "\x04\x01sssssss\x00\x00\x00\x00\x06\x00\x7F\x00\x01\x04\x00"),
                        "an update of a field that the record has not");
    assert_applied(APPLY(&page, MYSQL_REDO_COMP_REC_MIN_MARK, "\x00\x7F"));
    assert_int_equal(image[127 - 5], 0x10);
    assert_string_equal(APPLY(&page, MYSQL_REDO_REC_MIN_MARK, "\x00\x7F"),
                        "a change of a record that is not on the page");
}

static void info_bits_that_say_how_a_row_is_stored_stay(void **state)
{
    (void)state;
    static const char update[] = COMP "\x04\x01sssssss\x00\x00\x00\x00\x06\x00\x7F\xD0\x00";
    struct mysql_page page = new_page(MYSQL_REDO_COMP_PAGE_CREATE);
    two_rows(&page);
    image[127 - 5] = 0x20;
    assert_applied(APPLY(&page, MYSQL_REDO_REC_UPDATE_IN_PLACE, update));
    assert_int_equal(image[127 - 5], 0x10);
    image[127 - 5] = 0x60;
    assert_applied(APPLY(&page, MYSQL_REDO_REC_UPDATE_IN_PLACE, update));
    assert_int_equal(image[127 - 5], 0x50);
    image[127 - 5] = 0x80;
    assert_applied(APPLY(&page, MYSQL_REDO_REC_UPDATE_IN_PLACE, update));
    assert_int_equal(image[127 - 5], 0x90);
}

static void redundant_field_becomes_null_and_back_in_its_room(void **state)
{
    (void)state;
    struct mysql_page page = new_page(MYSQL_REDO_PAGE_CREATE);
    /* Two fields, ends 2 and 5; 6 + 2 bytes before the origin. */
    assert_applied(APPLY(&page, MYSQL_REDO_REC_INSERT,
                         REDUNDANT "\x00\x65\x1B\x00\x08\x00\x05\x02\x00\x00\x00\x05\x00\x00"
                                   "aabbb"));
    const uint32_t r = 125 + 8;
    assert_int_equal(be16(image + INDEX_LAST_INSERT), r);
    assert_memory_equal(image + 125,
                        "\x05\x02\x00\x00\x10\x05\x00\x74"
                        "aabbb",
                        13);
    static const char head[] = REDUNDANT "\x04\x00sssssss\x00\x00\x00\x00\x06\x00\x85\x20\x01";
    char body[64];
    memcpy(body, head, sizeof head - 1);
    memcpy(body + sizeof head - 1, "\x01\xF0\xFF\xFF\xFF\xFF", 6);
    assert_applied(apply_to(&page, MYSQL_REDO_REC_UPDATE_IN_PLACE, body, sizeof head - 1 + 6));
    assert_memory_equal(image + 125,
                        "\x85\x02\x20\x00\x10\x05\x00\x74"
                        "aa\0\0\0",
                        13);
    memcpy(body + sizeof head - 1, "\x01\x03xyz", 5);
    assert_applied(apply_to(&page, MYSQL_REDO_REC_UPDATE_IN_PLACE, body, sizeof head - 1 + 5));
    assert_memory_equal(image + 125,
                        "\x05\x02\x20\x00\x10\x05\x00\x74"
                        "aaxyz",
                        13);
    assert_applied(APPLY(&page, MYSQL_REDO_REC_MIN_MARK, "\x00\x85"));
    assert_int_equal(image[r - 6], 0x30);
}

static void list_of_inserts_leaves_no_direction_behind(void **state)
{
    (void)state;
    struct mysql_page page = new_page(MYSQL_REDO_COMP_PAGE_CREATE);
    assert_applied(APPLY(&page, MYSQL_REDO_LIST_END_COPY_CREATED,
                         COMP "\x00\x00\x00\x23"
                              "\x37\x00\x07\x00\x03\x00\x00\x00\x00\x00\x00\x80\0\0\1" TRX "abc"
                              "\x02X"
                              "\x02Y"));
    assert_int_equal(be16(image + INDEX_N_RECS), 3);
    assert_memory_equal(image + INDEX_LAST_INSERT, "\0\0\0\5\0\0", 6);
    assert_memory_equal(image + 154 + 17, "abX", 3);
    assert_memory_equal(image + 181 + 17, "abY", 3);
    assert_string_equal(
        APPLY(&page, MYSQL_REDO_LIST_END_COPY_CREATED, COMP "\x00\x00\x00\x03\x02X"),
        "a list of inserts that is longer or shorter than it says");
}

/* --- damage ----------------------------------------------------------------------------------- */

static void damaged_index_pages_are_named(void **state)
{
    (void)state;
    static const char delete[] = COMP "\x00\x7F", insert[] = COMP "\x00\x7F\x02X";
    static const char broken[] = "the record list of the index page is broken";
    static const struct {
        const char *name;
        uint32_t at, value; /* 2 bytes */
        const char *body;
        const char *why;
    } cases[] = {
        {"page type", 24, 10, insert, "a change of records, but the page is no index page"},
        {"row format", 42, 4, insert,
         "a change of records of another row format than the page has"},
        {"slots", 38, 3000, insert, "the directory of the index page is damaged"},
        {"heap top", 40, 4090, insert, "the record heap of the index page is damaged"},
        {"heap records", 42, 0xFFFF, insert, "the record counts of the index page are damaged"},
        {"user records", 54, 9000, insert, "the record counts of the index page are damaged"},
        {"next of the infimum", 97, 1, delete, broken},
        {"next of the record", 125, 4000, delete, broken},
        {"user records", 54, 0, delete, broken},
        {"free list", 44, 60000, insert, "the free list of the index page is damaged"},
        {"free list", 44, 112, insert, "the free list of the index page is damaged"},
        {"garbage", 44, 154, insert, "the garbage count of the index page is too small"},
        {"heap full", 40, 4070, insert, "no room on the index page for the inserted record"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mysql_page page = new_page(MYSQL_REDO_COMP_PAGE_CREATE);
        two_rows(&page);
        put_be16(image + cases[i].at, (uint16_t)cases[i].value);
        const bool del = cases[i].body == delete;
        const char *why = apply_to(&page, del ? MYSQL_REDO_REC_DELETE : MYSQL_REDO_REC_INSERT,
                                   cases[i].body, del ? sizeof delete - 1 : sizeof insert - 1);
        if (!why || strcmp(why, cases[i].why) != 0)
            fail_msg("%s: %s", cases[i].name, why ? why : "applied");
    }
}

static void inserts_that_make_no_record_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *body, *why;
        size_t n;
    } cases[] = {
#define CASE(body, why) {COMP body, why, sizeof(COMP body) - 1}
        CASE("\x00\x63\x37\x00\x06\x00\x02\x00\x00\x00\x00\x00\x00\x80\0\0\1" TRX "abc",
             "an inserted record that does not fit the index description"),
        CASE("\x00\x63\x37\x00\x07\x00\x04\x00\x00\x00\x00\x00\x00\x80\0\0\1" TRX "abc",
             "an inserted record that does not fit the index description"),
        CASE("\x00\x63\x37\x02\x07\x00\x03\x00\x00\x00\x00\x00\x00\x80\0\0\1" TRX "abc",
             "an insert of a record that is neither row nor node pointer"),
        CASE("\x00\x63\x37\x00\x04\x00\x03\x00\x00\x00\x00\x00\x00\x80\0\0\1" TRX "abc",
             "an insert of a record without a header"),
        CASE("\x00\x63\x37\x00\x40\x00\x03\x00\x00\x00\x00\x00\x00\x80\0\0\1" TRX "abc",
             "an insert of a record without a header"),
        CASE("\x00\x63\x37\x00\x07\x00\x03", "a record that is cut off"),
        CASE("\x00\x7F\x03\x00\x07\x1Cx",
             "an insert that copies more than the record in front has"),
        CASE("\x00\x7F\x38"
             "0123456789012345678901234567",
             "an insert of more bytes than the record in front has"),
        CASE("\x00\x05\x02x", "a change of a record that is not on the page"),
        CASE("\x00\x7F\x02xy", "a record that is longer than its type allows"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mysql_page page = new_page(MYSQL_REDO_COMP_PAGE_CREATE);
        two_rows(&page);
        const char *why = apply_to(&page, MYSQL_REDO_REC_INSERT, cases[i].body, cases[i].n);
        if (!why || strcmp(why, cases[i].why) != 0)
            fail_msg("case %zu: %s", i, why ? why : "applied");
    }
}

static void records_that_are_not_on_the_page_are_refused(void **state)
{
    (void)state;
    static const uint16_t not_there[] = {0, 5, 98, 119, 112, 99, 3000, 65535};
    static const unsigned types[] = {MYSQL_REDO_REC_DELETE, MYSQL_REDO_LIST_END_DELETE,
                                     MYSQL_REDO_LIST_START_DELETE};
    for (size_t i = 0; i < sizeof not_there / sizeof not_there[0]; i++)
        for (size_t k = 0; k < 3; k++) {
            struct mysql_page page = new_page(MYSQL_REDO_COMP_PAGE_CREATE);
            uint8_t body[sizeof COMP + 1];
            two_rows(&page);
            memcpy(body, COMP, sizeof COMP - 1);
            put_be16(body + sizeof COMP - 1, not_there[i]);
            const bool all = not_there[i] == 112 && k > 0; /* nothing, or everything, is in front */
            const char *why = apply_to(&page, types[k], body, sizeof body);
            assert_int_equal(why == NULL, all);
        }
}

/* --- random, against a model ------------------------------------------------------------------ */

enum { MODEL_MAX = 400, DATA_MAX = 60 };

struct row {
    uint32_t origin, extra;
    uint8_t bytes[80]; /* extra and data */
    uint32_t len;
};

struct model {
    bool comp;
    struct row rows[MODEL_MAX];
    size_t n;
};

static const char *change(struct mysql_page *page, const struct model *m, unsigned type,
                          const uint8_t *body, size_t n)
{
    uint8_t all[512];
    const size_t k = m->comp ? sizeof COMP - 1 : sizeof REDUNDANT - 1;
    memcpy(all, m->comp ? COMP : REDUNDANT, k);
    memcpy(all + k, body, n);
    return apply_to(page, type, all, k + n);
}

/* A row of random length, as its bytes would be on the page, header empty. */
static void make_row(struct row *row, bool comp, struct test_random *r)
{
    const uint32_t len = (uint32_t)test_random_below(r, DATA_MAX - 17);
    memset(row, 0, sizeof *row);
    row->extra = comp ? 7 : 8;
    row->len = row->extra + (comp ? 17 : 0) + len;
    if (comp)
        row->bytes[0] = (uint8_t)len;
    else {
        row->bytes[0] = (uint8_t)len; /* ends len / 2, len */
        row->bytes[1] = (uint8_t)(len / 2);
        put_be16(row->bytes + 4, 2 << 1 | 1);
    }
    for (uint32_t i = row->extra; i < row->len; i++)
        row->bytes[i] = (uint8_t)test_random_u64(r);
}

static uint32_t origin_before(const struct model *m, size_t i)
{
    return i ? m->rows[i - 1].origin : m->comp ? COMP_INFIMUM : REDUNDANT_INFIMUM;
}

static void model_insert(struct model *m, struct mysql_page *page, struct test_random *r)
{
    uint8_t body[128];
    struct row row;
    const size_t i = test_random_below(r, m->n + 1);
    make_row(&row, m->comp, r);
    /* The server makes sure of room for the record and for a slot of the directory. */
    if (m->n == MODEL_MAX ||
        be16(image + INDEX_HEAP_TOP) + row.len + 2 > SIZE - 8u - 2u * be16(image + INDEX_N_SLOTS))
        return;
    put_be16(body, (uint16_t)origin_before(m, i));
    put_be16(body + 2, (uint16_t)(0x8000 | row.len << 1 | 1)); /* 14 bits */
    body[4] = 0;
    body[5] = (uint8_t)row.extra;
    body[6] = 0;
    memcpy(body + 7, row.bytes, row.len);
    assert_applied(change(page, m, MYSQL_REDO_REC_INSERT, body, 7 + row.len));
    row.origin = be16(image + INDEX_LAST_INSERT);
    memmove(m->rows + i + 1, m->rows + i, (m->n - i) * sizeof row);
    m->rows[i] = row;
    m->n++;
}

static void model_remove(struct model *m, size_t from, size_t n)
{
    memmove(m->rows + from, m->rows + from + n, (m->n - from - n) * sizeof m->rows[0]);
    m->n -= n;
}

static void model_delete(struct model *m, struct mysql_page *page, struct test_random *r)
{
    uint8_t body[2];
    if (m->n == 0)
        return;
    const size_t i = test_random_below(r, m->n);
    put_be16(body, (uint16_t)m->rows[i].origin);
    const uint64_t how = test_random_below(r, 60);
    const unsigned type = how == 0   ? MYSQL_REDO_LIST_END_DELETE
                          : how == 1 ? MYSQL_REDO_LIST_START_DELETE
                                     : MYSQL_REDO_REC_DELETE;
    assert_applied(change(page, m, type, body, 2));
    if (how == 0)
        model_remove(m, i, m->n - i);
    else if (how == 1)
        model_remove(m, 0, i);
    else
        model_remove(m, i, 1);
}

static void model_reorganize(struct model *m, struct mysql_page *page)
{
    assert_applied(change(page, m, MYSQL_REDO_PAGE_REORGANIZE, (const uint8_t *)"", 0));
    uint32_t at = m->comp ? COMP_HEAP : REDUNDANT_HEAP;
    for (size_t i = 0; i < m->n; i++) {
        m->rows[i].origin = at + m->rows[i].extra;
        at += m->rows[i].len;
    }
    assert_int_equal(be16(image + INDEX_HEAP_TOP), at);
    assert_int_equal(be16(image + INDEX_FREE), 0);
}

static void check_row(const struct model *m, size_t i)
{
    const struct row *row = &m->rows[i];
    const uint32_t fixed = m->comp ? 5 : 6; /* with the list and the heap number: changed */
    assert_memory_equal(image + row->origin - row->extra, row->bytes, row->extra - fixed);
    assert_memory_equal(image + row->origin, row->bytes + row->extra, row->len - row->extra);
}

static void check_page(const struct model *m)
{
    struct index_page ix;
    assert_null(index_page_open(&ix, image, SIZE, m->comp));
    uint32_t r = index_page_infimum(&ix), slot = 0, group = 0;
    for (size_t i = 0; i <= m->n + 1; i++) {
        group++;
        if (i > 0 && i <= m->n) {
            assert_int_equal(r, m->rows[i - 1].origin);
            check_row(m, i - 1);
        }
        const unsigned owned = index_page_n_owned(&ix, r);
        if (owned) {
            assert_int_equal(owned, group);
            assert_int_equal(index_page_slot(&ix, slot), r);
            assert_in_range(owned, i == 0 || i == m->n + 1 ? 1 : INDEX_GROUP_MIN, INDEX_GROUP_MAX);
            slot++;
            group = 0;
        }
        r = index_page_next(&ix, r);
        assert_int_equal(r == 0, i == m->n + 1);
    }
    assert_int_equal(slot, ix.n_slots);
    assert_int_equal(be16(image + INDEX_N_RECS), m->n);
}

static void random_changes_keep_list_directory_and_counts_right(void **state)
{
    (void)state;
    struct model *m = mem_alloc(sizeof *m);
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct test_random r = {seed};
        m->comp = seed % 2;
        m->n = 0;
        struct mysql_page page =
            new_page(m->comp ? MYSQL_REDO_COMP_PAGE_CREATE : MYSQL_REDO_PAGE_CREATE);
        for (int step = 0; step < 400; step++) {
            const uint64_t inserts = step / 100 % 2 ? 3 : 7; /* of 10: grows, shrinks, ... */
            if (test_random_below(&r, 10) < inserts)
                model_insert(m, &page, &r);
            else
                model_delete(m, &page, &r);
            if (test_random_below(&r, 50) == 0)
                model_reorganize(m, &page);
            check_page(m);
        }
    }
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_pages_are_created_in_every_type_and_format),
        cmocka_unit_test(record_is_built_from_the_one_in_front),
        cmocka_unit_test(compressed_page_reuses_only_what_has_room_before_the_origin),
        cmocka_unit_test(rows_are_marked_and_updated_in_place),
        cmocka_unit_test(info_bits_that_say_how_a_row_is_stored_stay),
        cmocka_unit_test(redundant_field_becomes_null_and_back_in_its_room),
        cmocka_unit_test(list_of_inserts_leaves_no_direction_behind),
        cmocka_unit_test(damaged_index_pages_are_named),
        cmocka_unit_test(inserts_that_make_no_record_are_named),
        cmocka_unit_test(records_that_are_not_on_the_page_are_refused),
        cmocka_unit_test(random_changes_keep_list_directory_and_counts_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
