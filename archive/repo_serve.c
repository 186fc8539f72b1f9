/* archive/repo_serve.c: see repo_serve.h. Nothing that the other side says is believed: ids are ids before they become names,
 * handles are looked up, lengths are bounded. */
#include "archive/repo_serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive/format.h"
#include "archive/repo_kind.h"
#include "archive/wire.h"
#include "base/mem.h"

enum { HANDLES_MAX = 2048 }; /* archives of two chains, and those who use them */

enum draft_state {
    DRAFT_OPEN,
    DRAFT_COMMITTED,
    DRAFT_PUBLISHED,
    DRAFT_FAILED, /* and that was told */
};

struct server {
    struct repo *repo;
    struct wire wire;
    bool greeted;
    struct source *sources[HANDLES_MAX];
    struct repo_use *uses[HANDLES_MAX];
    struct repo_draft *draft;
    enum draft_state draft_state; /* of the last draft, or of appends without one */
    uint64_t keep_every;          /* of the draft, see WIRE_BEGIN */
    uint64_t n_appended, n_kept;
    struct repo_deletion *deletion;
};

/* The fields of the answer follow. */
static void answer(struct server *s)
{
    wire_begin(&s->wire, WIRE_OK);
}

static struct err *no_such(const char *what)
{
    return err_make(FAILED, "there is no such %s on this connection", what);
}

/* Owned by caller. */
static struct err *take_id(char **id, const struct server *s, struct reader *fields, bool last)
{
    *id = wire_text(fields);
    struct err *e = last ? wire_check(&s->wire, fields) : NULL;
    if (!e && !backup_id_is_valid(*id))
        e = err_make(USAGE, "what came is no backup id");
    if (!e)
        return NULL;
    free(*id);
    *id = NULL;
    return e;
}

static struct err *find_free(size_t *at, void *const *handles)
{
    for (*at = 0; *at < HANDLES_MAX; ++*at)
        if (!handles[*at])
            return NULL;
    return err_make(FAILED, "more than %d archives are open", HANDLES_MAX);
}

/* --- reading --- */

static struct err *on_hello(struct server *s, struct reader *f)
{
    const uint64_t version = wire_number(f);
    if (version != WIRE_VERSION)
        return err_hint(err_make(REFUSED,
                                 "the other mbe speaks version %u of the protocol, this one %d",
                                 (unsigned)version, WIRE_VERSION),
                        "Use the same mbe on both sides.");
    TRY(wire_check(&s->wire, f));
    s->greeted = true;
    answer(s);
    wire_put_number(&s->wire, WIRE_VERSION);
    return NULL;
}

static struct err *on_list(struct server *s, struct reader *f)
{
    AUTO_FREE char *after = wire_text(f);
    struct backup_ids list;
    size_t n = 0;
    TRY(wire_check(&s->wire, f));
    if (*after && !backup_id_is_valid(after))
        return err_make(USAGE, "what came is no backup id");
    TRY(repo_list(&list, s->repo));
    answer(s);
    for (size_t i = 0; i < list.n && n < WIRE_LIST_MAX; i++) {
        if (*after && backup_id_compare(list.ids[i], after) <= 0)
            continue;
        wire_put_text(&s->wire, list.ids[i]);
        n++;
    }
    backup_ids_fini(&list);
    return NULL;
}

static struct err *on_open(struct server *s, struct reader *f)
{
    AUTO_FREE char *id = NULL;
    size_t at;
    TRY(take_id(&id, s, f, true));
    TRY(find_free(&at, (void *const *)s->sources));
    TRY(repo_open_source(&s->sources[at], s->repo, id));
    answer(s);
    wire_put_number(&s->wire, at);
    wire_put_number(&s->wire, s->sources[at]->size);
    wire_put_text(&s->wire, s->sources[at]->name);
    return NULL;
}

static struct err *on_read(struct server *s, struct reader *f)
{
    const uint64_t at = wire_number(f), offset = wire_number(f), n = wire_number(f);
    size_t got;
    TRY(wire_check(&s->wire, f));
    if (at >= HANDLES_MAX || !s->sources[at] || n > WIRE_PIECE_MAX)
        return no_such("archive, or piece of one,");
    answer(s);
    struct out_bytes *o = &s->wire.sent;
    uint8_t *p = out_reserve(o, (size_t)n);
    TRY(s->sources[at]->read_at(s->sources[at], p, (size_t)n, offset, &got));
    o->n -= (size_t)n - got;
    return NULL;
}

