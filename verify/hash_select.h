/* verify/hash_select.h: which tables are hashed. Pure.
 *
 * Lists are texts with commas between patterns; * stands for any run of characters and ? for one; a backslash in front takes any
 * character literally. Case counts. A pattern of tables is db.table; one without a dot means that table in any database. (A dot in
 * a name: \. )
 *
 * Without `system`, the databases mysql, sys, information_schema and performance_schema are left out, unless one is named in
 * `databases` or as the database of a pattern in `tables`, without * or ?. With `system`, `mysql` and `sys` are taken as well,
 * without what the server itself writes there at any time (hash_select_is_volatile). */
#ifndef MBE_VERIFY_HASH_SELECT_H
#define MBE_VERIFY_HASH_SELECT_H

#include <stdbool.h>

#include "base/err.h"

struct hash_select {
    const char *databases, *tables, *ignore_databases,
        *ignore_tables; /* NULL: all; NULL: none ignored */
    bool system;
};

/* USAGE for an empty pattern or a trailing backslash; `option` names the list in the message. NULL is fine. */
struct err *hash_select_check(const char *list, const char *option) MUST_CHECK;
bool hash_select_takes_schema(const struct hash_select *s, const char *schema);
bool hash_select_takes(const struct hash_select *s, const char *schema, const char *table);
/* Tables of `mysql` that a server writes by itself, and whose content is no part of what is backed up: statistics, logs, GTIDs of
 * the engine, positions of replication. */
bool hash_select_is_volatile(const char *schema, const char *table);

#endif
