/* engine/redo_store.c: see redo_store.h. */
#include "engine/redo_store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "innodb/redo_mariadb.h"
#include "innodb/space_map.h"

enum { SPOOL_READ = 2 * REDO_MTR_MAX };

/* Bytes of buf that are whole mini-transactions ending at or before `to`. *reached: the next one would end beyond. */
static struct err *measure(const uint8_t *buf, size_t len, lsn_t lsn, lsn_t to, size_t *whole,
                           bool *reached)
{
    *whole = 0;
    *reached = lsn >= to;
    while (!*reached && *whole < len) {
        struct redo_mtr m;
        size_t mtr_len;
        struct err *e = redo_mtr_open(&m, buf + *whole, len - *whole, lsn + *whole, &mtr_len);
        if (e && *whole && len - *whole < REDO_MTR_MAX) {
            err_free(e); /* goes on in the next read */
            return NULL;
        }
        TRY(e);
        if (m.end > to) {
            *reached = true;
            break;
        }
        *whole += mtr_len;
        *reached = m.end == to;
    }
    return NULL;
}

static struct err *write_pieces(struct archive_writer *w, uint32_t entry, uint64_t at,
                                const uint8_t *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        const size_t n = len - done < ARCHIVE_PIECE_MAX ? len - done : ARCHIVE_PIECE_MAX;
        TRY(archive_write(w, entry, at + done, buf + done, n));
        done += n;
    }
    return NULL;
}

static struct err *copy_spool(struct archive_writer *w, uint32_t entry, const char *path,
                              struct redo_span *span, struct progress *progress)
{
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(SPOOL_READ);
    AUTO_FD int fd = -1;
    lsn_t lsn = span->from;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    for (bool reached = lsn >= span->to; !reached;) {
        size_t got, whole;
        TRY(signals_check());
        TRY(file_pread(fd, buf, SPOOL_READ, lsn - span->from, &got, path));
        if (!got)
            return err_make(CORRUPT,
                            "%s: ends at LSN %" PRIu64 ", before the end of the backup at %" PRIu64,
                            path, lsn, span->to);
        TRY_AT(measure(buf, got, lsn, span->to, &whole, &reached), "%s", path);
        TRY(write_pieces(w, entry, REDO_START_OFFSET + (lsn - span->from), buf, whole));
        progress_add(progress, whole);
        lsn += whole;
    }
    span->to = lsn;
    return NULL;
}

struct err *redo_store(struct archive_writer *w, const char *spool_path, struct redo_span *span,
                       const char *server_version, struct progress *progress)
{
    struct archive_attr attr = {.kind = ARCHIVE_REDO, .path = REDO_PATH, .mode = 0600};
    AUTO_FREE uint8_t *header = mem_zalloc(REDO_START_OFFSET);
    AUTO_FREE char *creator = mem_printf("Backup %.24s", server_version);
    uint32_t entry;
    TRY(archive_entry_add(w, &attr, &entry));
    TRY(copy_spool(w, entry, spool_path, span, progress));
    redo_log_header_make(header, span->from, span->from, span->checkpoint_end, creator);
    TRY(write_pieces(w, entry, 0, header, REDO_START_OFFSET));
    attr.size = REDO_START_OFFSET + (span->to - span->from);
    return archive_entry_set(w, entry, &attr);
}
