/* engine/new_index.h: whether a tablespace has an index that its base does not know, MySQL: what a scan for changed pages must not
 * be asked of.
 *
 * An index is built without redo. A page that was used before, and is in the buffer pool still when the new index takes it, keeps
 * the LSN that it had there, and looks older than the base (9.7.4, by experiment: index 1489 was loaded at LSN 236040541, its page
 * 43 had LSN 232121327, the base's end was 235801478). Not so the index's root: it is made with redo, when the index is born,
 * and is written with the others before the statement ends. So a scan that meets a page of a newer index has the file copied again,
 * whole.
 *
 * Index ids are given out in ascending order, by a counter (8 bytes at 54, the last id) on page 7 of the system tablespace: DICT_HDR.
 * What of it is on disk may lag behind: then some of the base's own indexes count as new, which costs room and is no fault.
 * The change buffer has an id of its own, above all others, and is written with redo.
 * Facts: MySQL 9.7.4, by experiment. */
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
/* Whether a page belongs to an index with an id above `last`. It is whole and deciphered, and may be compressed. */
bool new_index_has(const struct space_format *format, const uint8_t *page, uint64_t last);

#endif
