/* engine/space_copy_base_test.c: tablespaces that are copied on a base: which of their pages are read, and which are stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/uio.h>
#include <zlib.h>

#include "engine/base_test_util.h"
#include "engine/page_filter.h"
#include "engine/space_copy_test_util.h"
#include "innodb/fil_page.h"
#include "innodb/index_page.h"

/* Ends the first backup and begins one that is based on it, at this LSN. */
static void base_on_this(struct fixture *f, struct base_facts *facts, lsn_t lsn)
{
    base_on_set(facts, &f->set, &f->archive, f->dir, lsn);
    f->env.bytes_read = 0;
}

/* Another backup with the same base. Frees the archive of the one before. */
static void begin_again(struct fixture *f, struct archive_reader *before)
{
    AUTO_FREE char *path = mem_printf("%s/test.mbe", f->dir);
    archive_reader_free(before);
    assert_int_equal(unlink(path), 0);
    archive_begin(&f->archive, f->dir);
    space_set_fini(&f->set);
    f->env.writer = f->archive.writer;
    space_set_init(&f->set, &f->env);
}

static void put_index_page(struct fixture *f, const char *name, space_id_t id, page_no_t no,
                           lsn_t lsn, uint64_t index_id)
{
    uint8_t page[PAGE] = {0};
    if (lsn) {
        struct space_format format;
        ok(space_format_decode(&format, FULL_CRC32, PAGE));
        make_page(page, id, no);
        put_be64(page + 16, lsn);
        put_be64(page + 66, index_id);
        page_stamp(&format, page);
    }
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, page, PAGE, (uint64_t)no * PAGE, path));
}

static void put_page(struct fixture *f, const char *name, space_id_t id, page_no_t no, lsn_t lsn)
{
    put_index_page(f, name, id, no, lsn, 0);
}

static const struct archive_attr *attr_of(struct archive_reader *r, const char *name)
{
    const int64_t i = archive_reader_find(r, name);
    assert_true(i >= 0);
    return archive_reader_entry(r, (uint32_t)i);
}

/* The pages of the file that are stored, as "1 4z 7": z is zeros. */
static void assert_stored(struct archive_reader *r, const char *name, const char *expected)
{
    enum { NOT_STORED, ZEROS, DATA, MOST = 32 };
    AUTO(archive_cursor) c = NULL;
    char found[400] = "", pages[MOST] = {NOT_STORED};
    uint64_t at, len;
    const uint8_t *data;
    ok(archive_cursor_open(&c, r, (uint32_t)archive_reader_find(r, name), 0,
                           attr_of(r, name)->size));
    do {
        ok(archive_cursor_next(c, &at, &data, &len));
        for (uint64_t i = 0; i < len; i++) {
            const uint64_t no = (at + i) / PAGE;
            assert_true(no < MOST);
            if (pages[no] != DATA)
                pages[no] = data && data[i] ? DATA : ZEROS;
        }
    } while (len);
    for (int no = 0; no < MOST; no++)
        if (pages[no])
            snprintf(found + strlen(found), sizeof found - strlen(found), "%s%d%s",
                     *found ? " " : "", no, pages[no] == ZEROS ? "z" : "");
    assert_string_equal(found, expected);
}

