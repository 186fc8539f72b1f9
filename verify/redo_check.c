/* verify/redo_check.c: see redo_check.h. */
#include "verify/redo_check.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/signals.h"
#include "innodb/redo_mariadb.h"

enum { WINDOW_BYTES = 4 * REDO_MTR_MAX };

/* The part of the log in memory. */
struct window {
    uint8_t *buf;
    size_t have;
    uint64_t next; /* offset in the entry of what follows */
};

static struct err *check_header(struct archive_reader *reader, uint32_t entry, lsn_t from,
                                uint8_t *buf)
{
    struct redo_log_header h;
    TRY(archive_read(reader, entry, 0, buf, REDO_START_OFFSET));
    TRY(redo_log_header_parse(&h, buf, REDO_START_OFFSET));
    if (h.first_lsn != from)
        return err_make(CORRUPT, "begins at LSN %" PRIu64 ", the manifest says %" PRIu64,
                        h.first_lsn, from);
    return NULL;
}

static struct err *check_mtr(const uint8_t *buf, size_t len, lsn_t lsn, size_t *mtr_len)
{
    struct redo_mtr m;
    struct redo_record rec;
    bool more = true;
    TRY(redo_mtr_open(&m, buf, len, lsn, mtr_len));
    while (more)
        TRY(redo_mtr_next(&m, &rec, &more));
    return NULL;
}

static struct err *fill(struct window *w, struct archive_reader *reader, uint32_t entry,
                        uint64_t size)
{
    const uint64_t left = size - w->next;
    const size_t room = WINDOW_BYTES - w->have;
    const size_t n = left < room ? (size_t)left : room;
    TRY(archive_read(reader, entry, w->next, w->buf + w->have, n));
    w->have += n;
    w->next += n;
    return NULL;
}

/* Checks what is whole in the window and drops it. */
static struct err *check_window(struct window *w, lsn_t *lsn, bool is_last)
{
    size_t at = 0;
    while (at < w->have && (is_last || w->have - at >= REDO_MTR_MAX)) {
        size_t len;
        TRY(check_mtr(w->buf + at, w->have - at, *lsn, &len));
        at += len;
        *lsn += len;
    }
    w->have -= at;
    memmove(w->buf, w->buf + at, w->have);
    return NULL;
}

struct err *redo_check(struct archive_reader *reader, uint32_t entry, lsn_t from, lsn_t to,
                       struct progress *progress)
{
    const uint64_t size = archive_reader_entry(reader, entry)->size;
    if (to < from || size < REDO_START_OFFSET || size - REDO_START_OFFSET != to - from)
        return err_make(CORRUPT,
                        "%" PRIu64 " bytes do not hold the redo from LSN %" PRIu64 " to %" PRIu64,
                        size, from, to);
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(WINDOW_BYTES);
    struct window w = {.buf = buf, .next = REDO_START_OFFSET};
    lsn_t lsn = from;
    TRY(check_header(reader, entry, from, buf));
    progress_add(progress, REDO_START_OFFSET);
    while (lsn < to) {
        const uint64_t before = w.next;
        TRY(signals_check());
        TRY(fill(&w, reader, entry, size));
        TRY(check_window(&w, &lsn, w.next == size));
        progress_add(progress, w.next - before);
    }
    return NULL;
}
