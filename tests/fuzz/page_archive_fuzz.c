/* tests/fuzz/page_archive_fuzz.c: hostile files of page tracking. Byte 0 chooses what is tried:
 *
 *   bit 0  numbers and checksums of the blocks are made good, and all data blocks but the last are full
 *   bit 1  at most 5 pages are allowed
 *   bits 2-7  the LSN since which pages are wanted, times 64
 *
 * The rest is blocks: 32 bytes of header, then as many bytes of data as the header says. What they lack is zero. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "innodb/page_archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    HEADER = 32,
    AT_CRC = 2,
    AT_LEN = 6,
    AT_NUMBER = 24,
    OPTION_GOOD = 1,
    OPTION_FEW = 2,
    SINCE_SHIFT = 4, /* from bits 2-7 to multiples of 64 */
};

/* What is refused is as good as what is taken, if it says why. */
static bool taken(struct err *e)
{
    if (e && !e->message[0])
        abort();
    const bool good = !e;
    err_free(e);
    return good;
}

/* One block from the input; how many bytes of that it took. */
static size_t next_block(uint8_t *block, const uint8_t *data, size_t size)
{
    memset(block, 0, PAGE_ARCHIVE_BLOCK);
    size_t n = size < HEADER ? size : HEADER;
    memcpy(block, data, n);
    size_t len = be16(block + AT_LEN);
    if (len > PAGE_ARCHIVE_BLOCK - HEADER)
        len = PAGE_ARCHIVE_BLOCK - HEADER;
    if (len > size - n)
        len = size - n;
    memcpy(block + HEADER, data + n, len);
    return n + len;
}

static void make_good(uint8_t *block, const struct page_archive_walk *w, bool last)
{
    if (block[1] && !last)
        put_be16(block + AT_LEN, PAGE_ARCHIVE_BLOCK - HEADER);
    const size_t len = be16(block + AT_LEN);
    put_be64(block + AT_NUMBER, block[1] ? w->next_block : w->in_file ? w->file + 1 : 0);
    if (len <= PAGE_ARCHIVE_BLOCK - HEADER)
        put_be32(block + AT_CRC, crc32c(0, block + HEADER, len));
}

static void check_result(const struct page_archive_walk *w)
{
    if (w->n_ids > w->max_ids || w->begin > w->since || (w->n_ids && !w->begin))
        abort();
    for (size_t i = 1; i < w->n_ids; i++)
        if (w->ids[i - 1] >= w->ids[i])
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t block[PAGE_ARCHIVE_BLOCK];
    struct page_archive_walk w;
    if (size < 1)
        return 0;
    const uint8_t option = *data++;
    size--;
    page_archive_walk_init(&w, (lsn_t)(option & 0xFC) << SINCE_SHIFT,
                           option & OPTION_FEW ? 5 : 100000);
    bool good = true;
    for (size_t at = 0; good && at < size;) {
        struct page_archive_block b;
        at += next_block(block, data + at, size - at);
        if (option & OPTION_GOOD)
            make_good(block, &w, at == size);
        good = taken(page_archive_parse(&b, block)) && taken(page_archive_walk_take(&w, &b));
    }
    if (taken(page_archive_walk_end(&w)))
        check_result(&w);
    page_archive_walk_fini(&w);
    return 0;
}
