/* innodb/redo_mysql_index.h: the description of an index that MySQL's record-level redo carries, so that the lengths of
 * records can be told without a dictionary. Pure.
 *
 * Old form (types 9-18, 38-46, 52, 53; servers up to 8.0.28): nothing for REDUNDANT; else
 *   2  n; bit 15: fields were added instantly: the low bits are n_inst, and 2 bytes n follow
 *   2  n_uniq
 *   2  each field: bit 15 NOT NULL; low bits 0: variable, at most 255 bytes; 0x7FFF: variable, more, or BLOB; else its length
 * New form (types 67-76; 8.0.29 and later):
 *   1  version, always 1        1  flags: 1 COMPACT, 2 VERSIONED, 4 INSTANT
 *   2  n; nothing from here on for REDUNDANT without VERSIONED
 *   COMPACT: 2 n_inst if INSTANT; 2 n_uniq; 2 each field as above
 *   VERSIONED: 2 k, then k times: 2 logical position; 2 physical position (14 bits), bit 15: a byte v_added follows,
 *     bit 14: a byte v_dropped follows
 *
 * Fields are listed in logical order. n_uniq != n means a clustered index: fields n_uniq and n_uniq + 1 are DB_TRX_ID and
 * DB_ROLL_PTR. Facts: MySQL 9.7.4, by replaying its log against its own pages. */
#ifndef MBE_INNODB_REDO_MYSQL_INDEX_H
#define MBE_INNODB_REDO_MYSQL_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reader.h"

enum {
    MYSQL_FIELDS_MAX = 1023 + 3,
    MYSQL_FIELD_NOT_NULL = 0x8000,
    MYSQL_FIELD_LENGTH = 0x7FFF,       /* mask */
    MYSQL_FIELD_VARIABLE_BIG = 0x7FFF, /* value under that mask */
    MYSQL_NO_VERSION = 0xFF,
};

struct redo_mysql_index {
    bool
        comp; /* COMPACT, DYNAMIC or COMPRESSED; else REDUNDANT, whose records describe themselves */
    bool versioned; /* the table has instant row versions; phys, v_added and v_dropped count */
    bool instant;   /* 8.0.12 to 8.0.28 instant columns; n_inst counts */
    uint16_t n, n_uniq, n_inst;
    struct redo_mysql_field {
        uint16_t word;                  /* as logged; 0 for REDUNDANT */
        uint16_t phys;                  /* physical position */
        uint8_t v_added;                /* row version, or MYSQL_NO_VERSION */
        uint8_t v_dropped;              /* likewise */
    } fields[MYSQL_FIELDS_MAX];         /* in logical order */
    uint16_t logical[MYSQL_FIELDS_MAX]; /* physical position -> logical */
};

/* Whether records of this type carry a description at all. */
bool redo_mysql_has_index(unsigned type);
/* Reads the description in front of the body of a record of that type. NULL, or a static sentence saying what is wrong.
 * Everything not logged is filled in: phys is the identity unless VERSIONED; a REDUNDANT index without VERSIONED has
 * n = n_uniq = 1 and no fields. */
const char *redo_mysql_index_read(struct redo_mysql_index *out, struct reader *r, unsigned type);

#endif
