/* verify/table_def_rows.h: a table's definition out of rows of the catalog, wherever they were asked for: for table_def.c and
 * known_def.c. */
#ifndef MBE_VERIFY_TABLE_DEF_ROWS_H
#define MBE_VERIFY_TABLE_DEF_ROWS_H

#include "verify/table_def.h"

/* What is asked of information_schema.COLUMNS, in the order of ORDINAL_POSITION. */
#define COLUMN_CELLS                                                               \
    "TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, EXTRA, CHARACTER_SET_NAME, " \
    "GENERATION_EXPRESSION, COLLATION_NAME"

/* A text for SQL, owned by caller; the session's sql_mode is empty, so that a backslash is one that escapes. */
char *sql_text(const char *text);

/* The columns of t among the rows, which may be of several tables, and the hash of its definition. SERVER when there are none, or one
 * of a type that is not known. */
struct err *table_def_take_columns(struct table_def *d, const struct rows *rows,
                                   const struct listed_table *t) MUST_CHECK;
/* Whether t can have a key that its rows are stored by. */
bool table_def_has_key(const struct listed_table *t);
/* That key, out of rows [from, to), which are of one table and named as those of SHOW INDEX. In_order: keys come in the order in which
 * the engine looks for the one to store rows by. Otherwise PRIMARY comes first, and the result is false when there is no PRIMARY and
 * the order would matter. */
bool table_def_take_key(struct table_def *d, const struct rows *rows, size_t from, size_t to,
                        bool in_order);

#endif