static void pages_of_the_base_are_not_stored_again(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_space(f, "d/b.ibd", 6, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 3, 1000);
    put_page(f, "d/a.ibd", 5, 6, 0);
    put_page(f, "d/a.ibd", 5, 7, 2000);
    put_page(f, "d/a.ibd", 5, 8, 3000);
    put_page(f, "d/a.ibd", 5, 11, 999);
    put_page(f, "d/a.ibd", 5, PAGES + 1, 1500); /* it grew */
    ok(copy_all(f));
    assert_int_equal(f->env.bytes_read, (3 * PAGES + 2) * PAGE);
    assert_int_equal(f->env.bytes_changed, (4 + 1) * PAGE); /* and page 0 of ibdata1 */
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->kind, ARCHIVE_SPACE_DELTA);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, (PAGES + 2) * PAGE);
    assert_stored(r, "d/a.ibd", "3 4z 6z 7 8 9z 14z 19z 20z 21");
    assert_int_equal(attr_of(r, "d/b.ibd")->kind, ARCHIVE_SPACE_DELTA);
    assert_stored(r, "d/b.ibd", "4z 9z 14z 19z");
    assert_int_equal(attr_of(r, "ibdata1")->kind, ARCHIVE_SPACE_DELTA);
    assert_stored(r, "ibdata1", "0 4z 9z 14z 19z");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void file_that_took_the_place_of_the_base_is_stored_whole(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *a = mem_printf("%s/d/a.ibd", f->data), *b = mem_printf("%s/d/b.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_space(f, "d/b.ibd", 5, 6); /* same id and name, and every LSN is old */
    assert_int_equal(rename(b, a), 0);
    put_space(f, "d/new.ibd", 7, 6);
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/a.ibd", 5, 6);
    assert_holds(r, "d/new.ibd", 7, 6);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void renamed_file_is_still_that_of_the_base(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *a = mem_printf("%s/d/a.ibd", f->data), *b = mem_printf("%s/d/b.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    assert_int_equal(rename(a, b), 0);
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/b.ibd")->kind, ARCHIVE_SPACE_DELTA);
    assert_int_equal(archive_reader_find(r, "d/a.ibd"), -1);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void file_that_was_set_back_is_refused(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 7, 900);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 7, 800);
    error_is(copy_all(f), REFUSED, "d/a.ibd: page 7: its LSN is 800, and was 900 in the base");
    abandon(f);
    base_facts_fini(&facts);
}

static void copy_again_takes_the_place_of_a_delta(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 3, 1000);
    ok(copy_all(f));
    put_page(f, "d/a.ibd", 5, 7, 2000);
    const struct listed_space listed = {.name = TEXT("d/a.ibd"), .path = path};
    ok(space_set_copy_one(&f->set, &listed, SPACE_COPY_AGAIN));
    struct archive_reader *r = archive_end(&f->archive);
    assert_stored(r, "d/a.ibd", "3 4z 7 9z 14z 19z");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

/* Page 3 was changed, and is of an index; the base knows those up to LAST. */
enum { LAST_INDEX = 100 };

/* A file whose base knows the indexes up to LAST_INDEX. */
static void base_with_indexes(struct fixture *f, struct base_facts *facts)
{
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 17, 600); /* the witness */
    ok(copy_all(f));
    base_on_this(f, facts, 1000);
    facts->last_index_id = LAST_INDEX;
}

static void pages_of_an_index_that_the_base_does_not_know_are_stored(void **state)
{
    static const struct change_map changes = {.n = 1, .pages = {12}};
    static const struct {
        uint64_t index_id;
        lsn_t lsn;
        bool mysql, tracked;
        const char *stored;
    } cases[] = {
        {LAST_INDEX, 900, true, false, "4z 9z 14z 19z"},
        {LAST_INDEX + 1, 900, true, false, "3 4z 9z 14z 19z"}, /* whatever its LSN */
        {LAST_INDEX + 1, 1000, true, false, "3 4z 9z 14z 19z"},
        {LAST_INDEX + 1, 900, false, false, "4z 9z 14z 19z"}, /* MariaDB builds with redo */
        {LAST_INDEX + 1, 900, true, true, "12"},              /* all of the map is stored */
    };
    struct fixture *f = *state;
    struct base_facts facts;
    base_with_indexes(f, &facts);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_index_page(f, "d/a.ibd", 5, 3, cases[i].lsn, cases[i].index_id);
        f->set.by_file = cases[i].mysql;
        f->env.changes = cases[i].tracked ? &changes : NULL;
        ok(copy_all(f));
        assert_null(space_set_find(&f->set, 5)->suspect);
        struct archive_reader *r = archive_end(&f->archive);
        assert_stored(r, "d/a.ibd", cases[i].stored);
        begin_again(f, r);
    }
    f->set.by_file = true;
    f->env.changes = NULL;
    facts.last_index_id = 0; /* a base that has not noted it */
    put_index_page(f, "d/a.ibd", 5, 3, 900, 1);
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_stored(r, "d/a.ibd", "3 4z 9z 14z 19z");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

/* A page of LSN 500 in a tablespace of MySQL. */
static void make_mysql_page(uint8_t *page, page_no_t no, uint32_t flags, uint64_t index_id)
{
    struct space_format format;
    ok(space_format_decode(&format, flags, PAGE));
    make_page(page, 5, no);
    if (no)
        put_be64(page + INDEX_ID, index_id);
    else
        put_be32(page + FSP_FLAGS, flags);
    page_stamp(&format, page);
}

/* Compresses it as MySQL does. */
static void pack_page(uint8_t *page)
{
    AUTO_FREE uint8_t *body = mem_alloc(PAGE);
    uLongf n = PAGE - FIL_BODY;
    memcpy(body, page, PAGE);
    assert_int_equal(compress(page + FIL_BODY, &n, body + FIL_BODY, PAGE - FIL_BODY), Z_OK);
    memset(page + FIL_BODY + n, 0, PAGE - FIL_BODY - n);
    put_be16(page + FIL_PACK_TYPE, be16(body + FIL_TYPE));
    put_be16(page + FIL_TYPE, FIL_TYPE_PACKED);
    page[FIL_PACK_VERSION] = 2;
    page[FIL_PACK_ALGORITHM] = 1;
    put_be16(page + FIL_PACK_SIZE, PAGE - FIL_BODY);
    put_be16(page + FIL_PACK_STORED, (uint16_t)n);
}

/* Pages that do not tell their index, in whatever order they are met; and a file of several tables. Page 16 lies among zeros and is read
 * whole, page 2 is known by its head. */
static void a_file_of_which_not_all_pages_of_a_new_index_are_known_is_a_suspect(void **state)
{
    enum { FLAGS = 0x21, SHARED = FLAGS | FSP_FLAG_SHARED };
    static const struct {
        page_no_t packed, built; /* page that is compressed, page of the new index; 0: none */
        uint32_t flags;
        bool suspect;
    } cases[] = {
        {2, 11, FLAGS, true}, {16, 2, FLAGS, true}, {2, 0, FLAGS, false},
        {0, 2, FLAGS, false}, {0, 2, SHARED, true}, {0, 0, SHARED, false},
    };
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE uint8_t *pages = mem_zalloc(PAGES * PAGE);
    base_with_indexes(f, &facts);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (page_no_t no = 0; no < PAGES - 3; no++)
            make_mysql_page(pages + no * PAGE, no, cases[i].flags,
                            no && no == cases[i].built ? LAST_INDEX + 1 : LAST_INDEX);
        if (cases[i].packed)
            pack_page(pages + cases[i].packed * PAGE);
        write_bytes(f->data, "d/a.ibd", pages, PAGES * PAGE);
        f->set.by_file = true;
        ok(copy_all(f)); /* the witness, page 17, is zeros, which is no sign of another history */
        const char *suspect = space_set_find(&f->set, 5)->suspect;
        if (!suspect == cases[i].suspect)
            fail_msg("case %zu: %s", i, suspect ? suspect : "no suspect");
        if (suspect)
            assert_non_null(
                strstr(suspect, ": of an index that was built since the base, or may be"));
        begin_again(f, archive_end(&f->archive));
    }
    abandon(f);
    base_facts_fini(&facts);
}

