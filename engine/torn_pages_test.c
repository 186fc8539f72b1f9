/* engine/torn_pages_test.c: pages of real servers in a doublewrite buffer: which of them are taken for which page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/torn_pages.h"
#include "innodb/doublewrite.h"
#include "innodb/page_fixture.h"

enum { PAGE = 4096 };

struct fixture {
    char *dir;
    struct datadir datadir;
    struct torn_pages torn;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    torn_pages_fini(&f->torn);
    datadir_fini(&f->datadir);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static void open_as(struct fixture *f, enum server_flavour flavour)
{
    const struct server_info s = {.flavour = flavour, .datadir = f->dir, .page_size = PAGE};
    ok(datadir_resolve(&f->datadir, &s, NULL));
    ok(torn_pages_open(&f->torn, &f->datadir));
}

static struct keyring *load_keys(void)
{
    struct keyring *keys = NULL;
    AUTO_FREE char *text = NULL;
    size_t len;
    ok(file_read_all(&text, &len, "tests/data/page/fkm.txt", 1 << 16));
    ok(keyring_parse_mariadb(&keys, text, len, NULL, 0));
    return keys;
}

static bool is_found(struct fixture *f, const struct page_fixture *p, const struct space_key *key,
                     space_id_t id, page_no_t no)
{
    uint8_t page[PAGE] = {0};
    bool found;
    ok(torn_pages_mend(&f->torn, key, &p->format, id, no, page, &found));
    if (found)
        assert_memory_equal(page, page_fixture_page(p, no), p->format.physical);
    return found;
}

/* Where the space id is in clear, deciphered or unpacked, that tells. Where it cannot be seen, no page is taken. */
static void page_of_another_space_is_never_taken(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        bool encrypted;
    } cases[] = {
        {"full4-dyn", false}, {"full4-pc_zlib", false}, {"kf4-enc1", true}, {"kf4-pce", true}};
    struct keyring *keys = load_keys();
    write_text(f->dir, "ibdata1", "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct page_fixture p = page_fixture_load(cases[i].name, PAGE);
        struct space_key key, other;
        unsigned n_found = 0, n_without_key = 0;
        ok(space_key_find(&key, &p.format, p.pages, keys));
        other = key;
        other.space = p.id + 1;
        write_bytes(f->dir, "#ib_4096_0.dblwr", p.pages, (size_t)p.n_pages * PAGE);
        open_as(f, FLAVOUR_MYSQL);
        for (page_no_t no = 1; no < p.n_pages; no++) {
            n_found += is_found(f, &p, &key, p.id, no);
            n_without_key += is_found(f, &p, NULL, p.id, no);
            if (is_found(f, &p, &other, p.id + 1, no) || is_found(f, &p, NULL, p.id + 1, no))
                fail_msg("%s: page %u is taken for one of another space", cases[i].name, no);
        }
        assert_true(n_found >= 3);
        assert_int_equal(n_without_key < n_found, cases[i].encrypted);
        torn_pages_fini(&f->torn);
        datadir_fini(&f->datadir);
        page_fixture_fini(&p);
        space_key_wipe(&key);
        space_key_wipe(&other);
    }
    keyring_free(keys);
}

static void files_of_another_page_size_and_other_names_are_none(void **state)
{
    struct fixture *f = *state;
    struct page_fixture p = page_fixture_load("full4-dyn", PAGE);
    write_text(f->dir, "ibdata1", "");
    static const char *const names[] = {"#ib_16384_0.dblwr", "#ib_4096_0.bdblwr",
                                        "ib_4096_0.dblwr"};
    for (size_t i = 0; i < 3; i++)
        write_bytes(f->dir, names[i], p.pages, (size_t)p.n_pages * PAGE);
    open_as(f, FLAVOUR_MYSQL);
    assert_int_equal(f->torn.n, 0);
    page_fixture_fini(&p);
}

/* Two extents, which the TRX_SYS page names. */
static void extents_of_the_system_tablespace_are_looked_through(void **state)
{
    struct fixture *f = *state;
    enum { FIRST = 300, SECOND = 800, MAGIC = 0x1FFFBD5F };
    struct page_fixture p = page_fixture_load("full4-dyn", PAGE);
    AUTO_FREE uint8_t *system = mem_zalloc((size_t)1100 * PAGE);
    uint8_t *area = system + TRX_SYS_PAGE_NO * PAGE + PAGE - 200;
    put_be32(area + 10, MAGIC);
    put_be32(area + 14, FIRST);
    put_be32(area + 18, SECOND);
    memcpy(system + (size_t)(FIRST + 255) * PAGE, page_fixture_page(&p, 3), PAGE);
    memcpy(system + (size_t)SECOND * PAGE, page_fixture_page(&p, 4), PAGE);
    memcpy(system + (size_t)(SECOND + 256) * PAGE, page_fixture_page(&p, 5), PAGE); /* behind it */
    write_bytes(f->dir, "ibdata1", system, (size_t)1100 * PAGE);
    open_as(f, FLAVOUR_MARIADB);
    assert_true(is_found(f, &p, NULL, p.id, 3));
    assert_true(is_found(f, &p, NULL, p.id, 4));
    assert_false(is_found(f, &p, NULL, p.id, 5));
    assert_int_equal(f->torn.n_mended, 2);
    page_fixture_fini(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(page_of_another_space_is_never_taken),
        TEST(files_of_another_page_size_and_other_names_are_none),
        TEST(extents_of_the_system_tablespace_are_looked_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
