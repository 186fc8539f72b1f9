#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "innodb/ddl_events.h"

enum {
    W2 = 2,
    W4 = 4,
    W8 = 8,
    CREATE_PAGE = 19,
    STRING = 30,
    FILE_CREATE = 33,
    FILE_RENAME = 34,
    FILE_DELETE = 35,
    COMP_CREATE_PAGE = 37,
    ZIP_HEADER = 50,
    ZIP_IMAGE = 51,
    RTREE_CREATE_PAGE = 57,
    COMP_RTREE_CREATE_PAGE = 58,
    INIT_PAGE = 59,
    LOAD = 61,
    SDI_CREATE_PAGE = 64,
    FILE_EXTEND = 65,
    ZIP_IMAGE_NO_DATA = 74,
};

/* Records of one mini-transaction, and the bytes they point to. */
struct mtr {
    struct redo_record recs[16];
    uint8_t bytes[16][64];
    size_t n;
};

static uint8_t *add(struct mtr *m, unsigned type, space_id_t space, page_no_t page, uint32_t len)
{
    m->recs[m->n] = (struct redo_record){
        .type = type, .space = space, .page = page, .body = m->bytes[m->n], .body_len = len};
    return m->bytes[m->n++];
}

static void add_write(struct mtr *m, unsigned type, space_id_t space, page_no_t page, uint16_t at)
{
    put_be16(add(m, type, space, page, 3), at); /* and the value 0 */
}

static void add_id(struct mtr *m, space_id_t space, page_no_t page, uint64_t id)
{
    uint8_t *p = add(m, W8, space, page, 11); /* high word in the long form */
    put_be16(p, 66);
    p[2] = 0xF0;
    put_be64(p + 3, id);
}

static void add_path(uint8_t *p, const char *path)
{
    put_be16(p, (uint16_t)(strlen(path) + 1));
    memcpy(p + 2, path, strlen(path) + 1);
}

static void add_delete(struct mtr *m, space_id_t space, const char *path)
{
    add_path(add(m, FILE_DELETE, space, 0, (uint32_t)strlen(path) + 3), path);
}

/* Takes in the mini-transaction and empties it. */
static void feed(struct ddl_events *e, struct mtr *m, lsn_t end)
{
    for (size_t i = 0; i < m->n; i++)
        assert_null(ddl_events_record(e, &m->recs[i], end));
    ddl_events_end(e, end);
    m->n = 0;
}

static void birth(struct ddl_events *e, space_id_t space, uint64_t index_id, lsn_t end)
{
    struct mtr m = {.n = 0};
    add_write(&m, W2, space, 4, 82);
    add(&m, COMP_CREATE_PAGE, space, 4, 0);
    add_id(&m, space, 4, index_id);
    feed(e, &m, end);
}

static void load(struct ddl_events *e, space_id_t space, uint64_t index_id, lsn_t end)
{
    struct mtr m = {.n = 0};
    put_be64(add(&m, LOAD, space, 0, 8), index_id);
    feed(e, &m, end);
}

static lsn_t born(const struct ddl_events *e, space_id_t space)
{
    const struct ddl_space *s = ddl_events_find(e, space);
    return s ? s->born : 0;
}

static void a_birth_is_a_page_created_with_segment_headers_and_an_index_id(void **state)
{
    (void)state;
    static const unsigned creates[] = {CREATE_PAGE, COMP_CREATE_PAGE, RTREE_CREATE_PAGE,
                                       COMP_RTREE_CREATE_PAGE};
    static const unsigned writes[] = {W2, W4, STRING};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 3; j++) {
            struct ddl_events e = {0};
            struct mtr m = {.n = 0};
            add(&m, creates[i], 7, 4, 0);
            add_write(&m, writes[j], 7, 4, 74);
            add_id(&m, 7, 4, 160);
            feed(&e, &m, 500);
            assert_int_equal(born(&e, 7), 500);
            ddl_events_fini(&e);
        }
}

