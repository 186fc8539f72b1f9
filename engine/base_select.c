/* engine/base_select.c: see base_select.h. */
#include "engine/base_select.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/catalog.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"

enum { CHAIN_MAX = 10000 };

/* What the manifest of one backup says that matters here. Texts are borrowed from `manifest`. */
struct link {
    struct archive_reader *reader;
    json_t *manifest;
    bool is_full;
    const char *base;         /* id; of an incremental one */
    const char *base_archive; /* archive id of that, 16 hex digits */
    const char *flavour, *version, *server_uuid;
    json_int_t page_size, to;
};

static void link_close(struct link *l)
{
    archive_reader_free(l->reader);
    json_decref(l->manifest);
}
#define AUTO_LINK __attribute__((cleanup(link_close))) struct link

static const json_t *member(const json_t *j, const char *object, const char *key)
{
    return json_object_get(object ? json_object_get(j, object) : j, key);
}

static struct err *link_open(struct link *l, const char *path)
{
    json_error_t error;
    *l = (struct link){.reader = NULL};
    TRY(archive_reader_open(&l->reader, path));
    l->manifest = json_loads(archive_reader_manifest(l->reader), JSON_REJECT_DUPLICATES, &error);
    const json_t *m = l->manifest;
    const char *type = json_string_value(member(m, NULL, "type"));
    l->base = json_string_value(member(m, NULL, "base"));
    l->base_archive = json_string_value(member(m, "chain", "base_archive"));
    l->flavour = json_string_value(member(m, "server", "flavour"));
    l->version = json_string_value(member(m, "server", "version"));
    l->server_uuid = json_string_value(member(m, "server", "server_uuid"));
    l->page_size = json_integer_value(member(m, "server", "page_size"));
    l->to = json_integer_value(member(m, "lsn", "to"));
    l->is_full = type && !strcmp(type, "full");
    if (!type || !l->flavour || !l->version || l->to <= 0 ||
        (!l->is_full && (!l->base || !l->base_archive)))
        return err_make(CORRUPT, "%s: manifest: lacks what a backup is known by", path);
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
static char *judge_server(const struct link *l, const struct base_query *q)
{
    const struct server_info *s = q->server;
    if (strcmp(l->flavour, server_flavour_text(s->flavour)) || l->page_size != s->page_size)
        return mem_strdup("it is of another server");
    if (s->flavour == FLAVOUR_MYSQL &&
        (!l->server_uuid || !s->server_uuid || strcmp(l->server_uuid, s->server_uuid)))
        return mem_printf("it is of another server: server_uuid was %s and is %s",
                          l->server_uuid ? l->server_uuid : "unknown",
                          s->server_uuid ? s->server_uuid : "unknown");
    if (!is_same_series(l->version, s->version))
        return mem_printf("the server was of version %s then", l->version);
    if ((lsn_t)l->to > q->lsn)
        return mem_printf("it ends at LSN %" PRIu64 ", and the server is at %" PRIu64 " only",
                          (lsn_t)l->to, q->lsn);
    if (json_is_true(member(l->manifest, NULL, "damaged")))
        return mem_strdup("it holds damaged pages");
    return NULL;
}

/* Position of the backup, or list->n. */
static size_t find_item(const struct catalog_list *list, const char *id)
{
    size_t i = 0;
    while (i < list->n && strcmp(list->items[i].id, id))
        i++;
    return i;
}

/* Walks down to the full backup. *why (owned by caller) is set when it cannot be reached. */
static struct err *follow_chain(struct base *out, const struct catalog_list *list,
                                const struct link *newest, char **why)
{
    AUTO_FREE char *id = newest->base ? mem_strdup(newest->base) : NULL;
    AUTO_FREE char *archive = newest->base_archive ? mem_strdup(newest->base_archive) : NULL;
    for (out->n_chain = 1; id; out->n_chain++) {
        AUTO_LINK l = {.reader = NULL};
        TRY(signals_check());
        const size_t at = find_item(list, id);
        struct err *e = at < list->n ? link_open(&l, list->items[at].archive_path) : NULL;
        AUTO_FREE char *found =
            at < list->n && !e ? mem_printf("%016" PRIx64, archive_reader_id(l.reader)) : NULL;
        if (e)
            *why = mem_printf("its base %s cannot be read: %s", id, e->message);
        else if (!found)
            *why = mem_printf("its base %s is missing", id);
        else if (strcmp(found, archive))
            *why = mem_printf("its base %s is another backup than then", id);
        else if (out->n_chain == CHAIN_MAX)
            *why = mem_strdup("its chain has no end");
        err_free(e);
        if (*why)
            return NULL;
        free(out->full_id);
        out->full_id = id;
        free(archive);
        id = l.is_full ? NULL : mem_strdup(l.base);
        archive = l.is_full ? NULL : mem_strdup(l.base_archive);
    }
    return NULL;
}

static struct err *load_facts(struct base *out, const struct link *l, const struct base_query *q,
                              char **why)
{
    bool present;
    struct err *e = base_facts_load(&out->facts, &present, l->reader);
    if (e)
        *why = mem_strdup(e->message);
    else if (!present)
        *why = mem_strdup("it was taken by an mbe that did not note what a base has to");
    else if (!file_mark_is_same_file(&out->facts.system, q->system))
        *why = mem_strdup("the server's system tablespace is another file than then: it was "
                          "restored, copied or initialised anew");
    err_free(e);
    return NULL;
}

/* *why (owned by caller) is set when this one cannot be the base. */
static struct err *try_item(struct base *out, const struct catalog_list *list,
                            const struct catalog_item *item, const struct base_query *q, char **why)
{
    AUTO_LINK l = {.reader = NULL};
    AUTO_FD int use_fd = -1;
    struct err *e = catalog_use(&use_fd, item->archive_path);
    if (!e)
        e = link_open(&l, item->archive_path);
    if (e) {
        *why = mem_printf("it cannot be read: %s", e->message);
        err_free(e);
        return NULL;
    }
    *why = judge_server(&l, q);
    if (!*why)
        TRY(follow_chain(out, list, &l, why));
    if (!*why)
        TRY(load_facts(out, &l, q, why));
    if (*why)
        return NULL;
    out->id = mem_strdup(item->id);
    out->use_fd = use_fd;
    use_fd = -1;
    if (!out->full_id)
        out->full_id = mem_strdup(item->id);
    out->archive_id = archive_reader_id(l.reader);
    out->to = (lsn_t)l.to;
    return NULL;
}

static struct err *try_and_tell(struct base *out, const struct catalog_list *list,
                                const struct catalog_item *item, const struct base_query *q,
                                char **why)
{
    char *no = NULL;
    TRY(signals_check());
    struct err *e = try_item(out, list, item, q, &no);
    if (out->id)
        return e;
    base_fini(out);
    if (no)
        log_debug(q->log, "backup", "%s cannot be the base: %s", item->id, no);
    if (no && !*why)
        *why = mem_printf("%s cannot be the base: %s", item->id, no);
    free(no);
    return e;
}

static bool is_full_id(const char *id)
{
    const char *type = strchr(id, '-');
    return type && !strncmp(type, "-full", 5) && (!type[5] || type[5] == '-');
}

static struct err *choose(struct base *out, char **why, const struct catalog_list *list,
                          const struct base_query *q)
{
    const bool fulls = !strcmp(q->wanted, "latest-full");
    if (!fulls && strcmp(q->wanted, "latest")) {
        const size_t at = find_item(list, q->wanted);
        if (at == list->n)
            return err_hint(err_make(USAGE, "%s: has no backup %s", q->repo, q->wanted),
                            "See `mbe list` for the ids there are.");
        return try_and_tell(out, list, &list->items[at], q, why);
    }
    for (size_t i = list->n; i-- > 0 && !out->id;)
        if (!fulls || is_full_id(list->items[i].id))
            TRY(try_and_tell(out, list, &list->items[i], q, why));
    if (!out->id && !*why)
        *why = mem_printf("%s has no %sbackup yet", q->repo, fulls ? "full " : "");
    return NULL;
}

struct err *base_select(struct base *out, char **why, const struct base_query *q)
{
    struct catalog_list list;
    *out = (struct base){0};
    *why = NULL;
    struct err *e = catalog_list_load(&list, q->repo);
    if (e &&
        e->kind ==
            ERR_REFUSED) { /* the repository is not made yet, or is none: taking a backup tells */
        *why = mem_strdup(e->message);
        err_free(e);
        return NULL;
    }
    TRY(e);
    e = choose(out, why, &list, q);
    catalog_list_fini(&list);
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
    if (b->id)
        close(b->use_fd);
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
