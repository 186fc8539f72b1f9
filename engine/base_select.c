/* engine/base_select.c: see base_select.h. */
#include "engine/base_select.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "verify/chain.h"

/* What the manifest of one backup says that matters here. Texts are borrowed from `manifest`. */
struct candidate {
    struct archive_reader *reader;
    json_t *manifest;
    const char *flavour, *version, *server_uuid;
    json_int_t page_size, to;
};

static void candidate_close(struct candidate *c)
{
    archive_reader_free(c->reader);
    json_decref(c->manifest);
}
#define AUTO_CANDIDATE __attribute__((cleanup(candidate_close))) struct candidate

static const json_t *member(const json_t *j, const char *object, const char *key)
{
    return json_object_get(object ? json_object_get(j, object) : j, key);
}

static struct err *candidate_open(struct candidate *c, struct repo *repo, const char *id)
{
    json_error_t error;
    *c = (struct candidate){.reader = NULL};
    TRY(repo_open_reader(&c->reader, repo, id));
    c->manifest = json_loads(archive_reader_manifest(c->reader), JSON_REJECT_DUPLICATES, &error);
    c->flavour = json_string_value(member(c->manifest, "server", "flavour"));
    c->version = json_string_value(member(c->manifest, "server", "version"));
    c->server_uuid = json_string_value(member(c->manifest, "server", "server_uuid"));
    c->page_size = json_integer_value(member(c->manifest, "server", "page_size"));
    c->to = json_integer_value(member(c->manifest, "lsn", "to"));
    if (!c->flavour || !c->version || c->to <= 0)
        return err_make(CORRUPT, "%s: manifest: lacks what a backup is known by",
                        archive_reader_name(c->reader));
    return NULL;
}

/* "10.11" of "10.11.19-MariaDB" are 5 characters. */
static size_t series_len(const char *version)
{
    const size_t major = strcspn(version, ".");
    return version[major] ? major + 1 + strcspn(version + major + 1, ".-") : major;
}

static bool is_same_series(const char *a, const char *b)
{
    return series_len(a) == series_len(b) && !strncmp(a, b, series_len(a));
}

/* Why a backup with this manifest is not of this server's history, owned by caller; NULL: nothing speaks against it. */
static char *judge_server(const struct candidate *c, const struct base_query *q)
{
    const struct server_info *s = q->server;
    if (strcmp(c->flavour, server_flavour_text(s->flavour)) || c->page_size != s->page_size)
        return mem_strdup("it is of another server");
    if (s->flavour == FLAVOUR_MYSQL &&
        (!c->server_uuid || !s->server_uuid || strcmp(c->server_uuid, s->server_uuid)))
        return mem_printf("it is of another server: server_uuid was %s and is %s",
                          c->server_uuid ? c->server_uuid : "unknown",
                          s->server_uuid ? s->server_uuid : "unknown");
    if (!is_same_series(c->version, s->version))
        return mem_printf("the server was of version %s then", c->version);
    if ((lsn_t)c->to > q->lsn)
        return mem_printf("it ends at LSN %" PRIu64 ", and the server is at %" PRIu64 " only",
                          (lsn_t)c->to, q->lsn);
    if (json_is_true(member(c->manifest, NULL, "offline")))
        return mem_strdup("it was taken with --offline");
    if (json_is_true(member(c->manifest, NULL, "damaged")))
        return mem_strdup("it holds damaged pages");
    return NULL;
}

/* Position of the backup, or list->n. */
static size_t find_item(const struct backup_ids *list, const char *id)
{
    size_t i = 0;
    while (i < list->n && strcmp(list->ids[i], id))
        i++;
    return i;
}

/* *why (owned by caller) is set when this one cannot be the base. */
static struct err *try_chain(struct base *out, const struct chain *chain,
                             const struct base_query *q, char **why)
{
    const struct chain_link *last = chain_last(chain);
    bool present;
    TRY(base_facts_load(&out->facts, &present, last->reader));
    if (!present)
        *why = mem_strdup("it was taken by an mbe that did not note what a base has to");
    else if (!file_mark_is_same_file(&out->facts.system, q->system))
        *why = mem_strdup("the server's system tablespace is another file than then: it was "
                          "restored, copied or initialised anew");
    else if (chain->n >= CHAIN_MAX)
        *why = mem_printf("there are %zu backups in its chain already", chain->n);
    if (*why)
        return NULL;
    out->id = mem_strdup(last->id);
    out->full_id = mem_strdup(chain->links[0].id);
    out->archive_id = last->archive_id;
    out->to = last->manifest.to;
    out->n_chain = (unsigned)chain->n;
    return NULL;
}

static void keep_in_use(struct base *out, struct chain *chain)
{
    out->in_use[out->n_in_use++] = chain->in_use;
    chain->in_use = NULL;
}

