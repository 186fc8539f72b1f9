/* innodb/fil_page.h: header and trailer of every InnoDB page, of MariaDB and MySQL. MySQL's pages
 * have MariaDB's legacy layout.
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
 *                        LSN; MySQL's types 14 to 16: see page_compress.h, page_crypt.h; else 0
 *       34     4  big    tablespace id; ciphertext or payload when the page is encrypted or
 *                        compressed under full_crc32
 *   size-8     8         full_crc32: low LSN word, CRC-32C. Legacy: checksum, low LSN word.
 *                        ROW_FORMAT=COMPRESSED has no trailer
 *
 * MySQL's page 0 has the server's version at 8 and the tablespace's at 12.
 * Facts: MariaDB 10.11.19 (see docs/formats-mariadb.md) and MySQL 9.7.4, by experiment. Fixtures in
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
    FIL_PACK_VERSION = 26, /* MySQL's types 14 and 16: 2 bytes of 8 bits, 3 words of 16 */
    FIL_PACK_ALGORITHM = 27,
    FIL_PACK_TYPE = 28, /* type 15, too */
    FIL_PACK_SIZE = 30,
    FIL_PACK_STORED = 32,
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
    FIL_TYPE_PACKED = 14, /* 14 to 17: MySQL only */
    FIL_TYPE_ENCRYPTED = 15,
    FIL_TYPE_PACKED_ENCRYPTED = 16,
    FIL_TYPE_RTREE_ENCRYPTED = 17,
    FIL_TYPE_INSTANT = 18, /* MySQL has SDI, LOB and other pages in 18 to 29 */
    FIL_TYPE_MYSQL_LAST = 29,
    FIL_TYPE_SDI = 17853, /* MySQL's dictionary data: a B-tree page */
    FIL_TYPE_RTREE = 17854,
    FIL_TYPE_INDEX = 17855,
    FIL_TYPE_LEGACY_COMPRESSED = 34354,
    FIL_TYPE_LEGACY_COMPRESSED_ENCRYPTED = 37401,
    FIL_TYPE_COMPRESSED_BIT = 0x8000, /* full_crc32 */
};

#endif
