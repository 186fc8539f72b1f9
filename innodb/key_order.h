/* innodb/key_order.h: whether the records of an index page stand in the order of their keys, as far as that can be told without
 * weights of characters: by the leading columns that are stored so that their bytes sort as their values do: integers, dates and times,
 * decimals, ENUM and SET, BIT, DB_ROW_ID, binary strings, and strings of collations that compare bytes (key_collation_kind). The first
 * column that is none ends what is compared. NULL comes first. Pure; the page is one that index_check.h found whole.
 *
 * COMPACT and DYNAMIC: below the 5 bytes before the origin, downwards, there is a bit for each nullable field (that of the n-th is bit
 * n % 8 of byte n / 8; a NULL has no bytes), then the length of each variable one that is not NULL: a byte; or, if the column can have
 * more than 255 bytes and the top bit is set, 14 bits in two, the high ones first; bit 14: the rest is stored elsewhere. How many
 * nullable fields there are is only told of records without a version or count byte. Those of nullable key columns have none.
 * REDUNDANT: the end offset of each field, whose top bit is set for a NULL.
 *
 * Facts: MySQL 9.7.4, MariaDB 10.11.19 and 11.8.6, by experiment. */
#ifndef MBE_INNODB_KEY_ORDER_H
#define MBE_INNODB_KEY_ORDER_H

#include "innodb/index_check.h"

enum { KEY_COLUMNS_MAX = 8, KEY_NULLABLE_UNKNOWN = UINT16_MAX };

enum key_kind {
    KEY_FIXED,  /* always of one length */
    KEY_BINARY, /* of any; what is shorter and else the same comes first */
    KEY_PADDED, /* of any; compared as if filled up with spaces */
};

struct key_columns {
    uint32_t n;
    uint16_t n_nullable; /* fields of the index, all of them; or KEY_NULLABLE_UNKNOWN */
    struct key_column {
        uint16_t len; /* bytes, of KEY_FIXED; never 0 */
        uint8_t kind; /* enum key_kind */
        bool is_long; /* not KEY_FIXED: the length may have two bytes */
        bool nullable, descending;
    } columns[KEY_COLUMNS_MAX];
};

/* How strings of the collation with that id, as both families have them, are compared: KEY_BINARY or KEY_PADDED; KEY_FIXED: not by
 * their bytes. *wide: a character may have one byte or more, so that CHAR is variable in COMPACT and DYNAMIC. */
enum key_kind key_collation_kind(uint32_t id, bool *wide);

/* NULL, or a static sentence. */
const char *key_order_check(const struct index_checked *page, const struct key_columns *key);

#endif
