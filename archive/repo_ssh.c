/* archive/repo_ssh.c: the repository ssh://[user@]host[:port]/path: a directory of another machine, where `mbe serve` works for us
 * (repo_serve.c), through the user's own ssh program (ssh.h).
 *
 *  H1 One connection, made when something is asked for the first time. When it breaks another one is made, for so long as the options
 *     say. Then what is in use is used again, archives are opened again, and a backup goes on behind what the other side keeps of it;
 *     what it may have lost is in the upload window. A deletion is not gone on with: its locks were let go.
 *  H2 A request is sent again only if it does no harm when it was carried out before.
 *  H3 The other side is not trusted with our memory: what it sends in any number of messages, a list or a record, is bounded. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "archive/catalog.h"
#include "archive/format.h"
#include "archive/repo_kind.h"
#include "archive/ssh.h"
#include "archive/upload_window.h"
#include "archive/wire.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/temp_dir.h"
#include "s3/retry.h"

enum {
    IDS_MAX = 1 << 20,                  /* of a list: a backup each hour for a century */
    KEEP_EVERY = UPLOAD_WINDOW_MAX / 4, /* bytes of an upload; an fsync of the other side each */
    LAST_WORDS_S = 5,
    HELD_S = 5,     /* a connection that breaks sooner was none */
    HELD_MAX = 100, /* breaks of others without progress: not for ever */
    SLICE_MS = 200,
};

struct ssh_use;
struct ssh_draft;

struct ssh_repo {
    struct repo repo;
    struct ssh_place place;
    pthread_mutex_t lock; /* from making a request to having taken its answer; guards all below */
    struct ssh_process ssh;
    struct wire wire;        /* while there is an ssh */
    uint64_t connections;    /* that were made; handles are those of one */
    struct ssh_use *uses;    /* to be used again behind a new connection */
    struct ssh_draft *draft; /* the one to be gone on with behind a new connection, or NULL */
    double up_since;         /* this connection; 0: it is not yet of use */
    double broken_since;     /* 0: there was an answer since then */
    int attempts;            /* to connect since then */
    int held;                /* connections without an answer that lived for HELD_S, and broke */
    char *lost;              /* there will be no other connection, and why; or NULL */
};

struct ssh_source {
    struct source source;
    struct ssh_repo *repo;
    char *id, *name;
    uint64_t handle, connection;
};

struct ssh_use {
    struct repo_use use;
    struct ssh_repo *repo;
    struct ssh_use *next;
    char *id;
    uint64_t handle, connection;
};

struct ssh_draft {
    struct repo_draft draft;
    struct ssh_repo *repo;
    struct sink sink;
    struct temp_dir *dir;
    char *id;                     /* NULL: it was not begun there */
    struct upload_window *window; /* NULL: it ends with its connection */
    uint64_t committed_by;        /* the number of a connection */
    bool published;               /* as was found out by a new connection */
};

struct ssh_deletion {
    struct repo_deletion deletion;
    struct ssh_repo *repo;
    char *id; /* the last that was taken out */
};

static void disconnect(struct ssh_repo *s)
{
    if (s->ssh.pid)
        wire_fini(&s->wire);
    ssh_stop(&s->ssh);
}

static void ssh_close(struct repo *r)
{
    struct ssh_repo *s = (struct ssh_repo *)r; /* the first member, as below */
    disconnect(s);                             /* every answer that we want has come */
    pthread_mutex_destroy(&s->lock);
    ssh_place_fini(&s->place);
    free(s->lost);
    free(s);
}

