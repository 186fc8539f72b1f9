/* server/mysql_dict.c: see mysql_dict.h. */
#include "server/mysql_dict.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static char *copy(const char *text)
{
    return mem_strdup(text ? text : "");
}

/* An id out of the server's answer; the views have it as text in one place and as a number in
 * another. */
static struct err *space_id(uint32_t *out, const char *text)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long n = text ? strtoull(text, &end, 10) : 0;
    if (!text || end == text || *end || errno || n > UINT32_MAX)
        return err_make(SERVER, "the server names a tablespace '%s'", text ? text : "NULL");
    *out = (uint32_t)n;
    return NULL;
}

/* Both kinds of item begin with their id. */
static_assert(offsetof(struct mysql_space, id) == 0 && offsetof(struct mysql_datafile, id) == 0,
              "compare_ids takes the first member");
static int compare_ids(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static struct err *take_space(struct mysql_space *s, const struct rows *rows, size_t row)
{
    const char *flags = rows_get(rows, row, "FLAG");
    const char *encrypted = rows_get(rows, row, "ENCRYPTION");
    s->name = copy(rows_get(rows, row, "NAME"));
    s->type = copy(rows_get(rows, row, "SPACE_TYPE"));
    s->state = copy(rows_get(rows, row, "STATE"));
    s->flags = flags ? (uint32_t)strtoul(flags, NULL, 10) : 0;
    s->discarded = !strcmp(s->state, "discarded");
    s->encrypted = encrypted && !strcasecmp(encrypted, "Y");
    return space_id(&s->id, rows_get(rows, row, "SPACE"));
}

struct err *mysql_spaces_load(struct mysql_spaces *out, struct conn *c)
{
    struct rows rows;
    struct err *e = NULL;

    *out = (struct mysql_spaces){0};
    TRY(conn_query(c, &rows,
                   "SELECT SPACE, NAME, FLAG, SPACE_TYPE, STATE, ENCRYPTION"
                   " FROM information_schema.INNODB_TABLESPACES"
                   " WHERE SPACE NOT IN (0, %u)",
                   (unsigned)MYSQL_SPACE_TEMPORARY));
    out->items = mem_zalloc((rows.n_rows + 1) * sizeof *out->items);
    while (!e && out->n < rows.n_rows) {
        e = take_space(&out->items[out->n], &rows, out->n);
        out->n++;
    }
    rows_fini(&rows);
    if (e)
        mysql_spaces_fini(out);
    else
        qsort(out->items, out->n, sizeof *out->items, compare_ids);
    return e;
}

void mysql_spaces_fini(struct mysql_spaces *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->items[i].name);
        free(s->items[i].type);
        free(s->items[i].state);
    }
    free(s->items);
    *s = (struct mysql_spaces){0};
}

struct err *mysql_datafiles_load(struct mysql_datafiles *out, struct conn *c)
{
    struct rows rows;
    struct err *e = NULL;

    *out = (struct mysql_datafiles){0};
    TRY(conn_query(c, &rows, "SELECT SPACE, PATH FROM information_schema.INNODB_DATAFILES"));
    out->items = mem_zalloc((rows.n_rows + 1) * sizeof *out->items);
    while (!e && out->n < rows.n_rows) {
        struct mysql_datafile *f = &out->items[out->n];
        f->path = copy(rows_get(&rows, out->n, "PATH"));
        e = space_id(&f->id, rows_get(&rows, out->n, "SPACE"));
        out->n++;
    }
    rows_fini(&rows);
    if (e)
        mysql_datafiles_fini(out);
    else
        qsort(out->items, out->n, sizeof *out->items, compare_ids);
    return e;
}

void mysql_datafiles_fini(struct mysql_datafiles *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->items[i].path);
    free(d->items);
    *d = (struct mysql_datafiles){0};
}

const char *mysql_datafiles_path(const struct mysql_datafiles *d, uint32_t id)
{
    const struct mysql_datafile *found =
        d->n ? bsearch(&id, d->items, d->n, sizeof *d->items, compare_ids) : NULL;
    return found ? found->path : NULL;
}
