/* innodb/doublewrite.h: what the TRX_SYS page of the system tablespace says of where things are: the doublewrite area and the undo
 * tablespaces. The pages of the area are
 * copies of pages of any space, possibly torn: never judge them as what their place says they are.
 * Pure.
 *
 *   TRX_SYS page (5 of space 0), at 56: 128 rollback segments, of 8 bytes each
 *      4  big    space id; 0 or an undo tablespace's
 *      4  big    page; 0xFFFFFFFF: there is none
 *   200 bytes before its end:
 *     10         segment header
 *      4  big    magic 0x1FFFBD5F
 *      4  big    first page of block 1, an extent
 *      4  big    first page of block 2
 *
 * Facts: MariaDB 10.11.19 and 11.8.6, by experiment. */
#ifndef MBE_INNODB_DOUBLEWRITE_H
#define MBE_INNODB_DOUBLEWRITE_H

#include <stdbool.h>

#include "innodb/types.h"

#define TRX_SYS_PAGE_NO 5u

struct doublewrite {
    page_no_t first[2]; /* 0: none */
    uint32_t n_pages;   /* of each block */
};

/* trx_sys: page_size bytes. An area that is not there, or makes no sense, has no pages. */
struct doublewrite doublewrite_of(const uint8_t *trx_sys, uint32_t page_size);
bool doublewrite_has(const struct doublewrite *d, page_no_t no);

enum { TRX_SYS_SEGMENTS = 128 };
/* Space id of a rollback segment of MariaDB, i < TRX_SYS_SEGMENTS; 0: it is in the system tablespace, or there is none. */
space_id_t trx_sys_undo_space(const uint8_t *trx_sys, unsigned i);

#endif