static struct err *on_close(struct server *s, struct reader *f)
{
    const uint64_t at = wire_number(f);
    TRY(wire_check(&s->wire, f));
    if (at >= HANDLES_MAX || !s->sources[at])
        return no_such("archive");
    source_free(s->sources[at]);
    s->sources[at] = NULL;
    answer(s);
    return NULL;
}

static struct err *on_use(struct server *s, struct reader *f)
{
    AUTO_FREE char *id = NULL;
    size_t at;
    TRY(take_id(&id, s, f, true));
    TRY(find_free(&at, (void *const *)s->uses));
    TRY(repo_use_begin(&s->uses[at], s->repo, id));
    answer(s);
    wire_put_number(&s->wire, at);
    return NULL;
}

static struct err *on_unuse(struct server *s, struct reader *f)
{
    const uint64_t at = wire_number(f);
    TRY(wire_check(&s->wire, f));
    if (at >= HANDLES_MAX || !s->uses[at])
        return no_such("use");
    repo_use_end(s->uses[at]);
    s->uses[at] = NULL;
    answer(s);
    return NULL;
}

static struct err *on_record_append(struct server *s, struct reader *f)
{
    AUTO_FREE char *id = NULL;
    TRY(take_id(&id, s, f, false));
    AUTO_FREE char *line = wire_text(f);
    TRY(wire_check(&s->wire, f));
    if (strchr(line, '\n'))
        return err_make(USAGE, "what came is more than a line");
    TRY(repo_record_append(s->repo, id, line));
    answer(s);
    return NULL;
}

static struct err *on_record_read(struct server *s, struct reader *f)
{
    AUTO_FREE char *id = NULL, *text = NULL;
    TRY(take_id(&id, s, f, false));
    const uint64_t offset = wire_number(f);
    TRY(wire_check(&s->wire, f));
    TRY(repo_record_read(&text, s->repo, id));
    const size_t len = strlen(text), at = offset < len ? (size_t)offset : len, left = len - at;
    answer(s);
    wire_put_bytes(&s->wire, text + at, left < WIRE_PIECE_MAX ? left : WIRE_PIECE_MAX);
    return NULL;
}

static struct err *on_key_block_read(struct server *s, struct reader *f)
{
    AUTO_FREE char *id = NULL;
    uint8_t block[KEY_BLOCK_SIZE];
    bool there;
    TRY(take_id(&id, s, f, true));
    TRY(repo_key_block_read(block, &there, s->repo, id));
    answer(s);
    wire_put_bytes(&s->wire, block, there ? sizeof block : 0);
    return NULL;
}

static struct err *on_key_block_replace(struct server *s, struct reader *f)
{
    AUTO_FREE char *id = NULL;
    struct key_block b;
    TRY(take_id(&id, s, f, false));
    const uint8_t *block = rd_bytes(f, KEY_BLOCK_SIZE);
    TRY(wire_check(&s->wire, f));
    TRY(key_block_get(&b, block));
    TRY(repo_key_block_replace(s->repo, id, block));
    answer(s);
    return NULL;
}

/* --- a new backup --- */

static struct err *check_draft(const struct server *s, enum draft_state wanted)
{
    static const char *const names[] = {[DRAFT_OPEN] = "not committed yet",
                                        [DRAFT_COMMITTED] = "committed already",
                                        [DRAFT_PUBLISHED] = "published already"};
    if (!s->draft || s->draft_state == DRAFT_FAILED)
        return no_such("backup");
    return s->draft_state == wanted
               ? NULL
               : err_make(FAILED, "the backup on this connection is %s", names[s->draft_state]);
}

static struct err *check_no_draft(const struct server *s)
{
    return s->draft ? err_make(FAILED, "a backup was begun on this connection already") : NULL;
}

static void take_draft(struct server *s, struct repo_draft *draft, uint64_t n, uint64_t keep_every)
{
    s->draft = draft;
    s->draft_state = DRAFT_OPEN;
    s->n_appended = s->n_kept = n;
    s->keep_every = keep_every;
}

