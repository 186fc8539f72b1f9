/* innodb/page_zip_parts.h: what page_zip_decode.c and page_zip_encode.c share: the shape of one
 * record, and where the parts of an image are. See page_zip.h for the format. */
#ifndef MBE_INNODB_PAGE_ZIP_PARTS_H
#define MBE_INNODB_PAGE_ZIP_PARTS_H

#include "innodb/page_zip.h"

enum {
    ZIP_STREAM = 94,
    ZIP_SLOT = 2,
    ZIP_SLOT_ORIGIN = 0x3FFF, /* mask */
    ZIP_SLOT_OWNED = 0x4000,
    ZIP_SLOT_DELETED = 0x8000,
    ZIP_SYS = 13,
    ZIP_CHILD = 4,
    ZIP_BLOB = 20,
    ZIP_RECORDS_MAX = PAGE_ZIP_SIZE_MAX / ZIP_SLOT,
    ZIP_HOLES_MAX = PAGE_ZIP_SIZE_MAX / ZIP_BLOB + 1,
    ZIP_HEAP_NO_FIRST = 2, /* infimum and supremum are 0 and 1 */
    ZIP_STATUS_NODE = 1,
    ZIP_INFO_MIN_REC = 0x10,
    ZIP_INFO_DELETED = 0x20,
};

/* One record, seen from its origin. */
struct zip_shape {
    uint32_t extra; /* bytes below the 5-byte header */
    uint32_t data;
    uint32_t visible; /* data without holes */
    uint32_t n_holes;
    struct zip_hole {
        uint16_t at, len; /* in the data */
    } holes[ZIP_HOLES_MAX];
};

/* The records of a page by address: heap number k + 2 has origins[k]. */
struct zip_records {
    uint32_t n;
    uint16_t origins[ZIP_RECORDS_MAX];
    uint8_t kinds[ZIP_SLOT_ORIGIN + 1]; /* by origin */
};

enum zip_kind {
    ZIP_KIND_NONE,
    ZIP_KIND_LIVE,
    ZIP_KIND_FREE,
};

/* Reads the shape from the extra bytes at p, p + step...; `avail` of them may be read. False if they
 * make no sense. */
bool zip_shape_read(struct zip_shape *out, const struct page_zip_layout *layout, const uint8_t *p,
                    int step, uint32_t avail);
/* The shape of a record of the frame. Its bytes do not reach below `floor` nor to or above
 * `ceiling`, or false. */
bool zip_shape_in_frame(struct zip_shape *out, const struct page_zip_layout *layout,
                        const uint8_t *frame, uint32_t r, uint32_t floor, uint32_t ceiling);
/* Copies the data without holes: out of a record, or (`fill`) into it. Bytes moved. */
uint32_t zip_shape_pick(const struct zip_shape *shape, uint8_t *out, const uint8_t *data);
uint32_t zip_shape_fill(const struct zip_shape *shape, uint8_t *data, const uint8_t *in);

/* Reads the field encoding. NULL, or a static sentence. */
const char *zip_layout_read(struct page_zip_layout *layout, const uint8_t *encoding, uint32_t len,
                            bool leaf);
/* Width of the column that is stored by heap number. */
uint32_t zip_layout_width(const struct page_zip_layout *layout);

/* Records found so far: false when there is one with that origin. */
bool zip_records_mark(struct zip_records *records, uint32_t origin, enum zip_kind kind);
/* Puts what was marked in the order of addresses. */
void zip_records_sort(struct zip_records *records);
/* Where record k may lie at all: between the origin below and the header above, in the heap. */
uint32_t zip_records_floor(const struct zip_records *records, uint32_t k);
uint32_t zip_records_ceiling(const struct zip_records *records, uint32_t k, uint32_t heap_top);

/* Whether the two sizes are such as page_zip.h says. */
bool zip_sizes_are_sane(uint32_t page_size, uint32_t zip_size);
/* Header of image or frame: NULL, or why it is no B-tree page of this size. */
const char *zip_header_check(const uint8_t *header, uint32_t page_size);
uint32_t zip_header_n_dense(const uint8_t *header);

/* Decodes header, dense directory and stream, not log, trailer and links: what the stream says.
 * *n_streamed is how many records it holds. */
const char *zip_decode_stream(struct page_zip_layout *layout, struct zip_records *records,
                              uint32_t *n_streamed, uint8_t *frame, uint32_t page_size,
                              const uint8_t *zip, uint32_t zip_size);

#endif
