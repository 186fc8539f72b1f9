/* innodb/space_use.c: see space_use.h. */
#include "innodb/space_use.h"

#include "base/bytes.h"

enum {
    FSP_LIMIT = 50,
    XDES_STATE = 20,
    XDES_BITS = 24,
    STATE_NONE = 0,
    STATE_FREE = 1,
    STATE_LAST = 5,
    BIT_FREE = 1,
};

bool space_use_is_page(const struct space_format *format, page_no_t no)
{
    return no % format->physical == 0;
}

static enum page_use use_of(const uint8_t *xdes, uint32_t i)
{
    const uint32_t state = be32(xdes + XDES_STATE);
    if (state == STATE_NONE || state == STATE_FREE)
        return PAGE_USE_FREE;
    return xdes[XDES_BITS + i / 4] >> (i % 4 * 2) & BIT_FREE ? PAGE_USE_FREE : PAGE_USE_USED;
}

const char *space_use_note(struct page_fact *facts, page_no_t n_pages,
                           const struct space_format *format, page_no_t no, const uint8_t *page)
{
    const uint32_t extent = space_extent_pages(format->page_size);
    const uint32_t n_extents = format->physical / extent, size = XDES_BITS + (2 * extent + 7) / 8;
    const char *why = NULL;
    if (no == 0 &&
        be32(page + FSP_LIMIT) > ((uint64_t)be32(page + FSP_SIZE) + extent - 1) / extent * extent)
        why = "the space header has more extents initialised than there are";
    for (uint32_t k = 0; k < n_extents; k++) {
        const uint8_t *xdes = page + FSP_XDES + (size_t)k * size;
        if (be32(xdes + XDES_STATE) > STATE_LAST)
            return "an extent descriptor has a state that there is not";
        for (uint32_t i = 0; i < extent; i++) {
            const uint64_t at = (uint64_t)no + (uint64_t)k * extent + i;
            if (at < n_pages)
                facts[at].use = (uint8_t)use_of(xdes, i);
        }
    }
    return why;
}
