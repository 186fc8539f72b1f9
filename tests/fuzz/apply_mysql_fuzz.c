/* tests/fuzz/apply_mysql_fuzz.c: hostile records of MySQL's redo on hostile pages. Byte 0 chooses the page:
 *
 *   bits 0-1  page size: 4096, 16384, 65536, or 16384 stored in 4096 bytes (ROW_FORMAT=COMPRESSED)
 *   bit 2     it begins as an empty index page (bit 3: REDUNDANT); else all bytes are 0x55
 *
 * Then BE16 n and n bytes that the page, as stored, begins with; then records until the end: type, BE16 length, body. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "innodb/apply_mysql.h"
#include "innodb/fil_page.h"
#include "innodb/index_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    OPTION_SIZE = 3,
    OPTION_INDEX = 4,
    OPTION_REDUNDANT = 8,
    ZIP_SIZE = 4096,
    PAGE = 3,
};

static void *allocate(size_t n)
{
    void *p = malloc(n);
    if (!p)
        abort();
    return p;
}

static struct mysql_page make_page(unsigned option)
{
    static const uint32_t sizes[] = {4096, 16384, 65536, 16384};
    const bool zip = (option & OPTION_SIZE) == OPTION_SIZE;
    struct mysql_page page = {.page_size = sizes[option & OPTION_SIZE]};
    page.frame = allocate(page.page_size);
    page.scratch = allocate(page.page_size);
    memset(page.frame, 0x55, page.page_size);
    if (zip) {
        page.zip_size = ZIP_SIZE;
        page.zip = allocate(ZIP_SIZE);
        page.layout = allocate(sizeof *page.layout);
        memset(page.zip, 0x55, ZIP_SIZE);
    }
    if (option & OPTION_INDEX)
        index_page_create(page.frame, page.page_size, FIL_TYPE_INDEX, !(option & OPTION_REDUNDANT));
    page.frame_valid = zip && option & OPTION_INDEX;
    return page;
}

static void free_page(struct mysql_page *page)
{
    free(page->frame);
    free(page->scratch);
    free(page->zip);
    free(page->layout);
}

/* What is refused is as good as what is taken, if it says why. */
static void judge(const char *why)
{
    if (why && !*why)
        abort();
}

static void apply_one(struct mysql_page *page, unsigned type, const uint8_t *body, size_t n)
{
    /* Exactly as long as the body: a read one byte past the end is then seen by ASan. */
    uint8_t *exact = allocate(n ? n : 1);
    memcpy(exact, body, n);
    const struct redo_record rec = {
        .type = type, .space = 1, .page = PAGE, .body = exact, .body_len = (uint32_t)n};
    judge(redo_mysql_apply(page, &rec));
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(data, size);
    struct mysql_page page = make_page(rd_u8(&r));
    const uint32_t room = page.zip ? page.zip_size : page.page_size;
    const size_t n = rd_be16(&r);
    const uint8_t *begin = rd_bytes(&r, n);
    if (begin && n <= room)
        memcpy(redo_mysql_image(&page), begin, n);
    while (!r.ran_out && rd_left(&r)) {
        const unsigned type = rd_u8(&r);
        const size_t len = rd_be16(&r);
        const uint8_t *body = rd_bytes(&r, len);
        if (body)
            apply_one(&page, type, body, len);
    }
    redo_mysql_apply_end(&page, 1);
    judge(redo_mysql_apply_finish(&page));
    free_page(&page);
    return 0;
}