static void damaged_page_is_stored_whatever_its_lsn(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    f->env.allow_corrupt = true;
    {
        AUTO_FD int fd = -1;
        ok(file_open(&fd, path, O_WRONLY, 0));
        ok(file_pwrite(fd, "x", 1, 12 * PAGE + 300, path));
    }
    ok(copy_all(f));
    assert_int_equal(f->env.n_corrupt, 1);
    struct archive_reader *r = archive_end(&f->archive);
    assert_stored(r, "d/a.ibd", "4z 9z 12 14z 19z");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void each_part_of_a_file_has_its_witness(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    const page_no_t second = WITNESS_BYTES / PAGE;
    put_space(f, "d/big.ibd", 6, 2);
    put_page(f, "d/big.ibd", 6, 1, 600);
    put_page(f, "d/big.ibd", 6, 2 * second + 5, 700);
    put_page(f, "d/big.ibd", 6, 2 * second + 6, 650);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    const struct space_fact *fact = base_facts_space(&facts, 6, 0);
    assert_non_null(fact);
    assert_int_equal(fact->n_witnesses, 3);
    assert_int_equal(fact->witnesses[0].page, 1);
    assert_int_equal(fact->witnesses[0].lsn, 600);
    assert_int_equal(fact->witnesses[1].lsn, 0);
    assert_int_equal(fact->witnesses[2].page, 2 * second + 5);
    assert_int_equal(fact->witnesses[2].lsn, 700);
    abandon(f);
    base_facts_fini(&facts);
}

static void only_changed_pages_are_read(void **state)
{
    static const struct change_map changes = {.n = 4, .pages = {0, 3, 7, 8}};
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 17, 600); /* the witness */
    put_space(f, "d/b.ibd", 6, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 3, 1000);
    put_page(f, "d/a.ibd", 5, 7, 2000);
    put_page(f, "d/a.ibd", 5, 8, 999);
    put_page(f, "d/a.ibd", 5, 11,
             2000); /* not in the map, and behind what it covers: in the redo */
    put_space(f, "d/new.ibd", 7, 6);
    f->env.changes = &changes;
    ok(copy_all(f));
    /* the changes and the witness of a; witnesses of b and ibdata1, which are page 0; all of the new one */
    assert_int_equal(f->env.bytes_read, (5 + 1 + 1 + 6) * PAGE);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, PAGES * PAGE);
    assert_stored(r, "d/a.ibd", "0 3 7 8"); /* whatever their LSNs */
    assert_int_equal(attr_of(r, "d/b.ibd")->size, PAGES * PAGE);
    assert_stored(r, "d/b.ibd", "");
    assert_holds(r, "d/new.ibd", 7, 6);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void what_a_file_has_grown_by_is_read_without_a_map(void **state)
{
    static const struct change_map changes = {.n = 2, .pages = {3, 21}};
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 3, 1000);
    put_page(f, "d/a.ibd", 5, PAGES + 3, 1500);
    f->env.changes = &changes;
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, (PAGES + 4) * PAGE);
    assert_stored(r, "d/a.ibd", "3 20z 21z 22z 23");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static void a_file_that_was_cut_off_is_read_whole(void **state)
{
    static const struct change_map changes = {.n = 1, .pages = {3}};
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 7, 2000);
    assert_int_equal(truncate(path, (PAGES - 4) * PAGE), 0);
    f->env.changes = &changes;
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, (PAGES - 4) * PAGE);
    assert_stored(r, "d/a.ibd", "3 4z 7 9z 14z");
    archive_reader_free(r);
    base_facts_fini(&facts);
}

