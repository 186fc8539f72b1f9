/* innodb/redo_apply.h: apply(page image, record) -> page image. Pure: no I/O, no globals; one
 * function per record type, from the table innodb/redo_mariadb.def. The image may be garbage (freed
 * pages leave stale images behind): everything is bounds-checked, nothing is assumed. */
#ifndef MBE_INNODB_REDO_APPLY_H
#define MBE_INNODB_REDO_APPLY_H

#include "innodb/redo_mariadb.h"
#include "innodb/tablespace.h"

struct redo_page {
    uint8_t *image; /* `size` bytes: logical image, or physical for zip */
    uint32_t size;
    bool zip;
    uint32_t offset; /* running byte offset of the mtr, of this page; not for the caller */
};

/* Applies one page record (types FREE_PAGE .. OPTION; FREE_PAGE and TRIM_PAGES are the caller's
 * business and are refused here). Before the first record of an mtr set offset = 0. Returns NULL,
 * or a static sentence saying why the record does not fit this image: the page, which may have been
 * changed in part, is then poisoned until the next INIT_PAGE or FREE_PAGE. Does not touch the page
 * LSN, except that INIT_PAGE zeroes it. */
const char *redo_apply(struct redo_page *page, const struct redo_record *rec);

/* Ends an mtr's changes of a page: puts its end LSN in place (byte 16; the trailer word is
 * page_stamp's work). */
void redo_apply_end(struct redo_page *page, lsn_t mtr_end);

#endif
