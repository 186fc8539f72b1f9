/* innodb/page_check.c: see page_check.h. The hottest function of a backup: a good page costs one
 * pass of CRC-32C. */
#include "innodb/page_check.h"

#include <inttypes.h>
#include <stdio.h>

#include <zlib.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "innodb/fil_page.h"
#include "innodb/page_compress.h"

enum {
    COMPRESSED_UNIT = 256, /* stored size of a page compressed under full_crc32 */
    TRAILER_LSN_FULL = 8,  /* from the end */
    TRAILER_CHECKSUM_FULL = 4,
    TRAILER_CHECKSUM_LEGACY = 8,
    TRAILER_LSN_LEGACY = 4,
};

#define CHECKSUM_NONE 0xDEADBEEFu

__attribute__((format(printf, 2, 3), cold)) static enum page_state corrupt(char *why,
                                                                           const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, PAGE_WHY_SIZE, fmt, args);
    va_end(args);
    return PAGE_CORRUPT;
}

static enum page_state bad_checksum(char *why, uint32_t stored, uint32_t computed)
{
    return corrupt(why, "checksum 0x%08" PRIx32 " stored, 0x%08" PRIx32 " computed", stored,
                   computed);
}

static enum page_state check_lsn_words(const uint8_t *page, uint32_t trailer_at, char *why)
{
    const uint32_t head = be32(page + FIL_LSN_LOW), tail = be32(page + trailer_at);
    if (head != tail)
        return corrupt(why,
                       "low LSN word 0x%08" PRIx32 " in the header, 0x%08" PRIx32 " in the trailer",
                       head, tail);
    return PAGE_OK;
}

static enum page_state check_page_no(const uint8_t *page, page_no_t no, char *why)
{
    const uint32_t stored = be32(page + FIL_PAGE_NO);
    if (stored != no)
        return corrupt(why, "page number %" PRIu32 " stored, %" PRIu32 " expected", stored, no);
    return PAGE_OK;
}

/* Page 0: its second copy of the id, and flags that lay out pages as the caller believes. */
static enum page_state check_page_0(const struct space_format *format, space_id_t id,
                                    const uint8_t *page, char *why)
{
    const uint32_t header_id = be32(page + FSP_SPACE_ID), flags = be32(page + FSP_FLAGS);
    struct space_format now;
    if (header_id != id)
        return corrupt(why, "space id %" PRIu32 " in the space header, %" PRIu32 " expected",
                       header_id, id);
    if (flags == format->flags)
        return PAGE_OK;
    struct err *e = space_format_decode(&now, flags, format->page_size);
    const bool same = !e && now.physical == format->physical &&
                      now.full_crc32 == format->full_crc32 && now.zip == format->zip;
    err_free(e);
    return same ? PAGE_OK
                : corrupt(why, "tablespace flags 0x%" PRIx32 " stored, 0x%" PRIx32 " expected",
                          flags, format->flags);
}

static enum page_state check_identity(const struct space_format *format, space_id_t id,
                                      page_no_t no, const uint8_t *page, char *why)
{
    const uint32_t stored = be32(page + FIL_SPACE);
    if (check_page_no(page, no, why) != PAGE_OK)
        return PAGE_CORRUPT;
    if (stored != id)
        return corrupt(why, "space id %" PRIu32 " stored, %" PRIu32 " expected", stored, id);
    return no ? PAGE_OK : check_page_0(format, id, page, why);
}

static enum page_state check_full_crc32(const struct space_format *format, space_id_t id,
                                        page_no_t no, const uint8_t *page, char *why)
{
    const uint16_t type = be16(page + FIL_TYPE);
    const bool compressed = type & FIL_TYPE_COMPRESSED_BIT;
    uint32_t n = format->physical;
    if (compressed) {
        n = (type & 0x7FFFu) * COMPRESSED_UNIT;
        if (n == 0 || n >= format->physical)
            return corrupt(
                why, "type 0x%04x: compressed size %" PRIu32 " of a page of %" PRIu32 " bytes",
                type, n, format->physical);
    }
    const uint32_t stored = be32(page + n - TRAILER_CHECKSUM_FULL);
    const uint32_t computed = crc32c(0, page, n - TRAILER_CHECKSUM_FULL);
    if (stored != computed)
        return bad_checksum(why, stored, computed);
    if (compressed || be32(page + FIL_KEY_VERSION))
        return check_page_no(page, no, why); /* LSN word and space id are not in clear */
    if (check_lsn_words(page, n - TRAILER_LSN_FULL, why) != PAGE_OK)
        return PAGE_CORRUPT;
    return check_identity(format, id, no, page, why);
}