/* Page 0 has changed, within what the map covers, and is not in it: the file was written by other ways than the server's usual ones. */
static void a_file_that_the_map_does_not_know_well_is_read_whole(void **state)
{
    static const struct change_map changes = {.n = 1, .pages = {3}};
    static const struct {
        lsn_t lsn;
        const char *stored;
    } cases[] = {
        {1000, "3"}, /* the base may have it */
        {1001, "0 3 4z 7 9z 14z 19z"},
        {5000, "0 3 4z 7 9z 14z 19z"},
        {5001, "3"}, /* behind what the map covers: in the redo */
    };
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 1, 700); /* the witness */
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    put_page(f, "d/a.ibd", 5, 7, 2000);
    f->env.changes = &changes;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_page(f, "d/a.ibd", 5, 0, cases[i].lsn);
        ok(copy_all(f));
        struct archive_reader *r = archive_end(&f->archive);
        assert_stored(r, "d/a.ibd", cases[i].stored);
        begin_again(f, r);
    }
    abandon(f);
    base_facts_fini(&facts);
}

/* Pages of it may have been written past the map, with any LSN. */
static void a_file_that_the_map_cannot_vouch_for_is_stored_whole(void **state)
{
    static const struct change_map maps[] = {{.n = 1, .pages = {3}},
                                             {.n = 1, .pages = {3}, .distrusted = true}};
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    for (size_t i = 0; i < 2; i++) {
        f->env.changes = &maps[i];
        ok(copy_all(f));
        assert_true(space_set_find(&f->set, 5)->by_map == !maps[i].distrusted);
        struct archive_reader *r = archive_end(&f->archive);
        assert_int_equal(attr_of(r, "d/a.ibd")->kind,
                         maps[i].distrusted ? ARCHIVE_SPACE : ARCHIVE_SPACE_DELTA);
        if (maps[i].distrusted)
            assert_holds(r, "d/a.ibd", 5, PAGES);
        else
            assert_stored(r, "d/a.ibd", "3");
        begin_again(f, r);
    }
    abandon(f);
    base_facts_fini(&facts);
}

