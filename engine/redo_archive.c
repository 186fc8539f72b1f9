/* engine/redo_archive.c: see redo_archive.h. */
#include "engine/redo_archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "innodb/redo_mysql.h"
#include "server/mysql_archive.h"

void redo_archive_none(struct redo_archive *a, const char *why_not)
{
    *a = (struct redo_archive){.fd = -1, .why_not = mem_strdup(why_not)};
}

/* a->path is the file. */
static struct err *open_file(struct redo_archive *a)
{
    TRY(file_open(&a->fd, a->path, O_RDONLY, 0));
    log_info(a->log, "redo", "redo that is overwritten before it was read is read from %s, %s",
             a->path, a->conn ? "which the server writes meanwhile" : "another session's archive");
    return NULL;
}

/* *settled: the server archives, so that there is no other place to try. */
static struct err *start_at(struct redo_archive *a, const struct conn_options *conn,
                            const struct mysql_archive_place *place, bool *settled)
{
    AUTO_FREE char *busy = NULL;
    if (access(place->dir, X_OK))
        return err_os("%s", place->dir);
    TRY(conn_open(&a->conn, conn));
    struct err *e = mysql_archive_start(&busy, a->conn, place->label);
    *settled = !e;
    if (e && !access(place->path, F_OK))
        return err_wrap(e, "%s is left over from earlier archiving, to be removed", place->path);
    TRY(e);
    if (busy)
        redo_archive_leave(a);
    a->path = mem_strdup(busy ? busy : place->path);
    return open_file(a);
}

/* In the first directory where it works. Where it works in none, a->why_not has the reason of each. */
static void start(struct redo_archive *a, const struct conn_options *conn,
                  const struct mysql_archive_places *places)
{
    AUTO_FREE char *reasons = mem_strdup("");
    bool settled = false;
    for (size_t i = 0; i < places->n && !settled; i++) {
        struct err *e = start_at(a, conn, &places->items[i], &settled);
        if (!e)
            return;
        redo_archive_leave(a); /* the session, at least */
        char *longer = mem_printf("%s%s%s", reasons, reasons[0] ? "; " : "", e->message);
        free(reasons);
        reasons = longer;
        err_free(e);
    }
    if (!places->n)
        return;
    log_info(a->log, "redo", "no redo archive to fall back on: %s", reasons);
    free(a->why_not);
    a->why_not = reasons;
    reasons = NULL;
}

struct err *redo_archive_open(struct redo_archive *a, struct conn *queries,
                              const struct conn_options *conn, struct log *log)
{
    struct mysql_archive_places places;
    redo_archive_none(a, "innodb_redo_log_archive_dirs is not set");
    a->log = log;
    TRY(mysql_archive_places_load(&places, queries));
    start(a, conn, &places);
    mysql_archive_places_fini(&places);
    return NULL;
}

/* Where the archive begins, if its first block has been written by now. */
static struct err *learn_start(struct redo_archive *a)
{
    uint8_t block[MYSQL_REDO_BLOCK_SIZE];
    size_t got;
    TRY(file_pread(a->fd, block, sizeof block, MYSQL_ARCHIVE_HEAD_SIZE, &got, a->path));
    if (got < sizeof block || !redo_mysql_block_says(block, &a->start_lsn))
        a->start_lsn = 0;
    return NULL;
}

struct err *redo_archive_read(struct redo_archive *a, uint8_t *buf, size_t n, lsn_t lsn,
                              size_t *got)
{
    *got = 0;
    if (!a->start_lsn)
        TRY(learn_start(a));
    if (!a->start_lsn || lsn < a->start_lsn)
        return NULL;
    return file_pread(a->fd, buf, n, MYSQL_ARCHIVE_HEAD_SIZE + (lsn - a->start_lsn), got, a->path);
}

void redo_archive_leave(struct redo_archive *a)
{
    if (!a->conn)
        return;
    /* In this order a kill in between leaves nothing behind. A file that is not ours to remove goes with the session. */
    if (a->fd >= 0 && !unlink(a->path))
        err_free(mysql_archive_stop(a->conn));
    conn_close(a->conn);
    a->conn = NULL;
}

void redo_archive_fini(struct redo_archive *a)
{
    redo_archive_leave(a);
    if (a->fd >= 0)
        close(a->fd);
    free(a->path);
    free(a->why_not);
    *a = (struct redo_archive){.fd = -1};
}
