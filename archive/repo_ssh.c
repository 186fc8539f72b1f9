/* archive/repo_ssh.c: the repository ssh://[user@]host[:port]/path: a directory of another machine, where `mbe serve` works for us
 * (repo_serve.c), through the user's own ssh program, with all that it is set up to do: keys, agents, jump hosts.
 *
 *  H1 One connection, made when something is asked for the first time. When it breaks, what was not published is gone there.
 *  H2 What we pass to ssh cannot be taken for an option or for more than one word: host and user have no other characters than
 *     names have, and the path is quoted for the shell of the other side.
 *  H3 The other side is not trusted with our memory: what it sends in any number of messages, a list or a record, is bounded. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/catalog.h"
#include "archive/format.h"
#include "archive/repo_kind.h"
#include "archive/wire.h"
#include "base/mem.h"
#include "base/temp_dir.h"

#define SCHEME "ssh://"
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

enum {
    WORDS_MAX = 64,
    IDS_MAX = 1 << 20, /* of a list: a backup each hour for a century */
};

struct ssh_repo {
    struct repo repo;
    char *user, *host, *port, *path; /* user and port: or NULL */
    pid_t child;                     /* 0: it was not started */
    int in, out;
    pthread_mutex_t lock; /* from making a request to having taken its answer */
    struct wire wire;
};

struct ssh_source {
    struct source source;
    struct ssh_repo *repo;
    char *name;
    uint64_t handle;
};

struct ssh_use {
    struct repo_use use;
    struct ssh_repo *repo;
    uint64_t handle;
};

struct ssh_draft {
    struct repo_draft draft;
    struct ssh_repo *repo;
    struct sink sink;
    struct temp_dir *dir;
    char *id; /* NULL: it was not begun there */
};

struct ssh_deletion {
    struct repo_deletion deletion;
    struct ssh_repo *repo;
    char *id; /* the last that was taken out */
};

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
static bool split_authority(struct ssh_repo *s, const char *authority)
{
    const char *at = strrchr(authority, '@'), *host = at ? at + 1 : authority;
    const char *end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    if (!end)
        return false;
    s->user = at ? mem_printf("%.*s", (int)(at - authority), authority) : NULL;
    s->host = *host == '[' ? mem_printf("%.*s", (int)(end - host - 1), host + 1)
                           : mem_printf("%.*s", (int)(end - host), host);
    end += *end == ']' ? 1 : 0;
    s->port = *end == ':' ? mem_strdup(end + 1) : NULL;
    return (!*end || s->port) && (!s->user || is_name(s->user)) && is_host(s->host) &&
           (!s->port || is_port(s->port));
}

static struct err *split_url(struct ssh_repo *s, const char *url)
{
    const char *authority = url + strlen(SCHEME), *path = strchr(authority, '/');
    AUTO_FREE char *first =
        path ? mem_printf("%.*s", (int)(path - authority), authority) : mem_strdup(authority);
    if (!path || !path[1] || !split_authority(s, first))
        return err_make(USAGE, "%s: ssh://[user@]host[:port]/path is expected", url);
    s->path = mem_strdup(path);
    return NULL;
}

static void ssh_close(struct repo *r)
{
    struct ssh_repo *s = (struct ssh_repo *)r; /* the first member, as below */
    if (s->child) {
        close(s->in);
        close(s->out);
        kill(s->child, SIGTERM); /* every answer that we want has come */
        while (waitpid(s->child, NULL, 0) < 0 && errno == EINTR)
            ;
        wire_fini(&s->wire);
    }
    pthread_mutex_destroy(&s->lock);
    free(s->user);
    free(s->host);
    free(s->port);
    free(s->path);
    free(s);
}

static struct err *ssh_open(struct repo **out, const char *url, const struct repo_options *options)
{
    (void)options;
    struct ssh_repo *s = mem_zalloc(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    struct err *e = split_url(s, url);
    if (e) {
        ssh_close(&s->repo);
        return e;
    }
    s->repo.name = mem_strdup(url);
    *out = &s->repo;
    return NULL;
}

/* --- the connection --- */

/* 'text', for a shell. Owned by caller. */
static char *quoted(const char *text)
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

static struct err *spawn(struct ssh_repo *s, char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t ignored;
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE); /* by us, not by it */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, &ignored);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    const int rc = posix_spawnp(&s->child, argv[0], &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    if (!rc)
        return NULL;
    s->child = 0;
    return err_new_os(rc, __FILE__, __LINE__, "%s: cannot run %s", s->repo.name, argv[0]);
}

