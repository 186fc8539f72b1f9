/* base/value.h: numbers and sizes as people write them: in options, in files. */
#ifndef MBE_BASE_VALUE_H
#define MBE_BASE_VALUE_H

#include <stdint.h>

#include "base/err.h"

/* Messages of these read on behind the name of what the text is the value of. Kind USAGE. */
struct err *value_number(uint64_t *out, const char *text, uint64_t min, uint64_t max) MUST_CHECK;
/* A whole number of bytes, or with one of K, M, G, T (powers of 1024; "KiB" and "KB" mean the
 * same). */
struct err *value_size(uint64_t *out, const char *text, uint64_t min, uint64_t max) MUST_CHECK;

#endif
