/* server/datadir_check.c: does this server run on this directory? See server_check_datadir in
 * mariadb.h.
 *
 * Facts: MariaDB 10.11.19, by experiment. A running server holds a POSIX write lock on ibdata1 and
 * on aria_log_control, and no lock on its other files. A checkpoint is a big-endian LSN at 4096 or
 * 8192 of ib_logfile0, see innodb/redo_mariadb.h; Innodb_lsn_last_checkpoint is the newest. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "server/mariadb.h"

enum {
    NOBODY = 0,      /* no process holds the lock */
    SOMEBODY = -1,   /* one does that cannot be seen from here */
    LOG_PAGE = 4096, /* distance of the two checkpoints */
    LOG_READS = 20,  /* until the server has made no checkpoint between our questions */
    LOG_READ_GAP_MS = 50,
};

/* Where ib_logfile0 is, as it is reached from here: below `datadir` when it is below the server's
 * own. */
static char *log_path(const struct server_info *s, const char *datadir)
{
    const size_t n = strlen(s->datadir);
    const char *dir = s->innodb_log_group_home_dir ? s->innodb_log_group_home_dir : "";

    if (!strncmp(dir, s->datadir, n) && (dir[n] == '/' || !dir[n]))
        dir += n;
    else if (dir[0] == '/')
        return mem_printf("%s/ib_logfile0", dir);
    while (*dir == '/' || !strncmp(dir, "./", 2))
        dir++;
    return dir[0] ? mem_printf("%s/%s/ib_logfile0", datadir, dir)
                  : mem_printf("%s/ib_logfile0", datadir);
}

static struct err *not_this(const struct server_info *s, const char *datadir, struct err *why)
{
    return err_hint(err_wrap(why, "%s is not the datadir of this server", datadir),
                    "The server says that its datadir is %s; give --datadir only when that is seen "
                    "at another place from "
                    "here, and connect to the server that runs on it.",
                    s->datadir);
}

/* Who holds a lock on the file: a process id, NOBODY or SOMEBODY. ENOENT is no error: *exists is
 * false. */
static struct err *lock_holder(int64_t *holder, bool *exists, const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    AUTO_FD int fd = -1;

    *holder = NOBODY;
    struct err *e = file_open(&fd, path, O_RDONLY, 0);
    *exists = !e || e->os_errno != ENOENT;
    if (!*exists) {
        err_free(e);
        return NULL;
    }
    if (e)
        return err_hint(e, "mbe reads the server's files: run it as root or as the server's user.");
    if (fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK)
        return NULL;
    *holder = lock.l_pid > 0 ? lock.l_pid : SOMEBODY;
    return NULL;
}

/* The lock that tells who runs on a directory. */
struct lock {
    char *file;     /* NULL: none of the files is there */
    int64_t holder; /* process id, NOBODY or SOMEBODY */
};

static bool is_held_by_server(const struct lock *lock, const struct conn *c)
{
    return lock->holder > 0 && lock->holder == conn_peer_pid(c);
}

static struct err *read_checkpoints(uint64_t lsn[2], const char *path)
{
    uint8_t word[8];
    size_t got;
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    for (int i = 0; i < 2; i++) {
        TRY(file_pread(fd, word, sizeof word, (uint64_t)(i + 1) * LOG_PAGE, &got, path));
        lsn[i] = got == sizeof word ? be64(word) : 0;
    }
    return NULL;
}

/* Compares checkpoints: asks the server, reads the file, asks again, until it made none in
 * between. */
static struct err *compare_checkpoints(struct conn *c, const struct server_info *s,
                                       const char *datadir)
{
    AUTO_FREE char *path = log_path(s, datadir);
    uint64_t before = 0, after = 0, lsn[2] = {0};

    for (int i = 0; i < LOG_READS; i++) {
        if (i)
            clock_sleep_ms(LOG_READ_GAP_MS);
        TRY(conn_status_u64(c, &before, "Innodb_lsn_last_checkpoint"));
        TRY(read_checkpoints(lsn, path));
        TRY(conn_status_u64(c, &after, "Innodb_lsn_last_checkpoint"));
        if (before == after && before && (before == lsn[0] || before == lsn[1]))
            return NULL;
    }
    return not_this(s, datadir,
                    err_make(REFUSED,
                             "%s has checkpoints at LSN %" PRIu64 " and %" PRIu64
                             ", and the server's newest is %" PRIu64,
                             path, lsn[0], lsn[1], after));
}

/* "ibdata1:12M:autoextend;..." -> "ibdata1" */
static char *first_data_file(const struct server_info *s)
{
    const char *spec = s->innodb_data_file_path ? s->innodb_data_file_path : "";
    const size_t len = strcspn(spec, ":;");
    return len && spec[0] != '/' ? strndup(spec, len) : mem_strdup("ibdata1");
}

/* Looks in a directory for a file that a server holds locked, else for one that is there. */
static struct err *find_lock(struct lock *out, const struct server_info *s, const char *datadir)
{
    AUTO_FREE char *data_file = first_data_file(s);
    const char *const names[] = {data_file, "aria_log_control"};

    for (size_t i = 0; i < sizeof names / sizeof names[0] && out->holder == NOBODY; i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", datadir, names[i]);
        bool exists;
        TRY(lock_holder(&out->holder, &exists, path));
        if (!exists)
            continue;
        free(out->file);
        out->file = path;
        path = NULL;
    }
    return NULL;
}

/* Whether the server is seen to run on the directory it names itself. */
static bool runs_on_its_own(struct conn *c, const struct server_info *s)
{
    struct lock lock = {0};
    struct err *e = find_lock(&lock, s, s->datadir);
    const bool held = !e && is_held_by_server(&lock, c);
    err_free(e);
    free(lock.file);
    return held;
}

static bool is_same_dir(const char *a, const char *b)
{
    struct stat sa, sb;
    return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* A REFUSED error when processes and locks contradict that the server runs on the directory. */
static struct err *contradiction(const struct lock *lock, struct conn *c,
                                 const struct server_info *s, const char *datadir)
{
    const int64_t peer = conn_peer_pid(c);

    /* A server may have both files elsewhere, but then only its own word tells its datadir. */
    if (!lock->file && !is_same_dir(datadir, s->datadir))
        return err_make(REFUSED, "no file of its InnoDB or Aria is in it");
    /* A peer 1 is not the server but what opened the socket for it (socket activation, a
     * container's init). */
    if (lock->holder > 0 && peer > 1)
        return err_make(REFUSED,
                        "%s is in use by process %" PRId64 ", and the server is process %" PRId64,
                        lock->file, lock->holder, peer);
    if (lock->holder == NOBODY && !is_same_dir(datadir, s->datadir) && runs_on_its_own(c, s))
        return err_make(REFUSED, "no server runs on it, and this one runs on %s", s->datadir);
    return NULL;
}

static struct err *check(struct lock *lock, struct conn *c, const struct server_info *s,
                         const char *datadir)
{
    TRY(find_lock(lock, s, datadir));
    if (is_held_by_server(lock, c))
        return NULL;
    struct err *e = contradiction(lock, c, s, datadir);
    return e ? not_this(s, datadir, e) : compare_checkpoints(c, s, datadir);
}

struct err *server_check_datadir(struct conn *c, const struct server_info *s, const char *datadir)
{
    struct lock lock = {0};
    struct stat st;

    if (stat(datadir, &st))
        return err_os("%s: cannot see the datadir", datadir);
    struct err *e = check(&lock, c, s, datadir);
    free(lock.file);
    return e;
}
