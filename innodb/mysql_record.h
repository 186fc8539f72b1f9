/* innodb/mysql_record.h: where a record of a MySQL B-tree page begins and ends and where its fields lie, told from the
 * record's own bytes and the index description of the redo (redo_mysql_index.h). Pure; the bytes may be garbage.
 *
 * r is the origin. The fixed header (5 bytes COMPACT, 6 REDUNDANT) is that of index_page.h. Below it, going down:
 *
 *   COMPACT, status 0    info bit 0x40: 1 byte, row version v
 *                        info bit 0x80: 1 or 2 bytes (bit 7 of the first), number of stored fields
 *                        NULL bitmap: a bit for each nullable field, bit 0 of the highest byte first
 *                        length bytes of the variable fields: 1 byte b; a field that may be longer than 255 bytes takes a
 *                        second one if b & 0x80: (b & 0x3F) << 8 | second
 *   COMPACT, status 1    node pointer: n_uniq fields and a page number of 4 bytes. The bitmap is as long as for all
 *                        fields of the index; no version byte
 *   COMPACT, status 2, 3 infimum and supremum: 8 bytes of data
 *   REDUNDANT            info bit 0x40: 1 byte, row version; then the end offset of each stored field: 1 byte (0x80 NULL)
 *                        or 2 (0x8000 NULL, 0x4000 external). A NULL field of fixed length keeps its room
 *
 * Fields are stored in physical order. Of a row of version v those are left out that were added after v or dropped in v or
 * before; a row without info bit 0x40 has version 0. Of rows of a table with instant columns of 8.0.12 to 8.0.28 the first
 * n_inst fields are stored, or as many as the record says.
 *
 * Facts: MySQL 9.7.4, by replaying its log against its own pages; info bit 0x80: by rule. */
#ifndef MBE_INNODB_MYSQL_RECORD_H
#define MBE_INNODB_MYSQL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "innodb/redo_mysql_index.h"

enum {
    MYSQL_STATUS_ORDINARY = 0,
    MYSQL_STATUS_NODE_POINTER = 1,
    MYSQL_INFO_MIN_REC = 0x10,
    MYSQL_INFO_DELETED = 0x20,
    MYSQL_INFO_VERSION = 0x40,
    MYSQL_INFO_INSTANT = 0x80,
};

/* Bytes [low, high) of p may be looked at. */
struct mysql_record_area {
    uint8_t *p;
    uint32_t low, high;
};

struct mysql_record_size {
    uint32_t extra, data; /* bytes before and behind the origin */
};

struct mysql_record_field {
    uint32_t at, len; /* from the origin */
    bool stored;      /* the row's version has it */
    bool null;        /* COMPACT: len is 0. REDUNDANT: len is the room it keeps */
    uint32_t
        end_entry; /* REDUNDANT: position in the area of its end offset, whose top bit says NULL */
};

/* Sizes of the record at r. False if it does not lie in the area, or makes no sense. */
bool mysql_record_measure(struct mysql_record_size *out, const struct redo_mysql_index *ix,
                          const struct mysql_record_area *area, uint32_t r);
/* Place of the field with that logical position (of an ordinary record, or among the key fields of a node pointer). False
 * as above, or if there is no such field. */
bool mysql_record_find(struct mysql_record_field *out, const struct redo_mysql_index *ix,
                       const struct mysql_record_area *area, uint32_t r, uint32_t logical);

#endif
