/* verify/known_def.c: see known_def.h. */
#include "verify/known_def.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/table_def_rows.h"

static const char counter[] = " AUTO_INCREMENT=";

/* The counter stands behind the columns and keys, and moves with every row. */
static uint64_t hash_without_counter(char *text)
{
    char *options = text;
    for (char *p = text; (p = strstr(p, "\n) ")) != NULL; p++)
        options = p;
    char *number = strstr(options, counter);
    if (number) {
        const char *rest = number + strlen(counter);
        rest += strspn(rest, "0123456789");
        memmove(number, rest, strlen(rest) + 1);
    }
    const uint64_t hash = hash64_of_bytes(text, strlen(text));
    return hash ? hash : 1;
}

static struct err *load_text(uint64_t *out, struct conn *c, const struct listed_table *t)
{
    AUTO_FREE char *name = table_sql_name(t->schema, t->name);
    struct rows rows;
    TRY(conn_query(c, &rows, "SHOW CREATE TABLE %s", name));
    char *text = rows.n_rows && rows.n_cols > 1 ? rows.cells[1] : NULL;
    *out = text ? hash_without_counter(text) : 0;
    rows_fini(&rows);
    return NULL;
}

/* 0 when the server cannot say. */
static struct err *try_text(uint64_t *out, struct conn *c, const struct listed_table *t)
{
    *out = 0;
    struct err *e = load_text(out, c, t);
    if (!e || !conn_errno_is_lost(conn_errno(c))) {
        err_free(e);
        return NULL;
    }
    e->kind = ERR_FAILED;
    return e;
}

void known_def_fini(struct known_def *d)
{
    table_def_fini(&d->def);
    d->text = 0;
}

/* "'a','b'", owned by caller. */
static char *names_of(const struct listed_table *const *tables, size_t n)
{
    char *list = mem_strdup("");
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *name = sql_text(tables[i]->name), *before = list;
        list = mem_printf("%s%s%s", before, i ? "," : "", name);
    }
    return list;
}

static void take_columns(struct known_def *d, const struct rows *rows, const struct listed_table *t)
{
    struct err *e = table_def_take_columns(&d->def, rows, t);
    if (e || d->def.definition != t->definition)
        known_def_fini(d);
    err_free(e);
}

static bool is_of(const struct rows *rows, size_t row, const struct listed_table *t)
{
    const char *name = rows_get(rows, row, "Table");
    return name && !strcmp(name, t->name);
}

static void take_key(struct known_def *d, const struct rows *rows, const struct listed_table *t)
{
    size_t from = 0, to;
    if (!d->text || !table_def_has_key(t))
        return;
    while (from < rows->n_rows && !is_of(rows, from, t))
        from++;
    for (to = from; to < rows->n_rows && is_of(rows, to, t);)
        to++;
    if (!table_def_take_key(&d->def, rows, from, to, false))
        known_def_fini(d);
}

static struct err *load_columns(struct known_def *out, struct conn *c,
                                const struct listed_table *const *tables, size_t n,
                                const char *where)
{
    struct rows rows;
    TRY(conn_query(c, &rows,
                   "SELECT " COLUMN_CELLS " FROM information_schema.COLUMNS WHERE %s"
                   " ORDER BY TABLE_NAME, ORDINAL_POSITION",
                   where));
    for (size_t i = 0; i < n; i++)
        if (out[i].text)
            take_columns(&out[i], &rows, tables[i]);
    rows_fini(&rows);
    return NULL;
}

static struct err *load_keys(struct known_def *out, struct conn *c,
                             const struct listed_table *const *tables, size_t n, const char *where)
{
    struct rows rows;
    bool wanted = false;
    for (size_t i = 0; i < n; i++)
        wanted = wanted || table_def_has_key(tables[i]);
    if (!wanted)
        return NULL;
    TRY(conn_query(c, &rows,
                   "SELECT TABLE_NAME AS `Table`, INDEX_NAME AS Key_name, NON_UNIQUE AS Non_unique,"
                   " COLUMN_NAME AS Column_name, COLLATION AS Collation, SUB_PART AS Sub_part,"
                   " NULLABLE AS `Null` FROM information_schema.STATISTICS WHERE %s"
                   " ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX",
                   where));
    for (size_t i = 0; i < n; i++)
        take_key(&out[i], &rows, tables[i]);
    rows_fini(&rows);
    return NULL;
}

/* K1 */
static struct err *load(struct known_def *out, struct conn *c,
                        const struct listed_table *const *tables, size_t n)
{
    AUTO_FREE char *schema = sql_text(tables[0]->schema), *names = names_of(tables, n);
    AUTO_FREE char *where = mem_printf("TABLE_SCHEMA = %s AND TABLE_NAME IN (%s)", schema, names);
    for (size_t i = 0; i < n; i++)
        TRY(try_text(&out[i].text, c, tables[i]));
    TRY(load_columns(out, c, tables, n, where));
    TRY(load_keys(out, c, tables, n, where));
    for (size_t i = 0; i < n; i++) {
        uint64_t text;
        if (!out[i].text)
            continue;
        TRY(try_text(&text, c, tables[i]));
        if (text != out[i].text)
            known_def_fini(&out[i]);
    }
    return NULL;
}

struct err *known_defs_load(struct known_def *out, struct conn *c,
                            const struct listed_table *const *tables, size_t n)
{
    memset(out, 0, n * sizeof *out);
    struct err *e = n ? load(out, c, tables, n) : NULL;
    for (size_t i = 0; e && i < n; i++)
        known_def_fini(&out[i]);
    if (e)
        e->kind = ERR_FAILED;
    return e;
}

struct err *known_def_holds(bool *out, const struct known_def *d, struct conn *c,
                            const struct listed_table *t)
{
    uint64_t text;
    TRY(load_text(&text, c, t));
    *out = d->text && text == d->text;
    return NULL;
}
