/* tests/lint/analyzer.h: told to clang-tidy ahead of every file (`make lint`), never compiled into anything.
 *
 * The analyzer of clang 14 does not believe returns_nonnull, so it follows paths on which a made error is NULL, that is,
 * success with nothing done. Here the functions that make errors are seen to return one. */
#ifndef MBE_TESTS_LINT_ANALYZER_H
#define MBE_TESTS_LINT_ANALYZER_H

#include "base/err.h"

static inline __attribute__((unused)) struct err *analyzer_nonnull(struct err *e)
{
    if (!e)
        __builtin_unreachable();
    return e;
}

#undef err_make
#undef err_os
#undef TRY_AT
#define err_make(kind, ...)                                                                        \
    analyzer_nonnull(err_new(ERR_##kind, __FILE__, __LINE__, __VA_ARGS__))
#define err_os(...) analyzer_nonnull(err_new_os(errno, __FILE__, __LINE__, __VA_ARGS__))
#define TRY_AT(expr, ...)                                                                          \
    do {                                                                                           \
        struct err *try_e_ = (expr);                                                               \
        if (try_e_)                                                                                \
            return analyzer_nonnull(err_wrap(try_e_, __VA_ARGS__));                                \
    } while (0)

#endif