/* The base, in another repository: a backup of that name can be another one. */
static struct err *find_in_other(struct base *out, struct repo *other)
{
    struct chain chain;
    TRY(chain_open(&chain, other, out->id));
    struct err *e = NULL;
    if (chain_last(&chain)->archive_id == out->archive_id)
        keep_in_use(out, &chain);
    else
        e = err_make(REFUSED, "%s: its backup %s is another one", repo_name(other), out->id);
    chain_close(&chain);
    return e;
}

/* One that is not in all repositories is told as what it is: a destination that does not have what the others have. */
static struct err *try_others(struct base *out, const struct base_query *q, char **why)
{
    for (size_t i = 0; i < q->n_others; i++) {
        struct err *e = find_in_other(out, q->others[i]);
        if (!e)
            continue;
        if (e->kind == ERR_INTERRUPTED)
            return e;
        *why = mem_strdup(e->message);
        err_free(e);
        log_warning(q->log, "backup", "%s cannot be the base: %s", out->id, *why);
        return NULL;
    }
    return NULL;
}

static struct err *try_item(struct base *out, const char *id, const struct base_query *q,
                            char **why)
{
    AUTO_CANDIDATE c = {.reader = NULL};
    struct chain chain;
    TRY(candidate_open(&c, q->repo, id));
    *why = judge_server(&c, q);
    if (*why)
        return NULL;
    TRY(chain_open(&chain, q->repo, id));
    struct err *e = try_chain(out, &chain, q, why);
    if (out->id)
        keep_in_use(out, &chain);
    chain_close(&chain);
    return out->id ? try_others(out, q, why) : e;
}

/* What speaks against one backup is no reason not to look at others. */
static struct err *try_and_tell(struct base *out, const char *id, const struct base_query *q,
                                char **why)
{
    char *no = NULL;
    TRY(signals_check());
    struct err *e = try_item(out, id, q, &no);
    if (out->id && !e && !no)
        return NULL;
    base_fini(out);
    if (e && (e->kind == ERR_INTERRUPTED || (e->kind == ERR_SEALED && !repo_sealing_key(q->repo))))
        return e; /* without its key a full backup in clear would be taken, behind sealed ones */
    if (e && !no)
        no = mem_strdup(e->message);
    err_free(e);
    if (no)
        log_debug(q->log, "backup", "%s cannot be the base: %s", id, no);
    if (no && !*why)
        *why = mem_printf("%s cannot be the base: %s", id, no);
    free(no);
    return NULL;
}

static struct err *choose(struct base *out, char **why, const struct backup_ids *list,
                          const struct base_query *q)
{
    const bool fulls = !strcmp(q->wanted, "latest-full");
    if (!fulls && strcmp(q->wanted, "latest")) {
        const size_t at = find_item(list, q->wanted);
        if (at == list->n)
            return err_hint(err_make(USAGE, "%s: has no backup %s", repo_name(q->repo), q->wanted),
                            "See `mbe list` for the ids there are.");
        return try_and_tell(out, list->ids[at], q, why);
    }
    for (size_t i = list->n; i-- > 0 && !out->id;)
        if (!fulls || backup_id_is_full(list->ids[i]))
            TRY(try_and_tell(out, list->ids[i], q, why));
    if (!out->id && !*why)
        *why = mem_printf("%s has no %sbackup yet", repo_name(q->repo), fulls ? "full " : "");
    return NULL;
}

struct err *base_select(struct base *out, char **why, const struct base_query *q)
{
    struct backup_ids list;
    *out = (struct base){0};
    *why = NULL;
    struct err *e = repo_list(&list, q->repo);
    /* the repository is not made yet, or is none: taking a backup tells */
    if (e && (e->kind == ERR_NO_REPOSITORY || e->kind == ERR_REFUSED)) {
        *why = mem_strdup(e->message);
        err_free(e);
        return NULL;
    }
    TRY(e);
    e = choose(out, why, &list, q);
    backup_ids_fini(&list);
    if (e || out->id) {
        free(*why);
        *why = NULL;
    }
    if (e)
        base_fini(out);
    return e;
}

void base_fini(struct base *b)
{
    while (b->n_in_use)
        repo_use_end(b->in_use[--b->n_in_use]);
    free(b->id);
    free(b->full_id);
    base_facts_fini(&b->facts);
    *b = (struct base){0};
}

struct err *file_mark_take(struct file_mark *out, const char *path)
{
    AUTO_FD int fd = -1;
    struct stat st;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    *out = (struct file_mark){
        .inode = st.st_ino, .size = (uint64_t)st.st_size, .mtime = st.st_mtim, .ctime = st.st_ctim};
    out->has_birth = file_birth(&out->birth, fd);
    return NULL;
}
