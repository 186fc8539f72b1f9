/* innodb/page_compress.c: see page_compress.h. */
#include "innodb/page_compress.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"
#include "innodb/page_codec.h"

enum {
    UNIT = 256, /* stored sizes are multiples of it */
    LEGACY_LENGTH = 38,
    LEGACY_PAYLOAD = 40,
    LEGACY_ENCRYPTED_ALGORITHM = 40,
    LEGACY_ENCRYPTED_PAYLOAD = 42,
    PACK_VERSION_MAX = 3,
};

struct payload {
    unsigned algorithm;
    uint32_t from, to; /* within the stored page */
};

bool page_is_compressed(const struct space_format *format, const uint8_t *page)
{
    const uint16_t type = be16(page + FIL_TYPE);
    if (format->full_crc32)
        return type & FIL_TYPE_COMPRESSED_BIT;
    return !format->zip &&
           (type == FIL_TYPE_LEGACY_COMPRESSED || type == FIL_TYPE_LEGACY_COMPRESSED_ENCRYPTED ||
            type == FIL_TYPE_PACKED || type == FIL_TYPE_PACKED_ENCRYPTED);
}

static bool has_exact_length(unsigned algorithm)
{
    return algorithm == PAGE_ALGORITHM_LZ4 || algorithm == PAGE_ALGORITHM_LZO ||
           algorithm == PAGE_ALGORITHM_SNAPPY;
}

static struct err *find_full_crc32(struct payload *out, const struct space_format *format,
                                   const uint8_t *in)
{
    const uint32_t n = (be16(in + FIL_TYPE) & 0x7FFFu) * UNIT;
    if (n == 0 || n >= format->page_size)
        return err_make(CORRUPT, "compressed page of %" PRIu32 " bytes", n);
    if (format->compression == PAGE_ALGORITHM_NONE)
        return err_make(
            CORRUPT, "compressed page in a tablespace whose flags 0x%" PRIx32 " name no algorithm",
            format->flags);
    uint32_t end = n;
    if (has_exact_length(format->compression)) {
        const uint8_t m = in[n - 5];
        const uint32_t stored = m ? n - UNIT + m : n;
        end = stored > 5 ? stored - 5 : 0;
    }
    if (end <= FIL_AFTER_TYPE)
        return err_make(CORRUPT, "compressed page with an empty payload");
    *out = (struct payload){format->compression, FIL_AFTER_TYPE, end};
    return NULL;
}

static struct err *find_legacy(struct payload *out, const struct space_format *format,
                               const uint8_t *in)
{
    const bool encrypted = be16(in + FIL_TYPE) == FIL_TYPE_LEGACY_COMPRESSED_ENCRYPTED;
    const uint32_t from = encrypted ? LEGACY_ENCRYPTED_PAYLOAD : LEGACY_PAYLOAD;
    const uint32_t len = be16(in + LEGACY_LENGTH);
    if (len == 0 || len > format->page_size - from)
        return err_make(CORRUPT, "compressed payload of %" PRIu32 " bytes", len);
    *out = (struct payload){encrypted ? be16(in + LEGACY_ENCRYPTED_ALGORITHM)
                                      : be16(in + FIL_AFTER_TYPE + 6),
                            from, from + len};
    return NULL;
}

struct err *page_check_pack(const struct space_format *format, const uint8_t *page)
{
    const unsigned version = page[FIL_PACK_VERSION], algorithm = page[FIL_PACK_ALGORITHM];
    const uint32_t inside = be16(page + FIL_PACK_SIZE), stored = be16(page + FIL_PACK_STORED);
    const uint32_t room = format->page_size - FIL_BODY;
    if (version < 1 || version > PACK_VERSION_MAX)
        return err_make(CORRUPT, "compressed page of version %u", version);
    if (algorithm != PAGE_ALGORITHM_ZLIB && algorithm != PAGE_ALGORITHM_LZ4)
        return err_make(CORRUPT, "unknown compression algorithm %u", algorithm);
    if (inside != room)
        return err_make(CORRUPT, "compressed page holds %" PRIu32 " bytes, %" PRIu32 " expected",
                        inside, room);
    if (stored == 0 || stored > room)
        return err_make(CORRUPT, "compressed payload of %" PRIu32 " bytes", stored);
    return NULL;
}

static struct err *unpack(const struct space_format *format, const uint8_t *in, uint8_t *out)
{
    TRY(page_check_pack(format, in));
    TRY(page_codec_decode(in[FIL_PACK_ALGORITHM], in + FIL_BODY, be16(in + FIL_PACK_STORED),
                          out + FIL_BODY, format->page_size - FIL_BODY));
    memcpy(out, in, FIL_BODY);
    memcpy(out + FIL_TYPE, in + FIL_PACK_TYPE, 2);
    memset(out + FIL_AFTER_TYPE, 0, FIL_SPACE - FIL_AFTER_TYPE);
    return NULL;
}

struct err *page_decompress(const struct space_format *format, const uint8_t *in, uint8_t *out)
{
    struct payload p;
    if (!page_is_compressed(format, in))
        return err_make(CORRUPT, "page of type %u is not compressed", be16(in + FIL_TYPE));
    if (!format->full_crc32 && be16(in + FIL_TYPE) == FIL_TYPE_PACKED_ENCRYPTED)
        return err_make(REFUSED, "the compressed page is encrypted");
    if (!format->full_crc32 && be16(in + FIL_TYPE) == FIL_TYPE_PACKED)
        return unpack(format, in, out);
    TRY(format->full_crc32 ? find_full_crc32(&p, format, in) : find_legacy(&p, format, in));
    TRY(page_codec_decode(p.algorithm, in + p.from, p.to - p.from, out, format->page_size));
    if (be32(out + FIL_PAGE_NO) != be32(in + FIL_PAGE_NO) ||
        be64(out + FIL_LSN) != be64(in + FIL_LSN))
        return err_make(CORRUPT,
                        "compressed page %" PRIu32 " of LSN %" PRIu64 " holds page %" PRIu32
                        " of LSN %" PRIu64,
                        be32(in + FIL_PAGE_NO), be64(in + FIL_LSN), be32(out + FIL_PAGE_NO),
                        be64(out + FIL_LSN));
    return NULL;
}
