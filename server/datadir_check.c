/* server/datadir_check.c: see datadir_check.h.
 *
 * Facts, by experiment. MariaDB 10.11.19: a running server holds a POSIX write lock on ibdata1 and
 * on aria_log_control, and no lock on its other files. A checkpoint is a big-endian LSN at 4096 or
 * 8192 of ib_logfile0, see innodb/redo_mariadb.h; Innodb_lsn_last_checkpoint is the newest.
 * MySQL 9.7.4: it holds such a lock on ibdata1, mysql.ibd, the undo tablespaces and open tables. Each
 * file #innodb_redo/#ib_redoN has two checkpoint blocks of 512 bytes, at 512 and 1536: a big-endian
 * LSN at 8, CRC-32C of the first 508 bytes at 508. The largest LSN counts, and it is
 * Innodb_redo_log_checkpoint_lsn. auto.cnf holds "[auto]" and "server-uuid=<uuid>". */
#include "server/datadir_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    NOBODY = 0,      /* no process holds the lock */
    SOMEBODY = -1,   /* one does that cannot be seen from here */
    LOG_PAGE = 4096, /* MariaDB: distance of the two checkpoints */
    LOG_BLOCK = 512, /* MySQL: a checkpoint block */
    AUTO_CNF_MAX = 65536,
    LOG_READS = 20, /* until the server has made no checkpoint between our questions */
    LOG_READ_GAP_MS = 50,
};

/* Where the redo log is, as it is reached from here: below `datadir` when it is below the server's
 * own. */
static char *log_dir(const struct server_info *s, const char *datadir)
{
    const size_t n = strlen(s->datadir);
    const char *dir = s->innodb_log_group_home_dir ? s->innodb_log_group_home_dir : "";

    if (!strncmp(dir, s->datadir, n) && (dir[n] == '/' || !dir[n]))
        dir += n;
    else if (dir[0] == '/')
        return mem_strdup(dir);
    while (*dir == '/' || !strncmp(dir, "./", 2))
        dir++;
    return dir[0] && strcmp(dir, ".") != 0 ? mem_printf("%s/%s", datadir, dir)
                                           : mem_strdup(datadir);
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

static struct err *read_mariadb_checkpoint(uint64_t *newest, const char *path)
{
    uint8_t word[8];
    size_t got;
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    for (int i = 1; i <= 2; i++) {
        TRY(file_pread(fd, word, sizeof word, (uint64_t)i * LOG_PAGE, &got, path));
        if (got == sizeof word && be64(word) > *newest)
            *newest = be64(word);
    }
    return NULL;
}

/* One file of #innodb_redo; one that is recycled just now is not there, or says nothing. */
static struct err *read_redo_file(uint64_t *newest, const char *path)
{
    static const uint64_t places[] = {LOG_BLOCK, 3 * LOG_BLOCK};
    uint8_t block[LOG_BLOCK];
    size_t got;
    bool absent;
    AUTO_FD int fd = -1;

    TRY(file_absent(file_open(&fd, path, O_RDONLY, 0), &absent));
    if (absent)
        return NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        TRY(file_pread(fd, block, sizeof block, places[i], &got, path));
        if (got == sizeof block && crc32c(0, block, LOG_BLOCK - 4) == be32(block + LOG_BLOCK - 4) &&
            be64(block + 8) > *newest)
            *newest = be64(block + 8);
    }
    return NULL;
}

static bool is_redo_file(const char *name)
{
    static const char stem[] = "#ib_redo";
    const size_t n = strlen(stem);
    return !strncmp(name, stem, n) && name[n] && !name[n + strspn(name + n, "0123456789")];
}

static struct err *read_mysql_checkpoint(uint64_t *newest, const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *entry = NULL;
    if (!d)
        return err_os("%s: cannot open the directory", dir);
    struct err *e = file_next_entry(&entry, d, dir);
    while (!e && entry) {
        AUTO_FREE char *path = mem_printf("%s/%s", dir, entry->d_name);
        if (is_redo_file(entry->d_name))
            e = read_redo_file(newest, path);
        if (!e)
            e = file_next_entry(&entry, d, dir);
    }
    closedir(d);
    return e;
}

/* What differs between the families. */
static const struct family {
    const char *log;           /* below the log's directory */
    const char *second_locked; /* file in the datadir that is locked besides ibdata1 */
    const char *checkpoint;    /* status value */
    struct err *(*read_checkpoint)(uint64_t *newest, const char *path);
    const char *engines;
} families[] = {
    [FLAVOUR_MARIADB] = {"ib_logfile0", "aria_log_control", "Innodb_lsn_last_checkpoint",
                         read_mariadb_checkpoint, "InnoDB or Aria"},
    [FLAVOUR_MYSQL] = {"#innodb_redo", "mysql.ibd", "Innodb_redo_log_checkpoint_lsn",
                       read_mysql_checkpoint, "InnoDB"},
};

/* Compares checkpoints: asks the server, reads the file, asks again, until it made none in
 * between. */
static struct err *compare_checkpoints(struct conn *c, const struct server_info *s,
                                       const char *datadir)
{
    const struct family *f = &families[s->flavour];
    AUTO_FREE char *dir = log_dir(s, datadir);
    AUTO_FREE char *path = mem_printf("%s/%s", dir, f->log);
    uint64_t before = 0, after = 0, lsn = 0;

    for (int i = 0; i < LOG_READS; i++) {
        if (i)
            clock_sleep_ms(LOG_READ_GAP_MS);
        lsn = 0;
        TRY(conn_status_u64(c, &before, f->checkpoint));
        TRY(f->read_checkpoint(&lsn, path));
        TRY(conn_status_u64(c, &after, f->checkpoint));
        if (before == after && before && before == lsn)
            return NULL;
    }
    return not_this(s, datadir,
                    err_make(REFUSED,
                             "the newest checkpoint in %s is at LSN %" PRIu64
                             ", and the server's at %" PRIu64,
                             path, lsn, after));
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
    const char *const names[] = {data_file, families[s->flavour].second_locked};

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
        return err_make(REFUSED, "no file of its %s is in it", families[s->flavour].engines);
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

char *auto_cnf_uuid(const char *text)
{
    static const char key[] = "server-uuid";
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += strspn(line, " \t\r\n");
        if (strncasecmp(line, key, strlen(key)) != 0)
            continue;
        const char *value = line + strlen(key);
        value += strspn(value, " \t");
        if (*value != '=')
            continue;
        value += 1 + strspn(value + 1, " \t");
        return mem_printf("%.*s", (int)strcspn(value, " \t\r\n"), value);
    }
    return NULL;
}

/* MySQL keeps its identity in a file. It may have been removed while the server runs: then it tells
 * nothing. */
static struct err *compare_uuid(const struct server_info *s, const char *datadir)
{
    AUTO_FREE char *path = mem_printf("%s/auto.cnf", datadir);
    AUTO_FREE char *text = NULL;
    size_t len;
    bool absent;

    if (!s->server_uuid)
        return NULL;
    TRY(file_absent(file_read_all(&text, &len, path, AUTO_CNF_MAX), &absent));
    if (absent)
        return NULL;
    AUTO_FREE char *uuid = auto_cnf_uuid(text);
    if (!uuid || !strcasecmp(uuid, s->server_uuid))
        return NULL;
    return not_this(s, datadir,
                    err_make(REFUSED, "%s says server_uuid %s, and the server is %s", path, uuid,
                             s->server_uuid));
}

static struct err *check(struct lock *lock, struct conn *c, const struct server_info *s,
                         const char *datadir)
{
    TRY(compare_uuid(s, datadir));
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
