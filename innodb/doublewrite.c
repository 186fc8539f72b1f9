/* innodb/doublewrite.c: see doublewrite.h. */
#include "innodb/doublewrite.h"

#include "base/bytes.h"
#include "innodb/tablespace.h"

enum {
    FROM_END = 200,
    MAGIC_AT = 10,
    FIRST_AT = 14,
    SEGMENTS_AT = 56,
    SEGMENT_SIZE = 8,
};

#define DOUBLEWRITE_MAGIC 0x1FFFBD5Fu

struct doublewrite doublewrite_of(const uint8_t *trx_sys, uint32_t page_size)
{
    const uint8_t *p = trx_sys + page_size - FROM_END;
    if (be32(p + MAGIC_AT) != DOUBLEWRITE_MAGIC)
        return (struct doublewrite){{0}, 0};
    return (struct doublewrite){{be32(p + FIRST_AT), be32(p + FIRST_AT + 4)},
                                space_extent_pages(page_size)};
}

bool doublewrite_has(const struct doublewrite *d, page_no_t no)
{
    for (int i = 0; i < 2; i++)
        if (d->first[i] && no >= d->first[i] && no - d->first[i] < d->n_pages)
            return true;
    return false;
}

space_id_t trx_sys_undo_space(const uint8_t *trx_sys, unsigned i)
{
    const uint8_t *p = trx_sys + SEGMENTS_AT + i * SEGMENT_SIZE;
    return be32(p + 4) == UINT32_MAX ? 0 : be32(p);
}
