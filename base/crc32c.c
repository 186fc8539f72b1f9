/* base/crc32c.c: see crc32c.h.
 *
 * Both ways work on the reflected register: bit 31 is x^0 and the polynomial reads 0x82F63B78.
 *
 * Tables: slicing by eight. Table k maps a byte to what it contributes once k more bytes have gone
 * by. The map is linear over xor, so eight constants (one per bit) make a table of 256, and the
 * compiler builds all of them.
 *
 * Hardware: the crc32 instruction takes three cycles but one can start in each, so three adjacent
 * blocks of `len` bytes are walked at once. The first two sums are then moved over the bytes behind
 * them: multiplied by x^(8 len) or x^(16 len) modulo the polynomial. A carry-less product of two
 * reflected words comes out one bit short, and the instruction that reduces it multiplies by x^32
 * besides, so the constants are x^(8 len - 33) and x^(16 len - 33). */
#include "base/crc32c.h"

#include "base/bytes.h"

#define BIT_(b, bit, value) (((b) >> (bit)&1) ? UINT32_C(value) : 0)
#define ROW_(b, c0, c1, c2, c3, c4, c5, c6, c7)                                           \
    (BIT_(b, 0, c0) ^ BIT_(b, 1, c1) ^ BIT_(b, 2, c2) ^ BIT_(b, 3, c3) ^ BIT_(b, 4, c4) ^ \
     BIT_(b, 5, c5) ^ BIT_(b, 6, c6) ^ BIT_(b, 7, c7))
#define R4_(b, ...)                                                               \
    ROW_(b, __VA_ARGS__), ROW_((b) + 1, __VA_ARGS__), ROW_((b) + 2, __VA_ARGS__), \
        ROW_((b) + 3, __VA_ARGS__)
#define R16_(b, ...)                                                           \
    R4_(b, __VA_ARGS__), R4_((b) + 4, __VA_ARGS__), R4_((b) + 8, __VA_ARGS__), \
        R4_((b) + 12, __VA_ARGS__)
#define R64_(b, ...)                                                                \
    R16_(b, __VA_ARGS__), R16_((b) + 16, __VA_ARGS__), R16_((b) + 32, __VA_ARGS__), \
        R16_((b) + 48, __VA_ARGS__)
#define R256_(...) \
    R64_(0, __VA_ARGS__), R64_(64, __VA_ARGS__), R64_(128, __VA_ARGS__), R64_(192, __VA_ARGS__)

/* clang-format off */
static const uint32_t tables[8][256] = {
    {R256_(0xF26B8303, 0xE13B70F7, 0xC79A971F, 0x8AD958CF, 0x105EC76F, 0x20BD8EDE, 0x417B1DBC, 0x82F63B78)},
    {R256_(0x13A29877, 0x274530EE, 0x4E8A61DC, 0x9D14C3B8, 0x3FC5F181, 0x7F8BE302, 0xFF17C604, 0xFBC3FAF9)},
    {R256_(0xA541927E, 0x4F6F520D, 0x9EDEA41A, 0x38513EC5, 0x70A27D8A, 0xE144FB14, 0xC76580D9, 0x8B277743)},
    {R256_(0xDD45AAB8, 0xBF672381, 0x7B2231F3, 0xF64463E6, 0xE964B13D, 0xD725148B, 0xABA65FE7, 0x52A0C93F)},
    {R256_(0x38116FAC, 0x7022DF58, 0xE045BEB0, 0xC5670B91, 0x8F2261D3, 0x1BA8B557, 0x37516AAE, 0x6EA2D55C)},
    {R256_(0xEF306B19, 0xDB8CA0C3, 0xB2F53777, 0x6006181F, 0xC00C303E, 0x85F4168D, 0x0E045BEB, 0x1C08B7D6)},
    {R256_(0x68032CC8, 0xD0065990, 0xA5E0C5D1, 0x4E2DFD53, 0x9C5BFAA6, 0x3D5B83BD, 0x7AB7077A, 0xF56E0EF4)},
    {R256_(0x493C7D27, 0x9278FA4E, 0x211D826D, 0x423B04DA, 0x847609B4, 0x0D006599, 0x1A00CB32, 0x34019664)},
};
/* clang-format on */

uint32_t crc32c_tables(uint32_t crc, const void *data, size_t n)
{
    const uint8_t *p = data;
    uint32_t c = ~crc;
    for (; n >= 8; p += 8, n -= 8) {
        const uint32_t a = c ^ le32(p), b = le32(p + 4);
        c = tables[7][a & 255] ^ tables[6][a >> 8 & 255] ^ tables[5][a >> 16 & 255] ^
            tables[4][a >> 24] ^ tables[3][b & 255] ^ tables[2][b >> 8 & 255] ^
            tables[1][b >> 16 & 255] ^ tables[0][b >> 24];
    }
    while (n--)
        c = c >> 8 ^ tables[0][(c ^ *p++) & 255];
    return ~c;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define HW __attribute__((target("sse4.2,pclmul")))

/* Three blocks of 5440 bytes leave 60 of what MariaDB sums of a 16 KiB page, 18 of what MySQL does;
 * the shorter ones share out the rest the same way. */
static const struct tier {
    size_t len;          /* of one block, a multiple of 8 */
    uint64_t by_1, by_2; /* move a sum over one block, over two */
} tiers[] = {
    {5440, 0xFA0F2BD0, 0x0C8774A7},
    {1344, 0xC9C8B782, 0x889774E1},
    {320, 0xBAC2FD7B, 0x6B749FB2},
    {64, 0x9E4ADDF8, 0x0D3B6092},
};

HW static inline uint64_t move_over(uint64_t crc, uint64_t constant)
{
    const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc),
                                                 _mm_cvtsi64_si128((int64_t)constant), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

HW static inline uint64_t three_blocks(uint64_t a, const uint8_t *p, const struct tier *t)
{
    const size_t len = t->len;
    uint64_t b = 0, c = 0;
    for (const uint8_t *end = p + len; p < end; p += 8) {
        a = _mm_crc32_u64(a, le64(p));
        b = _mm_crc32_u64(b, le64(p + len));
        c = _mm_crc32_u64(c, le64(p + 2 * len));
    }
    return move_over(a, t->by_2) ^ move_over(b, t->by_1) ^ c;
}

HW static uint32_t crc32c_hw(uint32_t crc, const uint8_t *p, size_t n)
{
    uint64_t c = ~crc;
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++)
        for (; n >= 3 * tiers[i].len; p += 3 * tiers[i].len, n -= 3 * tiers[i].len)
            c = three_blocks(c, p, &tiers[i]);
    for (; n >= 8; p += 8, n -= 8)
        c = _mm_crc32_u64(c, le64(p));
    while (n--)
        c = _mm_crc32_u8((uint32_t)c, *p++);
    return ~(uint32_t)c;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
    /* A load and a test of a word that libgcc fills at program start: no resolver needed. */
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
        return crc32c_hw(crc, data, n);
    return crc32c_tables(crc, data, n);
}

#else

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
    return crc32c_tables(crc, data, n);
}

#endif
