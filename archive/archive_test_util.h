/* archive/archive_test_util.h: what the tests and the fuzz target of this folder share: a sink
 * into memory that can be told to fail, files from bytes, and resealing: recomputing the
 * checksums of an archive whose fields were patched, so that the checks behind the checksums are
 * reached. */
#ifndef MBE_ARCHIVE_TEST_UTIL_H
#define MBE_ARCHIVE_TEST_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "archive/format.h"
#include "archive/sink.h"
#include "archive/varint.h"
#include "archive/writer.h"
#include "base/bytes.h"
#include "base/cleanup.h"

/* xorshift64*, so that a seed gives the same numbers everywhere. */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(2685821657736338717);
}

/* Of the cases of an exhaustive test, every how many are run: all of them, but under valgrind, which
 * would take an hour, one in 61. Valgrind is known by the library that it preloads. */
static inline size_t test_stride(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "vgpreload") ? 61 : 1;
}

/* ---- sink into memory ---- */

struct test_sink {
    struct sink sink;
    struct out_bytes bytes;
    uint32_t n_appends;
    uint32_t fail_at; /* the append with this number (from 1) fails, and all behind it; 0: none */
};

static inline struct err *test_sink_append(struct sink *s, const void *data, size_t n)
{
    struct test_sink *t = (struct test_sink *)s;
    if (++t->n_appends >= t->fail_at && t->fail_at) {
        errno = ENOSPC;
        return err_os("test sink: cannot write");
    }
    out_bytes_put(&t->bytes, data, n);
    return NULL;
}

static inline struct err *test_sink_commit(struct sink *s)
{
    (void)s;
    return NULL;
}

static inline void test_sink_free(struct sink *s)
{
    struct test_sink *t = (struct test_sink *)s;
    free(t->bytes.p);
    t->bytes = (struct out_bytes){0};
}

static inline struct test_sink test_sink_new(void)
{
    return (struct test_sink){
        .sink = {.append = test_sink_append, .commit = test_sink_commit, .free = test_sink_free}};
}

/* ---- a file of given bytes, by a name that source_file_open can open ---- */

struct test_file {
    int fd;
    char path[64];
};

static inline struct test_file test_file_new(void)
{
    struct test_file f;
    f.fd = memfd_create("archive", MFD_CLOEXEC);
    if (f.fd < 0)
        abort();
    snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
    return f;
}

static inline void test_file_set(const struct test_file *f, const void *data, size_t n)
{
    if (ftruncate(f->fd, (off_t)n) || pwrite(f->fd, data, n, 0) != (ssize_t)n)
        abort();
}

/* ---- a small archive with some of everything ---- */

enum { SAMPLE_DENSE = 4096, SAMPLE_PIECE = 20 * SAMPLE_DENSE, SAMPLE_PIECES = 3 };
#define SAMPLE_MANIFEST "{\"id\": \"20261124T170632Z-full\", \"type\": \"full\"}"

/* Byte `at` of the content of "db/a.ibd": in each piece one block of text among zeros. */
static inline uint8_t test_sample_byte(uint64_t at)
{
    const uint64_t piece = at / SAMPLE_PIECE, block = at % SAMPLE_PIECE / SAMPLE_DENSE;
    return block == 5 * piece ? (uint8_t)("one row after another "[(at + at / 97) % 22]) : 0;
}

/* Chunks: 0-2 the pieces of db/a.ibd, 3 the shared one, 4 the index, 5 the manifest. Entry ids:
 * 0 db, 1 db/a.ibd, 2 db/b.frm, 3 db/c.MYD (zeros), 4 db/d.MYD (a link), 5 dropped. */
