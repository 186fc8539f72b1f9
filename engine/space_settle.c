/* engine/space_settle.c: see space_settle.h. */
#include "engine/space_settle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/space_judge.h"

static struct err *judge(struct space_verdict *v, struct space_set *set, const struct listing *list)
{
    struct tailer *tail = set->env->tail;
    const struct file_ops *ops = tailer_file_ops(tail);
    const struct space_evidence evidence = {
        .listing = list,
        .ops = ops,
        .copied = set,
        .root = set->env->datadir->root,
        .at_rest = set->env->torn != NULL,
    };
    struct err *e = space_judge(v, &evidence);
    tailer_release(tail);
    return e;
}

static struct err *copy_listed(struct space_set *set, const struct space_to_copy *c)
{
    log_info(set->env->log, "copy", "%s: copying space %" PRIu32 " now: %s", c->file->name, c->id,
             c->why);
    return space_set_copy_one(set, c->file, SPACE_COPY_AGAIN);
}

/* A space that seems to be revived may be one whose file is about to be removed: only the lock tells. */
static struct err *copy_early(struct space_set *set, const struct space_verdict *v)
{
    for (size_t i = 0; i < v->n_copies; i++)
        if (!v->copies[i].revives)
            TRY(copy_listed(set, &v->copies[i]));
    return NULL;
}

static struct err *copy_all(struct space_set *set, const struct space_verdict *v)
{
    for (size_t i = 0; i < set->n; i++)
        set->items[i].revived = false;
    for (size_t i = 0; i < v->n_copies; i++) {
        TRY(copy_listed(set, &v->copies[i]));
        struct copied_space *c = space_set_find(set, v->copies[i].id);
        if (c && v->copies[i].revives)
            c->revived = true;
    }
    return NULL;
}

struct err *space_settle_early(struct space_set *set, const struct listing *list)
{
    struct space_verdict v;
    struct err *e = judge(&v, set, list);
    if (!e)
        e = copy_early(set, &v);
    space_verdict_fini(&v);
    return e;
}

/* A space that the redo names, outside every directory that was listed: DATA DIRECTORY without its .isl. */
static struct err *copy_unlisted(struct space_set *set, const struct space_unlisted *u)
{
    const bool external = u->name[0] == '/';
    AUTO_FREE char *path =
        external ? mem_strdup(u->name) : mem_printf("%s/%s", set->env->datadir->root, u->name);
    const struct listed_space file = {.name = u->name, .path = path, .external = external};
    struct space_head head;
    TRY(space_head_read(&head, path));
    if (head.absent || head.zero || head.id != u->id)
        return err_make(CORRUPT, "%s: the redo log has changes of space %" PRIu32 ", and %s", path,
                        u->id, head.absent ? "the file is missing" : "the file is not that space");
    return space_set_copy_one(set, &file, SPACE_COPY_AGAIN);
}

/* "./db/t.ibd" -> "db/t.ibd" */
static const char *plain_name(const char *name)
{
    return name[0] == '.' && name[1] == '/' ? name + 2 : name;
}

/* The file that the server has opened as that space; NULL: it has no such space. */
static struct err *ask_dictionary(char **file, struct conn *queries, space_id_t id)
{
    *file = NULL;
    return conn_query_text(
        queries, file,
        "SELECT FILENAME FROM information_schema.INNODB_SYS_TABLESPACES WHERE SPACE = %" PRIu32,
        id);
}

static struct err *resolve_conflict(struct space_set *set, const struct space_conflict *c,
                                    struct conn *queries)
{
    AUTO_FREE char *name = NULL;
    const struct copied_space *copy = space_set_find(set, c->id);
    struct err *e = queries ? ask_dictionary(&name, queries, c->id) : NULL;
    if (e && conn_errno_is_lost(conn_errno(queries)))
        return e;
    err_free(e);
    if (name && copy && !strcmp(plain_name(name), copy->name))
        return NULL;
    for (size_t i = 0; name && i < c->n_files; i++)
        if (!strcmp(plain_name(name), c->files[i]->name))
            return space_set_copy_one(set, c->files[i], SPACE_COPY_AGAIN);
    return err_hint(
        err_make(REFUSED, "%s: space %" PRIu32 " is also in %s, and %s which is in use",
                 c->files[0]->path, c->id,
                 c->n_files > 1 ? c->files[1]->path
                 : copy         ? copy->name
                                : "another file",
                 queries ? "the server does not tell" : "no server runs that would tell"),
        queries ? "Grant PROCESS to the user of the backup, or remove the file that belongs to no "
                  "table."
                : "Remove the file that belongs to no table, or back up the running server.");
}

