/* verify/table_split.h: cuts a table by the first column of its key, so that several connections can read it.
 *
 * The parts are "c < A", "c >= A AND c < B", ... "c >= Z", where the server compares, in the column's own type and collation. Whatever A to Z
 * are, if they ascend by that same comparison, each row is in just one part (the column is never NULL, and of two values one is below
 * the other or it is not), rows that are equal in it are in the same part, and the parts follow each other in the order of the key.
 *   integers     ascend by themselves: equal steps between the least and the greatest
 *   all others   are values of rows. The next is asked for as "c > A ORDER BY c LIMIT 1 OFFSET n", and so is behind A by the server's
 *                own word. That has the server walk the key once; no more than `rows` at a time, about, so that it can be stopped.
 * Not cut are tables without a key (table_def.h): neither FLOAT, DOUBLE, ENUM, SET, geometry nor MariaDB's CHAR in a collation that does not
 * pad is in one. Nothing is cut at a DATE, DATETIME or TIMESTAMP without month or day, or with a day above the 28th: MySQL may refuse
 * such a literal. */
#ifndef MBE_VERIFY_TABLE_SPLIT_H
#define MBE_VERIFY_TABLE_SPLIT_H

#include "verify/hash_pace.h"
#include "verify/table_def.h"

struct split_options {
    size_t parts;  /* at most, about: PARTS + 1 can come of it */
    unsigned rows; /* between two values that are asked for */
};

/* Conditions for the parts, in their order; owned by caller. *where has *n items, of which one is NULL when nothing is to be cut. The
 * table is held by the connection. Errors as table_read. */
struct err *table_split(char ***where, size_t *n, struct conn *c, const struct listed_table *t,
                        const struct table_def *d, const struct split_options *options,
                        struct hash_pace *pace) MUST_CHECK;

#endif
