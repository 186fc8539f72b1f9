/* innodb/space_use.h: which pages of a tablespace are in use, by its extent descriptors. Pure.
 *
 *   Page 0 and every page whose number is a multiple of the physical page size in bytes: descriptors of so many pages from that
 *   page on, at FSP_XDES (tablespace.h), one for each extent:
 *        0   8  segment
 *        8  12  list node
 *       20   4  big    state: 0 not initialised yet, 1 free, 2 with room in it, 3 full, of single pages; 4 of a segment; 5 (MySQL)
 *                      single pages of a segment
 *       24      2 bits a page, from low to high: free, unused
 *   Page 0, before them:
 *       46   4  big    size in pages
 *       50   4  big    the limit: extents from there on are not initialised; the last one before it may be cut off by the end
 *
 * Facts: MySQL 9.7.4, MariaDB 10.11.19, by experiment. */
#ifndef MBE_INNODB_SPACE_USE_H
#define MBE_INNODB_SPACE_USE_H

#include <stdbool.h>

#include "innodb/tablespace.h"
#include "innodb/tree_check.h"

/* Whether that page has descriptors. */
bool space_use_is_page(const struct space_format *format, page_no_t no);
/* Notes in facts[0, n_pages), by page number, what the descriptors of page `no` (physical bytes, in clear) say. NULL, or a static
 * sentence when they make no sense. */
const char *space_use_note(struct page_fact *facts, page_no_t n_pages,
                           const struct space_format *format, page_no_t no, const uint8_t *page);

#endif