/* Of several spaces that were created under one name, those that the server has not are ghosts. */
static struct err *resolve_doubts(struct space_verdict *v, struct conn *queries)
{
    if (v->n_doubtful && !queries)
        return err_hint(err_make(REFUSED,
                                 "space %" PRIu32
                                 ": several tablespaces were created under its name, and no server "
                                 "runs that would tell which of them lives",
                                 v->doubtful[0]),
                        "Start the server, and back it up while it runs.");
    for (size_t i = 0; i < v->n_doubtful; i++) {
        AUTO_FREE char *file = NULL;
        struct err *e = ask_dictionary(&file, queries, v->doubtful[i]);
        if (e && !conn_errno_is_denied(conn_errno(queries)))
            return e;
        if (e)
            e->kind = ERR_REFUSED;
        if (e)
            return err_hint(
                err_wrap(e, "space %" PRIu32, v->doubtful[i]),
                "Grant PROCESS to the user of the backup: a CREATE TABLE failed because a "
                "file was in the way, and only the dictionary tells which table's it is.");
        if (file)
            continue;
        mem_grow(&v->ghosts, &v->cap_ghosts, v->n_ghosts, sizeof *v->ghosts);
        v->ghosts[v->n_ghosts++] = v->doubtful[i];
    }
    return NULL;
}

static void note_ghosts(struct space_set *set, struct ghosts *ghosts, struct space_verdict *v)
{
    free(ghosts->ids);
    *ghosts = (struct ghosts){v->ghosts, v->n_ghosts};
    v->ghosts = NULL;
    for (size_t i = 0; i < ghosts->n; i++)
        log_debug(set->env->log, "copy", "space %" PRIu32 " is left of a CREATE that failed",
                  ghosts->ids[i]);
}

static void drop_voids(struct space_set *set, const struct space_verdict *v)
{
    for (size_t i = 0; i < v->n_voids; i++) {
        const struct copied_space *c = space_set_find(set, v->voids[i]);
        log_warning(set->env->log, "copy", "%s: removed or replaced by hand; not in the backup",
                    c ? c->name : "?");
        space_set_drop(set, v->voids[i]);
    }
}

/* What was copied just now, with no DDL running, and is a mix all the same, is damage. */
static struct err *check_suspects(const struct space_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i].suspect && !set->items[i].dropped)
            return err_make(CORRUPT, "%s", set->items[i].suspect);
    return NULL;
}

static struct err *carry_out(struct space_set *set, struct space_verdict *v, struct conn *queries,
                             struct ghosts *ghosts)
{
    TRY(copy_all(set, v));
    for (size_t i = 0; i < v->n_unlisted; i++)
        TRY(copy_unlisted(set, &v->unlisted[i]));
    for (size_t i = 0; i < v->n_conflicts; i++)
        TRY(resolve_conflict(set, &v->conflicts[i], queries));
    drop_voids(set, v);
    TRY(resolve_doubts(v, queries));
    note_ghosts(set, ghosts, v);
    return NULL;
}

/* Copies of deleted spaces are nobody's concern. */
static void drop_deleted(struct space_set *set)
{
    const struct file_ops *ops = tailer_file_ops(set->env->tail);
    for (size_t i = 0; i < set->n; i++) {
        const struct space_ops *o =
            set->items[i].system ? NULL : file_ops_find(ops, set->items[i].id);
        if (o && o->deleted && !set->items[i].revived)
            space_set_drop(set, o->id);
    }
    tailer_release(set->env->tail);
}

struct err *space_settle(struct space_set *set, const struct listing *list, struct conn *queries,
                         struct ghosts *ghosts)
{
    struct space_verdict v;
    struct err *e = judge(&v, set, list);
    log_debug(set->env->log, "copy", "%zu of %zu tablespace files opened under the lock",
              v.n_opened, list->n_spaces);
    if (!e)
        e = carry_out(set, &v, queries, ghosts);
    space_verdict_fini(&v);
    TRY(e);
    drop_deleted(set);
    return check_suspects(set);
}
