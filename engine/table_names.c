/* engine/table_names.c: see table_names.h. */
#include "engine/table_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/file_mark.h"

struct table_file {
    char *path;       /* where it is; owned */
    const char *name; /* "db/t.ibd", "db/t#p#p0.ibd": the end of it */
    struct file_mark mark;
};

/* --- which tables there are --- */

static void add_names(struct table_names *t, const struct plain_set *plain)
{
    t->names = plain_set_table_names(plain);
    while (t->names && t->names[t->n])
        t->n++;
}

/* As the listing names it. */
static const char *name_of(const struct copied_space *c)
{
    return c->attr.link_target ? c->attr.link_target : c->attr.path;
}

/* The last two parts of a path; NULL when it has but one. */
static const char *tail_of(const char *path)
{
    const char *end = strrchr(path, '/');
    if (!end)
        return NULL;
    while (end > path && end[-1] != '/')
        end--;
    return end;
}

static int by_string(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_file(const void *a, const void *b)
{
    return strcmp(((const struct table_file *)a)->name, ((const struct table_file *)b)->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(name_of(*(const struct copied_space *const *)a),
                  name_of(*(const struct copied_space *const *)b));
}

static int name_to_copy(const void *name, const void *copy)
{
    return strcmp(name, name_of(*(const struct copied_space *const *)copy));
}

/* Those that count, sorted; owned by caller. */
static const struct copied_space **sorted_copies(size_t *n, const struct space_set *spaces)
{
    const struct copied_space **copies = mem_alloc((spaces->n + 1) * sizeof(void *));
    *n = 0;
    for (size_t i = 0; i < spaces->n; i++)
        if (!spaces->items[i].dropped && !spaces->items[i].system)
            copies[(*n)++] = &spaces->items[i];
    if (*n)
        qsort(copies, *n, sizeof *copies, by_name);
    return copies;
}

static void clear_files(struct table_names *t)
{
    for (size_t i = 0; i < t->n_files; i++)
        free(t->files[i].path);
    free(t->files);
    t->files = NULL;
    t->n_files = 0;
}

static void begin_files(struct table_names *t, const struct listing *listing)
{
    clear_files(t);
    t->files = mem_alloc((listing->n_spaces + 1) * sizeof *t->files);
}

static void add_file(struct table_names *t, const struct listed_space *l,
                     const struct file_mark *mark)
{
    char *path = mem_strdup(l->path);
    t->files[t->n_files++] = (struct table_file){path, tail_of(path), *mark};
}

static void end_files(struct table_names *t)
{
    if (t->n_files)
        qsort(t->files, t->n_files, sizeof *t->files, by_file);
}

void table_names_note(struct table_names *t, const struct listing *listing)
{
    struct file_mark mark;
    begin_files(t, listing);
    for (size_t i = 0; i < listing->n_spaces; i++) {
        const struct listed_space *l = &listing->spaces[i];
        if (!l->system && tail_of(l->path) && file_mark_look(&mark, l->path))
            add_file(t, l, &mark);
    }
    end_files(t);
}

static void take_copies(struct table_names *t, const struct space_set *spaces,
                        const struct listing *listing)
{
    size_t n;
    const struct copied_space **copies = sorted_copies(&n, spaces);
    begin_files(t, listing);
    for (size_t i = 0; i < listing->n_spaces && n; i++) {
        const struct listed_space *l = &listing->spaces[i];
        const struct copied_space *const *copy =
            bsearch(l->name, copies, n, sizeof *copies, name_to_copy);
        if (!l->system && copy && tail_of(l->path))
            add_file(t, l, &(*copy)->mark);
    }
    end_files(t);
    free(copies);
}

void table_names_make(struct table_names *t, enum server_flavour flavour,
                      const struct space_set *spaces, const struct plain_set *plain,
                      const struct listing *listing)
{
    t->plain = plain;
    t->by_frm = flavour == FLAVOUR_MARIADB;
    if (t->by_frm)
        add_names(t, plain);
    else
        take_copies(t, spaces, listing);
    if (t->n)
        qsort(t->names, t->n, sizeof *t->names, by_string);
    t->ticked = mem_zalloc(t->n + 1);
}

void table_names_fini(struct table_names *t)
{
    plain_names_free(t->names);
    free(t->ticked);
    clear_files(t);
    *t = (struct table_names){0};
}

/* --- whether one still is what it was --- */

static bool is_that_file(const struct table_file *f)
{
    struct file_mark now;
    return file_mark_look(&now, f->path) && file_mark_is_same_file(&f->mark, &now);
}

/* Place of the first file that is not before the table's. */
static size_t files_begin(const struct table_names *t, const char *table)
{
    size_t from = 0, to = t->n_files;
    while (from < to) {
        const size_t mid = from + (to - from) / 2;
        if (strcmp(t->files[mid].name, table) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static enum hash_identity identify_spaces(const struct table_names *t, const char *table)
{
    static const char own[] = "mysql/"; /* MySQL's: all in one tablespace */
    const size_t len = strlen(table);
    size_t n = 0;
    for (size_t i = files_begin(t, table); i < t->n_files; i++, n++) {
        const struct table_file *f = &t->files[i];
        if (strncmp(f->name, table, len) || (f->name[len] != '#' && f->name[len] != '.'))
            break; /* as in plain_set_data_rests: a table's files follow each other */
        if (!is_that_file(f))
            return HASH_TABLE_OTHER;
    }
    const bool is_own = !t->by_frm && !strncmp(table, own, strlen(own));
    return n || is_own ? HASH_TABLE_SAME : HASH_TABLE_UNKNOWN;
}

enum hash_identity table_names_identify(const struct table_names *t, const char *table)
{
    if (t->by_frm) {
        AUTO_FREE char *frm = mem_printf("%s.frm", table);
        if (!plain_set_file_rests(t->plain, frm))
            return HASH_TABLE_OTHER;
    }
    return plain_set_data_rests(t->plain, table) ? HASH_TABLE_RESTED : identify_spaces(t, table);
}

/* --- what is left over --- */

void table_names_tick(struct table_names *t, const char *table)
{
    char *const *found = t->n ? bsearch(&table, t->names, t->n, sizeof *t->names, by_string) : NULL;
    if (found)
        t->ticked[found - t->names] = true;
}

const char *table_names_unticked(const struct table_names *t, size_t *at)
{
    while (*at < t->n && t->ticked[*at])
        ++*at;
    return *at < t->n ? t->names[(*at)++] : NULL;
}
