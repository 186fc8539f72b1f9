/* base/err.h: the error value.
 *
 * NULL is success. An error is built where the fact is known, enriched on the way up (err_wrap
 * puts context in front), and printed once, by cli/. Ownership: a function that returns an error
 * gives it to the caller, who returns it on or frees it with err_free. Messages say what, where,
 * expected and found, in lower case and without a full stop; the hint is a sentence. Secrets never
 * go into a message. */
#ifndef MBE_BASE_ERR_H
#define MBE_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

enum err_kind {
#define ERR_KIND(name, status, meaning) ERR_##name,
#include "base/err_kinds.def"
#undef ERR_KIND
};

struct err {
    enum err_kind kind;
    int os_errno;     /* errno behind the failure, or 0; never cleared by err_wrap */
    char *message;    /* "context: context: fact" */
    char *hint;       /* what to do, or NULL */
    const char *file; /* source place of the first report */
    int line;
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* New error; never returns NULL (falls back to a static message when memory is out). */
struct err *err_new(enum err_kind kind, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull)) MUST_CHECK;
/* As err_new, with ": strerror(saved_errno)" behind the message and os_errno set. */
struct err *err_new_os(int saved_errno, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull)) MUST_CHECK;
/* Puts "<fmt>: " in front of e's message; NULL stays NULL. Returns e. */
struct err *err_wrap(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))) MUST_CHECK;
/* Sets the hint unless there is one already. Returns e. */
struct err *err_hint(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))) MUST_CHECK;
/* Keeps the first of two errors and frees the second; either may be NULL. */
struct err *err_first(struct err *first, struct err *second) MUST_CHECK;
/* One error of two: `later` behind what was found before it; either may be NULL. Both are told; where damage was found (CORRUPT) it is
 * damage, whatever ended the work. */
struct err *err_after(struct err *found, struct err *later) MUST_CHECK;
void err_free(struct err *e);
/* Exit status of a kind, name of a kind ("corrupt"), meaning of a kind. */
int err_kind_exit(enum err_kind kind);
const char *err_kind_name(enum err_kind kind);
const char *err_kind_meaning(enum err_kind kind);
int err_kind_count(void);

#define err_make(kind, ...) err_new(ERR_##kind, __FILE__, __LINE__, __VA_ARGS__)
/* errno-based; use right after the failing call. Kind IO. */
#define err_os(...) err_new_os(errno, __FILE__, __LINE__, __VA_ARGS__)

#define TRY(expr)                    \
    do {                             \
        struct err *try_e_ = (expr); \
        if (try_e_)                  \
            return try_e_;           \
    } while (0)
/* As TRY, with context in front of the message. */
#define TRY_AT(expr, ...)                         \
    do {                                          \
        struct err *try_e_ = (expr);              \
        if (try_e_)                               \
            return err_wrap(try_e_, __VA_ARGS__); \
    } while (0)

#endif
