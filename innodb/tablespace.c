/* innodb/tablespace.c: see tablespace.h.
 *
 * Flags, full_crc32 layout (bit 4 set):
 *   0-3   log2(page size) - 9: 3 is 4K, 7 is 64K
 *   5-7   page_compressed algorithm: 0 none, 1 zlib, 2 lz4, 3 lzo, 4 lzma, 5 bzip2, 6 snappy
 *
 * Flags, legacy layout (bit 4 clear, as the largest ZIP_SSIZE is 5):
 *   0     post-antelope         1-4   ZIP_SSIZE: 0, or physical page size is 512 << ZIP_SSIZE
 *   5     atomic blobs          6-9   0 for 16K, else log2(page size) - 9
 *   10-15 MySQL's attributes (10 data directory, 11 shared, 12 temporary, 13 encrypted, 14 SDI): no
 *         influence on the layout of pages
 *   16    page_compressed */
#include "innodb/tablespace.h"

#include <inttypes.h>

enum {
    FULL_CRC32_BIT = 1 << 4,
    FULL_CRC32_KNOWN = 0xFF,
    ALGORITHM_MAX = 6,
    LEGACY_POST_ANTELOPE = 1 << 0,
    LEGACY_ATOMIC_BLOBS = 1 << 5,
    LEGACY_PAGE_COMPRESSED = 1 << 16,
    LEGACY_KNOWN = (1 << 17) - 1,
    ZIP_SSIZE_MAX = 5,
    ZIP_PAGE_SIZE_MAX = 16384, /* ROW_FORMAT=COMPRESSED does not exist above it */
};

static bool page_size_is_valid(uint32_t size)
{
    return size >= INNODB_PAGE_SIZE_MIN && size <= INNODB_PAGE_SIZE_MAX && !(size & (size - 1));
}

static struct err *check_page_size(uint32_t flags, uint32_t ssize, uint32_t page_size)
{
    const uint32_t size = 512u << ssize;
    if (!page_size_is_valid(size))
        return err_make(CORRUPT, "tablespace flags 0x%" PRIx32 ": no such page size", flags);
    if (size != page_size)
        return err_make(CORRUPT,
                        "tablespace flags 0x%" PRIx32 ": page size is %" PRIu32
                        ", innodb_page_size is %" PRIu32,
                        flags, size, page_size);
    return NULL;
}

static struct err *decode_full_crc32(struct space_format *out, uint32_t flags, uint32_t page_size)
{
    const uint32_t algorithm = flags >> 5 & 7;
    if (flags & ~(uint32_t)FULL_CRC32_KNOWN)
        return err_make(CORRUPT, "tablespace flags 0x%" PRIx32 ": unknown bits", flags);
    if (algorithm > ALGORITHM_MAX)
        return err_make(CORRUPT, "tablespace flags 0x%" PRIx32 ": no such compression algorithm",
                        flags);
    TRY(check_page_size(flags, flags & 15, page_size));
    *out = (struct space_format){.page_size = page_size,
                                 .physical = page_size,
                                 .full_crc32 = true,
                                 .compression = (uint8_t)algorithm,
                                 .flags = flags};
    return NULL;
}

static struct err *decode_legacy(struct space_format *out, uint32_t flags, uint32_t page_size)
{
    const uint32_t zip = flags >> 1 & 15, ssize = flags >> 6 & 15;
    if (flags & ~(uint32_t)LEGACY_KNOWN)
        return err_make(CORRUPT, "tablespace flags 0x%" PRIx32 ": unknown bits", flags);
    TRY(check_page_size(flags, ssize ? ssize : 5, page_size));
    if (zip) {
        const uint32_t needed = LEGACY_POST_ANTELOPE | LEGACY_ATOMIC_BLOBS;
        if (zip > ZIP_SSIZE_MAX || 512u << zip > page_size || page_size > ZIP_PAGE_SIZE_MAX ||
            (flags & needed) != needed || flags & LEGACY_PAGE_COMPRESSED)
            return err_make(
                CORRUPT, "tablespace flags 0x%" PRIx32 ": impossible ROW_FORMAT=COMPRESSED", flags);
    }
    *out = (struct space_format){.page_size = page_size,
                                 .physical = zip ? 512u << zip : page_size,
                                 .zip = zip != 0,
                                 .flags = flags};
    return NULL;
}

struct err *space_format_decode(struct space_format *out, uint32_t flags, uint32_t page_size)
{
    if (!page_size_is_valid(page_size))
        return err_make(CORRUPT, "innodb_page_size %" PRIu32 " is none of 4096 ... 65536",
                        page_size);
    return flags & FULL_CRC32_BIT ? decode_full_crc32(out, flags, page_size)
                                  : decode_legacy(out, flags, page_size);
}

uint32_t space_extent_pages(uint32_t page_size)
{
    return page_size <= 16384 ? (1u << 20) / page_size : 64;
}

/* A descriptor has 24 bytes and two bits for each page; page 0 describes as many pages as it has
 * bytes. */
uint32_t space_xdes_end(const struct space_format *format)
{
    const uint32_t extent = space_extent_pages(format->page_size);
    return FSP_XDES + (24 + (2 * extent + 7) / 8) * (format->physical / extent);
}
