/* base/crc32c.h: CRC-32C (Castagnoli, RFC 3720): start value and final xor as usual, so
 * crc32c(0, "123456789", 9) is 0xE3069283. May be continued: crc32c(crc32c(0, a), b) is the CRC of
 * a followed by b. Uses the CPU's instruction (three interleaved streams, x86-64 with SSE 4.2 and
 * PCLMULQDQ) where it has one, tables otherwise. */
#ifndef MBE_BASE_CRC32C_H
#define MBE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t n);
/* The portable way alone: what crc32c does without the instruction, and its oracle in tests. */
uint32_t crc32c_tables(uint32_t crc, const void *data, size_t n);

#endif
