/* verify/redo_entry.c: see redo_entry.h. */
#include "verify/redo_entry.h"

#include <string.h>

#include "base/signals.h"
#include "innodb/space_map.h"

/* The entry as a byte stream; gaps and runs read as zeros. */
struct input {
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

struct err *redo_entry_walk(struct archive_reader *reader, const struct redo_family *family,
                            lsn_t from, lsn_t to, const struct redo_visitor *visitor,
                            uint64_t *n_mtrs, struct progress *progress)
{
    const int64_t entry = archive_reader_find(reader, REDO_PATH);
    if (entry < 0 || archive_reader_entry(reader, (uint32_t)entry)->kind != ARCHIVE_REDO)
        return err_make(CORRUPT, "is missing in the archive");
    struct input in = {.size = archive_reader_entry(reader, (uint32_t)entry)->size,
                       .progress = progress};
    const struct redo_source source = {.ctx = &in, .read = input_read, .size = in.size};
    AUTO(archive_cursor) cursor = NULL;
    TRY(archive_cursor_open(&cursor, reader, (uint32_t)entry, 0, in.size));
    in.cursor = cursor;
    return family->walk(&source, from, to, visitor, n_mtrs);
}