static struct err *ssh_open(struct repo **out, const char *url, const struct repo_options *options)
{
    struct ssh_place place;
    (void)options;
    TRY(ssh_place_parse(&place, url));
    struct ssh_repo *s = mem_zalloc(sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->place = place;
    s->repo.name = mem_strdup(url);
    *out = &s->repo;
    return NULL;
}

/* --- the connection --- */

/* What was made is sent, and its answer's fields are taken. */
static struct err *exchange(struct ssh_repo *s, struct reader *f)
{
    TRY(wire_send(&s->wire));
    return wire_answer(&s->wire, f);
}

static struct err *start(struct ssh_repo *s)
{
    const struct repo_options *o = &s->repo.options;
    AUTO_FREE char *path = ssh_quoted(s->place.path),
                   *program = ssh_quoted(o->remote_mbe ? o->remote_mbe : "mbe");
    AUTO_FREE char *command = mem_printf("%s serve --stdio --repo=%s", program, path);
    TRY(ssh_start(&s->ssh, &s->place, o->ssh_command, command, s->repo.name));
    wire_init(&s->wire, s->ssh.in, s->ssh.out, s->repo.name);
    s->connections++;
    return NULL;
}

static struct err *greet(struct ssh_repo *s)
{
    struct reader f;
    wire_begin(&s->wire, WIRE_HELLO);
    wire_put_number(&s->wire, WIRE_VERSION);
    TRY(exchange(s, &f));
    const uint64_t version = wire_number(&f);
    TRY(wire_check(&s->wire, &f));
    return version == WIRE_VERSION
               ? NULL
               : err_make(REFUSED, "%s: speaks version %u of the protocol, this mbe %d",
                          s->repo.name, (unsigned)version, WIRE_VERSION);
}

static struct err *take_use(struct ssh_use *u)
{
    struct ssh_repo *s = u->repo;
    struct reader f;
    wire_begin(&s->wire, WIRE_USE);
    wire_put_text(&s->wire, u->id);
    TRY(exchange(s, &f));
    u->handle = wire_number(&f);
    u->connection = s->connections;
    return wire_check(&s->wire, &f);
}

static struct err *resume(struct ssh_draft *d);

static struct err *take_up(struct ssh_repo *s)
{
    TRY(start(s));
    TRY(greet(s));
    for (struct ssh_use *u = s->uses; u; u = u->next)
        TRY(take_use(u));
    s->up_since = clock_seconds();
    return s->draft ? resume(s->draft) : NULL;
}

/* From now on nothing can be asked any more, because of e. Returns e. */
static struct err *lose(struct ssh_repo *s, struct err *e)
{
    disconnect(s);
    if (!s->lost)
        s->lost = mem_strdup(e->message);
    return e;
}

static struct err *wait_before(const struct ssh_repo *s)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof random, 0); /* without it the wait is the shortest one */
    for (unsigned left = retry_wait_ms(s->attempts, random); left;) {
        const unsigned slice = left < SLICE_MS ? left : SLICE_MS;
        TRY(signals_check());
        clock_sleep_ms(slice);
        left -= slice;
    }
    return NULL;
}

/* Waits and makes another connection. *again: it failed, and the next one may not. */
static struct err *try_to_connect(struct ssh_repo *s, bool *again)
{
    *again = false;
    s->attempts++;
    TRY(wait_before(s));
    struct err *e = take_up(s);
    /* The process that has our draft may not have seen yet that we were gone. */
    *again = e && (s->wire.broken || e->os_errno == EWOULDBLOCK);
    return e;
}

/* A connection that held for a while came after the last break, and its own break has the whole time again. */
static void note_break(struct ssh_repo *s)
{
    const double now = clock_seconds();
    if (s->broken_since && s->up_since && now - s->up_since >= HELD_S && s->held < HELD_MAX) {
        s->held++;
        s->broken_since = 0;
        s->attempts = 0;
    }
    s->up_since = 0;
    if (!s->broken_since)
        s->broken_since = now;
}

/* After e, the end of a connection: has another one, on which the message that was being made stands to be sent, or gives e, or
 * what it was not possible for. */
static struct err *connect_again(struct ssh_repo *s, struct err *e)
{
    struct out_bytes message = s->wire.sent;
    s->wire.sent = (struct out_bytes){0};
    for (bool again = true; e && again;) {
        note_break(s); /* each time: what came of an upload in between is progress */
        disconnect(s);
        again = clock_seconds() - s->broken_since < s->repo.options.ssh_retry_s;
        if (!again)
            break;
        log_warning(s->repo.options.log, "ssh", "%s; connecting again", e->message);
        err_free(e);
        e = try_to_connect(s, &again);
    }
    if (e) {
        free(message.p);
        return lose(s, e);
    }
    free(s->wire.sent.p);
    s->wire.sent = message;
    return NULL;
}