static void the_records_of_a_birth_come_in_any_order_among_others(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    add_id(&m, 7, 4, 160);
    add_write(&m, W2, 7, 2, 74); /* an inode page */
    add_write(&m, W4, 7, 4, 93);
    add(&m, CREATE_PAGE, 7, 5, 0);
    add(&m, CREATE_PAGE, 7, 4, 0);
    add_write(&m, W4, 7, 5, 38);
    feed(&e, &m, 500);
    assert_int_equal(born(&e, 7), 500);
    ddl_events_fini(&e);
}

static void a_page_split_is_no_birth(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    add(&m, COMP_CREATE_PAGE, 7, 9, 0);
    add_id(&m, 7, 9, 160);
    add_write(&m, W2, 7, 9, 73); /* just below the segment headers */
    add_write(&m, W2, 7, 9, 94); /* just behind them */
    feed(&e, &m, 500);
    assert_int_equal(born(&e, 7), 0);
    ddl_events_fini(&e);
}

static void the_parts_of_a_birth_must_be_of_one_page_and_one_mini_transaction(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    add(&m, COMP_CREATE_PAGE, 7, 4, 0);
    add_id(&m, 7, 4, 160);
    add_write(&m, W2, 7, 5, 74);
    add_write(&m, W2, 8, 4, 74);
    feed(&e, &m, 500);
    add_write(&m, W2, 7, 4, 74);
    feed(&e, &m, 600);
    assert_int_equal(born(&e, 7), 0);
    ddl_events_fini(&e);
}

static void the_change_buffer_is_never_born(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    birth(&e, 0, UINT64_C(0xFFFFFFFF00000000), 500);
    birth(&e, 0, UINT64_C(1) << 60, 510);
    add(&m, CREATE_PAGE, 0, 4, 0); /* its root with its free list at 74, and no index id */
    add_write(&m, W4, 0, 4, 74);
    feed(&e, &m, 520);
    assert_int_equal(born(&e, 0), 0);
    birth(&e, 0, (UINT64_C(1) << 60) - 1, 530);
    assert_int_equal(born(&e, 0), 530);
    ddl_events_fini(&e);
}

static void an_index_of_a_compressed_table_is_born_as_a_compressed_image(void **state)
{
    (void)state;
    static const unsigned creates[] = {ZIP_IMAGE, 52, ZIP_IMAGE_NO_DATA};
    for (size_t i = 0; i < 3; i++) {
        struct ddl_events e = {0};
        struct mtr m = {.n = 0};
        add_write(&m, W4, 7, 4, 84);
        add(&m, creates[i], 7, 4, 20);
        uint8_t *p = add(&m, ZIP_HEADER, 7, 4, 10);
        p[0] = 66;
        p[1] = 8;
        put_be64(p + 2, 160);
        feed(&e, &m, 500);
        assert_int_equal(born(&e, 7), 500);
        ddl_events_fini(&e);
    }
}

static void other_zip_headers_are_no_index_id(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    add_write(&m, W4, 7, 4, 84);
    add(&m, ZIP_IMAGE, 7, 4, 20);
    uint8_t *p = add(&m, ZIP_HEADER, 7, 4, 10);
    p[0] = 65;
    p[1] = 8;
    memset(p + 2, 1, 8);
    feed(&e, &m, 500);
    assert_int_equal(born(&e, 7), 0);
    ddl_events_fini(&e);
}

static void a_load_is_kept_and_clears_the_birth_of_its_index(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    birth(&e, 7, 160, 500);
    load(&e, 7, 160, 600);
    assert_int_equal(born(&e, 7), 0);
    assert_int_equal(ddl_events_find(&e, 7)->loaded, 600);
    birth(&e, 7, 161, 700); /* a later one counts again */
    assert_int_equal(born(&e, 7), 700);
    ddl_events_fini(&e);
}

