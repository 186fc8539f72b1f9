/* engine/table_names.c: see table_names.h. */
#include "engine/table_names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

struct table_file {
    const char *name; /* "db/t.ibd", "db/t#p#p0.ibd": the end of its path; borrowed */
    const struct copied_space *copy;
};

/* --- which tables there are --- */

/* "db/t" of a file of the table; not of a table that the server hides. */
static void add(struct table_names *t, const char *file, size_t len)
{
    const char *slash = memchr(file, '/', len);
    const char *mark = slash ? memchr(slash, '#', len - (size_t)(slash - file)) : NULL;
    if (!slash || mark == slash + 1) /* work files of DDL */
        return;
    mem_grow(&t->names, &t->cap, t->n, sizeof *t->names);
    t->names[t->n++] = mem_printf("%.*s", (int)(mark ? mark - file : (long)len), file);
}

/* Auxiliary tables of a full-text index. */
static bool is_fulltext(const char *name)
{
    static const char prefix[] = "/fts_";
    const char *at = strstr(name, prefix);
    return at && strspn(at + strlen(prefix), "0123456789abcdef") == 16;
}

static const char *path_of(const struct copied_space *c)
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

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_file(const void *a, const void *b)
{
    return strcmp(((const struct table_file *)a)->name, ((const struct table_file *)b)->name);
}

static bool is_of_database(const struct listing *l, const char *name)
{
    AUTO_FREE char *dir = mem_printf("%.*s", (int)strcspn(name, "/"), name);
    return l->n_dirs && bsearch(&dir, l->dirs, l->n_dirs, sizeof *l->dirs, by_name);
}

static void add_spaces(struct table_names *t, const struct space_set *spaces,
                       const struct listing *listing)
{
    static const char ext[] = ".ibd";
    t->files = mem_alloc((spaces->n + 1) * sizeof *t->files);
    for (size_t i = 0; i < spaces->n; i++) {
        const struct copied_space *c = &spaces->items[i];
        const char *name = c->dropped || c->system ? NULL : tail_of(path_of(c));
        const size_t len = name ? strlen(name) : 0;
        if (len <= strlen(ext) || strcmp(name + len - strlen(ext), ext) || is_fulltext(name) ||
            !is_of_database(listing, name))
            continue;
        t->files[t->n_files++] = (struct table_file){name, c};
        add(t, name, len - strlen(ext));
    }
    if (t->n_files)
        qsort(t->files, t->n_files, sizeof *t->files, by_file);
}

static void add_data_files(struct table_names *t, const struct listing *listing)
{
    for (size_t i = 0; i < listing->n_files; i++) {
        const struct listed_file *f = &listing->files[i];
        if (f->name[f->unit_len])
            add(t, f->name, f->unit_len);
    }
}

static void add_frms(struct table_names *t, const struct plain_set *plain)
{
    char **tables = plain_set_table_names(plain);
    for (size_t i = 0; tables && tables[i]; i++)
        add(t, tables[i], strlen(tables[i]));
    plain_names_free(tables);
}

static void sort(struct table_names *t)
{
    size_t kept = 0;
    if (t->n)
        qsort(t->names, t->n, sizeof *t->names, by_name);
    for (size_t i = 0; i < t->n; i++)
        if (kept && !strcmp(t->names[kept - 1], t->names[i]))
            free(t->names[i]);
        else
            t->names[kept++] = t->names[i];
    t->n = kept;
    t->ticked = mem_zalloc(kept + 1);
}

void table_names_make(struct table_names *out, enum server_flavour flavour,
                      const struct datadir *datadir, const struct space_set *spaces,
                      const struct plain_set *plain, const struct listing *listing)
{
    *out = (struct table_names){
        .datadir = datadir, .plain = plain, .by_frm = flavour == FLAVOUR_MARIADB};
    if (out->by_frm) {
        add_frms(out, plain);
    } else {
        add_spaces(out, spaces, listing);
        add_data_files(out, listing);
    }
    sort(out);
}

void table_names_fini(struct table_names *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->names[i]);
    free(t->names);
    free(t->ticked);
    free(t->files);
    *t = (struct table_names){0};
}

/* --- whether one still is what it was --- */

static bool is_that_file(const struct table_names *t, const struct copied_space *c)
{
    const char *path = path_of(c);
    AUTO_FREE char *here =
        path[0] == '/' ? mem_strdup(path) : mem_printf("%s/%s", t->datadir->root, path);
    struct stat st;
    return !stat(here, &st) && st.st_dev == c->dev && st.st_ino == c->mark.inode;
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
    static const char own[] = "mysql/"; /* the server's: all in one tablespace */
    const size_t len = strlen(table);
    size_t n = 0;
    for (size_t i = files_begin(t, table); i < t->n_files; i++, n++) {
        const char *name = t->files[i].name;
        if (strncmp(name, table, len) || (name[len] != '#' && name[len] != '.'))
            break; /* as in plain_set_data_rests: a table's files follow each other */
        if (!is_that_file(t, t->files[i].copy))
            return HASH_TABLE_OTHER;
    }
    return n || !strncmp(table, own, strlen(own)) ? HASH_TABLE_SAME : HASH_TABLE_UNKNOWN;
}

enum hash_identity table_names_identify(const struct table_names *t, const char *table)
{
    if (t->by_frm) {
        AUTO_FREE char *frm = mem_printf("%s.frm", table);
        if (!plain_set_file_rests(t->plain, frm))
            return HASH_TABLE_OTHER;
    }
    if (plain_set_data_rests(t->plain, table))
        return HASH_TABLE_RESTED;
    return t->by_frm ? HASH_TABLE_SAME : identify_spaces(t, table);
}

/* --- what is left over --- */

void table_names_tick(struct table_names *t, const char *table)
{
    char *const *found =
        t->n ? bsearch(&table, t->names, t->n, sizeof *t->names, by_name) : NULL;
    if (found)
        t->ticked[found - t->names] = true;
}

const char *table_names_unticked(const struct table_names *t, size_t *at)
{
    while (*at < t->n && t->ticked[*at])
        ++*at;
    return *at < t->n ? t->names[(*at)++] : NULL;
}
