/* innodb/apply_test_util.h: a page and a record at a time, for unit tests of redo_apply. Tests
 * only; included after cmocka.h. */
#ifndef MBE_INNODB_APPLY_TEST_UTIL_H
#define MBE_INNODB_APPLY_TEST_UTIL_H

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "innodb/redo_apply.h"
#include "innodb/redo_test_util.h"

enum { SIZE = 4096, SPACE = 7, PAGE = 9 };

static uint8_t image[SIZE]; /* the page under test */

static inline const char *apply_to(struct redo_page *page, enum redo_type type, bool same,
                                   const void *body, size_t n)
{
    /* Exactly as long as the body, so that ASan sees a byte read behind it. */
    uint8_t *exact = mem_alloc(n);
    if (n)
        memcpy(exact, body, n);
    const struct redo_record rec = {.type = type,
                                    .space = SPACE,
                                    .page = PAGE,
                                    .same_page = same,
                                    .body = exact,
                                    .body_len = (uint32_t)n};
    const char *why = redo_apply(page, &rec);
    free(exact);
    return why;
}

static inline void assert_applied(const char *why)
{
    if (why)
        fail_msg("%s", why);
}

static inline struct redo_page page_of(void)
{
    return (struct redo_page){.image = image, .size = SIZE};
}

static inline void fill_pattern(uint8_t *to)
{
    for (size_t i = 0; i < SIZE; i++)
        to[i] = (uint8_t)(i * 7 + i / 256);
}

/* Without the NUL. */
static inline void put_text(uint8_t *to, const char *text)
{
    while (*text)
        *to++ = (uint8_t)*text++;
}

#endif
