/* innodb/page_compress.h: MariaDB page_compressed: the logical image of a page compressed on disk. */
#ifndef MBE_INNODB_PAGE_COMPRESS_H
#define MBE_INNODB_PAGE_COMPRESS_H

#include "innodb/tablespace.h"

/* Whether the stored page is compressed (full_crc32: type bit 15; legacy: types 34354 and 37401). */
bool page_is_compressed(const struct space_format *format, const uint8_t *page);
/* Decompresses `in` (verified by page_check, not encrypted) into `out` (page_size bytes). CORRUPT on a bad payload, FAILED when the
 * codec's library (snappy, lzo: loaded at run time) is absent, naming it. */
struct err *page_decompress(const struct space_format *format, const uint8_t *in, uint8_t *out) MUST_CHECK;

#endif
