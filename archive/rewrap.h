/* archive/rewrap.h: gives a sealed backup another key of the user: a new key block beside the archive (envelope.h), which
 * itself is not changed. */
#ifndef MBE_ARCHIVE_REWRAP_H
#define MBE_ARCHIVE_REWRAP_H

#include "archive/keys.h"
#include "archive/repo.h"
#include "base/err.h"

enum rewrap_outcome {
    REWRAP_DONE,
    REWRAP_HAS_IT,   /* it takes that key already */
    REWRAP_IN_CLEAR, /* it is not sealed */
};

/* Durable when it returns; until then the backup takes the key that it took before. Opens it with the repository's keys: SEALED
 * when none of them fits; CORRUPT when the key block is damaged or forged. REFUSED by kinds of repositories that keep no key
 * blocks, and when somebody else gave it another key meanwhile: there is no lock against that, so the one who is a moment
 * earlier may not notice. */
struct err *repo_rewrap(enum rewrap_outcome *outcome, struct repo *r, const char *id,
                        const struct archive_key *key) MUST_CHECK;

#endif