static uint32_t crc_zip(const uint8_t *page, uint32_t size)
{
    return crc32c(0, page + FIL_PAGE_NO, FIL_LSN - FIL_PAGE_NO) ^
           crc32c(0, page + FIL_TYPE, FIL_AFTER_TYPE - FIL_TYPE) ^
           crc32c(0, page + FIL_SPACE, size - FIL_SPACE);
}

static uint32_t adler_zip(const uint8_t *page, uint32_t size)
{
    uLong a = adler32(0, page + FIL_PAGE_NO, FIL_LSN - FIL_PAGE_NO);
    a = adler32(a, page + FIL_TYPE, FIL_AFTER_TYPE - FIL_TYPE);
    return (uint32_t)adler32(a, page + FIL_SPACE, size - FIL_SPACE);
}

static uint32_t crc_legacy(const uint8_t *page, uint32_t size)
{
    return crc32c(0, page + FIL_PAGE_NO, FIL_AFTER_TYPE - FIL_PAGE_NO) ^
           crc32c(0, page + FIL_BODY, size - FIL_BODY - FIL_TRAILER);
}

/* The hash of the "innodb" checksum algorithm, in which old servers wrote. */
static uint32_t fold(const uint8_t *p, size_t n)
{
    uint32_t f = 0;
    for (size_t i = 0; i < n; i++)
        f = ((((f ^ p[i] ^ 1653893711u) << 8) + f) ^ 1463735687u) + p[i];
    return f;
}

static bool legacy_checksums_match(const uint8_t *page, uint32_t size, uint32_t crc)
{
    const uint32_t head = be32(page + FIL_CHECKSUM);
    const uint32_t tail = be32(page + size - TRAILER_CHECKSUM_LEGACY);
    if (head == tail && (head == crc || head == CHECKSUM_NONE))
        return true;
    /* a server that changed algorithms writes both words by the new one; each is judged alone all
     * the same */
    return (head == crc || head == fold(page + FIL_PAGE_NO, FIL_AFTER_TYPE - FIL_PAGE_NO) +
                                       fold(page + FIL_BODY, size - FIL_BODY - FIL_TRAILER)) &&
           (tail == crc || tail == fold(page, FIL_AFTER_TYPE));
}

uint32_t page_checksum_crc32(const struct space_format *format, const uint8_t *page)
{
    return format->zip ? crc_zip(page, format->physical) : crc_legacy(page, format->physical);
}

/* MySQL's encrypted pages; page 0 never is. */
static bool is_sealed(const uint8_t *page, page_no_t no)
{
    const uint16_t type = be16(page + FIL_TYPE);
    return no && type >= FIL_TYPE_ENCRYPTED && type <= FIL_TYPE_RTREE_ENCRYPTED;
}

/* Whether a page outside full_crc32 may be encrypted by MariaDB. Old servers left other things in the two
 * words, page 0 a flush LSN and R-trees their split sequence: the post-encryption checksum is what
 * decides. */
static bool has_legacy_key(const uint8_t *page, page_no_t no)
{
    const uint16_t type = be16(page + FIL_TYPE);
    return no && type != FIL_TYPE_RTREE && type != FIL_TYPE_LEGACY_COMPRESSED &&
           (type < FIL_TYPE_PACKED || type > FIL_TYPE_RTREE_ENCRYPTED) &&
           be32(page + FIL_LEGACY_KEY_VERSION);
}

static enum page_state check_zip(const struct space_format *format, space_id_t id, page_no_t no,
                                 const uint8_t *page, char *why)
{
    const uint32_t stored = be32(page + FIL_CHECKSUM), crc = crc_zip(page, format->physical);
    const bool encrypted =
        has_legacy_key(page, no) && be32(page + FIL_LEGACY_CRYPT_CHECKSUM) == crc;
    if (!encrypted && stored != crc && stored != CHECKSUM_NONE &&
        stored != adler_zip(page, format->physical))
        return bad_checksum(why, stored, crc);
    return check_identity(format, id, no, page, why);
}

static enum page_state check_legacy(const struct space_format *format, space_id_t id, page_no_t no,
                                    const uint8_t *page, char *why)
{
    const uint32_t crc = crc_legacy(page, format->physical);
    const bool keyed = has_legacy_key(page, no);
    if (keyed && be32(page + FIL_LEGACY_CRYPT_CHECKSUM) == crc)
        return check_identity(format, id, no, page, why);
    if (!legacy_checksums_match(page, format->physical, crc))
        return keyed ? bad_checksum(why, be32(page + FIL_LEGACY_CRYPT_CHECKSUM), crc)
                     : bad_checksum(why, be32(page + FIL_CHECKSUM), crc);
    if (check_lsn_words(page, format->physical - TRAILER_LSN_LEGACY, why) != PAGE_OK)
        return PAGE_CORRUPT;
    return check_identity(format, id, no, page, why);
}

