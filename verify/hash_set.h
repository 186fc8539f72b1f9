/* verify/hash_set.h: hashes of many tables at one moment, and the file they are kept in: one JSON document, described in
 * docs/table-hash.md. Reading takes nothing on trust: each value is checked for presence, type and range. Pure. */
#ifndef MBE_VERIFY_HASH_SET_H
#define MBE_VERIFY_HASH_SET_H

#include "base/err.h"
#include "verify/hash_select.h"
#include "verify/key_ranges.h"
#include "verify/row_hash.h"

enum hash_state {
    HASH_EXACT,          /* of the set's moment */
    HASH_UNSYNCHRONISED, /* of some moment near it; see `reason` */
    HASH_NOT,            /* no hash; see `reason`. The table was there, as far as is known */
};

struct hashed_column {
    char *name;
    enum value_class value;
    struct hash128 sum; /* of the hashes of its values */
};

struct hashed_table {
    char *schema, *name;
    char *engine; /* as the server names it; not compared */
    enum hash_state state;
    char *reason; /* one line; NULL when EXACT */
    /* The rest is empty for HASH_NOT. */
    size_t n_columns;
    struct hashed_column *columns; /* in table order, without virtual generated ones */
    size_t n_key;                  /* columns of the key that `ranges` goes by; 0: buckets */
    uint16_t *key;                 /* places in columns[] */
    uint64_t rows;
    struct hash128 sum; /* of the hashes of its rows */
    struct key_ranges ranges;
};

struct hash_set {
    char *flavour, *version, *server_id, *host; /* of the server; each may be NULL */
    char *taken;  /* "2026-11-27T15:40:00Z": the moment; NULL: there was none in common */
    uint64_t lsn; /* of the moment; 0: not known */
    char *binlog_file, *gtid; /* of the moment; NULL: not known */
    uint64_t binlog_position;
    char *databases, *tables, *ignore_databases,
        *ignore_tables; /* what was asked for, as in hash_select.h; each may be NULL */
    bool system;
    struct hashed_table
        *items; /* sorted by schema and name, byte by byte, when hash_set_sort was called */
    size_t n, cap;
};

/* Zero-initialise before use. */
void hash_set_fini(struct hash_set *s);
void hashed_table_fini(struct hashed_table *t);
/* A new table at the end, state HASH_NOT, all else but the names empty; borrowed until the next call. */
struct hashed_table *hash_set_add(struct hash_set *s, const char *schema, const char *name);
/* Tables of the same name: the first that was added stays, others are dropped. */
void hash_set_sort(struct hash_set *s);
/* Of a sorted set; NULL: has none. */
const struct hashed_table *hash_set_find(const struct hash_set *s, const char *schema,
                                         const char *name);
/* Drops what is not selected. */
void hash_set_keep(struct hash_set *s, const struct hash_select *select);
/* Gives a table a state other than EXACT; the reason is copied, on one line. HASH_NOT drops what was hashed. */
void hashed_table_mark(struct hashed_table *t, enum hash_state state, const char *reason);

/* How many tables are in a state. */
size_t hash_set_count(const struct hash_set *s, enum hash_state state);

/* The document of a sorted set; *text is NUL-terminated, owned by caller. */
void hash_set_write(char **text, size_t *n, const struct hash_set *s);
/* Reads such a document; `from` is for messages. *out is owned by caller, sorted, and empty after an error. CORRUPT for what is no
 * such document or has values that make no sense; REFUSED for a version that is not known. */
struct err *hash_set_parse(struct hash_set *out, const char *text, size_t n,
                           const char *from) MUST_CHECK;
/* The same of a file. */
struct err *hash_set_load(struct hash_set *out, const char *path) MUST_CHECK;

#endif
