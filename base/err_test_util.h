/* base/err_test_util.h: an error as a test expects it. cmocka.h comes before it. */
#ifndef MBE_BASE_ERR_TEST_UTIL_H
#define MBE_BASE_ERR_TEST_UTIL_H

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

/* Takes e. */
static inline void assert_error(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline void assert_error(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    char expected[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(expected, sizeof expected, fmt, ap);
    va_end(ap);
    assert_non_null(e);
    assert_string_equal(e->message, expected);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

#endif
