/* verify/table_def.h: what is to be known of a server's tables to hash them: the list of them, and of one its columns and key. */
#ifndef MBE_VERIFY_TABLE_DEF_H
#define MBE_VERIFY_TABLE_DEF_H

#include "server/conn.h"
#include "server/mysql_dict.h"
#include "server/row_stream.h"
#include "verify/hash_select.h"
#include "verify/row_hash.h"

/* How a table of an engine is read. */
enum table_access {
    ACCESS_SNAPSHOT, /* has transactions: a consistent snapshot shows it as it was */
    ACCESS_PLAIN,    /* has none; a SEQUENCE neither */
    ACCESS_NONE, /* holds nothing of its own that could be compared later (MEMORY, FEDERATED, ...) */
};
enum table_access table_access_of(const char *engine, bool is_sequence);

struct listed_table {
    char *schema, *name, *engine; /* engine: "" when the server cannot say */
    bool is_sequence, is_versioned;
    bool is_discarded; /* MySQL: its tablespace is. It must not be opened: see mysql_dict.h */
    enum table_access access;
    uint64_t definition; /* hash of its columns */
    uint64_t bytes;      /* of data, as the server estimates; 0 unless asked for */
};

struct table_list {
    struct listed_table *items; /* sorted by schema and name */
    size_t n, cap;
};

/* All tables that are selected: no views, no temporary tables. with_sizes: also how large each is, which has the server open it, but not
 * a table with a tablespace that is discarded in `spaces` (NULL: none is known to be). */
struct err *table_list_load(struct table_list *out, struct conn *c,
                            const struct hash_select *select, const struct mysql_spaces *spaces,
                            bool with_sizes) MUST_CHECK;
void table_list_fini(struct table_list *l);
/* NULL: not in it. */
const struct listed_table *table_list_find(const struct table_list *l, const char *schema,
                                           const char *name);
/* Sizes of the tables that are ACCESS_PLAIN; no table of InnoDB is opened for it. One_by_one: a question for each, which suits MariaDB,
 * or one for each schema, which suits MySQL. */
struct err *table_list_plain_sizes(struct table_list *l, struct conn *c,
                                   bool one_by_one) MUST_CHECK;

struct table_column {
    char *name;
    char *charset; /* NULL: none */
    enum value_class value;
    enum row_kind kind;
    int empty_member; /* ENUM, SET: the place of '' among its members, so that its text does not say all; -1: it is none */
    bool is_hex;      /* comes as hex digits */
    bool no_ranges;   /* whatever its class: see table_def.c */
};

struct table_def {
    struct table_column *columns; /* those that are hashed, in table order */
    size_t n_columns;
    /* The key that rows are stored by, when ranges of it can be asked for; n_key 0: none. */
    size_t n_key;
    uint16_t *key; /* places in columns[] */
    char *key_name;
    uint64_t definition; /* as in listed_table */
};

/* Of a table as it is now. SERVER when it cannot be: no such table, no column of it may be seen, a type that is not known. */
struct err *table_def_load(struct table_def *out, struct conn *c,
                           const struct listed_table *t) MUST_CHECK;
void table_def_fini(struct table_def *d);

/* "`name`" for SQL, owned by caller: whatever is in the name. */
char *sql_quoted_name(const char *name);
/* "`schema`.`name`" for SQL, owned by caller: whatever is in the names. */
char *table_sql_name(const char *schema, const char *name);

/* The SELECT for rows of a table: all of its columns, then the number of each that has an empty_member. `where` is NULL or a condition
 * ("..." without WHERE). In the order of the key, if there is one. Owned by caller. */
char *table_select(const struct listed_table *t, const struct table_def *d, const char *where);
/* Kinds of its columns; *n of them, owned by caller. */
enum row_kind *table_select_kinds(const struct table_def *d, size_t *n);
/* The canonical bytes of a row that came of it. FAILED for a value that cannot be what its class says. */
struct err *table_row_bytes(struct row_bytes *out, const struct table_def *d,
                            const struct row_cell *cells) MUST_CHECK;

#endif
