/* restore/overlay.h: the content of one file over a chain of archives, a window at a time: of each unit (a page, or a block of
 * a plain file) the newest archive that stores any of it gives all of it. What no archive stores is zeros.
 *
 * The newest is asked first; of an older one nothing is unpacked that a newer one has replaced, as far as whole pieces go. */
#ifndef MBE_RESTORE_OVERLAY_H
#define MBE_RESTORE_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "verify/chain_files.h"

enum {
    OVERLAY_WINDOW = 1 << 20, /* bytes, at most */
    OVERLAY_GRANULE =
        4096, /* what is known to be stored or not: the archive's own unit of zero runs */
    OVERLAY_UNIT_MIN = 1024,
    OVERLAY_NO_PART = UINT16_MAX,
};

struct overlay_window {
    uint8_t *buf;  /* the caller's, `len` bytes: zeros where not present */
    uint64_t at;   /* offset in the file, a multiple of `unit` */
    size_t len;    /* up to OVERLAY_WINDOW */
    uint32_t unit; /* OVERLAY_UNIT_MIN to 64 KiB, a power of two */
    bool present[OVERLAY_WINDOW / OVERLAY_GRANULE];
    /* of each unit: the part of the file that has it, or has nothing there: an index in file_parts */
    uint16_t part[OVERLAY_WINDOW / OVERLAY_UNIT_MIN];
};

struct overlay;

/* Over [from, to) of a file. parts: borrowed; NULL: no archive has it, all is zeros. One thread at a time. */
struct err *overlay_open(struct overlay **out, const struct chain *chain,
                         const struct file_parts *parts, uint64_t from, uint64_t to) MUST_CHECK;
void overlay_free(struct overlay *o);
CLEANUP(overlay, overlay_free)

/* Windows are asked for in ascending order, each with one of these. */

/* *data: [at, at + len) as it lies in an archive's buffer, when it is one stored piece; borrowed until the next call. Else NULL,
 * and it can still be asked for by overlay_fill. */
struct err *overlay_whole(struct overlay *o, uint64_t at, size_t len,
                          const uint8_t **data) MUST_CHECK;
/* Fills buf, present and part for the window's at, len and unit. */
struct err *overlay_fill(struct overlay *o, struct overlay_window *w) MUST_CHECK;
/* What one stored piece has of a whole window, and newer archives have replaced in places. */
struct overlay_under {
    const uint8_t *
        data; /* as long as the window, borrowed until the next call; NULL: there is no such piece, buf has all */
    uint16_t part; /* units of this part are there, and not in buf */
};
/* overlay_fill without copying that piece. Not for units smaller than OVERLAY_GRANULE. */
struct err *overlay_fill_over(struct overlay *o, struct overlay_window *w,
                              struct overlay_under *under) MUST_CHECK;
/* The next present run of bytes from *from on, as offsets in the window; false: no more. */
bool overlay_next_run(const struct overlay_window *w, size_t *from, size_t *to);
/* Marks [from, to), offsets in the window. */
void overlay_mark(struct overlay_window *w, size_t from, size_t to, bool present);

#endif
