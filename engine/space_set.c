/* engine/space_set.c: see space_set.h. */
#include "engine/space_set.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/fil_page.h"

void space_set_init(struct space_set *s, struct copy_env *env)
{
    *s = (struct space_set){.env = env};
    pthread_mutex_init(&s->lock, NULL);
}

static void copied_fini(struct copied_space *c)
{
    free((char *)(uintptr_t)c->attr.path);
    free((char *)(uintptr_t)c->attr.link_target);
    free(c->suspect);
    free(c->witnesses);
    free(c->name);
}

void space_set_fini(struct space_set *s)
{
    for (size_t i = 0; i < s->n; i++)
        copied_fini(&s->items[i]);
    free(s->items);
    free(s->barrier.discarded);
    map64_fini(&s->by_id);
    pthread_mutex_destroy(&s->lock);
}

/* The system tablespace's files share an id and are told apart by their first page. */
static bool is_copy_of_same(const struct space_set *s, const struct copied_space *a,
                            const struct copied_space *b)
{
    return a->id == b->id && a->first_page == b->first_page &&
           (!s->by_file || (a->dev == b->dev && a->mark.inode == b->mark.inode));
}

/* Position of the newest copy of the id, in the form of `older`: 1 more, 0 for none. */
static size_t newest_of(const struct space_set *s, space_id_t id)
{
    uint64_t at;
    return map64_get(&s->by_id, id, &at) ? (size_t)at + 1 : 0;
}

static struct copied_space *find(const struct space_set *s, const struct copied_space *like)
{
    for (size_t at = newest_of(s, like->id); at; at = s->items[at - 1].older)
        if (!s->items[at - 1].dropped && is_copy_of_same(s, &s->items[at - 1], like))
            return &s->items[at - 1];
    return NULL;
}

struct copied_space *space_set_find(const struct space_set *s, space_id_t id)
{
    for (size_t at = newest_of(s, id); at; at = s->items[at - 1].older)
        if (!s->items[at - 1].dropped && !s->items[at - 1].first_page)
            return &s->items[at - 1];
    return NULL;
}

void space_set_drop_at(struct space_set *s, size_t item)
{
    if (s->items[item].dropped)
        return;
    archive_entry_drop(s->env->writer, s->items[item].entry);
    s->items[item].dropped = true;
}

void space_set_drop(struct space_set *s, space_id_t id)
{
    const struct copied_space *c = space_set_find(s, id);
    if (c)
        space_set_drop_at(s, (size_t)(c - s->items));
}

static int by_number(const void *a, const void *b)
{
    const space_id_t x = *(const space_id_t *)a, y = *(const space_id_t *)b;
    return (x > y) - (x < y);
}

void space_set_barrier(struct space_set *s, lsn_t lsn, space_id_t *discarded, size_t n)
{
    free(s->barrier.discarded);
    s->barrier = (struct space_barrier){lsn, discarded, n};
    if (n)
        qsort(discarded, n, sizeof *discarded, by_number);
}

static bool is_discarded(const struct space_barrier *b, space_id_t id)
{
    return b->n_discarded &&
           bsearch(&id, b->discarded, b->n_discarded, sizeof *b->discarded, by_number);
}

static char *path_in_archive(const char *name)
{
    return name[0] == '/' ? mem_printf("external%s", name) : mem_strdup(name);
}

static void set_path(struct archive_attr *attr, const char *name)
{
    free((char *)(uintptr_t)attr->path);
    free((char *)(uintptr_t)attr->link_target);
    attr->path = path_in_archive(name);
    attr->link_target = name[0] == '/' ? mem_strdup(name) : NULL;
}

/* A place for the copy: that of the earlier one, or a new one. */
static struct copied_space *place_for(struct space_set *s, struct copied_space *copy)
{
    struct copied_space *old = find(s, copy);
    if (old) {
        archive_entry_drop(s->env->writer, old->entry);
        copy->older = old->older;
        copied_fini(old);
        return old;
    }
    mem_grow(&s->items, &s->cap, s->n, sizeof *s->items);
    copy->older = newest_of(s, copy->id);
    map64_put(&s->by_id, copy->id, s->n);
    return &s->items[s->n++];
}

