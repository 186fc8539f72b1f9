/* base/temp_dir.h: a directory of our own for what is needed for a while: PARENT/mbe-scratch-XXXXXX, gone afterwards.
 *
 * It is locked (flock) while it is in use: what a killed run left is removed by the next one with the same parent, and
 * systemd-tmpfiles, which clears /var/tmp, leaves what is locked alone. */
#ifndef MBE_BASE_TEMP_DIR_H
#define MBE_BASE_TEMP_DIR_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

struct temp_dir;

/* Absolute path of the directory `named`, or if that is NULL of TMPDIR of the environment, or of /var/tmp. Owned by caller. */
struct err *temp_dir_parent(char **absolute, const char *named) MUST_CHECK;
/* Removes from `parent` what killed runs left. */
struct err *temp_dir_clean(const char *parent, struct log *log) MUST_CHECK;
/* A new one, which nobody else may look into. Owned by caller; `log` is borrowed until it is closed. */
struct err *temp_dir_open(struct temp_dir **out, const char *parent, struct log *log) MUST_CHECK;
const char *temp_dir_path(const struct temp_dir *t);
/* Removes it with all that is in it. NULL is fine. What cannot be removed is told as a warning. */
void temp_dir_close(struct temp_dir *t);
CLEANUP(temp_dir, temp_dir_close)

#endif