static void a_load_does_not_clear_the_births_of_other_indexes_or_spaces(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    birth(&e, 7, 160, 500);
    birth(&e, 7, 161, 510);
    birth(&e, 8, 161, 520);
    load(&e, 7, 161, 600);
    assert_int_equal(born(&e, 7), 500);
    assert_int_equal(born(&e, 8), 520);
    assert_int_equal(ddl_events_find(&e, 8)->loaded, 0);
    ddl_events_fini(&e);
}

static void births_beyond_the_kept_ones_count_for_ever(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    for (unsigned i = 0; i < DDL_OPEN_BIRTHS + 3; i++)
        birth(&e, 7, 160 + i, 500 + i);
    assert_int_equal(born(&e, 7), 500 + DDL_OPEN_BIRTHS + 2);
    for (unsigned i = 0; i < DDL_OPEN_BIRTHS + 3; i++)
        load(&e, 7, 160 + i, 600 + i);
    assert_int_equal(born(&e, 7), 502);
    ddl_events_fini(&e);
}

static void files_are_created_renamed_and_deleted(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    uint8_t *p = add(&m, FILE_CREATE, 7, 0, 4 + 2 + 11);
    add_path(p + 4, "./d/t1.ibd");
    feed(&e, &m, 500);
    const struct ddl_space *s = ddl_events_find(&e, 7);
    assert_int_equal(s->created, 500);
    assert_string_equal(s->name, "d/t1.ibd");
    p = add(&m, FILE_RENAME, 7, 0, 13 + 13);
    add_path(p, "./d/t1.ibd");
    add_path(p + 13, "./d/t2.ibd");
    feed(&e, &m, 510);
    assert_int_equal(s->renamed, 510);
    assert_string_equal(s->name, "d/t2.ibd");
    assert_string_equal(s->created_as, "d/t1.ibd");
    add_delete(&m, 7, "./d/t2.ibd");
    feed(&e, &m, 520);
    assert_int_equal(s->deleted, 520);
    add_delete(&m, 7, "./d/t2.ibd");
    feed(&e, &m, 530);
    assert_int_equal(s->deleted, 530);
    assert_int_equal(s->created, 500);
    ddl_events_fini(&e);
}

