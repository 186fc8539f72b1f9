/* verify/manifest_read.h: reading the JSON record of a backup, which may lack any key or be damaged. Its keys:
 * docs/backup.md. */
#ifndef MBE_VERIFY_MANIFEST_READ_H
#define MBE_VERIFY_MANIFEST_READ_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

/* Parses manifest text; `from` is for messages. *out is a JSON object, owned by caller. CORRUPT when it is none. */
struct err *manifest_parse(json_t **out, const char *text, const char *from) MUST_CHECK;

/* Values by dotted key ("server.version"); borrowed; NULL or the fallback when absent or of another
 * type. */
const json_t *manifest_value(const json_t *m, const char *key);
const char *manifest_text(const json_t *m, const char *key, const char *fallback);
uint64_t manifest_u64(const json_t *m, const char *key); /* 0 when absent or negative */
double manifest_real(const json_t *m, const char *key);  /* 0 when absent */

#endif
