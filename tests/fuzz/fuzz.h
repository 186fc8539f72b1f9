/* tests/fuzz/fuzz.h: what fuzz targets share. */
#ifndef MBE_TESTS_FUZZ_H
#define MBE_TESTS_FUZZ_H

#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"

/* What is refused is as good as what is taken, if it says why. */
static inline bool taken(struct err *e)
{
    if (e && !e->message[0])
        abort();
    const bool good = !e;
    err_free(e);
    return good;
}

#endif
