/* verify/chain.h: a backup together with all that it rests on: the archives from a full backup to the one asked for.
 *
 * An increment names its base, and that one's archive id. A link is sound when it can be opened (its header, index, manifest
 * and final record are whole), is the archive that its successor was made on, and is of the same server, with an LSN that goes
 * on where it ends. What lies in its chunks is checked by chain_check.h, and when it is read. */
#ifndef MBE_VERIFY_CHAIN_H
#define MBE_VERIFY_CHAIN_H

#include <stddef.h>

#include "archive/reader.h"
#include "archive/repo.h"
#include "base/err.h"
#include "verify/backup_manifest.h"

/* Archives in a chain: each is an open file, and up to 2 MiB of memory while it is read. */
enum { CHAIN_MAX = 500 };

struct chain_link {
    char *id;
    uint64_t archive_id;
    struct archive_reader *reader;
    struct backup_manifest manifest;
};

struct chain {
    struct chain_link *links; /* oldest first: links[0] is a full backup */
    size_t n;
    struct repo_use *in_use; /* see repo_use_begin: until it ends nobody deletes any of them */
};

/* Whether an archive that lies in the repository as backup `id` may be taken for it. manifest_id: which one it is by its manifest;
 * empty: that does not say. The message continues "it ...". SEALED: it is in clear, and a key was given. CORRUPT: it is sealed, and another
 * backup's. */
struct err *chain_check_place(const struct archive_reader *reader, const char *manifest_id,
                              const struct repo *repo, const char *id) MUST_CHECK;

/* id: or "latest", "latest-full". The repository is borrowed until chain_close. USAGE when there is no such backup; REFUSED when a link is missing or is not the archive that the next one
 * was made on; CORRUPT when one is damaged or contradicts the next. Such an error names the link; its hint names the newest
 * older backup on the same full one that can be restored. */
struct err *chain_open(struct chain *out, struct repo *repo, const char *id) MUST_CHECK;
void chain_close(struct chain *c);
/* To be asked with the error, or NULL, of reading the archives: when one of them is damaged or could not be read, the hint names
 * the newest older backup on the same full one, or any when it is that one. Returns e. */
struct err *chain_hint(struct err *e, const struct chain *c, struct repo *repo) MUST_CHECK;
const struct chain_link *chain_last(const struct chain *c);

#endif
