/* base/err.c: see err.h. */
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int status;
    const char *meaning;
} kinds[] = {
#define ERR_KIND(name, status, meaning) {#name, status, meaning},
#include "base/err_kinds.def"
#undef ERR_KIND
};

static struct err out_of_memory = {.kind = ERR_FAILED, .message = (char[]){"out of memory"}};

static __attribute__((format(printf, 1, 0))) char *format(const char *fmt, va_list ap)
{
    char *s = NULL;
    return vasprintf(&s, fmt, ap) < 0 ? NULL : s;
}

static struct err *build(enum err_kind kind, int os_errno, const char *file, int line,
                         char *message)
{
    struct err *e = calloc(1, sizeof *e);
    if (!e || !message) {
        free(e);
        free(message);
        return &out_of_memory;
    }
    e->kind = kind;
    e->os_errno = os_errno;
    e->file = file;
    e->line = line;
    e->message = message;
    return e;
}

struct err *err_new(enum err_kind kind, const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *m = format(fmt, ap);
    va_end(ap);
    return build(kind, 0, file, line, m);
}

struct err *err_new_os(int saved_errno, const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *m = format(fmt, ap);
    va_end(ap);
    char *full = NULL;
    if (m && asprintf(&full, "%s: %s", m, strerror(saved_errno)) < 0)
        full = NULL;
    free(m);
    return build(ERR_IO, saved_errno, file, line, full);
}

struct err *err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e || e == &out_of_memory)
        return e;
    va_list ap;
    va_start(ap, fmt);
    char *m = format(fmt, ap);
    va_end(ap);
    char *full = NULL;
    if (m && asprintf(&full, "%s: %s", m, e->message) >= 0) {
        free(e->message);
        e->message = full;
    }
    free(m);
    return e;
}

struct err *err_hint(struct err *e, const char *fmt, ...)
{
    if (!e || e == &out_of_memory || e->hint)
        return e;
    va_list ap;
    va_start(ap, fmt);
    e->hint = format(fmt, ap);
    va_end(ap);
    return e;
}

struct err *err_first(struct err *first, struct err *second)
{
    if (!first)
        return second;
    err_free(second);
    return first;
}

struct err *err_after(struct err *found, struct err *later)
{
    if (!found || !later)
        return found ? found : later;
    if (later != &out_of_memory && found->kind == ERR_CORRUPT)
        later->kind = ERR_CORRUPT;
    later = err_wrap(later, "%s", found->message);
    err_free(found);
    return later;
}

void err_free(struct err *e)
{
    if (!e || e == &out_of_memory)
        return;
    free(e->message);
    free(e->hint);
    free(e);
}

int err_kind_exit(enum err_kind kind)
{
    return kinds[kind].status;
}

const char *err_kind_name(enum err_kind kind)
{
    return kinds[kind].name;
}

const char *err_kind_meaning(enum err_kind kind)
{
    return kinds[kind].meaning;
}

int err_kind_count(void)
{
    return (int)(sizeof kinds / sizeof kinds[0]);
}
