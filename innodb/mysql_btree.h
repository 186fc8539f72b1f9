/* innodb/mysql_btree.h: how MySQL's recovery changes the records of a B-tree page: insert, delete, delete to the end,
 * reorganise. Works on the logical image; pages of ROW_FORMAT=COMPRESSED differ only in which free record an insert may
 * take. The page may be garbage.
 *
 * Insert: takes the first record of the free list if that is large enough, else room at the heap top. `garbage` shrinks by
 * what is used, not by what was free. In a COMPRESSED page the origins of both must coincide: no more bytes before the
 * origin than the free one has, and if fewer, its start moves up and the rest must still do.
 *
 * Delete: the record goes to the front of the free list; its bytes stay, but for the next pointer.
 *
 * Delete to the end: the whole tail goes to the free list at once, in its order; the last slot of the directory becomes the
 * one of the tail's first group. In a COMPRESSED page the records are deleted one by one.
 *
 * Reorganise: the page is created anew and all records are inserted in order, with their info bits and status; the level
 * and what is behind it stay, and on leaves PAGE_MAX_TRX_ID.
 *
 * Facts: MySQL 9.7.4, by replaying its log against its own pages. */
#ifndef MBE_INNODB_MYSQL_BTREE_H
#define MBE_INNODB_MYSQL_BTREE_H

#include "innodb/index_page.h"
#include "innodb/mysql_record.h"

struct mysql_btree {
    struct index_page page;
    struct mysql_record_area area;
    const struct redo_mysql_index *index;
    bool zip;
};

/* Whether pages of that type hold a B-tree. */
bool mysql_btree_is_type(unsigned type);
/* Opens the logical image of a page in the row format of the index. NULL, or why it cannot be; so do the others. */
const char *mysql_btree_open(struct mysql_btree *t, uint8_t *frame, uint32_t size,
                             const struct redo_mysql_index *index, bool zip);

/* Inserts a record behind `prev`. The image has everything but heap number, n_owned and next. *origin is where it is. */
const char *mysql_btree_insert(struct mysql_btree *t, uint32_t prev, const uint8_t *image,
                               struct mysql_record_size size, uint32_t *origin);
/* Deletes the user record r. */
const char *mysql_btree_delete(struct mysql_btree *t, uint32_t r);
/* Deletes r, unless it is the supremum, and all behind it. */
const char *mysql_btree_delete_from(struct mysql_btree *t, uint32_t r);
/* Deletes all user records in front of r. */
const char *mysql_btree_delete_before(struct mysql_btree *t, uint32_t r);
/* `old` is room for a copy of the page. */
const char *mysql_btree_reorganize(struct mysql_btree *t, uint8_t *old);
/* The last user record, or the infimum; 0 if the list is broken. */
uint32_t mysql_btree_last(const struct mysql_btree *t);

#endif
