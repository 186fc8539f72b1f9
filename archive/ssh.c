/* archive/ssh.c: see ssh.h.
 *
 * What we pass to ssh cannot be taken for an option or for more than one word: host and user have no other characters than names
 * have, and what the shell of the other side gets is quoted. */
#include "archive/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#define SCHEME "ssh://"
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

enum { WORDS_MAX = 64, STOP_S = 5, STOP_POLL_MS = 5 };

/* --- the URL --- */

static bool is_name(const char *text)
{
    return *text && *text != '-' && !text[strspn(text, NAME_LETTERS)];
}

static bool is_host(const char *text)
{
    return *text && *text != '-' && !text[strspn(text, NAME_LETTERS ":")];
}

static bool is_port(const char *text)
{
    const size_t n = strspn(text, "0123456789");
    const long port = n && n <= 5 && !text[n] ? atol(text) : 0;
    return port >= 1 && port <= 65535;
}

/* authority: [user@]host[:port], the host in brackets if it is an IPv6 address. */
static bool split_authority(struct ssh_place *p, const char *authority)
{
    const char *at = strrchr(authority, '@'), *host = at ? at + 1 : authority;
    const char *end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    if (!end)
        return false;
    p->user = at ? mem_printf("%.*s", (int)(at - authority), authority) : NULL;
    p->host = *host == '[' ? mem_printf("%.*s", (int)(end - host - 1), host + 1)
                           : mem_printf("%.*s", (int)(end - host), host);
    end += *end == ']' ? 1 : 0;
    p->port = *end == ':' ? mem_strdup(end + 1) : NULL;
    return (!*end || p->port) && (!p->user || is_name(p->user)) && is_host(p->host) &&
           (!p->port || is_port(p->port));
}

struct err *ssh_place_parse(struct ssh_place *p, const char *url)
{
    *p = (struct ssh_place){0};
    const char *authority = url + strlen(SCHEME), *path = strchr(authority, '/');
    AUTO_FREE char *first =
        path ? mem_printf("%.*s", (int)(path - authority), authority) : mem_strdup(authority);
    if (!path || !path[1] || !split_authority(p, first)) {
        ssh_place_fini(p);
        return err_make(USAGE, "%s: ssh://[user@]host[:port]/path is expected", url);
    }
    p->path = mem_strdup(path);
    return NULL;
}

void ssh_place_fini(struct ssh_place *p)
{
    free(p->user);
    free(p->host);
    free(p->port);
    free(p->path);
    *p = (struct ssh_place){0};
}

/* --- the program --- */

char *ssh_quoted(const char *text)
{
    char *out = mem_alloc(4 * strlen(text) + 3), *p = out;
    *p++ = '\'';
    for (; *text; text++)
        if (*text == '\'')
            p = stpcpy(p, "'\\''");
        else
            *p++ = *text;
    strcpy(p, "'");
    return out;
}

/* The user's ssh command is words with blanks between them. `command` is cut to pieces. */
static struct err *split_command(char **argv, size_t *n, char *command)
{
    char *save = NULL;
    for (char *w = strtok_r(command, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        if (*n == WORDS_MAX)
            return err_make(USAGE, "--ssh-command: more than %d words", WORDS_MAX);
        argv[(*n)++] = w;
    }
    return *n ? NULL : err_make(USAGE, "--ssh-command: names no program");
}

static struct err *spawn(struct ssh_process *p, char *const *argv, int in, int out,
                         const char *name)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t ignored, blocked;
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE); /* by us, not by it */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT); /* of a terminal it gets ours, and has to take our last words */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, &ignored);
    posix_spawnattr_setsigmask(&attr, &blocked);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    const int rc = posix_spawnp(&p->pid, argv[0], &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    if (!rc)
        return NULL;
    p->pid = 0;
    return err_new_os(rc, __FILE__, __LINE__, "%s: cannot run %s", name, argv[0]);
}

static struct err *spawn_with_pipes(struct ssh_process *p, char *const *argv, const char *name)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC))
        return err_os("cannot make a pipe");
    if (pipe2(from, O_CLOEXEC)) {
        struct err *e = err_os("cannot make a pipe");
        close(to[0]);
        close(to[1]);
        return e;
    }
    struct err *e = spawn(p, argv, to[0], from[1], name);
    close(to[0]);
    close(from[1]);
    if (e) {
        close(to[1]);
        close(from[0]);
        return e;
    }
    p->in = from[0];
    p->out = to[1];
    (void)fcntl(p->out, F_SETFL, O_NONBLOCK); /* without it, a signal is seen later */
    return NULL;
}

struct err *ssh_start(struct ssh_process *p, const struct ssh_place *place, const char *ssh_command,
                      const char *command, const char *name)
{
    AUTO_FREE char *words = mem_strdup(ssh_command ? ssh_command : "ssh");
    AUTO_FREE char *remote = mem_strdup(command);
    AUTO_FREE char *destination =
        place->user ? mem_printf("%s@%s", place->user, place->host) : mem_strdup(place->host);
    char *argv[WORDS_MAX + 6];
    char dash_p[] = "-p", dashes[] = "--";
    size_t n = 0;
    TRY(split_command(argv, &n, words));
    if (place->port) {
        argv[n++] = dash_p;
        argv[n++] = place->port;
    }
    argv[n++] = dashes;
    argv[n++] = destination;
    argv[n++] = remote;
    argv[n] = NULL;
    return spawn_with_pipes(p, argv, name);
}

/* Whether it has ended, after STOP_S at the latest. */
static bool wait_for_end(pid_t pid)
{
    const double until = clock_seconds() + STOP_S;
    for (;;) {
        const pid_t ended = waitpid(pid, NULL, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return true;
        if (clock_seconds() >= until)
            return false;
        clock_sleep_ms(STOP_POLL_MS);
    }
}

void ssh_stop(struct ssh_process *p)
{
    if (!p->pid)
        return;
    close(p->in);
    close(p->out);
    kill(p->pid, SIGTERM);
    if (!wait_for_end(p->pid) && !kill(p->pid, SIGKILL)) /* EPERM: it runs as somebody else */
        (void)wait_for_end(p->pid);
    *p = (struct ssh_process){0};
}
