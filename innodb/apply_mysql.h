/* innodb/apply_mysql.h: apply(page, record) -> page for MySQL 8.0.30 to 9.x. Pure: no I/O, no globals; one function per
 * record type, from the table innodb/redo_mysql.def. The image may be garbage (freed pages leave stale images behind):
 * everything is bounds-checked, nothing is assumed.
 *
 * MySQL logs what was done to records, not which bytes changed. A B-tree page of ROW_FORMAT=COMPRESSED is changed in its
 * uncompressed form, the frame, which is made from the stored image when the first such record comes and packed again at
 * the end. All other pages of such a tablespace are stored as they are and changed in place.
 *
 * A mini-transaction changes a page if and only if the page's LSN is not above the mtr's start. */
#ifndef MBE_INNODB_APPLY_MYSQL_H
#define MBE_INNODB_APPLY_MYSQL_H

#include <stdbool.h>

#include "innodb/page_zip.h"
#include "innodb/redo_record.h"

struct mysql_page {
    uint8_t *frame;     /* the logical image, page_size bytes. If zip: room for it */
    uint32_t page_size; /* 4096 to 65536 */
    uint8_t *scratch;   /* room for page_size bytes, whose contents mean nothing between calls */
    uint8_t *zip;       /* ROW_FORMAT=COMPRESSED: the image as stored, zip_size bytes; else NULL */
    uint32_t zip_size;
    struct page_zip_layout *layout; /* room for one, if zip */
    /* Zip only; false for a page that was just read. The frame is what the image says, or newer. */
    bool frame_valid, frame_newer;
    bool layout_valid;
};

/* Applies one page record. Returns NULL, or a static sentence saying why the record does not fit this image: the page, which
 * may have been changed in part, is then poisoned until it is initialised again. Does not touch the page LSN, except that
 * INIT_FILE_PAGE zeroes it. */
const char *redo_mysql_apply(struct mysql_page *page, const struct redo_record *rec);
/* Ends an mtr's changes of a page: puts its end LSN in place (byte 16; the trailer word is page_stamp's work). */
void redo_mysql_apply_end(struct mysql_page *page, lsn_t mtr_end);
/* Ends all changes of a page: if the frame is newer than the zip image, makes the image anew. NULL, or a static sentence. */
const char *redo_mysql_apply_finish(struct mysql_page *page);
/* The image that goes to the file: zip if there is one, after redo_mysql_apply_finish, else the frame. */
static inline uint8_t *redo_mysql_image(const struct mysql_page *page)
{
    return page->zip ? page->zip : page->frame;
}

#endif
