/* base/cold_read.h: reads a file once, front to back, and leaves in the kernel's file cache what was there before: what the file's owner
 * works with stays, and what came from the disk for us alone goes again.
 *
 * The kernel does not read ahead of us, for what it brings could not be told from what was there: we do, one piece, and only where
 * the disk is read at all.
 *
 * Facts: mincore(2) tells what is in the cache to the file's owner, to root, and to who may write the file; to others (Linux 5.2) it says
 * that all of it is, and then all stays. POSIX_FADV_DONTNEED leaves pages alone that are dirty, mapped or being written. */
#ifndef MBE_BASE_COLD_READ_H
#define MBE_BASE_COLD_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    COLD_READ_MAX = 1 << 20,
    COLD_READ_PAGE_MIN = 4096, /* no machine has smaller pages */
};

/* What of bytes [at, at + n) was in the cache; n 0: it is not known, or there are no such bytes. */
struct cold_window {
    uint64_t at;
    size_t n;
    bool cold;                                                      /* not all of it was */
    unsigned char resident[COLD_READ_MAX / COLD_READ_PAGE_MIN + 2]; /* of each page, as mincore */
};

/* For one thread; several may read parts of one file. */
struct cold_reader {
    int fd; /* borrowed */
    struct cold_window now, ahead;
};

/* For the first bytes of a file, that are read again later: has the kernel not read ahead, and tells whether any of them was not in the
 * cache. cold_forget takes them away then. */
bool cold_begin(int fd, size_t n);
void cold_forget(int fd, size_t n);

void cold_reader_init(struct cold_reader *r, int fd);
/* Reads as file_pread does, n bytes at most COLD_READ_MAX. `next`: how many bytes will be read behind these, 0 if that is not known; the disk
 * may begin with them. */
struct err *cold_read(struct cold_reader *r, void *buf, size_t n, uint64_t at, size_t next,
                      size_t *got, const char *path) MUST_CHECK;
/* Takes away what was read ahead and not asked for. */
void cold_reader_fini(struct cold_reader *r);

#endif
