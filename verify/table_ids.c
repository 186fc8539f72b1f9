/* verify/table_ids.c: see table_ids.h. */
#include "verify/table_ids.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "server/mysql_dict.h"
#include "server/table_file.h"
#include "verify/row_hash.h"

struct table_id {
    uint64_t name; /* hash of it, without that of a partition */
    uint64_t id;
};

static uint64_t name_hash(const char *name)
{
    static const char part[] = "#p#";
    size_t n = 0;
    while (name[n] && strncasecmp(name + n, part, strlen(part)))
        n++;
    return hash64_of_bytes(name, n);
}

static void add(struct table_ids *ids, const char *name, const char *numbers)
{
    AUTO_FREE char *line = mem_printf("%s %s", name, numbers);
    mem_grow(&ids->items, &ids->cap, ids->n, sizeof *ids->items);
    ids->items[ids->n++] =
        (struct table_id){.name = name_hash(name), .id = hash64_of_bytes(line, strlen(line))};
}

static int compare_ids(const void *a, const void *b)
{
    const struct table_id *x = a, *y = b;
    return (x->name > y->name) - (x->name < y->name);
}

/* Sorts, and adds up what belongs to one table. */
static void merge(struct table_ids *ids)
{
    size_t n = 0;
    if (ids->n)
        qsort(ids->items, ids->n, sizeof *ids->items, compare_ids);
    for (size_t i = 0; i < ids->n; i++) {
        if (n && ids->items[n - 1].name == ids->items[i].name)
            ids->items[n - 1].id += ids->items[i].id;
        else
            ids->items[n++] = ids->items[i];
    }
    ids->n = n;
}

static struct err *load_mariadb(struct table_ids *out, struct conn *c)
{
    struct rows rows;
    TRY(conn_query(c, &rows,
                   "SELECT NAME, CONCAT(TABLE_ID, ' ', SPACE) AS numbers"
                   " FROM information_schema.INNODB_SYS_TABLES"));
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *name = rows_get(&rows, i, "NAME"), *numbers = rows_get(&rows, i, "numbers");
        if (name && numbers)
            add(out, name, numbers);
    }
    rows_fini(&rows);
    return NULL;
}

static struct err *load_mysql(struct table_ids *out, struct conn *c)
{
    struct mysql_spaces spaces;
    TRY(mysql_spaces_load(&spaces, c));
    for (size_t i = 0; i < spaces.n; i++) {
        AUTO_FREE char *number = mem_printf("%u", (unsigned)spaces.items[i].id);
        add(out, spaces.items[i].name, number);
    }
    mysql_spaces_fini(&spaces);
    return NULL;
}

struct err *table_ids_load(struct table_ids *out, bool *denied, struct conn *c,
                           enum server_flavour flavour)
{
    *out = (struct table_ids){0};
    struct err *e = flavour == FLAVOUR_MYSQL ? load_mysql(out, c) : load_mariadb(out, c);
    *denied = e && conn_errno_is_denied(conn_errno(c));
    if (*denied) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    merge(out);
    return NULL;
}

void table_ids_fini(struct table_ids *ids)
{
    free(ids->items);
    *ids = (struct table_ids){0};
}

struct err *table_ids_name(uint64_t *out, struct conn *c, enum server_flavour flavour,
                           const char *schema, const char *table)
{
    AUTO_FREE char *name = NULL;
    if (flavour == FLAVOUR_MYSQL)
        name = mem_printf("%s/%s", schema, table);
    else
        TRY(table_file_name(&name, c, flavour, schema, table));
    *out = name_hash(name);
    return NULL;
}

uint64_t table_ids_find(const struct table_ids *ids, uint64_t name)
{
    const struct table_id key = {.name = name};
    const struct table_id *found =
        ids->n ? bsearch(&key, ids->items, ids->n, sizeof *ids->items, compare_ids) : NULL;
    return found ? found->id : 0;
}
