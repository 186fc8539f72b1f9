/* innodb/page_fixture.h: for unit tests: pages written by real servers, from tests/data/page/ (see
 * README there). Tests run in the root of the source tree. */
#ifndef MBE_INNODB_PAGE_FIXTURE_H
#define MBE_INNODB_PAGE_FIXTURE_H

#include <stdlib.h>

#include <lzma.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/fil_page.h"
#include "innodb/tablespace.h"

struct page_fixture {
    struct space_format format;
    space_id_t id;
    page_no_t n_pages;
    uint8_t *pages;
};

/* Loads "NAME", a tablespace of a server with that innodb_page_size, cut off after some pages. */
static inline struct page_fixture page_fixture_load(const char *name, uint32_t page_size)
{
    enum { XZ_MAX = 1 << 20, PAGES_MAX = 1 << 20 };
    struct page_fixture f = {.pages = mem_alloc(PAGES_MAX)};
    char *path = mem_printf("tests/data/page/%s.xz", name), *xz;
    size_t xz_len, in = 0, out = 0;
    uint64_t memory = 128 << 20;
    assert_null(file_read_all(&xz, &xz_len, path, XZ_MAX));
    assert_int_equal(lzma_stream_buffer_decode(&memory, 0, NULL, (const uint8_t *)xz, &in, xz_len,
                                               f.pages, &out, PAGES_MAX),
                     LZMA_OK);
    assert_null(space_format_decode(&f.format, be32(f.pages + FSP_FLAGS), page_size));
    f.id = be32(f.pages + FIL_SPACE);
    f.n_pages = (page_no_t)(out / f.format.physical);
    assert_int_equal(out % f.format.physical, 0);
    free(xz);
    free(path);
    return f;
}

static inline uint8_t *page_fixture_page(const struct page_fixture *f, page_no_t no)
{
    assert_true(no < f->n_pages);
    return f->pages + (size_t)no * f->format.physical;
}

static inline void page_fixture_fini(struct page_fixture *f)
{
    free(f->pages);
}

#endif
