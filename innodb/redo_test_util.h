/* innodb/redo_test_util.h: builds redo for unit tests, and a seeded random generator. Tests only.
 */
#ifndef MBE_INNODB_REDO_TEST_UTIL_H
#define MBE_INNODB_REDO_TEST_UTIL_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "innodb/redo_mariadb.h"
#include "innodb/redo_varint.h"

struct test_random {
    uint64_t state;
};

static inline uint64_t test_random_u64(struct test_random *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline uint64_t test_random_below(struct test_random *r, uint64_t n)
{
    return test_random_u64(r) % n;
}

/* Redo as a server writes it, in a linear log. */
struct log_builder {
    uint8_t *bytes;
    size_t len, cap;
    size_t mtr; /* where the current mini-transaction starts */
};

static inline void log_bytes(struct log_builder *b, const void *p, size_t n)
{
    if (!n)
        return;
    mem_grow(&b->bytes, &b->cap, b->len + n, 1);
    memcpy(b->bytes + b->len, p, n);
    b->len += n;
}

static inline void log_record(struct log_builder *b, unsigned high_nibble, const uint8_t *ids,
                              size_t n_ids, const void *body, size_t n)
{
    uint8_t head[1 + REDO_VARINT_MAX] = {(uint8_t)(high_nibble << 4)};
    size_t n_head = 1;
    if (n_ids + n < 16) {
        head[0] |= (uint8_t)(n_ids + n);
    } else {
        /* v + 15 - k bytes follow a varint v of k bytes */
        size_t k = 1;
        while (put_varint(head + 1, (uint32_t)(n_ids + n + k - 15)) != k)
            k++;
        n_head += k;
    }
    log_bytes(b, head, n_head);
    log_bytes(b, ids, n_ids);
    log_bytes(b, body, n);
}

static inline void log_page_record(struct log_builder *b, enum redo_type type, space_id_t space,
                                   page_no_t page, const void *body, size_t n)
{
    uint8_t ids[2 * REDO_VARINT_MAX];
    size_t n_ids = put_varint(ids, space);
    n_ids += put_varint(ids + n_ids, page);
    log_record(b, type, ids, n_ids, body, n);
}

static inline void log_same_record(struct log_builder *b, enum redo_type type, const void *body,
                                   size_t n)
{
    log_record(b, 8 | type, NULL, 0, body, n);
}

static inline void log_file_record(struct log_builder *b, enum redo_type type, space_id_t space,
                                   const void *body, size_t n)
{
    uint8_t ids[REDO_VARINT_MAX + 1];
    size_t n_ids = put_varint(ids, space);
    ids[n_ids++] = 0;
    log_record(b, type, ids, n_ids, body, n);
}

static inline void log_end_mtr(struct log_builder *b)
{
    uint8_t trailer[5] = {1};
    put_be32(trailer + 1, crc32c(0, b->bytes + b->mtr, b->len - b->mtr));
    log_bytes(b, trailer, sizeof trailer);
    b->mtr = b->len;
}

static inline void log_free(struct log_builder *b)
{
    free(b->bytes);
    *b = (struct log_builder){0};
}

#endif
