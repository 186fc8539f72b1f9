/* tests/fuzz/page_fuzz.c: page_check, page_decompress and page_decrypt over hostile bytes. Byte 0
 * chooses flags and page size, byte 1 whether the checksum is made good first, so that what lies
 * behind it is reached, and whose encryption it is; the rest is the page. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"
#include "innodb/page_check.h"
#include "innodb/page_compress.h"
#include "innodb/page_crypt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    uint32_t flags, page_size;
} layouts[] = {
    {0x13, 4096},  {0x33, 4096},  {0x53, 4096}, {0x73, 4096},     {0x93, 4096},
    {0xb3, 4096},  {0xd3, 4096},  {0xe1, 4096}, {0xe3, 4096},     {0xe7, 4096},
    {0x15, 16384}, {0x21, 16384}, {0x0, 16384}, {0x10021, 16384}, {0x100e1, 4096},
};

/* With some key: to records, to pages and back. */
static void try_keys(const struct space_format *format, page_no_t no, const uint8_t *page,
                     bool mysql)
{
    struct space_key key = {.kind = mysql ? SPACE_KEY_MYSQL : SPACE_KEY_MARIADB,
                            .key.len = mysql ? 32 : 16,
                            .version = 1};
    struct space_key found;
    char why[PAGE_WHY_SIZE] = "";
    uint8_t *plain = malloc(format->physical);
    if (!plain)
        abort();
    err_free(space_key_find(&found, format, page, NULL));
    err_free(page_encrypt(&key, format, page, plain));
    err_free(page_decrypt(&key, format, page, plain));
    if (page_crypt_check(&key, format, be32(page + FIL_SPACE), no, page, plain, why) ==
            PAGE_CORRUPT &&
        !why[0])
        abort();
    free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct space_format format;
    char why[PAGE_WHY_SIZE] = "";
    if (size < 2)
        return 0;
    const size_t i = data[0] % (sizeof layouts / sizeof layouts[0]);
    if (space_format_decode(&format, layouts[i].flags, layouts[i].page_size))
        abort();
    uint8_t *page = calloc(1, format.physical), *image = malloc(format.page_size);
    if (!page || !image)
        abort();
    memcpy(page, data + 2, size - 2 < format.physical ? size - 2 : format.physical);
    if (data[1] & 1)
        page_stamp(&format, page);
    const page_no_t no = be32(page + FIL_PAGE_NO);
    if (page_check(&format, be32(page + FIL_SPACE), no, page, why) == PAGE_CORRUPT && !why[0])
        abort();
    page_is_encrypted(&format, page, no);
    if (page_is_compressed(&format, page))
        err_free(page_decompress(&format, page, image));
    try_keys(&format, no, page, data[1] & 2);
    free(page);
    free(image);
    return 0;
}