static struct err *on_begin(struct server *s, struct reader *f)
{
    AUTO_FREE char *like = wire_text(f), *type = wire_text(f);
    const uint64_t keep_every = wire_number(f);
    TRY(wire_check(&s->wire, f));
    TRY(check_no_draft(s));
    AUTO(repo_draft) draft = NULL;
    TRY(repo_begin(&draft, s->repo, *like ? like : NULL, type));
    if (keep_every)
        TRY(repo_draft_make_resumable(draft));
    take_draft(s, draft, 0, keep_every);
    draft = NULL;
    answer(s);
    wire_put_text(&s->wire, repo_draft_id(s->draft));
    return NULL;
}

static struct err *on_resume(struct server *s, struct reader *f)
{
    AUTO_FREE char *id = NULL;
    struct repo_draft *draft;
    uint64_t published;
    TRY(take_id(&id, s, f, false));
    const uint64_t n = wire_number(f), keep_every = wire_number(f);
    TRY(wire_check(&s->wire, f));
    TRY(check_no_draft(s));
    if (!keep_every || n > INT64_MAX)
        return err_make(USAGE, "what came is no size");
    TRY(repo_resume(&draft, &published, s->repo, id, n));
    if (draft)
        take_draft(s, draft, n, keep_every);
    answer(s);
    wire_put_number(&s->wire, published);
    return NULL;
}

static struct err *append(struct server *s, const struct reader *f)
{
    TRY(check_draft(s, DRAFT_OPEN));
    struct sink *sink = repo_draft_sink(s->draft);
    s->n_appended += rd_left(f);
    return sink->append(sink, f->p, rd_left(f));
}

/* *kept: there is something to be told. */
static struct err *keep(struct server *s, bool *kept)
{
    *kept = s->keep_every && s->n_appended - s->n_kept >= s->keep_every;
    if (!*kept)
        return NULL;
    struct sink *sink = repo_draft_sink(s->draft);
    TRY(sink->sync(sink));
    s->n_kept = s->n_appended;
    return repo_draft_make_resumable(s->draft);
}

/* The only one without an answer. */
static struct err *on_append(struct server *s, const struct reader *f)
{
    bool kept = false;
    if (s->draft_state == DRAFT_FAILED)
        return NULL;
    struct err *e = append(s, f);
    if (!e)
        e = keep(s, &kept);
    if (e) {
        s->draft_state = DRAFT_FAILED;
        return wire_send_error(&s->wire, WIRE_APPEND_FAILED, e);
    }
    if (!kept)
        return NULL;
    wire_begin(&s->wire, WIRE_KEPT);
    wire_put_number(&s->wire, s->n_kept);
    return wire_send(&s->wire);
}

static struct err *on_commit(struct server *s, struct reader *f)
{
    TRY(wire_check(&s->wire, f));
    TRY(check_draft(s, DRAFT_OPEN));
    struct sink *sink = repo_draft_sink(s->draft);
    s->draft_state = DRAFT_FAILED;
    TRY(sink->commit(sink));
    s->draft_state = DRAFT_COMMITTED;
    answer(s);
    return NULL;
}

static struct err *on_publish(struct server *s, struct reader *f)
{
    TRY(wire_check(&s->wire, f));
    TRY(check_draft(s, DRAFT_COMMITTED));
    s->draft_state = DRAFT_FAILED;
    TRY(repo_publish(s->draft));
    s->draft_state = DRAFT_PUBLISHED;
    answer(s);
    return NULL;
}

static struct err *on_abandon(struct server *s, struct reader *f)
{
    TRY(wire_check(&s->wire, f));
    repo_draft_free(s->draft);
    s->draft = NULL;
    answer(s);
    return NULL;
}

/* --- deletion --- */

static struct err *on_deletion_begin(struct server *s, struct reader *f)
{
    TRY(wire_check(&s->wire, f));
    if (s->deletion)
        return err_make(FAILED, "a deletion was begun on this connection already");
    TRY(repo_deletion_begin(&s->deletion, s->repo));
    answer(s);
    return NULL;
}

static struct err *on_deletion_claim(struct server *s, struct reader *f)
{
    AUTO_FREE char *id = NULL;
    bool in_use;
    TRY(take_id(&id, s, f, true));
    TRY(repo_deletion_claim(s->deletion, id, &in_use));
    answer(s);
    wire_put_number(&s->wire, in_use);
    return NULL;
}

