/* server/private_server.c: see private_server.h. */
#include "server/private_server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"

enum {
    ARGS_MAX = 64,
    POLL_MS = 50,
    ROLLBACK_POLL_MS = 250, /* the list of transactions is made anew every 0.1 s at most */
    WATCH_MS = 100,
    GRACE_SECONDS = 10, /* to stop cleanly when nobody waits for it any more */
    ENDING_SECONDS = 2,
    LOG_TAIL_BYTES = 8192,
    LOG_TAIL_LINES = 12,
};

struct private_server {
    struct child *child;
    struct conn_options conn;
    char *socket, *error_log;
    unsigned seconds;
    struct log *log;
    pthread_t watcher;
    bool watched;
    atomic_bool unwatch;
};

/* What both families understand. */
static const char *const common_args[] = {
    "--skip-networking",
    "--skip-grant-tables",
    "--skip-log-bin",
    "--event-scheduler=OFF",
    "--innodb-fast-shutdown=1",
    "--innodb-stats-auto-recalc=OFF",
    "--innodb-buffer-pool-load-at-startup=OFF",
    "--innodb-buffer-pool-dump-at-shutdown=OFF",
    "--myisam-recover-options=OFF",
    "--max-connections=512",
};

/* Storage engines and compression that distributions make plugins of; one that is not installed is passed over with a line in the
 * server's log. Other plugins are a matter of a script in the program's place. */
static const char *const mariadb_args[] = {
    "--skip-slave-start",
    "--aria-recover-options=OFF",
    "--plugin-load-add=ha_archive",
    "--plugin-load-add=provider_bzip2",
    "--plugin-load-add=provider_lz4",
    "--plugin-load-add=provider_lzma",
    "--plugin-load-add=provider_lzo",
    "--plugin-load-add=provider_snappy",
};

/* Keys and certificates would be made in the datadir. */
static const char *const mysql_args[] = {
    "--skip-replica-start",      "--mysqlx=OFF",
    "--auto-generate-certs=OFF", "--caching-sha2-password-auto-generate-rsa-keys=OFF",
    "--secure-file-priv=NULL",
};

/* --- its command line --- */

struct args {
    char *argv[ARGS_MAX + 1];
    int n;
};

static void add(struct args *a, char *arg)
{
    assert(a->n < ARGS_MAX);
    a->argv[a->n++] = arg;
}

static void add_all(struct args *a, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(a, mem_strdup(list[i]));
}

static void args_fini(struct args *a)
{
    for (int i = 0; i < a->n; i++)
        free(a->argv[i]);
}

static void add_key_file(struct args *a, const struct private_server_options *o)
{
    if (!o->keyring_file)
        return;
    add(a, mem_strdup("--plugin-load-add=file_key_management"));
    add(a, mem_printf("--file-key-management-filename=%s", o->keyring_file));
    if (o->keyring_pass_file)
        add(a, mem_printf("--file-key-management-filekey=FILE:%s", o->keyring_pass_file));
}

static void make_args(struct args *a, const struct private_server_options *o,
                      const struct private_server *s)
{
    add(a, mem_strdup(o->program));
    add(a, o->defaults_file ? mem_printf("--defaults-file=%s", o->defaults_file)
                            : mem_strdup("--no-defaults"));
    add(a, mem_printf("--datadir=%s", o->datadir));
    add(a, mem_printf("--socket=%s", s->socket));
    add(a, mem_printf("--pid-file=%s/pid", o->run_dir));
    add(a, mem_printf("--log-error=%s", s->error_log));
    add(a, mem_printf("--tmpdir=%s", o->run_dir));
    add(a, mem_printf("--innodb-buffer-pool-size=%" PRIu64, o->memory));
    if (o->uid == 0 || (o->uid == (uid_t)-1 && geteuid() == 0))
        add(a, mem_strdup("--user=root"));
    add_all(a, common_args, sizeof common_args / sizeof common_args[0]);
    if (o->flavour == FLAVOUR_MARIADB) {
        add_all(a, mariadb_args, sizeof mariadb_args / sizeof mariadb_args[0]);
        add_key_file(a, o);
    } else {
        add_all(a, mysql_args, sizeof mysql_args / sizeof mysql_args[0]);
        add(a, mem_printf("--upgrade=%s", o->may_upgrade ? "MINIMAL" : "NONE"));
    }
}

/* --- its log --- */

/* Its last bytes, NUL-terminated; owned by caller. */
static struct err *read_tail(char **text, const char *path)
{
    AUTO_FD int fd = -1;
    struct stat st;
    size_t n;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    const uint64_t size = (uint64_t)st.st_size;
    AUTO_FREE char *buf = mem_alloc(LOG_TAIL_BYTES + 1);
    TRY(file_pread(fd, buf, LOG_TAIL_BYTES, size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0, &n,
                   path));
    buf[n] = '\0';
    *text = buf;
    buf = NULL;
    return NULL;
}

/* The end of the error log goes to ours, for it goes with the directory it is in. */
static void show_log(const struct private_server *s)
{
    AUTO_FREE char *text = NULL;
    struct err *e = read_tail(&text, s->error_log);
    if (e)
        log_info(s->log, "server", "it has left no log: %s", e->message);
    err_free(e);
    size_t lines = 0;
    for (const char *at = text; at && *at; at = strchrnul(at, '\n'), at += *at == '\n')
        lines++;
    char *save = NULL;
    for (const char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save))
        if (lines-- <= LOG_TAIL_LINES)
            log_error(s->log, "server", "%s", line);
}

/* --- its life --- */