static void a_witness_is_looked_at_in_each_part_that_has_no_changes(void **state)
{
    static const struct change_map changes = {.n = 1, .pages = {3}};
    struct fixture *f = *state;
    struct base_facts facts;
    const page_no_t second = WITNESS_BYTES / PAGE;
    put_space(f, "d/a.ibd", 5, 2);
    put_page(f, "d/a.ibd", 5, second + 5, 700);
    put_page(f, "d/a.ibd", 5, second + 6, 650);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    f->env.changes = &changes;
    ok(copy_all(f));
    const struct copied_space *copy = space_set_find(&f->set, 5);
    assert_int_equal(copy->n_witnesses, 2);
    assert_int_equal(copy->witnesses[1].page, second + 5);
    assert_int_equal(copy->witnesses[1].lsn, 700);
    begin_again(f, archive_end(&f->archive));
    put_page(f, "d/a.ibd", 5, second + 5, 600);
    error_is(copy_all(f), REFUSED, "its LSN is 600, and was 700 in the base");
    abandon(f);
    base_facts_fini(&facts);
}

static void a_page_that_is_cut_off_in_the_middle_is_none(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    put_space(f, "d/a.ibd", 5, 24); /* the last four have no page of zeros, nor the witness */
    assert_int_equal(truncate(path, 23 * PAGE + 100), 0);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(attr_of(r, "d/a.ibd")->size, 23 * PAGE);
    archive_reader_free(r);
    base_facts_fini(&facts);
}

static struct space_fact *fact_of(struct base_facts *facts, space_id_t id)
{
    size_t i = 0;
    while (facts->spaces[i].id != id)
        i++;
    return &facts->spaces[i];
}

static void a_file_that_nobody_wrote_to_is_not_read(void **state)
{
    static const struct {
        bool same_run, proves, written;
        unsigned read; /* pages of a */
        const char *stored;
    } cases[] = {
        {true, true, false, 0, ""},
        {false, true, false, PAGES, "4z 9z 14z 19z"}, /* its times may be lost */
        {true, false, false, PAGES,
         "4z 9z 14z 19z"}, /* may have been written within the same tick */
        {true, true, true, PAGES, "4z 7 9z 14z 19z"},
    };
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 17, 600); /* the witness */
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fact_of(&facts, 5)->mark.proves = cases[i].proves;
        f->env.base_same_run = cases[i].same_run;
        f->env.bytes_read = 0;
        if (cases[i].written)
            put_page(f, "d/a.ibd", 5, 7, 2000);
        ok(copy_all(f));
        assert_int_equal(f->env.bytes_read, (PAGES + cases[i].read) * PAGE); /* ibdata1 */
        const struct copied_space *copy = space_set_find(&f->set, 5);
        assert_int_equal(copy->n_witnesses, 1);
        assert_int_equal(copy->witnesses[0].lsn, cases[i].written ? 2000 : 600);
        struct archive_reader *r = archive_end(&f->archive);
        assert_int_equal(attr_of(r, "d/a.ibd")->kind, ARCHIVE_SPACE_DELTA);
        assert_int_equal(attr_of(r, "d/a.ibd")->size, PAGES * PAGE);
        assert_stored(r, "d/a.ibd", cases[i].stored);
        begin_again(f, r);
    }
    abandon(f);
    base_facts_fini(&facts);
}

