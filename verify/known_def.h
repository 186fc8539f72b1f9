/* verify/known_def.h: definitions of tables that are asked for before the tables are read, many at once, and a cheap way to see whether
 * one of them still holds.
 *
 * What a definition costs: MySQL 9.7.4 takes 5 ms of CPU for COLUMNS and SHOW INDEX of one table, but 0.1 ms for each when a schema is
 * asked for as a whole; when for some tables, 5 us more for each other table of the schema: so the more at once the better. SHOW CREATE TABLE
 * of a table that is open takes 0.1 ms. MariaDB opens all tables of the schema when it is asked for several; there one at a time takes
 * below 1 ms.
 *
 * K1 A definition is taken when the text of SHOW CREATE TABLE was the same before and behind the questions, and when the columns are
 *    those of the list (listed_table.definition). It holds as long as the text is that one; AUTO_INCREMENT does not count. */
#ifndef MBE_VERIFY_KNOWN_DEF_H
#define MBE_VERIFY_KNOWN_DEF_H

#include "verify/table_def.h"

struct known_def {
    struct table_def def;
    uint64_t text; /* hash of that text; 0: not known, and def is empty */
};

enum { KNOWN_DEFS_MAX = 1024 };

/* K1, of n tables (KNOWN_DEFS_MAX at most) of one schema. One that cannot be taken is left not known: table_def_load says why. Errors
 * are those of the connection alone, FAILED; nothing is owned then. */
struct err *known_defs_load(struct known_def *out, struct conn *c,
                            const struct listed_table *const *tables, size_t n) MUST_CHECK;
void known_def_fini(struct known_def *d);
/* Whether it still holds, of a table that nobody can alter now. Errors as conn_exec. */
struct err *known_def_holds(bool *out, const struct known_def *d, struct conn *c,
                            const struct listed_table *t) MUST_CHECK;

#endif