static struct err *on_deletion_next(struct server *s)
{
    const char *id;
    TRY(repo_deletion_next(s->deletion, &id));
    answer(s);
    wire_put_text(&s->wire, id);
    return NULL;
}

static struct err *on_deletion(struct server *s, enum wire_op op, struct reader *f)
{
    if (!s->deletion)
        return no_such("deletion");
    if (op == WIRE_DELETION_CLAIM)
        return on_deletion_claim(s, f);
    TRY(wire_check(&s->wire, f));
    if (op == WIRE_DELETION_NEXT)
        return on_deletion_next(s);
    if (op == WIRE_DELETION_UNCLAIM)
        repo_deletion_unclaim(s->deletion);
    if (op == WIRE_DELETION_FINISH)
        TRY(repo_deletion_finish(s->deletion));
    if (op == WIRE_DELETION_END) {
        repo_deletion_free(s->deletion);
        s->deletion = NULL;
    }
    answer(s);
    return NULL;
}

/* --- the loop --- */

static struct err *handle(struct server *s, enum wire_op op, struct reader *f)
{
    if (!s->greeted && op != WIRE_HELLO)
        return err_make(FAILED, "message %d came before the greeting", (int)op);
    switch (op) {
    case WIRE_HELLO:
        return on_hello(s, f);
    case WIRE_LIST:
        return on_list(s, f);
    case WIRE_OPEN:
        return on_open(s, f);
    case WIRE_READ:
        return on_read(s, f);
    case WIRE_CLOSE:
        return on_close(s, f);
    case WIRE_USE:
        return on_use(s, f);
    case WIRE_UNUSE:
        return on_unuse(s, f);
    case WIRE_RECORD_APPEND:
        return on_record_append(s, f);
    case WIRE_RECORD_READ:
        return on_record_read(s, f);
    case WIRE_KEY_BLOCK_READ:
        return on_key_block_read(s, f);
    case WIRE_KEY_BLOCK_REPLACE:
        return on_key_block_replace(s, f);
    case WIRE_BEGIN:
        return on_begin(s, f);
    case WIRE_RESUME:
        return on_resume(s, f);
    case WIRE_COMMIT:
        return on_commit(s, f);
    case WIRE_PUBLISH:
        return on_publish(s, f);
    case WIRE_ABANDON:
        return on_abandon(s, f);
    case WIRE_DELETION_BEGIN:
        return on_deletion_begin(s, f);
    case WIRE_DELETION_CLAIM:
    case WIRE_DELETION_UNCLAIM:
    case WIRE_DELETION_NEXT:
    case WIRE_DELETION_FINISH:
    case WIRE_DELETION_END:
        return on_deletion(s, op, f);
    case WIRE_APPEND:
    case WIRE_OK:
    case WIRE_ERROR:
    case WIRE_APPEND_FAILED:
    case WIRE_KEPT:
        break;
    }
    return err_make(FAILED, "message %d is not known", (int)op);
}

static struct err *serve_one(struct server *s, enum wire_op op, struct reader *f)
{
    if (op == WIRE_APPEND)
        return on_append(s, f);
    struct err *e = handle(s, op, f);
    return e ? wire_send_error(&s->wire, WIRE_ERROR, e) : wire_send(&s->wire);
}

/* The connection is gone, or we are to end; the other side may come again. */
static void let_go_of_draft(struct server *s)
{
    const bool unfinished = s->draft_state == DRAFT_OPEN || s->draft_state == DRAFT_COMMITTED;
    if (s->draft && s->keep_every && unfinished)
        repo_draft_leave(s->draft);
    else
        repo_draft_free(s->draft);
}

static void server_fini(struct server *s)
{
    let_go_of_draft(s);
    repo_deletion_free(s->deletion);
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        source_free(s->sources[i]);
        repo_use_end(s->uses[i]);
    }
    wire_fini(&s->wire);
    free(s);
}

struct err *repo_serve(struct repo *repo, int in, int out)
{
    struct server *s = mem_zalloc(sizeof *s);
    s->repo = repo;
    wire_init(&s->wire, in, out, "the other side");
    struct err *e;
    enum wire_op op;
    struct reader fields;
    while (!(e = wire_receive(&s->wire, &op, &fields)) && op)
        if ((e = serve_one(s, op, &fields)))
            break;
    server_fini(s);
    return e;
}
