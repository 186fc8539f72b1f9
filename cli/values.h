/* cli/values.h: the texts of option values, checked. Nothing here knows an option's name. */
#ifndef MBE_CLI_VALUES_H
#define MBE_CLI_VALUES_H

#include <stdint.h>

#include "base/err.h"
#include "cli/options.h"

/* Messages of these read on behind "--name: ". Kind USAGE. */
struct err *value_number(uint64_t *out, const char *text, uint64_t min, uint64_t max) MUST_CHECK;
/* A whole number of bytes, or with one of K, M, G, T (powers of 1024; "KiB" and "KB" mean the
 * same). */
struct err *value_size(uint64_t *out, const char *text, uint64_t min, uint64_t max) MUST_CHECK;
/* `words` is "auto|bar|none"; *out is the place of text in it. */
struct err *value_choice(uint64_t *out, const char *text, const char *words) MUST_CHECK;
/* "none", "zstd" (level min), "zstd:LEVEL" with min <= LEVEL <= max. */
struct err *value_compress(struct option_compress *out, const char *text, uint64_t min,
                           uint64_t max) MUST_CHECK;

#endif
