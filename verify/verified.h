/* verify/verified.h: what is remembered of a backup's verifications: how deep it was looked at, when, and what was found.
 *
 * Lines of the backup's record (record.h), newest last, whose time is when it ended:
 *
 *   level     "archive", "pages", "tables" or "boot": what was done, as of mbe verify --level; each is deeper than the one before
 *   result    "ok", or what was wrong: "damaged" (the archive, its pages or tables), "broken-chain" (what it rests on), "different"
 *             (tables hold something else than when the backup was taken)
 *   tables    tables that were looked at by a server; compared: of these, the ones whose hashes were compared, and equal if "ok"
 *   seconds   how long it took
 *   chain     archive ids (16 hex digits), the full backup's first, this one's last; empty when they could not be read
 *
 * A verification that was cut off, or could not be made, leaves nothing. */
#ifndef MBE_VERIFY_VERIFIED_H
#define MBE_VERIFY_VERIFIED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "verify/chain.h"
#include "verify/record.h"

struct verified {
    const char *level, *result;
    uint64_t tables, compared;
    double seconds;
};

/* "chain" of a record, for verified_append; owned by caller. */
json_t *verified_chain(const struct chain *chain);
/* Adds to the record of the backup `id`, which is in use. chain: NULL when it is not known. */
struct err *verified_append(struct repo *repo, const char *id, const json_t *chain,
                            const struct verified *v) MUST_CHECK;
/* Those of a record's lines that are verifications of the archive with this id of its own, oldest first; owned by caller. Pure. */
json_t *verified_of(const json_t *lines, uint64_t archive_id);
/* Of such an array, the one that tells how the backup stands; borrowed, NULL when none does. That is the newest of the deepest
 * that passed, unless a verification failed that none as deep or deeper has passed since: then that one. A failed one of level
 * "tables" counts for nothing here: it was another server's data that differed. Pure. */
const json_t *verified_standing(const json_t *records);
/* Whether that one found nothing wrong; NULL: there is none, and so it has not. */
bool verified_passed(const json_t *record);

#endif
