/* engine/mysql_survey.c: see mysql_survey.h. */
#include "engine/mysql_survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

enum { PHYSICAL_PAGE_MIN = 1024 };

/* --- files --- */

static int by_inode(const void *a, const void *b)
{
    const struct copied_space *x = *(const struct copied_space *const *)a,
                              *y = *(const struct copied_space *const *)b;
    return (x->mark.inode > y->mark.inode) - (x->mark.inode < y->mark.inode);
}

/* Copies that may tell what is in an unopened file, by inode. Owned by caller. */
static const struct copied_space **index_stamps(const struct space_set *set, size_t *n)
{
    const struct copied_space **copies = mem_alloc((set->n + 1) * sizeof *copies);
    *n = 0;
    for (size_t i = 0; i < set->n; i++)
        if (!set->items[i].dropped && !set->items[i].suspect && set->items[i].mark.proves)
            copies[(*n)++] = &set->items[i];
    if (*n)
        qsort(copies, *n, sizeof *copies, by_inode);
    return copies;
}

static const struct copied_space *untouched(const struct copied_space **copies, size_t n,
                                            const struct stat *st)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (copies[middle]->mark.inode < st->st_ino)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < n && copies[low]->mark.inode == st->st_ino; low++)
        if (space_stamp_is_of(copies[low], st))
            return copies[low];
    return NULL;
}

static struct mysql_file file_of(const struct listed_space *listed, const struct stat *st)
{
    return (struct mysql_file){.listed = listed,
                               .state = MYSQL_FILE_WHOLE,
                               .dev = st->st_dev,
                               .inode = st->st_ino,
                               .size = (uint64_t)st->st_size};
}

static struct err *open_file(struct mysql_file *f)
{
    struct space_head head;
    TRY(space_head_read(&head, f->listed->path));
    f->dev = head.dev;
    f->inode = head.inode;
    f->size = head.size;
    f->id = head.id;
    if (head.absent && !head.inode)
        f->state = MYSQL_FILE_GONE;
    else if (head.absent || head.zero || head.size < PHYSICAL_PAGE_MIN)
        f->state = MYSQL_FILE_UNBORN;
    return NULL;
}

static struct err *look_at(struct mysql_survey *s, const struct listed_space *listed,
                           const struct copied_space **copies, size_t n_copies)
{
    struct mysql_file *f = &s->files[s->n++];
    struct stat st;
    if (stat(listed->path, &st)) {
        *f = (struct mysql_file){.listed = listed, .state = MYSQL_FILE_GONE};
        return errno == ENOENT ? NULL : err_os("%s: cannot stat", listed->path);
    }
    *f = file_of(listed, &st);
    const struct copied_space *known = untouched(copies, n_copies, &st);
    if (listed->system)
        f->id = 0;
    else if (known)
        f->id = known->id;
    else {
        s->n_opened++;
        return open_file(f);
    }
    return NULL;
}

struct err *mysql_survey_make(struct mysql_survey *out, const struct listing *listing,
                              const struct space_set *set)
{
    size_t n_copies;
    struct err *e = NULL;
    const struct copied_space **copies = index_stamps(set, &n_copies);
    *out = (struct mysql_survey){.files = mem_alloc((listing->n_spaces + 1) * sizeof *out->files)};
    for (size_t i = 0; !e && i < listing->n_spaces; i++)
        e = look_at(out, &listing->spaces[i], copies, n_copies);
    free(copies);
    if (e)
        mysql_survey_fini(out);
    return e;
}

void mysql_survey_fini(struct mysql_survey *s)
{
    free(s->files);
    *s = (struct mysql_survey){0};
}

/* --- dictionary --- */

static bool try_path(struct mysql_dict *d, size_t i, char *path, const struct mysql_survey *survey,
                     const struct map64 *by_id)
{
    struct mysql_dict_row *row = &d->rows[i];
    struct stat st;
    uint64_t at;
    if (stat(path, &st)) {
        free(path);
        return false;
    }
    bool right = false;
    for (bool any = map64_get(by_id, row->id, &at); any && at < survey->n && !right; at++)
        right = survey->files[at].id == row->id && survey->files[at].dev == st.st_dev &&
                survey->files[at].inode == st.st_ino;
    if (row->found && !right) {
        free(path);
        return false;
    }
    free(d->paths[i]);
    d->paths[i] = path;
    row->found = true;
    row->dev = st.st_dev;
    row->inode = st.st_ino;
    return right;
}

static void locate(struct mysql_dict *d, size_t i, const struct datadir *datadir,
                   const struct mysql_survey *survey, const struct map64 *by_id)
{
    const char *path = d->rows[i].path;
    if (!path || try_path(d, i, datadir_path(datadir, path), survey, by_id) || path[0] == '/')
        return;
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    for (size_t k = 0; k < datadir->n_space_dirs; k++)
        if (try_path(d, i, mem_printf("%s/%s", datadir->space_dirs[k], path), survey, by_id))
            return;
}

/* id -> position of the first file of the survey that has it. */
static struct map64 index_ids(const struct mysql_survey *s)
{
    struct map64 m = {0};
    for (size_t i = s->n; i-- > 0;)
        if (s->files[i].state == MYSQL_FILE_WHOLE)
            map64_put(&m, s->files[i].id, i);
    return m;
}

static void forget_rows(struct mysql_dict *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->paths[i]);
    free(d->paths);
    free(d->rows);
    d->n = 0;
}

void mysql_dict_locate(struct mysql_dict *d, const struct datadir *datadir,
                       const struct mysql_survey *survey)
{
    forget_rows(d);
    struct map64 by_id = index_ids(survey);
    d->n = d->spaces.n;
    d->rows = mem_zalloc((d->n + 1) * sizeof *d->rows);
    d->paths = mem_zalloc((d->n + 1) * sizeof *d->paths);
    for (size_t i = 0; i < d->n; i++) {
        const struct mysql_space *s = &d->spaces.items[i];
        const char *path = mysql_datafiles_path(&d->datafiles, s->id);
        if (!path && s->id == MYSQL_SPACE_DICTIONARY)
            path = "mysql.ibd"; /* the view lacks it */
        d->rows[i] = (struct mysql_dict_row){
            .id = s->id, .discarded = s->discarded, .name = s->name, .path = path};
        locate(d, i, datadir, survey, &by_id);
    }
    map64_fini(&by_id);
}

bool mysql_dict_complete(const struct mysql_dict *d, const struct mysql_survey *survey,
                         struct listing *listing, const struct datadir *datadir)
{
    struct map64 by_id = index_ids(survey);
    bool any = false;
    for (size_t i = 0; i < d->n; i++) {
        uint64_t at;
        if (d->rows[i].discarded || !d->paths[i] || map64_get(&by_id, d->rows[i].id, &at))
            continue;
        listing_add_space(listing, datadir, d->paths[i]);
        any = true;
    }
    map64_fini(&by_id);
    return any;
}

void mysql_dict_fini(struct mysql_dict *d)
{
    forget_rows(d);
    mysql_spaces_fini(&d->spaces);
    mysql_datafiles_fini(&d->datafiles);
    *d = (struct mysql_dict){0};
}
