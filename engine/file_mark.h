/* engine/file_mark.h: what tells one file from another that has its name now, and whether it was written since. The device is
 * none of it: its number may change when a machine starts. */
#ifndef MBE_ENGINE_FILE_MARK_H
#define MBE_ENGINE_FILE_MARK_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct file_mark {
    uint64_t inode;
    bool has_birth; /* not every file system keeps it */
    struct timespec birth;
    uint64_t size;
    struct timespec mtime, ctime;
    bool proves; /* old enough when it was taken to prove that nothing was written since */
};

static inline bool file_mark_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Nothing was written to the file since `then` was taken of it. */
static inline bool file_mark_is_untouched(const struct file_mark *then, const struct file_mark *now)
{
    return then->proves && then->inode == now->inode && then->size == now->size &&
           file_mark_same_time(then->mtime, now->mtime) &&
           file_mark_same_time(then->ctime, now->ctime);
}

/* The same inode, born at the same time as far as both know. */
static inline bool file_mark_is_same_file(const struct file_mark *a, const struct file_mark *b)
{
    return a->inode == b->inode && a->has_birth == b->has_birth &&
           (!a->has_birth || file_mark_same_time(a->birth, b->birth));
}

/* When a file was made, of which statx said this; false where the file system does not keep that. */
static inline bool file_birth_of(struct timespec *birth, const struct statx *sx)
{
    *birth = (struct timespec){0};
    if (!(sx->stx_mask & STATX_BTIME) || (!sx->stx_btime.tv_sec && !sx->stx_btime.tv_nsec))
        return false;
    *birth = (struct timespec){sx->stx_btime.tv_sec, sx->stx_btime.tv_nsec};
    return true;
}

/* The same of an open file. */
static inline bool file_birth(struct timespec *birth, int fd)
{
    struct statx sx;
    *birth = (struct timespec){0};
    return !statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &sx) && file_birth_of(birth, &sx);
}

/* What tells the file of that name from others: inode and birth alone. False when it cannot be looked at. */
static inline bool file_mark_look(struct file_mark *out, const char *path)
{
    struct statx sx;
    *out = (struct file_mark){0};
    if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &sx))
        return false;
    out->inode = sx.stx_ino;
    out->has_birth = file_birth_of(&out->birth, &sx);
    return true;
}

#endif
