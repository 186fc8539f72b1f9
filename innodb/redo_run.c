/* innodb/redo_run.c: see redo_run.h. */
#include "innodb/redo_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/aes.h"

enum {
    BUNDLE_CRC = 0,
    BUNDLE_LEN = 4,
    BUNDLE_KEY = 8,
    BUNDLE_START = 16,
    BUNDLE_MTR_LEN = 24,
    BUNDLE_HEADER = 28,
};

struct run_index {
    uint64_t key, at; /* a bundle and its place in the file */
};

struct redo_run {
    const char *dir;
    int fd;
    uint64_t size; /* with what is buffered */
    uint8_t *buf;  /* NULL once sealed */
    size_t n_buf;
    struct run_index *index;
    size_t n_index, cap_index;
    struct aes_key key; /* len 0: the file is in clear */
};

struct err *redo_run_new(struct redo_run **out, const char *dir, enum redo_run_form form)
{
    *out = NULL;
    AUTO(redo_run) run = mem_alloc(sizeof *run);
    *run = (struct redo_run){.dir = dir, .fd = -1};
    TRY(file_open_nameless(&run->fd, dir));
    if (form == REDO_RUN_SECRET)
        TRY(aes_key_random(&run->key));
    run->buf = mem_alloc(REDO_RUN_WRITE_BYTES);
    *out = run;
    run = NULL;
    return NULL;
}

void redo_run_free(struct redo_run *run)
{
    if (!run)
        return;
    if (run->fd >= 0)
        close(run->fd);
    free(run->buf);
    free(run->index);
    aes_key_wipe(&run->key);
    free(run);
}

size_t redo_run_memory(const struct redo_run *run)
{
    return sizeof *run + run->cap_index * sizeof *run->index;
}

static struct err *flush(struct redo_run *run)
{
    const uint64_t at = run->size - run->n_buf;
    if (run->key.len)
        TRY(aes_stream(&run->key, at, run->buf, run->n_buf));
    TRY_AT(file_pwrite(run->fd, run->buf, run->n_buf, at, run->dir), "redo spill file");
    run->n_buf = 0;
    return NULL;
}

static struct err *put_bytes(struct redo_run *run, const uint8_t *p, size_t n)
{
    while (n) {
        if (run->n_buf == REDO_RUN_WRITE_BYTES)
            TRY(flush(run));
        const size_t room = REDO_RUN_WRITE_BYTES - run->n_buf, take = n < room ? n : room;
        memcpy(run->buf + run->n_buf, p, take);
        run->n_buf += take;
        run->size += take;
        p += take;
        n -= take;
    }
    return NULL;
}

struct err *redo_run_put(struct redo_run *run, const struct redo_bundle *b)
{
    uint8_t header[BUNDLE_HEADER];
    const uint64_t key = redo_bundle_key(b->space, b->page);
    put_le32(header + BUNDLE_LEN, (uint32_t)b->len);
    put_le64(header + BUNDLE_KEY, key);
    put_le64(header + BUNDLE_START, b->mtr_start);
    put_le32(header + BUNDLE_MTR_LEN, (uint32_t)(b->mtr_end - b->mtr_start));
    const uint32_t crc = crc32c(0, header + BUNDLE_LEN, BUNDLE_HEADER - BUNDLE_LEN);
    put_le32(header + BUNDLE_CRC, crc32c(crc, b->data, b->len));
    if (!run->n_index || run->size - run->index[run->n_index - 1].at >= REDO_RUN_INDEX_BYTES) {
        mem_grow(&run->index, &run->cap_index, run->n_index, sizeof *run->index);
        run->index[run->n_index++] = (struct run_index){.key = key, .at = run->size};
    }
    TRY(put_bytes(run, header, sizeof header));
    return put_bytes(run, b->data, b->len);
}

struct err *redo_run_seal(struct redo_run *run)
{
    TRY(flush(run));
    free(run->buf);
    run->buf = NULL;
    return NULL;
}

