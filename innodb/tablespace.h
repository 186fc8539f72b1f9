/* innodb/tablespace.h: what page 0's flags say about all pages of a tablespace (MariaDB layouts:
 * full_crc32 and legacy; MySQL has the legacy one).
 *
 * Facts: MariaDB 10.11.19 and 11.8.6, proven by page comparison (see docs/formats-mariadb.md); MySQL
 * 9.7.4, by experiment. */
#ifndef MBE_INNODB_TABLESPACE_H
#define MBE_INNODB_TABLESPACE_H

#include <stdbool.h>

#include "base/err.h"
#include "innodb/types.h"

enum {
    FSP_SPACE_ID = 38,         /* BE32 on page 0 */
    FSP_SIZE = 46,             /* BE32 on page 0: size in pages */
    FSP_FLAGS = 54,            /* BE32 on page 0 */
    FSP_FLAG_SHARED = 1 << 11, /* MySQL: of any number of tables, as CREATE TABLESPACE makes it */
    FSP_FLAG_ENCRYPTED = 1 << 13, /* MySQL */
    FSP_FLAG_SDI = 1 << 14,       /* MySQL: see sdi.h */
    FSP_XDES = 150, /* extent descriptors on page 0; records on encryption lie behind them */
};

struct space_format {
    uint32_t page_size; /* logical: innodb_page_size */
    uint32_t
        physical; /* bytes a page takes in the file: < page_size only for ROW_FORMAT=COMPRESSED */
    bool full_crc32;
    bool
        zip; /* ROW_FORMAT=COMPRESSED: no trailer, its own checksum; physical may equal page_size */
    uint8_t
        compression; /* page_compressed algorithm of full_crc32 flags: 0 none, 1 zlib .. 6 snappy */
    uint32_t flags;
};

/* Decodes flags for a server whose innodb_page_size is page_size. CORRUPT when they make no sense
 * or name another logical page size. */
struct err *space_format_decode(struct space_format *out, uint32_t flags,
                                uint32_t page_size) MUST_CHECK;
/* Pages per extent for this logical page size: 1 MiB worth up to 16K, else 64. */
uint32_t space_extent_pages(uint32_t page_size);
/* First byte behind the extent descriptors of page 0. */
uint32_t space_xdes_end(const struct space_format *format);

#endif
