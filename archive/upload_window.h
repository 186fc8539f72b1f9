/* archive/upload_window.h: the bytes of an upload that the other side may still lose: from the last one that it is known to keep to
 * the last one that was given to it. They are in a file without a name, which does not grow beyond UPLOAD_WINDOW_MAX. */
#ifndef MBE_ARCHIVE_UPLOAD_WINDOW_H
#define MBE_ARCHIVE_UPLOAD_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

enum { UPLOAD_WINDOW_MAX = 128 << 20 };

/* Bytes from, up to to, of the upload are in it. */
struct upload_window {
    uint64_t from, to;
    int fd;
    char *dir;
};

/* Owned by caller; the file is made in `dir`. */
struct err *upload_window_open(struct upload_window **out, const char *dir) MUST_CHECK;
void upload_window_close(struct upload_window *w); /* NULL is fine */
CLEANUP(upload_window, upload_window_close)

/* How many bytes still fit. */
uint64_t upload_window_room(const struct upload_window *w);
/* Adds n bytes, which fit, at its end. */
struct err *upload_window_put(struct upload_window *w, const void *data, size_t n) MUST_CHECK;
/* n bytes of it, from the upload's byte `at` on. */
struct err *upload_window_get(const struct upload_window *w, void *out, size_t n,
                              uint64_t at) MUST_CHECK;

#endif
