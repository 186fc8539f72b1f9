/* innodb/key_order.h: whether the records of an index page stand in the order of their keys, as far as that can be told without
 * collations: by the leading columns that have one length and are stored so that their bytes sort as their values do (integers,
 * dates and times, decimals, ENUM and SET, BIT, binary strings of fixed length, DB_ROW_ID). The first column that is none ends what
 * is compared. NULL comes first. Pure; the page is one that index_check.h found whole.
 *
 * COMPACT and DYNAMIC: of a record without version or count byte, which those with nullable key columns are, the bit of the n-th
 * nullable field is bit n % 8 of the byte 6 + n / 8 before the origin, and a NULL has no bytes. REDUNDANT: the top bit of a field's
 * end offset. */
#ifndef MBE_INNODB_KEY_ORDER_H
#define MBE_INNODB_KEY_ORDER_H

#include "innodb/index_check.h"

enum { KEY_COLUMNS_MAX = 8 };

struct key_columns {
    uint32_t n;
    struct key_column {
        uint16_t len; /* bytes; never 0 */
        bool nullable, descending;
    } columns[KEY_COLUMNS_MAX];
};

/* NULL, or a static sentence. */
const char *key_order_check(const struct index_checked *page, const struct key_columns *key);

#endif