/* e, or what made an append fail before it. */
static struct err *cause_of(struct ssh_repo *s, struct err *e)
{
    struct err *first = s->wire.append_error;
    s->wire.append_error = NULL;
    return err_first(first, e);
}

/* What becomes of the error e: NULL if there is another connection now, on which the same can be tried again. As in
 * while ((e = try_it()) && !(e = recover(s, e))); */
static struct err *recover(struct ssh_repo *s, struct err *e)
{
    if (s->wire.broken && s->wire.append_error)
        return cause_of(s, e); /* it would fail again, or for a reason that is not the first one */
    return s->wire.broken ? connect_again(s, e) : e;
}

static void note_progress(struct ssh_repo *s)
{
    s->broken_since = 0;
    s->attempts = 0;
    s->held = 0;
}

static struct err *connect_first(struct ssh_repo *s)
{
    struct err *e =
        err_hint(take_up(s),
                 "What ssh, and the other side, have to say about it stands above. mbe has to be "
                 "installed there; --remote-mbe says where.");
    return e ? lose(s, e) : NULL;
}

/* The lock is in our hands until done(), whatever this returns. */
static struct err *enter(struct ssh_repo *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->lost)
        return err_make(IO, "%s", s->lost);
    return s->ssh.pid ? NULL : connect_first(s);
}

/* Begins a request; as enter(). */
static struct err *request(struct ssh_repo *s, enum wire_op op)
{
    TRY(enter(s));
    wire_begin(&s->wire, op);
    return NULL;
}

/* Sends what was made and takes the answer's fields. */
static struct err *ask_once(struct ssh_repo *s, struct reader *f)
{
    struct err *e = exchange(s, f);
    if (!e)
        note_progress(s);
    return e;
}

/* The same, on another connection if need be. For what has no handles, and does no harm when it is done twice: H2. */
static struct err *ask(struct ssh_repo *s, struct reader *f)
{
    for (;;) {
        struct err *e = ask_once(s, f);
        if (!e)
            return NULL;
        TRY(recover(s, e));
    }
}