static void names_lose_their_leading_dot_and_keep_an_absolute_path(void **state)
{
    (void)state;
    static const struct {
        const char *logged, *name;
    } cases[] = {{".//undo_003.ibu", "undo_003.ibu"},
                 {"/disk2/d/t.ibd", "/disk2/d/t.ibd"},
                 {"./a.ibd", "a.ibd"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ddl_events e = {0};
        struct mtr m = {.n = 0};
        add_delete(&m, 7, cases[i].logged);
        feed(&e, &m, 500);
        assert_string_equal(ddl_events_find(&e, 7)->name, cases[i].name);
        ddl_events_fini(&e);
    }
}

static void an_extension_is_kept_as_the_longest_length(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    static const uint64_t extents[][2] = {{1 << 20, 1 << 20}, {0, 1 << 20}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t *p = add(&m, FILE_EXTEND, 7, 0, 16);
        put_be64(p, extents[i][0]);
        put_be64(p + 8, extents[i][1]);
    }
    feed(&e, &m, 500);
    assert_int_equal(ddl_events_find(&e, 7)->extended, 2 << 20);
    ddl_events_fini(&e);
}

static void only_page_0_shows_that_the_redo_has_all_of_a_space(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    add(&m, INIT_PAGE, 7, 3, 0);
    add(&m, INIT_PAGE, 0xFFFFFFED, 0, 0);
    feed(&e, &m, 500);
    assert_null(ddl_events_find(&e, 7));
    assert_int_equal(ddl_events_find(&e, 0xFFFFFFED)->initialised, 500);
    ddl_events_fini(&e);
}

static void a_dictionary_page_is_no_birth(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    add_write(&m, W4, 7, 3, 74);
    add(&m, SDI_CREATE_PAGE, 7, 3, 0);
    add_id(&m, 7, 3, 160);
    feed(&e, &m, 500);
    assert_int_equal(born(&e, 7), 0);
    ddl_events_fini(&e);
}

static void a_record_cut_off_is_named(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        uint32_t len; /* one byte less than it needs */
        const char *text;
    } cases[] = {
        {W2, 1, "2BYTES of tablespace 7, page 4: cut off"},
        {W8, 6, "8BYTES of tablespace 7, page 4: cut off"},
        {ZIP_HEADER, 9, "ZIP_WRITE_HEADER of tablespace 7, page 4: cut off"},
        {LOAD, 7, "INDEX_LOAD of tablespace 7: cut off"},
        {FILE_CREATE, 5, "FILE_CREATE of tablespace 7: cut off"},
        {FILE_RENAME, 1, "FILE_RENAME of tablespace 7: cut off"},
        {FILE_DELETE, 9, "FILE_DELETE of tablespace 7: cut off"},
        {FILE_EXTEND, 15, "FILE_EXTEND of tablespace 7: cut off"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ddl_events e = {0};
        struct mtr m = {.n = 0};
        uint8_t *p = add(&m, cases[i].type, 7, 4, cases[i].len);
        p[1] = 8; /* a length of 8 where there is one */
        struct err *err = ddl_events_record(&e, &m.recs[0], 500);
        assert_non_null(err);
        assert_int_equal(err->kind, ERR_CORRUPT);
        assert_non_null(strstr(err->message, cases[i].text));
        assert_non_null(strstr(err->message, "mini-transaction that ends at LSN 500: "));
        err_free(err);
        ddl_events_fini(&e);
    }
}

static void an_extension_past_all_lengths_is_damage(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    memset(add(&m, FILE_EXTEND, 7, 0, 16), 0xFF, 16);
    struct err *err = ddl_events_record(&e, &m.recs[0], 500);
    assert_non_null(err);
    err_free(err);
    assert_null(ddl_events_find(&e, 7));
    ddl_events_fini(&e);
}

static void a_name_without_its_final_zero_is_damage(void **state)
{
    (void)state;
    struct ddl_events e = {0};
    struct mtr m = {.n = 0};
    uint8_t *p = add(&m, FILE_DELETE, 7, 0, 5);
    put_be16(p, 3);
    memcpy(p + 2, "abc", 3);
    struct err *err = ddl_events_record(&e, &m.recs[0], 500);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "a name that does not end with its only zero byte"));
    err_free(err);
    assert_null(ddl_events_find(&e, 7));
    ddl_events_fini(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_birth_is_a_page_created_with_segment_headers_and_an_index_id),
        cmocka_unit_test(the_records_of_a_birth_come_in_any_order_among_others),
        cmocka_unit_test(a_page_split_is_no_birth),
        cmocka_unit_test(the_parts_of_a_birth_must_be_of_one_page_and_one_mini_transaction),
        cmocka_unit_test(the_change_buffer_is_never_born),
        cmocka_unit_test(an_index_of_a_compressed_table_is_born_as_a_compressed_image),
        cmocka_unit_test(other_zip_headers_are_no_index_id),
        cmocka_unit_test(a_load_is_kept_and_clears_the_birth_of_its_index),
        cmocka_unit_test(a_load_does_not_clear_the_births_of_other_indexes_or_spaces),
        cmocka_unit_test(births_beyond_the_kept_ones_count_for_ever),
        cmocka_unit_test(files_are_created_renamed_and_deleted),
        cmocka_unit_test(names_lose_their_leading_dot_and_keep_an_absolute_path),
        cmocka_unit_test(an_extension_is_kept_as_the_longest_length),
        cmocka_unit_test(only_page_0_shows_that_the_redo_has_all_of_a_space),
        cmocka_unit_test(a_dictionary_page_is_no_birth),
        cmocka_unit_test(a_record_cut_off_is_named),
        cmocka_unit_test(an_extension_past_all_lengths_is_damage),
        cmocka_unit_test(a_name_without_its_final_zero_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
