/* restore/scratch.h: a directory for what is made to look at a backup, gone afterwards.
 *
 *   PARENT/mbe-scratch-XXXXXX/data/     what is restored into it
 *                             outside/  what lived outside the datadir
 *                             run/      of a server that runs on it
 *
 * Others may pass through it, but not into what is below. See base/temp_dir.h for what becomes of it when its run is killed. */
#ifndef MBE_RESTORE_SCRATCH_H
#define MBE_RESTORE_SCRATCH_H

#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

struct scratch;

/* parent: an existing directory; NULL: TMPDIR of the environment, else /var/tmp. REFUSED when fewer than `bytes` are free there. Owned by caller. */
struct err *scratch_open(struct scratch **out, const char *parent, uint64_t bytes,
                         struct log *log) MUST_CHECK;
/* Absolute paths, borrowed. Only run/ is there from the start. */
const char *scratch_data(const struct scratch *s);
const char *scratch_outside(const struct scratch *s);
const char *scratch_run(const struct scratch *s);
/* Whom run/ is to belong to; (uid_t)-1, (gid_t)-1: as it is. */
struct err *scratch_give_run(const struct scratch *s, uid_t uid, gid_t gid) MUST_CHECK;
/* Removes all of it. NULL is fine. What cannot be removed is told as a warning. */
void scratch_close(struct scratch *s);
CLEANUP(scratch, scratch_close)

#endif
