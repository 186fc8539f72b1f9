/* cli/values.h: the texts of option values, checked. Nothing here knows an option's name. */
#ifndef MBE_CLI_VALUES_H
#define MBE_CLI_VALUES_H

#include <stdint.h>

#include "base/err.h"
#include "base/value.h"
#include "cli/options.h"

/* Messages of these, and of those in base/value.h, read on behind "--name: ". Kind USAGE. */
/* `words` is "auto|bar|none"; *out is the place of text in it. */
struct err *value_choice(uint64_t *out, const char *text, const char *words) MUST_CHECK;
/* "none", "zstd" (level min), "zstd:LEVEL" with min <= LEVEL <= max. */
struct err *value_compress(struct option_compress *out, const char *text, uint64_t min,
                           uint64_t max) MUST_CHECK;

#endif
