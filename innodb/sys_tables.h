/* innodb/sys_tables.h: MariaDB's own tables of indexes, in the system tablespace. REDUNDANT. Pure.
 *
 *   Page 7 (BE32 root pages):  70 SYS_TABLES by name   74 by id   78 SYS_COLUMNS   82 SYS_INDEXES   86 SYS_FIELDS
 *
 *   Fields of a leaf record, in their order:
 *     SYS_COLUMNS  TABLE_ID 8, POS 4, trx 6, roll 7, NAME, MTYPE 4, PRTYPE 4, LEN 4, PREC 4
 *     SYS_INDEXES  TABLE_ID 8, ID 8, trx 6, roll 7, NAME, N_FIELDS 4, TYPE 4, SPACE 4, PAGE_NO 4, ...
 *     SYS_FIELDS   INDEX_ID 8, POS 4, trx 6, roll 7, COL_NAME
 *   POS of SYS_FIELDS: 0, 1...; if any field of the index is a prefix or descending, all are position << 16 and what that says.
 *   MTYPE 3: bytes of fixed length, 4: of any, 6: integer; they sort by their bytes. 12: VARCHAR, 13: CHAR of the collation in bits 16
 *   to 30 of PRTYPE; of that, too, 0x100: NOT NULL, 0x2000: virtual. LEN: bytes, at most.
 *   TYPE: 1 clustered, 32 fulltext, 64 spatial. PAGE_NO 0xFFFFFFFF: it has no tree.
 *
 * Facts: MariaDB 10.11.19, 11.8.6, by experiment. */
#ifndef MBE_INNODB_SYS_TABLES_H
#define MBE_INNODB_SYS_TABLES_H

#include "innodb/index_check.h"
#include "innodb/key_order.h"

enum { SYS_TABLES_PAGE_NO = 7, SYS_ROOTS = 5 };

enum sys_table { SYS_TABLE_COLUMNS, SYS_TABLE_FIELDS, SYS_TABLE_INDEXES, SYS_TABLE_COUNT };

/* Root page of each of the SYS_ROOTS indexes that page 7 names, which no row says anything of. */
page_no_t sys_root(const uint8_t *page_7, uint32_t i);
/* Root page of a table, by page 7. */
page_no_t sys_table_root(const uint8_t *page_7, enum sys_table table);

struct sys_row {
    uint64_t id;         /* of the table; of SYS_FIELDS: of the index */
    uint64_t index;      /* SYS_INDEXES: its id */
    uint32_t pos;        /* SYS_FIELDS */
    const uint8_t *name; /* of a column */
    uint32_t name_len;
    bool sorts;      /* SYS_COLUMNS: by its bytes */
    bool is_virtual; /* SYS_COLUMNS */
    struct key_column column;
    uint32_t n_fields, type, space; /* SYS_INDEXES; no fields: the key is DB_ROW_ID, 6 bytes */
    page_no_t root;
};

/* The columns of a table's own key. */
struct key_columns sys_table_key(enum sys_table table);
/* The row at r of a leaf that index_check found whole; false for one that is deleted or makes no sense. Borrows from the page. */
bool sys_table_row(struct sys_row *row, const struct index_checked *page, uint32_t r,
                   enum sys_table table);

#endif
