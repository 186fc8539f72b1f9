/* innodb/page_check.h: is this page whole? And: making it whole before it is written. Pure. */
#ifndef MBE_INNODB_PAGE_CHECK_H
#define MBE_INNODB_PAGE_CHECK_H

#include "innodb/tablespace.h"

enum page_state {
    PAGE_OK,
    PAGE_ZERO,      /* all zero: valid anywhere */
    PAGE_CORRUPT,
};

/* Judges one page of format->physical bytes that should be page `no` of space `id`. Checks the checksum by the file's
 * format (full_crc32 incl. page_compressed and encrypted; legacy crc32, with "innodb" and "none" accepted; COMPRESSED:
 * crc32, adler32 or none; encrypted legacy by the post-encryption word), the LSN words, and that the page number is `no`
 * (and the space id, where it is set). `why` (>= 160 bytes) receives the reason for PAGE_CORRUPT. */
enum page_state page_check(const struct space_format *format, space_id_t id, page_no_t no, const uint8_t *page,
                           char *why);
/* Sets LSN and trailer words and the checksum of a logical, unencrypted, uncompressed page image of format->physical
 * bytes. Zip pages get no trailer. The page LSN is already in place at byte 16. */
void page_stamp(const struct space_format *format, uint8_t *page);
/* Whether the page is stored encrypted. */
bool page_is_encrypted(const struct space_format *format, const uint8_t *page, page_no_t no);

#endif