static inline struct err *test_sample_write_with(struct sink *sink,
                                                 const struct archive_writer_options *options)
{
    static const struct archive_attr attrs[] = {
        {.kind = ARCHIVE_EMPTY_DIR, .path = "db", .mode = 0700},
        {.kind = ARCHIVE_SPACE,
         .path = "db/a.ibd",
         .mode = 0660,
         .space_id = 5,
         .page_size = 16384},
        {.kind = ARCHIVE_PLAIN, .path = "db/b.frm", .mode = 0660, .mtime = 1795540000},
        {.kind = ARCHIVE_PLAIN, .path = "db/c.MYD", .mode = 0660},
        {.kind = ARCHIVE_SYMLINK, .path = "db/d.MYD", .link_target = "/data/d.MYD", .mode = 0777},
        {.kind = ARCHIVE_PLAIN, .path = "db/e.frm", .mode = 0660},
    };
    AUTO(archive_writer) w = NULL;
    uint32_t id;
    uint8_t piece[SAMPLE_PIECE];
    TRY(archive_writer_open(&w, sink, options));
    for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
        TRY(archive_entry_add(w, &attrs[i], &id));
    for (uint64_t at = 0; at < SAMPLE_PIECES * SAMPLE_PIECE; at += SAMPLE_PIECE) {
        for (uint64_t i = 0; i < SAMPLE_PIECE; i++)
            piece[i] = test_sample_byte(at + i);
        TRY(archive_write(w, 1, at, piece, sizeof piece));
    }
    memset(piece, 0, sizeof piece);
    TRY(archive_write(w, 3, 4096, piece, sizeof piece));
    memset(piece, 'b', 500);
    TRY(archive_write(w, 2, 0, piece, 500));
    TRY(archive_write(w, 5, 0, piece, 500));
    archive_entry_drop(w, 5);
    return archive_writer_finish(w, SAMPLE_MANIFEST);
}

static inline struct err *test_sample_write(struct sink *sink, enum archive_codec codec)
{
    return test_sample_write_with(sink,
                                  &(struct archive_writer_options){.codec = codec, .level = 3});
}

/* Where the first chunk of these bytes begins. */
static inline size_t test_data_at(const uint8_t *p)
{
    return ARCHIVE_HEADER_SIZE + (archive_version_is_sealed(le16(p + 8)) ? KEY_BLOCK_SIZE : 0);
}

/* Offset of chunk i (and, for the number of chunks, of the final record) of an undamaged
 * archive. */
static inline size_t test_chunk_at(const uint8_t *p, uint32_t i)
{
    size_t at = test_data_at(p);
    while (i--)
        at += CHUNK_HEADER_SIZE + (size_t)le32(p + at + 32) * RECORD_SIZE + le32(p + at + 40);
    return at;
}

/* ---- resealing ---- */

static inline void test_put_hash(uint8_t *p, struct hash128 h)
{
    put_le64(p, h.lo);
    put_le64(p + 8, h.hi);
}

/* Recomputes every checksum: of the header, of the key block, of each chunk as far as the chunks follow each other
 * by their lengths, of the signature block behind them, and of the final record. */
static inline void test_reseal(uint8_t *p, size_t n)
{
    if (n < ARCHIVE_HEADER_SIZE)
        return;
    size_t at = test_data_at(p);
    test_put_hash(p + 48, hash128_of(p, 48, NULL, 0));
    if (at > n)
        return;
    if (at > ARCHIVE_HEADER_SIZE)
        test_put_hash(p + at - HASH_SIZE,
                      hash128_of(p + ARCHIVE_HEADER_SIZE, KEY_BLOCK_SIZE - HASH_SIZE, NULL, 0));
    while (n - at >= CHUNK_HEADER_SIZE && !memcmp(p + at, CHUNK_MAGIC, MAGIC_SIZE)) {
        uint8_t *h = p + at;
        const uint64_t body = (uint64_t)le32(h + 32) * RECORD_SIZE + le32(h + 40);
        if (body <= n - at - CHUNK_HEADER_SIZE)
            test_put_hash(h + 80, hash128_of(h + CHUNK_HEADER_SIZE, (size_t)body, NULL, 0));
        test_put_hash(h + 96, hash128_of(h, 96, NULL, 0));
        if (body > n - at - CHUNK_HEADER_SIZE)
            break;
        at += CHUNK_HEADER_SIZE + (size_t)body;
    }
    if (n - at >= SIGNATURE_BLOCK_SIZE && !memcmp(p + at, SIGNATURE_MAGIC, MAGIC_SIZE))
        test_put_hash(p + at + SIGNATURE_BLOCK_SIZE - HASH_SIZE,
                      hash128_of(p + at, SIGNATURE_BLOCK_SIZE - HASH_SIZE, NULL, 0));
    if (n >= FINAL_SIZE)
        test_put_hash(p + n - HASH_SIZE,
                      hash128_of(p + n - FINAL_SIZE, FINAL_SIZE - HASH_SIZE, NULL, 0));
}

#endif
