/* cli/manifest.h: reading the JSON record of a backup, which may lack any key or be damaged. */
#ifndef MBE_CLI_MANIFEST_H
#define MBE_CLI_MANIFEST_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

/* Of the archive at `path`; *out is a JSON object, owned by caller. CORRUPT when it is none. */
struct err *manifest_load(json_t **out, const char *path) MUST_CHECK;
/* Parses manifest text; `from` is for messages. */
struct err *manifest_parse(json_t **out, const char *text, const char *from) MUST_CHECK;

/* Values by dotted key ("server.version"); borrowed; NULL or the fallback when absent or of another
 * type. */
const json_t *manifest_value(const json_t *m, const char *key);
const char *manifest_text(const json_t *m, const char *key, const char *fallback);
uint64_t manifest_u64(const json_t *m, const char *key); /* 0 when absent or negative */
double manifest_real(const json_t *m, const char *key);  /* 0 when absent */

/* One paragraph on what a backup cost and where it stands, owned by caller. */
char *manifest_summary(const json_t *m);
/* A list row, owned by caller: {id, type, base, started, finished, bytes, lsn, server, damaged};
 * absent keys are null. */
json_t *manifest_list_object(const json_t *m, const char *id);
/* The row of a backup that cannot be read. */
json_t *manifest_error_object(const char *id, const char *error);

#endif
