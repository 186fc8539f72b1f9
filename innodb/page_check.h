/* innodb/page_check.h: is this page whole? And: making it whole before it is written. Pure.
 *
 * What a whole page is (ranges half-open, size = format->physical):
 *  - all zero: valid anywhere (never written, freed or punched);
 *  - full_crc32: n = size, or the stored size of a page compressed on disk (type bit 15). BE32 at
 *    n-4 is CRC-32C [0, n-4). Neither compressed nor encrypted: BE32 at n-8 is the low LSN word;
 *  - COMPRESSED: BE32 at 0 is CRC-32C [4,16) ^ CRC-32C [24,26) ^ CRC-32C [34,size), or adler32
 *    from 0 over the same ranges, or 0xDEADBEEF. No trailer, also where its pages have the full
 *    size;
 *  - legacy: BE32 at 0 and at size-8 are both CRC-32C [4,26) ^ CRC-32C [38,size-8), or the pair of
 *    "innodb" folds, or both 0xDEADBEEF; BE32 at size-4 is the low LSN word;
 *  - legacy encrypted (key version at 26): the word at 30 is the legacy or COMPRESSED crc32 of the
 *    stored bytes;
 *  - legacy page_compressed (type 34354) and MySQL's compressed pages (type 14): nothing guards the
 *    stored bytes; the page inside is a legacy page;
 *  - MySQL's encrypted pages (types 15 to 17): the checksum is that of the page inside, so that
 *    without the key *nothing of the body can be verified*: only number, id and what is in clear in
 *    the header. A copy may be torn or damaged and is PAGE_OK all the same; page_crypt_check judges
 *    it with the key;
 *  - page number and, where it is in clear, space id are the expected ones; page 0 names the id
 *    twice and has flags of the same layout.
 * MySQL's pages are legacy and COMPRESSED ones; types 14 to 17 do not occur on MariaDB.
 * Facts: MariaDB 10.11.19 and MySQL 9.7.4, by experiment; "innodb" folds and adler32: MySQL 5.6.24.
 * See docs/formats-mariadb.md, docs/formats-mysql.md. */
#ifndef MBE_INNODB_PAGE_CHECK_H
#define MBE_INNODB_PAGE_CHECK_H

#include "innodb/tablespace.h"

enum { PAGE_WHY_SIZE = 160 };

enum page_state {
    PAGE_OK,
    PAGE_ZERO, /* all zero: valid anywhere */
    PAGE_CORRUPT,
};

/* Judges one page of format->physical bytes that should be page `no` of space `id`, by the rules
 * above. `why` (PAGE_WHY_SIZE bytes) receives the reason for PAGE_CORRUPT. A legacy
 * page_compressed page whose codec's library is absent cannot be judged and is PAGE_CORRUPT with
 * that reason. */
enum page_state page_check(const struct space_format *format, space_id_t id, page_no_t no,
                           const uint8_t *page, char *why);
/* Sets LSN and trailer words and the checksum of a logical, unencrypted, uncompressed page image
 * of format->physical bytes. Zip pages get no trailer. The page LSN is already in place at byte
 * 16. */
void page_stamp(const struct space_format *format, uint8_t *page);
/* The crc32 of a legacy or COMPRESSED page, as its words at 0 (and size-8) or 30 should have it. */
uint32_t page_checksum_crc32(const struct space_format *format, const uint8_t *page);
/* Whether the page is stored encrypted: also whether page_check could say little about it, when it is
 * one of MySQL's (legacy or zip, types 15 to 17). */
bool page_is_encrypted(const struct space_format *format, const uint8_t *page, page_no_t no);

#endif
