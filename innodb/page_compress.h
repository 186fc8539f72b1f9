/* innodb/page_compress.h: MariaDB's page_compressed and MySQL's COMPRESSION: the logical image of a
 * page compressed on disk.
 *
 *   full_crc32    0..26 header in clear, type = 0x8000 | n / 256 (n below the page size); payload
 *                 from 26; CRC-32C at n-4
 *     zlib, lzma, bzip2  payload [26, n): the stream knows its end
 *     lz4, lzo, snappy   m = byte at n-5; payload [26, (m ? n + m - 256 : n) - 5)
 *   legacy 34354  algorithm: low 16 bits of BE64 at 26; payload length BE16 at 38; payload from 40
 *   legacy 37401  (encrypted too) length BE16 at 38; algorithm BE16 at 40; payload from 42
 *
 *   MySQL 14      from 26: version (1 byte), algorithm (1 byte: 1 zlib, 2 lz4), type (BE16), bytes
 *                 inside (BE16: page size - 38), payload length (BE16); payload from 38
 *
 * MariaDB's payload is the whole page with its header, MySQL's what stands behind the header: there
 * the type comes from 28, and 26..33 become 0. MySQL's type 16 is such a page, encrypted (see
 * page_crypt.h). In both families a page may lie uncompressed in such a tablespace, and MySQL's own
 * recovery leaves the pages that it changes so: after redo was applied nothing need be compressed.
 *
 * Facts: MariaDB 10.11.19, by experiment, all six algorithms; MySQL 9.7.4, by experiment, both of
 * version 2; 1 and 3 by rule. */
#ifndef MBE_INNODB_PAGE_COMPRESS_H
#define MBE_INNODB_PAGE_COMPRESS_H

#include "innodb/tablespace.h"

/* Whether the stored page is compressed (full_crc32: type bit 15; legacy: types 34354 and 37401, and
 * MySQL's 14 and 16). */
bool page_is_compressed(const struct space_format *format, const uint8_t *page);
/* Decompresses `in` (verified by page_check, not encrypted) into `out` (page_size bytes). CORRUPT
 * on a bad payload, REFUSED for type 16, FAILED when the codec's library (snappy, lzo: loaded at run time) is absent,
 * naming it. The image's checksum words are meaningless under full_crc32: page_stamp sets them. */
struct err *page_decompress(const struct space_format *format, const uint8_t *in,
                            uint8_t *out) MUST_CHECK;
/* MySQL's types 14 and 16: CORRUPT when the header at 26 makes no sense. */
struct err *page_check_pack(const struct space_format *format, const uint8_t *page) MUST_CHECK;

#endif
