/* verify/damage.h: damage found while a check goes on: one error line each, up to a limit, and a
 * count. Thread-safe. */
#ifndef MBE_VERIFY_DAMAGE_H
#define MBE_VERIFY_DAMAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

enum { DAMAGE_LINES_MAX = 100 };

struct damage {
    struct log *log;
    _Atomic uint64_t n;
};

void damage_report(struct damage *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes e. One of kind CORRUPT is reported behind "<fmt>: " and swallowed, any other comes back. */
struct err *damage_take(struct damage *d, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))) MUST_CHECK;

#endif
