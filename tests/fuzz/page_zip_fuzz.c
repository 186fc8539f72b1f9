/* tests/fuzz/page_zip_fuzz.c: hostile zip images, and hostile frames behind them. Byte 0 chooses the
 * page size, byte 1 how many patches of the frame follow, 3 bytes each (offset, value); the rest is
 * the image, as long as a zip page may be. An image that page_zip_encode makes can be decoded and
 * has the frame's header. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "innodb/page_zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 94, PATCHES_MAX = 15 };

static void encode_patched(const struct page_zip_layout *layout, uint8_t *zip, uint32_t zip_size,
                           uint8_t *frame, uint32_t page_size, struct reader patches)
{
    struct page_zip_layout again;
    uint8_t *out = malloc(page_size);
    if (!out)
        abort();
    while (rd_left(&patches) >= 3) {
        const uint32_t at = rd_be16(&patches);
        frame[at % page_size] = rd_u8(&patches);
    }
    if (!page_zip_encode(layout, zip, zip_size, frame, page_size, 1) &&
        (page_zip_decode(&again, out, page_size, zip, zip_size) || memcmp(out, frame, HEADER) != 0))
        abort();
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct page_zip_layout layout;
    struct reader r = reader_of(data, size);
    const uint32_t page_size = 4096u << rd_u8(&r) % 3, n_patches = rd_u8(&r) % (PATCHES_MAX + 1);
    const uint8_t *patches = rd_bytes(&r, 3 * (size_t)n_patches);
    uint32_t zip_size = PAGE_ZIP_SIZE_MIN;
    if (r.ran_out)
        return 0;
    while (zip_size < page_size && zip_size < rd_left(&r))
        zip_size *= 2;
    uint8_t *zip = calloc(1, zip_size), *frame = malloc(page_size);
    if (!zip || !frame)
        abort();
    const size_t n = rd_left(&r) < zip_size ? rd_left(&r) : zip_size;
    memcpy(zip, rd_bytes(&r, n), n);
    if (!page_zip_decode(&layout, frame, page_size, zip, zip_size))
        encode_patched(&layout, zip, zip_size, frame, page_size,
                       reader_of(patches, 3 * (size_t)n_patches));
    free(zip);
    free(frame);
    return 0;
}
