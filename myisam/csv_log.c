/* myisam/csv_log.c: see csv_log.h. */
#include "myisam/csv_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    CSM_SIZE = 35,
    CSM_MAGIC = 0, /* FE 01 */
    CSM_ROWS = 2,  /* LE64 */
    CSM_DIRTY = 34,
    READ_SIZE = 256 << 10,
};

/* Counts newlines; *end is the offset behind the last one. */
static struct err *count_rows(int fd, const char *path, uint64_t *rows, uint64_t *end)
{
    AUTO_FREE char *buf = mem_alloc(READ_SIZE);
    uint64_t at = 0;
    size_t got;

    *rows = *end = 0;
    do {
        TRY(file_pread(fd, buf, READ_SIZE, at, &got, path));
        const char *stop = buf + got;
        for (const char *p = buf; (p = memchr(p, '\n', (size_t)(stop - p)));) {
            p++;
            (*rows)++;
            *end = at + (uint64_t)(p - buf);
        }
        at += got;
    } while (got == READ_SIZE);
    return NULL;
}

static struct err *check_csm(int fd, const char *path)
{
    uint8_t csm[CSM_SIZE + 1];
    size_t got;
    TRY(file_pread(fd, csm, sizeof csm, 0, &got, path));
    if (got != CSM_SIZE)
        return err_make(CORRUPT, "%s: not a .CSM: %s %d bytes", path,
                        got < CSM_SIZE ? "less than" : "more than", CSM_SIZE);
    if (csm[CSM_MAGIC] != 0xFE || csm[CSM_MAGIC + 1] != 1)
        return err_make(CORRUPT, "%s: not a .CSM: begins with %02x %02x, not fe 01", path, csm[0],
                        csm[1]);
    return NULL;
}

static struct err *write_csm(int fd, const char *path, uint64_t rows)
{
    uint8_t count[8];
    const uint8_t clean = 0;
    put_le64(count, rows);
    TRY(file_pwrite(fd, count, sizeof count, CSM_ROWS, path));
    return file_pwrite(fd, &clean, sizeof clean, CSM_DIRTY, path);
}

struct err *csv_log_mend(const char *csv_path, const char *csm_path)
{
    AUTO_FD int csv = -1;
    AUTO_FD int csm = -1;
    uint64_t rows, end;

    TRY(file_open(&csm, csm_path, O_RDWR, 0));
    TRY(check_csm(csm, csm_path));
    TRY(file_open(&csv, csv_path, O_RDWR, 0));
    TRY(count_rows(csv, csv_path, &rows, &end));
    if (ftruncate(csv, (off_t)end))
        return err_os("%s: cannot cut behind the last whole row", csv_path);
    return write_csm(csm, csm_path, rows);
}
