/* innodb/page_codec.h: the six algorithms of MariaDB's page_compressed. Pure. */
#ifndef MBE_INNODB_PAGE_CODEC_H
#define MBE_INNODB_PAGE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum page_algorithm {
    PAGE_ALGORITHM_NONE = 0,
    PAGE_ALGORITHM_ZLIB = 1,
    PAGE_ALGORITHM_LZ4 = 2,
    PAGE_ALGORITHM_LZO = 3,
    PAGE_ALGORITHM_LZMA = 4,
    PAGE_ALGORITHM_BZIP2 = 5,
    PAGE_ALGORITHM_SNAPPY = 6,
};

/* "zlib" ...; NULL when there is no such algorithm. */
const char *page_algorithm_name(unsigned algorithm);
/* Decompresses in[0, n) to exactly out_len bytes. Of zlib, lzma and bzip2 the end is found in the
 * stream and what lies behind it is ignored; for the others n is exact. CORRUPT when the bytes do
 * not give out_len bytes or the algorithm is none of the six; FAILED when the library of snappy or
 * lzo is not installed. Thread-safe. */
struct err *page_codec_decode(unsigned algorithm, const uint8_t *in, size_t n, uint8_t *out,
                              size_t out_len) MUST_CHECK;

#endif
