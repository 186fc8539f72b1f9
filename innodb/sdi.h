/* innodb/sdi.h: the definitions of tables that a MySQL tablespace carries with it (SDI): a B-tree of pages of type 17853, COMPACT.
 *
 *   Page 0, behind the key record (page_crypt.h): BE32 version, 1; BE32 root page
 *   Leaf record: 4 type (1 table, 2 tablespace), 8 id, 6 + 7, 4 bytes of text, 4 bytes of it deflated, the deflated text (zlib).
 *     Its only length bytes, at origin - 6 downwards, are those of the last field. If they say so, it is stored elsewhere:
 *     its last 20 bytes are BE32 space, BE32 page, BE32 offset, BE64 length, of a chain of pages of type 18: at the offset (38 on
 *     the others) BE32 bytes here, BE32 next page, then the bytes. In COMPRESSED tablespaces of type 19: the next page at 12, from
 *     38 on one more zlib stream over all pages.
 *   Node pointer: type, id, child page.
 *
 * Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_INNODB_SDI_H
#define MBE_INNODB_SDI_H

#include "base/err.h"
#include "innodb/index_check.h"
#include "innodb/key_order.h"
#include "innodb/tablespace.h"

enum { SDI_TABLE = 1, SDI_TEXT_MAX = 32 << 20 };

struct sdi_walk {
    const struct space_format *format;
    page_no_t n_pages;
    void *ctx;
    /* The frame of an index page, or (raw) the logical image of any; borrowed until the next call. *frame NULL: it cannot be read. */
    struct err *(*read)(void *ctx, const uint8_t **frame, page_no_t no, bool raw);
    /* Takes one text of that leaf, JSON; borrowed. */
    struct err *(*take)(void *ctx, page_no_t no, uint32_t type, const char *text, size_t len);
    /* A text of that leaf is damaged, or the pages that it continues on are. */
    void (*lost)(void *ctx, page_no_t no);
};

/* The columns of its key. */
struct key_columns sdi_key(void);
/* Page where the tree begins, by page 0; PAGE_NO_NONE: there is none. */
page_no_t sdi_root(const struct space_format *format, const uint8_t *page_0);
/* Gives out all texts. Of the tree, what is damaged is left out: who checks pages says so. A text that was not written yet when it ended
 * is left out as well, and one of more than SDI_TEXT_MAX bytes, which a table of thousands of partitions can have. Errors are those of the functions. */
struct err *sdi_walk_run(const struct sdi_walk *w, page_no_t root) MUST_CHECK;

#endif
