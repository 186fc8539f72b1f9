/* verify/damage.c: see damage.h. */
#include "verify/damage.h"

#include <stdio.h>

enum { TEXT_MAX = 1024 };

static void add(struct damage *d, const char *line)
{
    const uint64_t before = atomic_fetch_add(&d->n, 1);
    if (before < DAMAGE_LINES_MAX)
        log_error(d->log, "verify", "%s", line);
    else if (before == DAMAGE_LINES_MAX)
        log_error(d->log, "verify", "more than %d places are damaged; the rest is counted only",
                  DAMAGE_LINES_MAX);
}

void damage_report(struct damage *d, const char *fmt, ...)
{
    char line[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    add(d, line);
}

struct err *damage_take(struct damage *d, struct err *e, const char *fmt, ...)
{
    char where[TEXT_MAX], line[2 * TEXT_MAX];
    if (!e || e->kind != ERR_CORRUPT)
        return e;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(where, sizeof where, fmt, ap);
    va_end(ap);
    snprintf(line, sizeof line, "%s: %s", where, e->message);
    add(d, line);
    err_free(e);
    return NULL;
}
