/* tests/fuzz/archive_fuzz.c: the archive reader, the walk and the index decoder over hostile bytes.
 * Byte 0 chooses: an archive as it is, an archive whose checksums are made good first (so that what
 * lies behind them is reached), or an index alone. The rest is the archive or the index. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "archive/archive_file_test_util.h"
#include "archive/archive_test_util.h"
#include "archive/index.h"
#include "archive/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum what { AS_IT_IS, RESEALED, INDEX_ALONE, N_WHAT };

/* Reads bytes so that a sanitizer sees it when they are not there. */
static void touch(const uint8_t *p, uint64_t n)
{
    static volatile uint8_t sink;
    for (uint64_t i = 0; p && i < n; i += 61)
        sink = p[i];
    if (p && n)
        sink = p[n - 1];
    (void)sink;
}

static struct err *on_piece(void *ctx, uint32_t entry, uint64_t offset, const uint8_t *data,
                            uint64_t len)
{
    (void)ctx;
    (void)entry;
    (void)offset;
    touch(data, len);
    return NULL;
}

static struct err *on_damage(void *ctx, const char *what)
{
    (void)what;
    ++*(uint64_t *)ctx;
    return NULL;
}

static struct err *read_entry(struct archive_reader *r, uint32_t i)
{
    AUTO(archive_cursor) c = NULL;
    const uint64_t from = i % 2 ? 4000 : 0; /* not only from the beginning */
    uint64_t offset, len = 1, last = from;
    const uint8_t *data;
    TRY(archive_cursor_open(&c, r, i, from, UINT64_MAX));
    while (len) {
        TRY(archive_cursor_next(c, &offset, &data, &len));
        if (len && (offset < last || len > archive_reader_entry(r, i)->size - offset))
            abort();
        last = offset + len;
        touch(data, len);
    }
    return NULL;
}

/* That of the sealed archives in tests/data/archive. */
static const struct archive_unlock *the_key(void)
{
    static struct archive_keys *keys;
    static struct archive_unlock unlock;
    static const char text[] = "mbe-key-1 c64f2177d4a7f290 "
                               "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    if (!keys && archive_keys_parse(&keys, ARCHIVE_KEY_SEAL, text, "key"))
        abort();
    unlock.keys = keys;
    return &unlock;
}

static struct err *read_all(const char *path)
{
    AUTO(archive_reader) r = NULL;
    TRY(archive_file_unlock(&r, path, the_key()));
    for (uint32_t i = 0; i < archive_reader_n_entries(r); i++)
        TRY(read_entry(r, i));
    return NULL;
}

/* What can be read in full by its index must be whole for the walk, too. */
static void use_archive(const uint8_t *data, size_t size)
{
    const struct test_file file = test_file_new();
    uint64_t n_damage = 0;
    bool complete;
    const struct archive_walk walk = {
        .on_piece = on_piece, .on_damage = on_damage, .ctx = &n_damage, .unlock = the_key()};
    test_file_set(&file, data, size);
    struct err *by_index = read_all(file.path);
    err_free(archive_file_walk(file.path, &walk, &complete));
    if (!by_index && !complete)
        abort();
    err_free(by_index);
    close(file.fd);
}

static void use_index(const uint8_t *data, size_t size)
{
    struct index x;
    if (size < 8)
        return;
    uint8_t *text = malloc(size - 8 + 1);
    if (!text)
        abort();
    memcpy(text, data + 8, size - 8);
    const struct index_frame frame = {.n_chunks = le16(data),
                                      .n_entries = le16(data + 6) & 0x7fff,
                                      .data_at = ARCHIVE_HEADER_SIZE,
                                      .data_end = le32(data + 2),
                                      .digests = le16(data + 6) & 0x8000};
    struct err *e = index_decode(&x, text, size - 8, &frame);
    if (!e)
        index_fini(&x);
    err_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const enum what what = data[0] % N_WHAT;
    data++;
    size--;
    if (what == INDEX_ALONE) {
        use_index(data, size);
        return 0;
    }
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    if (what == RESEALED)
        test_reseal(copy, size);
    use_archive(copy, size);
    free(copy);
    return 0;
}