static struct err *spawn_with_pipes(struct ssh_repo *s, char *const *argv)
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
    struct err *e = spawn(s, argv, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    if (e) {
        close(to[1]);
        close(from[0]);
        return e;
    }
    s->in = from[0];
    s->out = to[1];
    (void)fcntl(s->out, F_SETFL, O_NONBLOCK); /* without it, a signal is seen later */
    wire_init(&s->wire, s->in, s->out, s->repo.name);
    return NULL;
}

static struct err *start(struct ssh_repo *s)
{
    const struct repo_options *o = &s->repo.options;
    AUTO_FREE char *command = mem_strdup(o->ssh_command ? o->ssh_command : "ssh");
    AUTO_FREE char *path = quoted(s->path),
                   *program = quoted(o->remote_mbe ? o->remote_mbe : "mbe");
    AUTO_FREE char *remote = mem_printf("%s serve --stdio --repo=%s", program, path);
    AUTO_FREE char *destination =
        s->user ? mem_printf("%s@%s", s->user, s->host) : mem_strdup(s->host);
    char *argv[WORDS_MAX + 6];
    char dash_p[] = "-p", dashes[] = "--";
    size_t n = 0;
    TRY(split_command(argv, &n, command));
    if (s->port) {
        argv[n++] = dash_p;
        argv[n++] = s->port;
    }
    argv[n++] = dashes;
    argv[n++] = destination;
    argv[n++] = remote;
    argv[n] = NULL;
    return spawn_with_pipes(s, argv);
}

static struct err *greet(struct ssh_repo *s)
{
    struct reader f;
    wire_begin(&s->wire, WIRE_HELLO);
    wire_put_number(&s->wire, WIRE_VERSION);
    TRY(wire_send(&s->wire));
    TRY(wire_answer(&s->wire, &f));
    const uint64_t version = wire_number(&f);
    TRY(wire_check(&s->wire, &f));
    return version == WIRE_VERSION
               ? NULL
               : err_make(REFUSED, "%s: speaks version %u of the protocol, this mbe %d",
                          s->repo.name, (unsigned)version, WIRE_VERSION);
}

/* Begins a request, with the lock in our hands until done(), whatever this returns. */
static struct err *request(struct ssh_repo *s, enum wire_op op)
{
    pthread_mutex_lock(&s->lock);
    if (!s->child) {
        TRY(start(s));
        TRY(err_hint(
            greet(s),
            "What ssh, and the other side, have to say about it stands above. mbe has to be "
            "installed there; --remote-mbe says where."));
    }
    wire_begin(&s->wire, op);
    return NULL;
}

/* Sends what was made and takes the answer's fields. */
static struct err *ask(struct ssh_repo *s, struct reader *f)
{
    TRY(wire_send(&s->wire));
    return wire_answer(&s->wire, f);
}