/* Statements that we wait for end with the server, and a signal is meant for the whole of us. */
static void *watch(void *arg)
{
    struct private_server *s = arg;
    double told = 0;
    while (!atomic_load(&s->unwatch)) {
        if (signals_stop && !told) {
            child_signal(s->child, SIGTERM);
            told = clock_seconds();
        } else if (told && clock_seconds() > told + GRACE_SECONDS) {
            child_signal(s->child, SIGKILL);
        }
        clock_sleep_ms(WATCH_MS);
    }
    return NULL;
}

static struct err *ended(struct private_server *s, const char *when)
{
    AUTO_FREE char *ending = child_ending(s->child);
    show_log(s);
    return err_make(FAILED, "the server %s %s", ending, when);
}

struct err *private_server_explain(struct private_server *s, struct err *e)
{
    if (e && e->kind == ERR_SERVER) /* it may still be about to end */
        child_wait(s->child, ENDING_SECONDS);
    struct err *stopped = signals_check();
    if (!stopped && child_ended(s->child))
        stopped = ended(s, "while it was being checked");
    return err_after(e, stopped);
}

/* P1. The other end of the socket is in the group of what we started. */
static struct err *check_peer(const struct private_server *s, const struct conn *c)
{
    const pid_t peer = (pid_t)conn_peer_pid(c);
    if (peer && getpgid(peer) != child_pid(s->child))
        return err_make(FAILED, "%s: process %d answers, which was not started here", s->socket,
                        (int)peer);
    return NULL;
}

static struct err *await_answer(struct conn **c, struct private_server *s)
{
    const double end = clock_seconds() + s->seconds;
    for (;;) {
        TRY(signals_check());
        if (child_ended(s->child))
            return ended(s, "while it was starting");
        struct err *e = conn_open(c, &s->conn);
        if (!e)
            return check_peer(s, *c);
        err_free(e);
        if (clock_seconds() > end)
            break;
        clock_sleep_ms(POLL_MS);
    }
    show_log(s);
    return err_hint(err_make(FAILED, "the server did not answer within %u s", s->seconds),
                    "See --server-wait.");
}

/* What was open at the end of the backup is rolled back behind the start. A prepared transaction looks the same, and stays. */
static struct err *count_rollbacks(int64_t *n, struct conn *c)
{
    struct rows prepared;
    AUTO_FREE char *text = NULL;
    TRY(conn_query_text(c, &text,
                        "SELECT COUNT(*) FROM information_schema.innodb_trx"
                        " WHERE trx_mysql_thread_id=0"));
    TRY(conn_query(c, &prepared, "XA RECOVER"));
    *n = (text ? strtoll(text, NULL, 10) : 0) - (int64_t)prepared.n_rows;
    rows_fini(&prepared);
    return NULL;
}

static struct err *await_rollbacks(struct private_server *s, struct conn *c)
{
    const double end = clock_seconds() + s->seconds;
    for (;;) {
        int64_t n;
        TRY(signals_check());
        TRY(count_rollbacks(&n, c));
        if (n <= 0)
            return NULL;
        if (clock_seconds() > end)
            return err_hint(
                err_make(FAILED, "the server still rolls back %" PRId64 " transactions after %u s",
                         n, s->seconds),
                "See --server-wait.");
        clock_sleep_ms(ROLLBACK_POLL_MS);
    }
}

static struct err *await(struct private_server *s)
{
    AUTO(conn) c = NULL;
    TRY(await_answer(&c, s));
    return private_server_explain(s, await_rollbacks(s, c));
}

static struct err *start(struct private_server *s, const struct private_server_options *o)
{
    struct args args = {.n = 0};
    make_args(&args, o, s);
    struct err *e = child_start(
        &s->child,
        &(struct child_options){
            .argv = args.argv, .uid = o->uid, .gid = o->gid, .folder = o->run_dir, .output = -1});
    args_fini(&args);
    TRY(e);
    s->watched = pthread_create(&s->watcher, NULL, watch, s) == 0;
    return s->watched ? NULL : err_make(FAILED, "cannot start a thread");
}

struct err *private_server_start(struct private_server **out,
                                 const struct private_server_options *o)
{
    AUTO(private_server) s = mem_zalloc(sizeof *s);
    s->log = o->log;
    s->seconds = o->seconds;
    s->socket = mem_printf("%s/s.sock", o->run_dir);
    s->error_log = mem_printf("%s/error.log", o->run_dir);
    s->conn = (struct conn_options){.socket = s->socket, .user = "root", .no_defaults = true};
    if (strlen(o->run_dir) > PRIVATE_SERVER_DIR_MAX)
        return err_make(USAGE, "%s: is too long for the path of a socket", o->run_dir);
    TRY(start(s, o));
    TRY(await(s));
    *out = s;
    s = NULL;
    return NULL;
}

const struct conn_options *private_server_conn(const struct private_server *s)
{
    return &s->conn;
}

struct err *private_server_stop(struct private_server *s)
{
    child_signal(s->child, SIGTERM);
    if (!child_wait(s->child, s->seconds)) {
        TRY(signals_check());
        show_log(s);
        return err_hint(err_make(FAILED, "the server did not stop within %u s", s->seconds),
                        "See --server-wait.");
    }
    return child_succeeded(s->child) ? NULL : ended(s, "when it was to stop");
}

static void end_in_peace(struct private_server *s)
{
    const double end = clock_seconds() + GRACE_SECONDS;
    child_signal(s->child, SIGTERM);
    while (!child_ended(s->child) && clock_seconds() < end)
        clock_sleep_ms(POLL_MS);
}

void private_server_free(struct private_server *s)
{
    if (!s)
        return;
    if (s->child)
        end_in_peace(s);
    atomic_store(&s->unwatch, true);
    if (s->watched)
        pthread_join(s->watcher, NULL);
    child_free(s->child);
    free(s->socket);
    free(s->error_log);
    free(s);
}
