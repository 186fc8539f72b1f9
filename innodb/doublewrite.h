/* innodb/doublewrite.h: where the doublewrite area of the system tablespace is. Its pages are
 * copies of pages of any space, possibly torn: never judge them as what their place says they are.
 * Pure.
 *
 *   TRX_SYS page (5 of space 0), 200 bytes before its end:
 *     10         segment header
 *      4  big    magic 0x1FFFBD5F
 *      4  big    first page of block 1, an extent
 *      4  big    first page of block 2
 *
 * Facts: MariaDB 10.11.19, by experiment. */
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

#endif
