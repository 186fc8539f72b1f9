/* verify/hash_select.c: see hash_select.h. A list is walked in place, pattern by pattern. */
#include "verify/hash_select.h"

#include <stddef.h>
#include <string.h>

struct span {
    const char *p, *end;
};

/* Up to the next `stop` that no backslash takes away, or the end. */
static const char *find(struct span s, char stop)
{
    for (; s.p < s.end && *s.p != stop; s.p++)
        if (*s.p == '\\' && s.p + 1 < s.end)
            s.p++;
    return s.p;
}

/* Takes the next pattern off the list; false at its end. */
static bool next(struct span *list, struct span *pattern)
{
    if (!list->p || list->p > list->end)
        return false;
    const char *comma = find(*list, ',');
    *pattern = (struct span){list->p, comma};
    list->p = comma + 1;
    return true;
}

static struct span list_of(const char *list)
{
    return (struct span){list, list ? list + strlen(list) : NULL};
}

static bool is_end(struct span s)
{
    return s.p == s.end;
}

static const char *next_character(const char *name)
{
    do
        name++;
    while ((*name & 0xc0) == 0x80); /* UTF-8 */
    return name;
}

/* One character of both, if they agree. Neither is at its end. */
static bool take_one(struct span *pattern, const char **name)
{
    const char *c = pattern->p;
    if (*c == '?') {
        *name = next_character(*name);
    } else {
        c += *c == '\\' && c + 1 < pattern->end;
        if (*c != **name)
            return false;
        ++*name;
    }
    pattern->p = c + 1;
    return true;
}

/* Whether the pattern is the whole of `name`. A star takes as little as will do; the last one is the only one to come back to. */
static bool matches(struct span pattern, const char *name)
{
    struct span star = {0};
    const char *star_name = NULL;
    for (;;) {
        if (!is_end(pattern) && *pattern.p == '*') {
            pattern.p++;
            star = pattern;
            star_name = name;
            continue;
        }
        if (!*name && is_end(pattern))
            return true;
        if (*name && !is_end(pattern) && take_one(&pattern, &name))
            continue;
        if (!star_name || !*star_name)
            return false;
        name = ++star_name;
        pattern = star;
    }
}

static bool list_has(const char *list, const char *name)
{
    struct span left = list_of(list), pattern;
    while (next(&left, &pattern))
        if (matches(pattern, name))
            return true;
    return false;
}

/* A pattern of tables in its two halves; the first is NULL when there is no dot. */
static void split(struct span pattern, struct span *schema, struct span *table)
{
    const char *dot = find(pattern, '.');
    const bool has = dot < pattern.end;
    *schema = has ? (struct span){pattern.p, dot} : (struct span){NULL, NULL};
    *table = has ? (struct span){dot + 1, pattern.end} : pattern;
}

static bool tables_have(const char *list, const char *schema, const char *table)
{
    struct span left = list_of(list), pattern, s, t;
    while (next(&left, &pattern)) {
        split(pattern, &s, &t);
        if ((!s.p || matches(s, schema)) && matches(t, table))
            return true;
    }
    return false;
}

static bool is_literal(struct span s)
{
    return find(s, '*') == s.end && find(s, '?') == s.end;
}

static bool names_schema(const struct hash_select *sel, const char *schema)
{
    struct span left = list_of(sel->databases), pattern, s, t;
    while (next(&left, &pattern))
        if (is_literal(pattern) && matches(pattern, schema))
            return true;
    left = list_of(sel->tables);
    while (next(&left, &pattern)) {
        split(pattern, &s, &t);
        if (s.p && is_literal(s) && matches(s, schema))
            return true;
    }
    return false;
}

static bool names_table(const struct hash_select *sel, const char *schema, const char *table)
{
    struct span left = list_of(sel->tables), pattern, s, t;
    while (next(&left, &pattern)) {
        split(pattern, &s, &t);
        if (s.p && is_literal(s) && is_literal(t) && matches(s, schema) && matches(t, table))
            return true;
    }
    return false;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}
#define IS_ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof(names)[0])

bool hash_select_takes_schema(const struct hash_select *s, const char *schema)
{
    static const char *const with_system[] = {"mysql", "sys"};
    static const char *const never_by_default[] = {"mysql", "sys", "information_schema",
                                                   "performance_schema"};
    if (s->ignore_databases && list_has(s->ignore_databases, schema))
        return false;
    if (s->databases && !list_has(s->databases, schema))
        return false;
    if (s->system && IS_ONE_OF(schema, with_system))
        return true;
    return !IS_ONE_OF(schema, never_by_default) || names_schema(s, schema);
}

bool hash_select_takes(const struct hash_select *s, const char *schema, const char *table)
{
    if (!hash_select_takes_schema(s, schema))
        return false;
    if (s->ignore_tables && tables_have(s->ignore_tables, schema, table))
        return false;
    if (s->tables && !tables_have(s->tables, schema, table))
        return false;
    return !hash_select_is_volatile(schema, table) || names_table(s, schema, table);
}

bool hash_select_is_volatile(const char *schema, const char *table)
{
    static const char *const names[] = {
        "innodb_table_stats",  "innodb_index_stats", "general_log",       "slow_log",
        "gtid_executed",       "gtid_slave_pos",     "slave_master_info", "slave_relay_log_info",
        "slave_worker_info",   "table_stats",        "column_stats",      "index_stats",
        "transaction_registry"};
    return !strcmp(schema, "mysql") &&
           (IS_ONE_OF(table, names) || !strncmp(table, "gtid_slave_pos_", 15));
}

struct err *hash_select_check(const char *list, const char *option)
{
    struct span left = list_of(list), pattern, s, t;
    while (next(&left, &pattern)) {
        split(pattern, &s, &t);
        if (is_end(pattern) || is_end(t) || (s.p && is_end(s)))
            return err_make(USAGE, "--%s: an empty pattern in '%s'", option, list);
        size_t slashes = 0;
        for (const char *c = pattern.end; c > pattern.p && c[-1] == '\\'; c--)
            slashes++;
        if (slashes % 2)
            return err_make(USAGE, "--%s: a backslash with nothing behind it in '%s'", option,
                            list);
    }
    return NULL;
}