static struct err *claim(struct space_set *s, const struct copied_space *copy,
                         enum space_copy_mode mode, struct space_claim *out)
{
    struct copied_space new = *copy;
    if (mode == SPACE_COPY_ONCE && find(s, copy))
        return NULL;
    new.barrier = s->barrier.lsn;
    new.was_discarded = is_discarded(&s->barrier, copy->id);
    new.attr.lsn_at_start = copy->lsn_at_start;
    new.attr.path = new.attr.link_target = NULL;
    set_path(&new.attr, copy->name);
    new.name = mem_strdup(copy->name);
    struct err *e = archive_entry_add(s->env->writer, &new.attr, &new.entry);
    if (e) {
        copied_fini(&new);
        return e;
    }
    struct copied_space *place = place_for(s, &new);
    *place = new;
    *out = (struct space_claim){true, (size_t)(place - s->items), new.entry};
    return NULL;
}

struct err *space_set_claim(struct space_set *s, const struct copied_space *copy,
                            enum space_copy_mode mode, struct space_claim *out)
{
    *out = (struct space_claim){0};
    pthread_mutex_lock(&s->lock);
    struct err *e = claim(s, copy, mode, out);
    pthread_mutex_unlock(&s->lock);
    return e;
}

struct err *space_set_finish(struct space_set *s, size_t item, const struct space_copy_end *end)
{
    pthread_mutex_lock(&s->lock);
    struct copied_space *c = &s->items[item];
    c->attr.size = end->size;
    c->suspect = end->suspect;
    c->witnesses = end->witnesses;
    c->n_witnesses = end->n_witnesses;
    struct err *e = archive_entry_set(s->env->writer, c->entry, &c->attr);
    pthread_mutex_unlock(&s->lock);
    return e;
}

bool space_set_is_named(const struct copied_space *c, const char *name)
{
    const char *now = name[0] == '/' ? c->attr.link_target : c->attr.path;
    return now && !strcmp(now, name);
}

struct err *space_set_rename(struct space_set *s, size_t item, const char *name)
{
    struct copied_space *c = &s->items[item];
    if (space_set_is_named(c, name))
        return NULL;
    set_path(&c->attr, name);
    if (!file_name_is_safe(c->attr.path))
        return err_make(CORRUPT, "space %" PRIu32 " is named \"%s\"", c->id, name);
    return archive_entry_set(s->env->writer, c->entry, &c->attr);
}

struct err *space_set_settle_names(struct space_set *s, const struct file_ops *ops)
{
    for (size_t i = 0; i < s->n; i++) {
        struct copied_space *c = &s->items[i];
        const struct space_ops *o = c->system || c->dropped ? NULL : file_ops_find(ops, c->id);
        if (!o)
            continue;
        if (o->deleted && !c->revived) {
            space_set_drop(s, c->id);
            continue;
        }
        if (!o->name || !strchr(c->name, '/'))
            continue; /* no new name; undo tablespaces keep theirs */
        TRY(space_set_rename(s, i, o->name));
    }
    return NULL;
}

void space_set_put_facts(const struct space_set *s, struct out_bytes *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct copied_space *c = &s->items[i];
        const struct space_fact fact = {.id = c->id,
                                        .first_page = c->first_page,
                                        .page_size = c->attr.page_size,
                                        .page_lsn = c->page_lsn,
                                        .mark = c->mark,
                                        .witnesses = c->witnesses,
                                        .n_witnesses = c->n_witnesses};
        if (!c->dropped)
            base_facts_put_space(out, &fact);
    }
}

struct err *space_head_read(struct space_head *out, const char *path)
{
    uint8_t head[64];
    size_t got = 0;
    AUTO_FD int fd = -1;
    *out = (struct space_head){0};
    TRY(file_absent(file_open(&fd, path, O_RDONLY, 0), &out->absent));
    if (out->absent)
        return NULL;
    struct stat st;
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    out->dev = st.st_dev;
    out->inode = st.st_ino;
    out->size = (uint64_t)st.st_size;
    TRY(file_pread(fd, head, sizeof head, 0, &got, path));
    out->absent = got < sizeof head;
    out->zero = !out->absent && bytes_are_zero(head, sizeof head);
    if (!out->absent && !out->zero) {
        out->id = be32(head + FIL_SPACE);
        out->lsn = be64(head + FIL_LSN);
    }
    return NULL;
}

bool space_stamp_is_of(const struct copied_space *c, const struct stat *st)
{
    return c->mark.proves && st->st_dev == c->dev && st->st_ino == c->mark.inode &&
           file_mark_same_time(st->st_mtim, c->mark.mtime) &&
           file_mark_same_time(st->st_ctim, c->mark.ctime);
}

bool space_is_untouched(const struct copied_space *c, const char *path)
{
    struct stat st;
    return !stat(path, &st) && space_stamp_is_of(c, &st);
}
