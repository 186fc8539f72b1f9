/* innodb/redo_mysql_test_util.h: builds blocks of MySQL redo for unit tests, byte by byte. Tests only. */
#ifndef MBE_INNODB_REDO_MYSQL_TEST_UTIL_H
#define MBE_INNODB_REDO_MYSQL_TEST_UTIL_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "innodb/redo_mysql.h"
#include "innodb/redo_mysql_int.h"

/* Blocks from LSN `start` on. Zero-initialise, set start to a block's LSN. */
struct mysql_log {
    lsn_t start;
    uint8_t *blocks;
    size_t n_blocks;
    unsigned used; /* of the last block */
};

static inline uint8_t *mysql_log_block(const struct mysql_log *l, size_t i)
{
    return l->blocks + i * 512;
}

static inline lsn_t mysql_log_end(const struct mysql_log *l)
{
    return l->start + (l->n_blocks ? (l->n_blocks - 1) * 512 : 0) + (l->n_blocks ? l->used : 12);
}

static inline void mysql_log_new_block(struct mysql_log *l)
{
    const lsn_t lsn = l->start + l->n_blocks * 512;
    l->blocks = mem_realloc(l->blocks, ++l->n_blocks * 512);
    uint8_t *b = mysql_log_block(l, l->n_blocks - 1);
    memset(b, 0, 512);
    put_be32(b, (uint32_t)(1 + (lsn / 512 & 0x3FFFFFFF)));
    put_be32(b + 8, (uint32_t)(1 + (lsn / 512 >> 30)));
    l->used = 12;
}

/* Data length and checksum of every block. */
static inline void mysql_log_seal(struct mysql_log *l)
{
    for (size_t i = 0; i < l->n_blocks; i++) {
        uint8_t *b = mysql_log_block(l, i);
        put_be16(b + 4, i + 1 < l->n_blocks ? 512 : (uint16_t)l->used);
        put_be32(b + 508, crc32c(0, b, 508));
    }
}

/* Appends one mini-transaction; returns its LSN. */
static inline lsn_t mysql_log_mtr(struct mysql_log *l, const void *mtr, size_t n)
{
    if (!l->n_blocks)
        mysql_log_new_block(l);
    const lsn_t lsn = mysql_log_end(l);
    uint8_t *b = mysql_log_block(l, l->n_blocks - 1);
    if (!be16(b + 6))
        put_be16(b + 6, (uint16_t)l->used);
    for (size_t i = 0; i < n; i++) {
        mysql_log_block(l, l->n_blocks - 1)[l->used++] = ((const uint8_t *)mtr)[i];
        if (l->used == 508)
            mysql_log_new_block(l);
    }
    mysql_log_seal(l);
    return lsn;
}

static inline void mysql_log_free(struct mysql_log *l)
{
    free(l->blocks);
    *l = (struct mysql_log){0};
}

/* The records of one mini-transaction. */
struct mysql_mtr {
    uint8_t bytes[8192];
    size_t n;
};

/* One record: type, ids, body. */
static inline void mysql_mtr_record(struct mysql_mtr *m, unsigned type, space_id_t space,
                                    page_no_t page, const void *body, size_t n)
{
    m->bytes[m->n++] = (uint8_t)type;
    m->n += put_compressed(m->bytes + m->n, space);
    m->n += put_compressed(m->bytes + m->n, page);
    if (n)
        memcpy(m->bytes + m->n, body, n);
    m->n += n;
}

static inline void mysql_mtr_end(struct mysql_mtr *m)
{
    m->bytes[m->n++] = MYSQL_REDO_MULTI_REC_END;
}

#endif
