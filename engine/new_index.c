/* engine/new_index.c: see new_index.h. */
#include "engine/new_index.h"

#include <fcntl.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/fil_page.h"
#include "innodb/index_check.h"
#include "innodb/page_compress.h"

enum {
    DICT_HDR_PAGE = 7,
    DICT_HDR_INDEX_ID = FIL_BODY + 16,
    DICT_HDR_BYTES = DICT_HDR_INDEX_ID + 8, /* in one sector of the disk: never half written */
};
_Static_assert((int)NEW_INDEX_HEAD_BYTES == INDEX_ID + 8, "the id is the last of it");

struct err *new_index_last_id(uint64_t *last, const char *system_path, uint32_t page_size)
{
    uint8_t head[DICT_HDR_BYTES];
    AUTO_FD int fd = -1;
    size_t got;
    *last = 0;
    TRY(file_open(&fd, system_path, O_RDONLY, 0));
    TRY(file_pread(fd, head, sizeof head, (uint64_t)DICT_HDR_PAGE * page_size, &got, system_path));
    if (got == sizeof head && be32(head + FIL_PAGE_NO) == DICT_HDR_PAGE &&
        be16(head + FIL_TYPE) == FIL_TYPE_SYS)
        *last = be64(head + DICT_HDR_INDEX_ID);
    return NULL;
}

enum index_age new_index_look(const uint8_t *head, uint64_t last)
{
    const uint16_t type = be16(head + FIL_TYPE);
    const uint64_t id = be64(head + INDEX_ID);
    if (type >= FIL_TYPE_PACKED && type <= FIL_TYPE_RTREE_ENCRYPTED)
        return INDEX_UNCLEAR;
    return (type == FIL_TYPE_INDEX || type == FIL_TYPE_RTREE) && id > last &&
                   !index_is_change_buffer(be32(head + FIL_SPACE), id)
               ? INDEX_NEW
               : INDEX_KNOWN;
}

enum index_age new_index_look_inside(const struct space_format *format, const uint8_t *page,
                                     uint64_t last)
{
    if (!page_is_compressed(format, page))
        return new_index_look(page, last);
    AUTO_FREE uint8_t *plain = mem_alloc_aligned(format->page_size);
    struct err *e = page_decompress(format, page, plain);
    if (!e)
        return new_index_look(plain, last);
    err_free(e);
    return INDEX_NEW; /* nothing can be said of it */
}
