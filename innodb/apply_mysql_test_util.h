/* innodb/apply_mysql_test_util.h: a page and a record at a time, for unit tests of redo_mysql_apply. Tests only; included after
 * cmocka.h. */
#ifndef MBE_INNODB_APPLY_MYSQL_TEST_UTIL_H
#define MBE_INNODB_APPLY_MYSQL_TEST_UTIL_H

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "innodb/apply_mysql.h"
#include "innodb/fil_page.h"
#include "innodb/index_page.h"
#include "innodb/redo_mysql.h"

enum { SIZE = 4096, ZIP_SIZE = 2048, SPACE = 7, PAGE = 9 };

static uint8_t image[SIZE], scratch[SIZE], zip_image[ZIP_SIZE]; /* the page under test */
static struct page_zip_layout layout;

static inline struct mysql_page plain_page(void)
{
    return (struct mysql_page){.frame = image, .page_size = SIZE, .scratch = scratch};
}

static inline struct mysql_page zip_page(void)
{
    return (struct mysql_page){.frame = image,
                               .page_size = SIZE,
                               .scratch = scratch,
                               .zip = zip_image,
                               .zip_size = ZIP_SIZE,
                               .layout = &layout};
}

static inline const char *apply_to(struct mysql_page *page, unsigned type, const void *body,
                                   size_t n)
{
    /* Exactly as long as the body, so that ASan sees a byte read behind it. */
    uint8_t *exact = mem_alloc(n + 1);
    uint8_t *at_end = exact + 1;
    if (n)
        memcpy(at_end, body, n);
    const struct redo_record rec = {
        .type = type, .space = SPACE, .page = PAGE, .body = at_end, .body_len = (uint32_t)n};
    const char *why = redo_mysql_apply(page, &rec);
    free(exact);
    return why;
}

/* A body given as a string literal. */
#define APPLY(page, type, body) apply_to(page, type, body, sizeof(body) - 1)

static inline void assert_applied(const char *why)
{
    if (why)
        fail_msg("%s", why);
}

static inline void fill_pattern(uint8_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(i * 7 + i / 256);
}

#endif
