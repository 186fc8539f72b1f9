/* restore/target.h: the directory a restore fills: empty at first, marked as incomplete until the last fsync, files made
 * with the right owner and mode. */
#ifndef MBE_RESTORE_TARGET_H
#define MBE_RESTORE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define TARGET_MARKER "mbe-restore-incomplete"

struct target {
    char *dir;          /* absolute, no trailing slash */
    char *external_dir; /* or NULL */
    int fd;    /* of dir: syncfs on it reports every write-back error since the beginning */
    uid_t uid; /* (uid_t)-1: not changed */
    gid_t gid;
};

/* What target_open would refuse, with the same errors; nothing is made. */
struct err *target_check(const char *dir, const char *external_dir, const char *user,
                         const char *group) MUST_CHECK;
/* REFUSED when the directory has anything but lost+found in it; USAGE for an unknown user or group. Makes the directory
 * and the marker (durable). external_dir is NULL or absolute. */
struct err *target_open(struct target *out, const char *dir, const char *external_dir,
                        const char *user, const char *group) MUST_CHECK;
/* Opens a file for writing; with `fresh` it must not exist yet, else it may. Missing directories are made (mode 0750,
 * owner set). Mode and owner of the file are set. path is absolute. */
enum target_mode { TARGET_FRESH, TARGET_SHARED };
struct err *target_create(const struct target *t, int *fd, const char *path, enum target_mode how,
                          mode_t mode) MUST_CHECK;
/* mkdir -p with owner set on what is made. */
struct err *target_mkdirs(const struct target *t, const char *path) MUST_CHECK;
/* Symbolic link with owner set. */
struct err *target_symlink(const struct target *t, const char *link_target,
                           const char *path) MUST_CHECK;
/* A whole small file: made fresh, written, not yet durable. */
struct err *target_write_file(const struct target *t, const char *name, const void *data, size_t n,
                              mode_t mode) MUST_CHECK;
/* Makes everything durable, removes the marker, makes that durable. */
struct err *target_commit(struct target *t) MUST_CHECK;
void target_fini(struct target *t);

/* The marker once more, in the directory of a committed target, for as long as it holds what is no part of it; both are durable. */
struct err *target_mark_again(const char *dir) MUST_CHECK;
struct err *target_unmark(const char *dir) MUST_CHECK;

#endif