static struct err *done(struct ssh_repo *s, struct err *e)
{
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* A request with at most one text, whose answer has no fields. */
static struct err *tell(struct ssh_repo *s, enum wire_op op, const char *text)
{
    struct reader f;
    struct err *e = request(s, op);
    if (!e && text)
        wire_put_text(&s->wire, text);
    if (!e)
        e = ask(s, &f);
    return done(s, e ? e : wire_check(&s->wire, &f));
}

/* A request with a handle, whose answer, or failure, does not matter any more. */
static void give_back(struct ssh_repo *s, enum wire_op op, uint64_t handle)
{
    struct reader f;
    struct err *e = request(s, op);
    if (!e) {
        wire_put_number(&s->wire, handle);
        e = ask(s, &f);
    }
    err_free(done(s, e));
}

/* --- reading --- */

/* *more: there may be ids behind these. */
static struct err *list_some(struct backup_ids *out, struct ssh_repo *s, bool *more)
{
    const size_t before = out->n;
    struct reader f;
    struct err *e = request(s, WIRE_LIST);
    if (!e) {
        wire_put_text(&s->wire, before ? out->ids[before - 1] : "");
        e = ask(s, &f);
    }
    while (!e && rd_left(&f)) {
        char *id = wire_text(&f);
        if (out->n == IDS_MAX) {
            e = err_make(IO, "%s: a list of more than %d backups came", s->repo.name, IDS_MAX);
            free(id);
        } else if (f.ran_out || !backup_id_is_valid(id) ||
                   (out->n && backup_id_compare(out->ids[out->n - 1], id) >= 0)) {
            e = err_make(IO, "%s: a list came that is none", s->repo.name);
            free(id);
        } else {
            backup_ids_add(out, id);
        }
    }
    *more = !e && out->n > before;
    return done(s, e);
}

static struct err *ssh_list(struct backup_ids *out, struct repo *r)
{
    for (bool more = true; more;)
        TRY(list_some(out, (struct ssh_repo *)r, &more));
    return NULL;
}

static struct err *read_piece(struct ssh_source *src, uint8_t *buf, size_t n, uint64_t offset,
                              size_t *got)
{
    struct ssh_repo *s = src->repo;
    struct reader f;
    struct err *e = request(s, WIRE_READ);
    if (!e) {
        wire_put_number(&s->wire, src->handle);
        wire_put_number(&s->wire, offset);
        wire_put_number(&s->wire, n);
        e = ask(s, &f);
    }
    if (e)
        return done(s, e);
    if (rd_left(&f) > n)
        return done(s, err_make(IO, "%s: more came than was asked for", src->name));
    *got = rd_left(&f);
    memcpy(buf, f.p, *got);
    return done(s, NULL);
}

static struct err *ssh_read_at(struct source *source, void *buf, size_t n, uint64_t offset,
                               size_t *got)
{
    struct ssh_source *src = (struct ssh_source *)source;
    *got = 0;
    while (*got < n) {
        const size_t left = n - *got, piece = left < WIRE_PIECE_MAX ? left : WIRE_PIECE_MAX;
        size_t came;
        TRY(read_piece(src, (uint8_t *)buf + *got, piece, offset + *got, &came));
        *got += came;
        if (came < piece)
            break;
    }
    return NULL;
}

static void ssh_drop(struct source *source, uint64_t offset, uint64_t n)
{
    (void)source;
    (void)offset;
    (void)n;
}

static void ssh_in_order(struct source *source)
{
    (void)source;
}

static void ssh_source_free(struct source *source)
{
    struct ssh_source *src = (struct ssh_source *)source;
    give_back(src->repo, WIRE_CLOSE, src->handle);
    free(src->name);
    free(src);
}

static struct err *ssh_open_source(struct source **out, struct repo *r, const char *id)
{
    struct ssh_repo *s = (struct ssh_repo *)r;
    struct reader f;
    struct err *e = request(s, WIRE_OPEN);
    if (!e) {
        wire_put_text(&s->wire, id);
        e = ask(s, &f);
    }
    if (e)
        return done(s, e);
    struct ssh_source *src = mem_zalloc(sizeof *src);
    src->repo = s;
    src->handle = wire_number(&f);
    const uint64_t size = wire_number(&f);
    AUTO_FREE char *name = wire_text(&f);
    src->name = mem_printf("%s:%s", s->host, name);
    src->source = (struct source){.name = src->name,
                                  .size = size,
                                  .read_at = ssh_read_at,
                                  .drop = ssh_drop,
                                  .in_order = ssh_in_order,
                                  .free = ssh_source_free};
    e = done(s, wire_check(&s->wire, &f));
    if (e)
        ssh_source_free(&src->source);
    else
        *out = &src->source;
    return e;
}

static struct err *ssh_use(struct repo_use **out, struct repo *r, const char *id)
{
    struct ssh_repo *s = (struct ssh_repo *)r;
    struct reader f;
    uint64_t handle = 0;
    struct err *e = request(s, WIRE_USE);
    if (!e) {
        wire_put_text(&s->wire, id);
        e = ask(s, &f);
    }
    if (!e) {
        handle = wire_number(&f);
        e = wire_check(&s->wire, &f);
    }
    TRY(done(s, e));
    struct ssh_use *u = mem_zalloc(sizeof *u);
    u->repo = s;
    u->handle = handle;
    *out = &u->use;
    return NULL;
}

static void ssh_use_end(struct repo_use *use)
{
    struct ssh_use *u = (struct ssh_use *)use;
    give_back(u->repo, WIRE_UNUSE, u->handle);
    free(u);
}

static struct err *ssh_record_append(struct repo *r, const char *id, const char *line)
{
    struct ssh_repo *s = (struct ssh_repo *)r;
    struct reader f;
    struct err *e = request(s, WIRE_RECORD_APPEND);
    if (!e) {
        wire_put_text(&s->wire, id);
        wire_put_text(&s->wire, line);
        e = ask(s, &f);
    }
    return done(s, e);
}

static struct err *read_record_piece(struct out_bytes *text, struct ssh_repo *s, const char *id,
                                     bool *more)
{
    struct reader f;
    struct err *e = request(s, WIRE_RECORD_READ);
    *more = false;
    if (!e) {
        wire_put_text(&s->wire, id);
        wire_put_number(&s->wire, text->n);
        e = ask(s, &f);
    }
    if (e)
        return done(s, e);
    if (rd_left(&f) > CATALOG_RECORD_MAX - text->n)
        return done(s, err_make(IO, "%s: a record of more than %d bytes came", s->repo.name,
                                CATALOG_RECORD_MAX));
    out_bytes_put(text, f.p, rd_left(&f));
    *more = rd_left(&f) == WIRE_PIECE_MAX;
    return done(s, NULL);
}

static struct err *ssh_record_read(char **text, struct repo *r, const char *id)
{
    struct out_bytes all = {0};
    struct err *e = NULL;
    for (bool more = true; more && !e;)
        e = read_record_piece(&all, (struct ssh_repo *)r, id, &more);
    if (e) {
        free(all.p);
        return e;
    }
    *out_reserve(&all, 1) = 0;
    *text = (char *)all.p;
    return NULL;
}

static struct err *take_key_block(uint8_t *p, bool *there, struct ssh_repo *s, struct reader *f)
{
    *there = rd_left(f) > 0;
    const uint8_t *block = *there ? rd_bytes(f, KEY_BLOCK_SIZE) : NULL;
    TRY(wire_check(&s->wire, f));
    if (block)
        memcpy(p, block, KEY_BLOCK_SIZE);
    return NULL;
}

static struct err *ssh_key_block_read(uint8_t *p, bool *there, struct repo *r, const char *id)
{
    struct ssh_repo *s = (struct ssh_repo *)r;
    struct reader f;
    struct err *e = request(s, WIRE_KEY_BLOCK_READ);
    if (!e) {
        wire_put_text(&s->wire, id);
        e = ask(s, &f);
    }
    if (!e)
        e = take_key_block(p, there, s, &f);
    return done(s, e);
}

static struct err *ssh_key_block_replace(struct repo *r, const char *id, const uint8_t *p)
{
    struct ssh_repo *s = (struct ssh_repo *)r;
    struct reader f;
    struct err *e = request(s, WIRE_KEY_BLOCK_REPLACE);
    if (!e) {
        wire_put_text(&s->wire, id);
        wire_put_bytes(&s->wire, p, KEY_BLOCK_SIZE);
        e = ask(s, &f);
    }
    return done(s, e);
}

/* --- a new backup --- */

static struct ssh_draft *draft_of(struct sink *sink)
{
    return (struct ssh_draft *)((char *)sink - offsetof(struct ssh_draft, sink));
}

/* Without an answer. The other side speaks up when something is wrong. */
static struct err *append_piece(struct ssh_repo *s, const void *data, size_t n)
{
    struct err *e = request(s, WIRE_APPEND);
    if (!e)
        e = wire_append_error(&s->wire);
    if (!e) {
        wire_put_bytes(&s->wire, data, n);
        e = wire_send(&s->wire);
    }
    return done(s, e);
}

static struct err *ssh_append(struct sink *sink, const void *data, size_t n)
{
    for (size_t at = 0; at < n; at += WIRE_PIECE_MAX)
        TRY(append_piece(draft_of(sink)->repo, (const uint8_t *)data + at,
                         n - at < WIRE_PIECE_MAX ? n - at : WIRE_PIECE_MAX));
    return NULL;
}

static struct err *ssh_commit(struct sink *sink)
{
    struct ssh_repo *s = draft_of(sink)->repo;
    struct reader f;
    struct err *e = request(s, WIRE_COMMIT);
    if (!e)
        e = ask(s, &f);
    struct err *first = s->wire.append_error;
    s->wire.append_error = NULL;
    return done(s, err_first(first, e));
}

static void ssh_sink_free(struct sink *sink)
{
    (void)sink; /* part of its draft */
}

static void ssh_draft_free(struct repo_draft *draft)
{
    struct ssh_draft *d = (struct ssh_draft *)draft;
    if (draft->sink)
        draft->sink->free(draft->sink);
    if (d->id)
        err_free(
            tell(d->repo, WIRE_ABANDON, NULL)); /* one that is not told sees that we are gone */
    temp_dir_close(d->dir);
    free(d->id);
    free(d);
}

static struct err *begin_there(struct ssh_draft *d, const char *like, const char *type)
{
    struct ssh_repo *s = d->repo;
    struct reader f;
    struct err *e = request(s, WIRE_BEGIN);
    if (!e) {
        wire_put_text(&s->wire, like);
        wire_put_text(&s->wire, type);
        e = ask(s, &f);
    }
    if (e)
        return done(s, e);
    d->id = wire_text(&f);
    return done(s, wire_check(&s->wire, &f));
}

static struct err *open_draft(struct ssh_draft *d, const char *like, const char *type)
{
    TRY(repo_temp_dir(&d->dir, &d->repo->repo.options));
    TRY(begin_there(d, like, type));
    if (!backup_id_is_valid(d->id))
        return err_make(IO, "%s: an id came that is none", d->repo->repo.name);
    d->sink = (struct sink){.append = ssh_append, .commit = ssh_commit, .free = ssh_sink_free};
    d->draft.dir = temp_dir_path(d->dir);
    d->draft.id = d->id;
    sink_hold_open(&d->draft.sink, &d->sink, d->draft.dir);
    return NULL;
}

static struct err *ssh_begin(struct repo_draft **out, struct repo *r, const char *like,
                             const char *type)
{
    struct ssh_draft *d = mem_zalloc(sizeof *d);
    d->repo = (struct ssh_repo *)r;
    struct err *e = open_draft(d, like, type);
    if (e)
        ssh_draft_free(&d->draft);
    else
        *out = &d->draft;
    return e;
}

static struct err *ssh_publish(struct repo_draft *draft)
{
    return tell(((struct ssh_draft *)draft)->repo, WIRE_PUBLISH, NULL);
}

/* --- deletion --- */

static struct err *ssh_deletion_begin(struct repo_deletion **out, struct repo *r)
{
    TRY(tell((struct ssh_repo *)r, WIRE_DELETION_BEGIN, NULL));
    struct ssh_deletion *d = mem_zalloc(sizeof *d);
    d->repo = (struct ssh_repo *)r;
    *out = &d->deletion;
    return NULL;
}

static struct err *ssh_deletion_claim(struct repo_deletion *deletion, const char *id, bool *in_use)
{
    struct ssh_repo *s = ((struct ssh_deletion *)deletion)->repo;
    struct reader f;
    struct err *e = request(s, WIRE_DELETION_CLAIM);
    if (!e) {
        wire_put_text(&s->wire, id);
        e = ask(s, &f);
    }
    if (e)
        return done(s, e);
    *in_use = wire_number(&f) != 0;
    return done(s, wire_check(&s->wire, &f));
}

static void ssh_deletion_unclaim(struct repo_deletion *deletion)
{
    err_free(tell(((struct ssh_deletion *)deletion)->repo, WIRE_DELETION_UNCLAIM, NULL));
}

static struct err *ssh_deletion_next(struct repo_deletion *deletion, const char **id)
{
    struct ssh_deletion *d = (struct ssh_deletion *)deletion;
    struct ssh_repo *s = d->repo;
    struct reader f;
    *id = NULL;
    struct err *e = request(s, WIRE_DELETION_NEXT);
    if (!e)
        e = ask(s, &f);
    if (e)
        return done(s, e);
    free(d->id);
    d->id = wire_text(&f);
    *id = *d->id ? d->id : NULL;
    return done(s, wire_check(&s->wire, &f));
}

static struct err *ssh_deletion_finish(struct repo_deletion *deletion)
{
    return tell(((struct ssh_deletion *)deletion)->repo, WIRE_DELETION_FINISH, NULL);
}

static void ssh_deletion_free(struct repo_deletion *deletion)
{
    struct ssh_deletion *d = (struct ssh_deletion *)deletion;
    err_free(tell(d->repo, WIRE_DELETION_END, NULL));
    free(d->id);
    free(d);
}

const struct repo_kind repo_kind_ssh = {
    .scheme = "ssh",
    .open = ssh_open,
    .close = ssh_close,
    .list = ssh_list,
    .open_source = ssh_open_source,
    .use = ssh_use,
    .use_end = ssh_use_end,
    .record_append = ssh_record_append,
    .record_read = ssh_record_read,
    .key_block_read = ssh_key_block_read,
    .key_block_replace = ssh_key_block_replace,
    .begin = ssh_begin,
    .publish = ssh_publish,
    .draft_free = ssh_draft_free,
    .deletion_begin = ssh_deletion_begin,
    .deletion_claim = ssh_deletion_claim,
    .deletion_unclaim = ssh_deletion_unclaim,
    .deletion_next = ssh_deletion_next,
    .deletion_finish = ssh_deletion_finish,
    .deletion_free = ssh_deletion_free,
};
