/* cli/manifest.h: the JSON record of a backup, for people. */
#ifndef MBE_CLI_MANIFEST_H
#define MBE_CLI_MANIFEST_H

#include "archive/repo.h"
#include "verify/manifest_read.h"

/* Of the backup `id`; *out is a JSON object, owned by caller. CORRUPT when it is none. */
struct err *manifest_load(json_t **out, struct repo *repo, const char *id) MUST_CHECK;
/* One paragraph on what a backup cost and where it stands, owned by caller. */
char *manifest_summary(const json_t *m);

#endif
