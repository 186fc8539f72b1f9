/* innodb/fil_page.h: header and trailer of every InnoDB page, MariaDB layouts.
 *
 *   offset  size  order  meaning
 *        0     4  big    legacy: checksum. full_crc32: key version, 0 when not encrypted
 *        4     4  big    page number; in the system tablespace counted over all its files
 *        8     8         previous and next page of a chain
 *       16     8  big    LSN: end of the last mini-transaction that changed the page
 *       24     2  big    type; full_crc32: bit 15 marks a page compressed on disk, the other bits
 *                        are its stored size / 256
 *       26     8         legacy: key version and post-encryption checksum, or the page_compressed
 *                        algorithm; R-tree pages: split sequence number; page 0 of ibdata1: flush
 *                        LSN; else 0
 *       34     4  big    tablespace id; ciphertext or payload when the page is encrypted or
 *                        compressed under full_crc32
 *   size-8     8         full_crc32: low LSN word, CRC-32C. Legacy: checksum, low LSN word.
 *                        ROW_FORMAT=COMPRESSED has no trailer
 *
 * Facts: MariaDB 10.11.19, by experiment; see docs/formats-mariadb.md. Fixtures in
 * tests/data/page/. */
#ifndef MBE_INNODB_FIL_PAGE_H
#define MBE_INNODB_FIL_PAGE_H

enum {
    FIL_CHECKSUM = 0,
    FIL_KEY_VERSION = 0, /* full_crc32 */
    FIL_PAGE_NO = 4,
    FIL_LSN = 16,
    FIL_LSN_LOW = 20,
    FIL_TYPE = 24,
    FIL_AFTER_TYPE = 26,
    FIL_FLUSH_LSN = 26,
    FIL_LEGACY_KEY_VERSION = 26,
    FIL_LEGACY_CRYPT_CHECKSUM = 30,
    FIL_SPACE = 34,
    FIL_BODY = 38,
    FIL_TRAILER = 8, /* bytes */
};

enum fil_type {
    FIL_TYPE_ALLOCATED = 0,
    FIL_TYPE_UNDO = 2,
    FIL_TYPE_INODE = 3,
    FIL_TYPE_IBUF_FREE = 4,
    FIL_TYPE_IBUF_BITMAP = 5,
    FIL_TYPE_SYS = 6,
    FIL_TYPE_TRX_SYS = 7,
    FIL_TYPE_FSP_HDR = 8,
    FIL_TYPE_XDES = 9,
    FIL_TYPE_BLOB = 10,
    FIL_TYPE_ZBLOB = 11,
    FIL_TYPE_ZBLOB2 = 12,
    FIL_TYPE_INSTANT = 18,
    FIL_TYPE_RTREE = 17854,
    FIL_TYPE_INDEX = 17855,
    FIL_TYPE_LEGACY_COMPRESSED = 34354,
    FIL_TYPE_LEGACY_COMPRESSED_ENCRYPTED = 37401,
    FIL_TYPE_COMPRESSED_BIT = 0x8000, /* full_crc32 */
};

#endif