static void a_large_file_that_nobody_wrote_to_keeps_its_size_and_witnesses(void **state)
{
    static const struct change_map changes = {.n = 1, .pages = {3}};
    struct fixture *f = *state;
    struct base_facts facts;
    const page_no_t second = WITNESS_BYTES / PAGE;
    put_space(f, "d/a.ibd", 5, 2);
    put_page(f, "d/a.ibd", 5, second + 5, 700);
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    fact_of(&facts, 5)->mark.proves = true;
    f->env.base_same_run = true;
    for (int tracked = 0; tracked < 2; tracked++) {
        f->env.bytes_read = 0;
        f->env.changes = tracked ? &changes : NULL;
        ok(copy_all(f));
        assert_int_equal(f->env.bytes_read, (tracked ? 1 : PAGES) * PAGE); /* ibdata1 */
        const struct copied_space *copy = space_set_find(&f->set, 5);
        assert_int_equal(copy->n_witnesses, 2);
        assert_int_equal(copy->witnesses[1].page, second + 5);
        struct archive_reader *r = archive_end(&f->archive);
        assert_int_equal(attr_of(r, "d/a.ibd")->size, (uint64_t)(second + 6) * PAGE);
        begin_again(f, r);
    }
    abandon(f);
    base_facts_fini(&facts);
}

/* What preadv2 with RWF_NOWAIT says of the file's page: whether it is in the file cache. Other file systems than the usual ones, and
 * old kernels, do not tell. */
static bool is_cached(const struct fixture *f, const char *name, page_no_t no)
{
    uint8_t head[PAGE_HEAD_BYTES];
    const struct iovec to = {head, sizeof head};
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_RDONLY, 0));
    return preadv2(fd, &to, 1, (off_t)no * PAGE, RWF_NOWAIT) == PAGE_HEAD_BYTES;
}

static void put_byte(const struct fixture *f, const char *name, uint64_t at, char byte)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, &byte, 1, at, path));
}

/* Pages 0 to 3 are one piece, without a page of zeros. */
static void cached_pages_that_are_as_they_were_are_known_by_their_heads(void **state)
{
    struct fixture *f = *state;
    struct base_facts facts;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_page(f, "d/a.ibd", 5, 17, 600); /* the witness */
    ok(copy_all(f));
    base_on_this(f, &facts, 1000);
    if (!is_cached(f, "d/a.ibd", 2)) {
        abandon(f);
        base_facts_fini(&facts);
        skip();
    }
    put_page(f, "d/a.ibd", 5, 1, 900); /* the base has it from its redo */
    put_byte(f, "d/a.ibd", 2 * PAGE + 300,
             'x'); /* which nobody sees: it is the disk's page that counts */
    ok(copy_all(f));
    assert_int_equal(f->env.bytes_read, 2 * PAGES * PAGE);
    assert_int_equal(space_set_find(&f->set, 5)->witnesses[0].page, 1);
    assert_int_equal(space_set_find(&f->set, 5)->witnesses[0].lsn, 900);
    struct archive_reader *r = archive_end(&f->archive);
    assert_stored(r, "d/a.ibd", "4z 9z 14z 19z");
    begin_again(f, r);
    put_page(f, "d/a.ibd", 5, 3, 1000); /* next to a change */
    error_is(copy_all(f), CORRUPT, "d/a.ibd: page 2 at offset 32768: checksum");
    abandon(f);
    base_facts_fini(&facts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_of_the_base_are_not_stored_again),
        TEST(file_that_took_the_place_of_the_base_is_stored_whole),
        TEST(renamed_file_is_still_that_of_the_base),
        TEST(file_that_was_set_back_is_refused),
        TEST(copy_again_takes_the_place_of_a_delta),
        TEST(damaged_page_is_stored_whatever_its_lsn),
        TEST(each_part_of_a_file_has_its_witness),
        TEST(only_changed_pages_are_read),
        TEST(what_a_file_has_grown_by_is_read_without_a_map),
        TEST(a_file_that_was_cut_off_is_read_whole),
        TEST(a_file_that_the_map_does_not_know_well_is_read_whole),
        TEST(a_file_that_the_map_cannot_vouch_for_is_stored_whole),
        TEST(a_witness_is_looked_at_in_each_part_that_has_no_changes),
        TEST(pages_of_an_index_that_the_base_does_not_know_are_stored),
        TEST(a_file_of_which_not_all_pages_of_a_new_index_are_known_is_a_suspect),
        TEST(cached_pages_that_are_as_they_were_are_known_by_their_heads),
        TEST(a_page_that_is_cut_off_in_the_middle_is_none),
        TEST(a_file_that_nobody_wrote_to_is_not_read),
        TEST(a_large_file_that_nobody_wrote_to_keeps_its_size_and_witnesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