/* Number of index entries with a key below `key`; with `or_equal`, not above it. */
static size_t index_rank(const struct redo_run *run, uint64_t key, bool or_equal)
{
    size_t low = 0, high = run->n_index;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const uint64_t k = run->index[middle].key;
        if (k < key || (or_equal && k == key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Makes at least n unread bytes available at buf + from. */
static struct err *fill(struct redo_run_reader *r, size_t n)
{
    const size_t have = r->to - r->from;
    if (have >= n)
        return NULL;
    if (n - have > r->stop - r->at)
        return err_make(IO, "%s: redo spill file: a bundle is cut off at %" PRIu64, r->run->dir,
                        r->stop);
    if (have)
        memmove(r->buf, r->buf + r->from, have);
    if (n > r->cap || !r->buf) {
        r->cap = n > r->buffer_bytes ? n : r->buffer_bytes;
        r->buf = mem_realloc(r->buf, r->cap);
    }
    size_t want = r->cap - have, got;
    if (want > r->stop - r->at)
        want = (size_t)(r->stop - r->at);
    r->from = 0;
    r->to = have;
    TRY_AT(file_pread(r->run->fd, r->buf + have, want, r->at, &got, r->run->dir),
           "redo spill file");
    if (got != want)
        return err_make(IO, "%s: redo spill file ends at %" PRIu64 ", expected %" PRIu64,
                        r->run->dir, r->at + got, r->at + want);
    if (r->run->key.len)
        TRY(aes_stream(&r->run->key, r->at, r->buf + have, want));
    r->at += got;
    r->to += got;
    return NULL;
}

static struct err *damaged(const struct redo_run_reader *r)
{
    return err_make(IO, "%s: redo spill file: damaged bundle before %" PRIu64, r->run->dir, r->at);
}

/* Reads the next bundle, whatever its key. */
static struct err *read_bundle(struct redo_run_reader *r)
{
    TRY(fill(r, BUNDLE_HEADER));
    const size_t len = le32(r->buf + r->from + BUNDLE_LEN);
    if (len > REDO_BUNDLE_MAX)
        return damaged(r);
    TRY(fill(r, BUNDLE_HEADER + len));
    const uint8_t *p = r->buf + r->from;
    if (le32(p + BUNDLE_CRC) != crc32c(0, p + BUNDLE_LEN, BUNDLE_HEADER - BUNDLE_LEN + len))
        return damaged(r);
    r->key = le64(p + BUNDLE_KEY);
    const lsn_t start = le64(p + BUNDLE_START);
    r->bundle = (struct redo_bundle){
        .space = (space_id_t)(r->key >> 32),
        .page = (page_no_t)r->key,
        .mtr_start = start,
        .mtr_end = start + le32(p + BUNDLE_MTR_LEN),
        .data = p + BUNDLE_HEADER,
        .len = len,
    };
    r->from += BUNDLE_HEADER + len;
    return NULL;
}

struct err *redo_run_reader_next(struct redo_run_reader *r)
{
    r->more = false;
    if (r->from == r->to && r->at == r->stop)
        return NULL;
    TRY(read_bundle(r));
    r->more = r->key <= r->last_key;
    return NULL;
}

struct err *redo_run_reader_init(struct redo_run_reader *r, const struct redo_run *run,
                                 uint64_t first, uint64_t last, size_t buffer_bytes)
{
    const size_t below = index_rank(run, first, false), past = index_rank(run, last, true);
    *r = (struct redo_run_reader){.run = run, .last_key = last};
    r->at = below ? run->index[below - 1].at : 0;
    r->stop = past < run->n_index ? run->index[past].at : run->size;
    r->buffer_bytes = buffer_bytes < r->stop - r->at ? buffer_bytes : (size_t)(r->stop - r->at);
    do {
        TRY(redo_run_reader_next(r));
    } while (r->more && r->key < first);
    return NULL;
}

void redo_run_reader_fini(struct redo_run_reader *r)
{
    free(r->buf);
    *r = (struct redo_run_reader){0};
}
