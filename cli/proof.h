/* cli/proof.h: what `mbe verify` and `mbe restore --verify` say, and remember, of how they looked at a backup. */
#ifndef MBE_CLI_PROOF_H
#define MBE_CLI_PROOF_H

#include <jansson.h>

#include "cli/command.h"
#include "restore/restore.h"
#include "verify/tables_check.h"

struct proof {
    const char *level, *result;                                /* words of verify/verified.h */
    uint64_t tables, unchecked, compared, different, unproven; /* of the levels tables and boot */
};

/* Compares with the server of the connection options. REFUSED when the backup holds no hashes, else errors of tables_check_run. */
struct err *proof_by_tables(struct proof *p, const struct session *s, const char *id) MUST_CHECK;
/* Restores, starts a server, looks at its tables: see restore/boot_check.h, whose errors these are. */
struct err *proof_by_boot(struct proof *p, const struct session *s,
                          const struct restore_options *restore) MUST_CHECK;
/* " level=boot tables=17 compared=15 ..." on stdout, and nothing for a level that has no tables. */
void proof_print(const struct proof *p);
/* Adds it to the backup's record. Where that cannot be written it is a warning: what was found holds all the same. chain: see
 * verified_append. */
void proof_record(const struct proof *p, const struct session *s, const char *id,
                  const json_t *chain, double seconds);

#endif
