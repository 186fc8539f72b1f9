/* verify/redo_entry.c: see redo_entry.h. */
#include "verify/redo_entry.h"

#include <string.h>

#include "base/signals.h"
#include "innodb/space_map.h"

/* The entry as a byte stream; gaps and runs read as zeros. */
struct input {
    struct archive_reader *reader;
    uint32_t entry;
    struct archive_cursor *cursor;
    struct progress *progress;
    uint64_t at, size;    /* next byte to hand out, entry size */
    uint64_t piece_at;    /* current piece */
    const uint8_t *piece; /* NULL: zeros */
    uint64_t piece_len;
};

/* Stands on a piece that ends behind `at`. */
static struct err *next_piece(struct input *in)
{
    TRY(archive_cursor_next(in->cursor, &in->piece_at, &in->piece, &in->piece_len));
    if (in->piece_len == 0) { /* only zeros are left */
        in->piece_at = in->size;
        in->piece_len = 1;
    }
    return NULL;
}

static size_t take(struct input *in, uint8_t *buf, size_t n)
{
    const bool gap = in->at < in->piece_at;
    const uint64_t until = gap ? in->piece_at : in->piece_at + in->piece_len;
    if (n > until - in->at)
        n = (size_t)(until - in->at);
    if (n > in->size - in->at)
        n = (size_t)(in->size - in->at);
    if (gap || !in->piece)
        memset(buf, 0, n);
    else
        memcpy(buf, in->piece + (in->at - in->piece_at), n);
    in->at += n;
    return n;
}

static struct err *input_read(void *ctx, uint8_t *buf, size_t n, size_t *got)
{
    struct input *in = ctx;
    *got = 0;
    TRY(signals_check());
    while (*got < n && in->at < in->size) {
        if (in->piece_len == 0 || in->at >= in->piece_at + in->piece_len)
            TRY(next_piece(in));
        *got += take(in, buf + *got, n - *got);
    }
    progress_add(in->progress, *got);
    return NULL;
}

static struct err *input_read_at(void *ctx, uint64_t at, uint8_t *buf, size_t n)
{
    const struct input *in = ctx;
    return archive_read(in->reader, in->entry, at, buf, n);
}

static struct err *input_open(struct input *in, struct redo_source *source,
                              struct archive_reader *reader, struct progress *progress)
{
    const int64_t entry = archive_reader_find(reader, REDO_PATH);
    if (entry < 0 || archive_reader_entry(reader, (uint32_t)entry)->kind != ARCHIVE_REDO)
        return err_make(CORRUPT, "is missing in the archive");
    *in = (struct input){.reader = reader,
                         .entry = (uint32_t)entry,
                         .size = archive_reader_entry(reader, (uint32_t)entry)->size,
                         .progress = progress};
    *source = (struct redo_source){
        .ctx = in, .read = input_read, .read_at = input_read_at, .size = in->size};
    return NULL;
}

struct err *redo_entry_walk(struct archive_reader *reader, const struct redo_family *family,
                            struct redo_walk *w, struct progress *progress)
{
    struct input in;
    struct redo_source source;
    AUTO(archive_cursor) cursor = NULL;
    TRY(input_open(&in, &source, reader, progress));
    TRY(archive_cursor_open(&cursor, reader, in.entry, 0, in.size));
    in.cursor = cursor;
    return family->walk(&source, w);
}

struct err *redo_entry_check_key(struct archive_reader *reader, const struct redo_family *family,
                                 const struct keyring *keys)
{
    struct input in;
    struct redo_source source;
    TRY(input_open(&in, &source, reader, NULL));
    return family->check_key(&source, keys);
}
