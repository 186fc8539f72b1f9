/* base/file.h: full reads and writes (EINTR and short counts handled), durable publication,
 * directory helpers. Errors are of kind IO, name the path and carry errno in os_errno. */
#ifndef MBE_BASE_FILE_H
#define MBE_BASE_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Reads up to n bytes at offset; *got < n only at end of file. `path` is for messages. */
struct err *file_pread(int fd, void *buf, size_t n, uint64_t offset, size_t *got,
                       const char *path) MUST_CHECK;
struct err *file_pwrite(int fd, const void *buf, size_t n, uint64_t offset,
                        const char *path) MUST_CHECK;
/* Waits until fd can be read, a pipe or a terminal say; or a signal asks us to stop, kind INTERRUPTED. */
struct err *file_wait_readable(int fd, const char *path) MUST_CHECK;
/* Sequential write of all n bytes. */
struct err *file_write(int fd, const void *buf, size_t n, const char *path) MUST_CHECK;
/* open(2) with O_CLOEXEC; *fd owned by caller. */
struct err *file_open(int *fd, const char *path, int flags, mode_t mode) MUST_CHECK;
/* A new file in `dir` that has no name and is gone when it is closed, whatever becomes of the process. *fd owned by caller. */
struct err *file_open_nameless(int *fd, const char *dir) MUST_CHECK;
/* For what may be absent: takes e, the error of opening or reading it; ENOENT is *absent and no error. */
struct err *file_absent(struct err *e, bool *absent) MUST_CHECK;
struct err *file_fsync(int fd, const char *path) MUST_CHECK;
/* fsync of a directory by path. */
struct err *file_fsync_dir(const char *dir) MUST_CHECK;
/* mkdir -p with mode for new directories. */
struct err *file_mkdirs(const char *dir, mode_t mode) MUST_CHECK;
/* mkdir -p of the directory part of `path`. */
struct err *file_mkdirs_for(const char *path, mode_t mode) MUST_CHECK;
/* rm -rf; a missing path is no error; never follows symbolic links. */
struct err *file_remove_tree(const char *path) MUST_CHECK;
/* Whole file into a NUL-terminated buffer owned by the caller; more than max bytes is an error. */
struct err *file_read_all(char **data, size_t *len, const char *path, size_t max) MUST_CHECK;
/* Writes and fsyncs `path` by way of a name of its own (`path`, ".tmp-", 16 hex digits; a killed run leaves it) and rename,
 * then fsyncs the directory. Others may do the same at once: one of them wins, whole. */
struct err *file_replace(const char *path, const void *data, size_t n, mode_t mode) MUST_CHECK;
/* Next entry of an open directory but "." and "..", borrowed until the next call; NULL at the end. A listing that breaks off
 * is an error, never a short list. `dir` is for messages. */
struct err *file_next_entry(const struct dirent **entry, DIR *d, const char *dir) MUST_CHECK;
/* Whether `name` is a safe relative path: not empty, not absolute, no empty, "." or ".." component,
 * no NUL, < 4096. */
bool file_name_is_safe(const char *name);

#endif