static struct err *done(struct ssh_repo *s, struct err *e)
{
    if (e && s->wire.broken)
        e = lose(s, e);
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* A request with no field, sent once, whose answer has none. */
static struct err *tell(struct ssh_repo *s, enum wire_op op)
{
    struct reader f;
    struct err *e = request(s, op);
    if (!e)
        e = ask_once(s, &f);
    return done(s, e ? e : wire_check(&s->wire, &f));
}

/* A request with a handle of `connection`, whose failure does not matter any more. */
static void give_back(struct ssh_repo *s, enum wire_op op, uint64_t handle, uint64_t connection)
{
    struct reader f;
    struct err *e = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->ssh.pid && s->connections == connection) {
        wire_begin(&s->wire, op);
        wire_put_number(&s->wire, handle);
        e = ask_once(s, &f);
        if (!e && (e = wire_check(&s->wire, &f)))
            disconnect(s); /* it was the answer to something else */
    }
    pthread_mutex_unlock(&s->lock);
    err_free(e);
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

/* Opens src->id. */
static struct err *open_there(struct ssh_source *src, struct reader *f)
{
    struct ssh_repo *s = src->repo;
    wire_begin(&s->wire, WIRE_OPEN);
    wire_put_text(&s->wire, src->id);
    TRY(exchange(s, f));
    src->handle = wire_number(f);
    src->connection = s->connections;
    return NULL;
}

/* Behind a new connection. Meanwhile the backup was not in use. */
static struct err *open_again(struct ssh_source *src)
{
    struct reader f;
    TRY(open_there(src, &f));
    if (wire_number(&f) != src->source.size)
        return err_make(IO, "%s: is another archive than it was", src->name);
    return NULL;
}

static struct err *read_once(struct ssh_source *src, size_t n, uint64_t offset, struct reader *f)
{
    struct ssh_repo *s = src->repo;
    if (src->connection != s->connections)
        TRY(open_again(src));
    wire_begin(&s->wire, WIRE_READ);
    wire_put_number(&s->wire, src->handle);
    wire_put_number(&s->wire, offset);
    wire_put_number(&s->wire, n);
    return ask_once(s, f);
}

static struct err *read_piece(struct ssh_source *src, uint8_t *buf, size_t n, uint64_t offset,
                              size_t *got)
{
    struct ssh_repo *s = src->repo;
    struct reader f;
    struct err *e = enter(s);
    if (!e)
        while ((e = read_once(src, n, offset, &f)) && !(e = recover(s, e)))
            ;
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
        size_t came = 0;
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
    give_back(src->repo, WIRE_CLOSE, src->handle, src->connection);
    free(src->id);
    free(src->name);
    free(src);
}

static struct err *open_first(struct ssh_source *src)
{
    struct ssh_repo *s = src->repo;
    struct reader f;
    struct err *e = enter(s);
    if (!e)
        while ((e = open_there(src, &f)) && !(e = recover(s, e)))
            ;
    if (e)
        return done(s, e);
    src->source.size = wire_number(&f);
    AUTO_FREE char *name = wire_text(&f);
    src->name = mem_printf("%s:%s", s->place.host, name);
    src->source.name = src->name;
    return done(s, wire_check(&s->wire, &f));
}

static struct err *ssh_open_source(struct source **out, struct repo *r, const char *id)
{
    struct ssh_source *src = mem_zalloc(sizeof *src);
    src->repo = (struct ssh_repo *)r;
    src->id = mem_strdup(id);
    src->source = (struct source){.read_at = ssh_read_at,
                                  .drop = ssh_drop,
                                  .in_order = ssh_in_order,
                                  .free = ssh_source_free};
    struct err *e = open_first(src);
    if (e)
        ssh_source_free(&src->source);
    else
        *out = &src->source;
    return e;
}

static void use_free(struct ssh_use *u)
{
    free(u->id);
    free(u);
}

static struct err *ssh_use(struct repo_use **out, struct repo *r, const char *id)
{
    struct ssh_repo *s = (struct ssh_repo *)r;
    struct ssh_use *u = mem_zalloc(sizeof *u);
    u->repo = s;
    u->id = mem_strdup(id);
    struct err *e = enter(s);
    if (!e)
        while ((e = take_use(u)) && !(e = recover(s, e)))
            ;
    if (!e) {
        u->next = s->uses;
        s->uses = u;
        *out = &u->use;
    } else {
        use_free(u);
    }
    return done(s, e);
}

static void ssh_use_end(struct repo_use *use)
{
    struct ssh_use *u = (struct ssh_use *)use;
    struct ssh_repo *s = u->repo;
    pthread_mutex_lock(&s->lock);
    struct ssh_use **at = &s->uses;
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    pthread_mutex_unlock(&s->lock);
    give_back(s, WIRE_UNUSE, u->handle, u->connection);
    use_free(u);
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

/* What the other side keeps has not to be kept here. It was sent everything up to `sent`. */
static struct err *let_go_of_kept(struct ssh_draft *d, uint64_t sent)
{
    struct ssh_repo *s = d->repo;
    struct upload_window *w = d->window;
    if (s->wire.kept <= w->from)
        return NULL;
    if (s->wire.kept > sent)
        return err_make(IO, "%s: says that it has more than was sent", s->repo.name);
    w->from = s->wire.kept;
    note_progress(s);
    return NULL;
}

/* Reads each piece into the message itself. What is kept meanwhile is let go of at once: if this connection breaks too, it has not to be
 * sent once more. */
static struct err *send_window(struct ssh_draft *d)
{
    struct ssh_repo *s = d->repo;
    const struct upload_window *w = d->window;
    for (uint64_t at = w->from; at < w->to; at += WIRE_PIECE_MAX) {
        const size_t n = w->to - at < WIRE_PIECE_MAX ? (size_t)(w->to - at) : WIRE_PIECE_MAX;
        wire_begin(&s->wire, WIRE_APPEND);
        TRY(upload_window_get(w, out_reserve(&s->wire.sent, n), n, at));
        TRY(wire_send(&s->wire));
        TRY(wire_append_error(&s->wire));
        TRY(let_go_of_kept(d, at + n));
    }
    return NULL;
}

/* On a new connection: goes on behind what the other side keeps. */
static struct err *resume(struct ssh_draft *d)
{
    struct ssh_repo *s = d->repo;
    struct upload_window *w = d->window;
    struct reader f;
    wire_begin(&s->wire, WIRE_RESUME);
    wire_put_text(&s->wire, d->id);
    wire_put_number(&s->wire, w->from);
    wire_put_number(&s->wire, KEEP_EVERY);
    TRY(exchange(s, &f));
    const uint64_t published = wire_number(&f);
    TRY(wire_check(&s->wire, &f));
    if (published && (!d->committed_by || published != w->to))
        return err_make(FAILED, "%s: backup %s was published by somebody else", s->repo.name,
                        d->id);
    d->published = published > 0;
    return published ? NULL : send_window(d);
}

static struct err *make_room(struct ssh_draft *d, size_t n)
{
    struct ssh_repo *s = d->repo;
    while (upload_window_room(d->window) < n) {
        struct err *e = wire_wait_notice(&s->wire);
        if (!e)
            e = let_go_of_kept(d, d->window->to);
        if (e)
            TRY(recover(s, e));
    }
    return NULL;
}

static struct err *put_into_window(struct ssh_draft *d, const void *data, size_t n)
{
    if (!d->window)
        return NULL;
    TRY(make_room(d, n));
    return err_hint(upload_window_put(d->window, data, n),
                    "What the other side does not keep yet is kept there: name a directory with "
                    "more room with --tmp-dir=DIR, or do without by --ssh-retry=0.");
}

/* Without an answer. The other side speaks up when something is wrong. */
static struct err *send_piece(struct ssh_draft *d, const void *data, size_t n)
{
    struct ssh_repo *s = d->repo;
    TRY(wire_append_error(&s->wire));
    if (d->window)
        TRY(let_go_of_kept(d, d->window->to));
    wire_begin(&s->wire, WIRE_APPEND);
    wire_put_bytes(&s->wire, data, n);
    return wire_send(&s->wire);
}

static struct err *append_piece(struct ssh_draft *d, const void *data, size_t n)
{
    struct ssh_repo *s = d->repo;
    TRY(put_into_window(d, data, n));
    struct err *e = send_piece(d, data, n);
    return e ? recover(s, e) : NULL; /* a new connection has got it with the window */
}

static struct err *ssh_append(struct sink *sink, const void *data, size_t n)
{
    struct ssh_draft *d = draft_of(sink);
    struct err *e = enter(d->repo);
    for (size_t at = 0; at < n && !e; at += WIRE_PIECE_MAX)
        e = append_piece(d, (const uint8_t *)data + at,
                         n - at < WIRE_PIECE_MAX ? n - at : WIRE_PIECE_MAX);
    return done(d->repo, e);
}

static struct err *commit_once(struct ssh_draft *d)
{
    struct ssh_repo *s = d->repo;
    struct reader f;
    wire_begin(&s->wire, WIRE_COMMIT);
    struct err *e = ask_once(s, &f);
    if (!e)
        e = wire_check(&s->wire, &f);
    TRY(s->wire.broken ? e : cause_of(s, e)); /* of a broken one recover() has to see it */
    d->committed_by = s->connections;
    if (d->window)
        d->window->from = d->window->to;
    return NULL;
}

static struct err *ssh_commit(struct sink *sink)
{
    struct ssh_draft *d = draft_of(sink);
    struct err *e = enter(d->repo);
    if (!e)
        while ((e = commit_once(d)) && !(e = recover(d->repo, e)))
            ;
    return done(d->repo, e);
}

static void ssh_sink_free(struct sink *sink)
{
    (void)sink; /* part of its draft */
}

/* Also when a signal ends us, after which one that is to be gone on with would stay there for a while. */
static void abandon(struct ssh_draft *d)
{
    struct ssh_repo *s = d->repo;
    struct reader f;
    pthread_mutex_lock(&s->lock);
    s->draft = NULL;
    struct err *e = s->ssh.pid ? wire_last_words(&s->wire, LAST_WORDS_S) : NULL;
    if (s->ssh.pid && !e) {
        wire_begin(&s->wire, WIRE_ABANDON);
        e = exchange(s, &f);
        if (!e)
            e = wire_check(&s->wire, &f);
        s->wire.give_up_at = 0;
    }
    if (e)
        disconnect(s); /* an answer that still comes would be taken for that to the next request */
    err_free(e);
    pthread_mutex_unlock(&s->lock);
}

static void ssh_draft_free(struct repo_draft *draft)
{
    struct ssh_draft *d = (struct ssh_draft *)draft;
    if (draft->sink)
        draft->sink->free(draft->sink);
    if (d->id)
        abandon(d);
    upload_window_close(d->window);
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
        wire_put_number(&s->wire, d->window ? KEEP_EVERY : 0);
        e = ask_once(s, &f);
    }
    if (e)
        return done(s, e);
    d->id = wire_text(&f);
    s->draft = d->window ? d : NULL;
    return done(s, wire_check(&s->wire, &f));
}

static struct err *open_draft(struct ssh_draft *d, const char *like, const char *type)
{
    const struct repo_options *o = &d->repo->repo.options;
    TRY(repo_temp_dir(&d->dir, o));
    if (o->ssh_retry_s)
        TRY(upload_window_open(&d->window, temp_dir_path(d->dir)));
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

/* What was committed on a connection that broke is committed again. */
static struct err *publish_once(struct ssh_draft *d)
{
    struct ssh_repo *s = d->repo;
    struct reader f;
    if (d->published)
        return NULL;
    if (d->committed_by != s->connections)
        TRY(commit_once(d));
    wire_begin(&s->wire, WIRE_PUBLISH);
    TRY(ask_once(s, &f));
    return wire_check(&s->wire, &f);
}

static struct err *ssh_publish(struct repo_draft *draft)
{
    struct ssh_draft *d = (struct ssh_draft *)draft;
    struct err *e = enter(d->repo);
    if (!e)
        while ((e = publish_once(d)) && !(e = recover(d->repo, e)))
            ;
    return done(d->repo, e);
}

/* --- deletion --- */

static struct err *ssh_deletion_begin(struct repo_deletion **out, struct repo *r)
{
    TRY(tell((struct ssh_repo *)r, WIRE_DELETION_BEGIN));
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
        e = ask_once(s, &f);
    }
    if (e)
        return done(s, e);
    *in_use = wire_number(&f) != 0;
    return done(s, wire_check(&s->wire, &f));
}

static void ssh_deletion_unclaim(struct repo_deletion *deletion)
{
    err_free(tell(((struct ssh_deletion *)deletion)->repo, WIRE_DELETION_UNCLAIM));
}

static struct err *ssh_deletion_next(struct repo_deletion *deletion, const char **id)
{
    struct ssh_deletion *d = (struct ssh_deletion *)deletion;
    struct ssh_repo *s = d->repo;
    struct reader f;
    *id = NULL;
    struct err *e = request(s, WIRE_DELETION_NEXT);
    if (!e)
        e = ask_once(s, &f);
    if (e)
        return done(s, e);
    free(d->id);
    d->id = wire_text(&f);
    *id = *d->id ? d->id : NULL;
    return done(s, wire_check(&s->wire, &f));
}

static struct err *ssh_deletion_finish(struct repo_deletion *deletion)
{
    return tell(((struct ssh_deletion *)deletion)->repo, WIRE_DELETION_FINISH);
}

static void ssh_deletion_free(struct repo_deletion *deletion)
{
    struct ssh_deletion *d = (struct ssh_deletion *)deletion;
    err_free(tell(d->repo, WIRE_DELETION_END));
    free(d->id);
    free(d);
}

static struct err *ssh_check(struct repo *r)
{
    struct ssh_repo *s = (struct ssh_repo *)r;
    pthread_mutex_lock(&s->lock);
    struct err *e = s->lost ? err_make(IO, "%s", s->lost) : NULL;
    pthread_mutex_unlock(&s->lock);
    return e;
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
    .check = ssh_check,
    .deletion_begin = ssh_deletion_begin,
    .deletion_claim = ssh_deletion_claim,
    .deletion_unclaim = ssh_deletion_unclaim,
    .deletion_next = ssh_deletion_next,
    .deletion_finish = ssh_deletion_finish,
    .deletion_free = ssh_deletion_free,
};
