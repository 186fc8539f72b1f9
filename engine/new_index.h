/* engine/new_index.h: pages of indexes that an increment's base does not know, MySQL: they are stored whatever their LSN says.
 *
 * An index is built without redo. A page that was used before, and is in the buffer pool still when the new index takes it, keeps
 * the LSN that it had there, and looks older than the base (9.7.4, by experiment: index 1489 was loaded at LSN 236040541, its page
 * 43 had LSN 232121327, the base's end was 235801478).
 *
 * Index ids are given out in ascending order, by a counter (8 bytes at 54, the last id) on page 7 of the system tablespace: DICT_HDR.
 * What of it is on disk may lag behind: then some of the base's own indexes count as new, which costs room and is no fault.
 * The change buffer has an id of its own, above all others, and is written with redo.
 *
 * So a scan stores, of a tablespace of one table, each page whose index id is above the counter that the base noted when it began. That is all
 * of what a build writes without redo there:
 *  - the new index is a secondary one: a new clustered index means a new tablespace. Secondary indexes store nothing outside
 *    of their own pages;
 *  - every page of it carries the id, from its creation on;
 *  - which pages it takes (extents, segments) and what the change buffer's bitmap says of them are written with redo, and so
 *    is its root, when the index is born: their LSN is not below the base's end;
 *  - a page that it gave back is free, whatever is in it, or was taken again, by an index that this holds for, too, or with redo;
 *  - a build that had begun by the time of the barrier has ended (mysql_settle.h, M2), and one that begins later has the file
 *    copied again, whole (mysql_judge.h, R4 and R5).
 *
 * Where a page left out does not tell its index, since it is compressed or encrypted, or where that would not be enough, since there are other
 * tables in the file, which may have been built anew in it together with what they store outside of indexes, any changed page of a new index (its root at
 * least) has the file copied again, whole.
 *
 * Facts: MySQL 9.7.4, by experiment: 27 builds (plain, unique, descending, functional, multi-valued, spatial; one and two at once; with and without
 * LOCK=SHARED; all row formats; rows changed meanwhile, with the change buffer on). Of the pages in use that a restore of the base had differently
 * from the server's files, written out afterwards, and that had an LSN below the base's end, all 2,798 were of the new indexes. That pages
 * are taken with redo: MySQL's btr0load.cc says so as well. */
#ifndef MBE_ENGINE_NEW_INDEX_H
#define MBE_ENGINE_NEW_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "innodb/tablespace.h"

/* *last: an index that is born after this call has a higher id. 0, which is always true, when that page is none. system_path: the first
 * file of the system tablespace. */
struct err *new_index_last_id(uint64_t *last, const char *system_path,
                              uint32_t page_size) MUST_CHECK;

/* Bits, so that what was seen of a file can be put together. */
enum index_age {
    INDEX_KNOWN = 0, /* of an index with an id up to `last`, or of none */
    INDEX_NEW = 1,
    INDEX_UNCLEAR = 2, /* compressed or encrypted */
};
enum { NEW_INDEX_HEAD_BYTES = 74 };
/* What the first NEW_INDEX_HEAD_BYTES of a page say. Never fails. */
enum index_age new_index_look(const uint8_t *head, uint64_t last);
/* The same of a page that is whole and deciphered: it is unpacked, if need be, and never unclear. */
enum index_age new_index_look_inside(const struct space_format *format, const uint8_t *page,
                                     uint64_t last);

#endif