/* Types 34354 and 14: only the page inside has a checksum. */
__attribute__((noinline)) static enum page_state check_compressed(const struct space_format *format,
                                                                  space_id_t id, page_no_t no,
                                                                  const uint8_t *page, char *why)
{
    uint8_t image[INNODB_PAGE_SIZE_MAX];
    if (check_identity(format, id, no, page, why) != PAGE_OK)
        return PAGE_CORRUPT;
    struct err *e = page_decompress(format, page, image);
    if (e) {
        corrupt(why, "%s", e->message);
        err_free(e);
        return PAGE_CORRUPT;
    }
    return check_legacy(format, id, no, image, why);
}

/* A page in whose place an encrypted one is believed where the flags do not say that there are any:
 * they may be older than the page. */
static bool is_type_of_mysql(uint16_t type)
{
    return (type > FIL_TYPE_ALLOCATED && type < FIL_TYPE_PACKED) ||
           (type > FIL_TYPE_RTREE_ENCRYPTED && type <= FIL_TYPE_MYSQL_LAST) ||
           (type >= FIL_TYPE_SDI && type <= FIL_TYPE_INDEX);
}

/* Types 15 to 17: the checksum guards the plain page. */
static enum page_state check_sealed(const struct space_format *format, space_id_t id, page_no_t no,
                                    const uint8_t *page, char *why)
{
    if (check_identity(format, id, no, page, why) != PAGE_OK)
        return PAGE_CORRUPT;
    const uint16_t type = be16(page + FIL_TYPE), inside = be16(page + FIL_PACK_TYPE);
    /* the trailer is enciphered: a damaged type does not pass for a page that cannot be verified */
    if (!format->zip && type != FIL_TYPE_PACKED_ENCRYPTED &&
        be32(page + FIL_LSN_LOW) == be32(page + format->physical - TRAILER_LSN_LEGACY))
        return corrupt(why, "page of type %u that is not encrypted", type);
    if (type == FIL_TYPE_RTREE_ENCRYPTED) /* its header has the split sequence number */
        return PAGE_OK;
    if ((!is_type_of_mysql(inside) && !(format->flags & FSP_FLAG_ENCRYPTED)) ||
        (type == FIL_TYPE_PACKED_ENCRYPTED && format->zip))
        return corrupt(why, "page of type %u holds one of type %u", type, inside);
    struct err *e = type == FIL_TYPE_PACKED_ENCRYPTED ? page_check_pack(format, page) : NULL;
    if (!e)
        return PAGE_OK;
    corrupt(why, "%s", e->message);
    err_free(e);
    return PAGE_CORRUPT;
}

enum page_state page_check(const struct space_format *format, space_id_t id, page_no_t no,
                           const uint8_t *page, char *why)
{
    if (bytes_are_zero(page, format->physical))
        return PAGE_ZERO;
    if (format->full_crc32)
        return check_full_crc32(format, id, no, page, why);
    if (is_sealed(page, no))
        return check_sealed(format, id, no, page, why);
    if (format->zip)
        return check_zip(format, id, no, page, why);
    const uint16_t type = be16(page + FIL_TYPE);
    if (type == FIL_TYPE_LEGACY_COMPRESSED || (type == FIL_TYPE_PACKED && no))
        return check_compressed(format, id, no, page, why);
    return check_legacy(format, id, no, page, why);
}

void page_stamp(const struct space_format *format, uint8_t *page)
{
    const uint32_t size = format->physical;
    if (format->full_crc32) {
        put_be32(page + FIL_KEY_VERSION, 0);
        memcpy(page + size - TRAILER_LSN_FULL, page + FIL_LSN_LOW, 4);
        put_be32(page + size - TRAILER_CHECKSUM_FULL,
                 crc32c(0, page, size - TRAILER_CHECKSUM_FULL));
    } else if (format->zip) {
        put_be32(page + FIL_CHECKSUM, crc_zip(page, size));
    } else {
        const uint32_t crc = crc_legacy(page, size);
        put_be32(page + FIL_CHECKSUM, crc);
        put_be32(page + size - TRAILER_CHECKSUM_LEGACY, crc);
        memcpy(page + size - TRAILER_LSN_LEGACY, page + FIL_LSN_LOW, 4);
    }
}

bool page_is_encrypted(const struct space_format *format, const uint8_t *page, page_no_t no)
{
    if (format->full_crc32)
        return be32(page + FIL_KEY_VERSION) != 0;
    return is_sealed(page, no) ||
           (has_legacy_key(page, no) &&
            be32(page + FIL_LEGACY_CRYPT_CHECKSUM) == page_checksum_crc32(format, page));
}
