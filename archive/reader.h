/* archive/reader.h: reads an archive: by index (entries, ranges, or single chunks to check
 * them) or front to back (chunks, for verify and for damaged or truncated archives). Everything read is verified by the chunk's
 * XXH3-128, and if sealed by its tag, before it is used. Damage is an error of kind CORRUPT that names archive, chunk
 * number and offset. Threads: a reader may be shared; a cursor may not. */
#ifndef MBE_ARCHIVE_READER_H
#define MBE_ARCHIVE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/entry.h"
#include "archive/keys.h"
#include "archive/source.h"
#include "base/cleanup.h"
#include "base/err.h"

struct archive_reader;
struct archive_cursor;

/* What it takes to open an archive and to believe it. Of one in clear only the public keys are looked at. */
struct archive_unlock {
    const struct archive_keys *keys; /* NULL: none */
    /* Gives the key block that counts instead of the archive's own, p[KEY_BLOCK_SIZE], if there is one. It is asked when the
     * archive has proven to be sealed. NULL: there is none. */
    struct err *(*key_block)(void *ctx, uint8_t *p, bool *there);
    void *ctx;
    /* Set when an archive could not be opened for want of its key, be it that its key block is damaged: with another block it may
     * be sound. NULL: nobody asks. */
    bool *locked;
    /* NULL: none were given, and a signature is not looked at. With them nothing counts that is not signed with the key of one of
     * them: UNSIGNED; CORRUPT when it is signed, but is not what was signed. */
    const struct archive_keys *public_keys;
};

/* Opens a complete archive: header, final record, index and manifest are checked. The source is the reader's from now on, after
 * an error too. What `unlock` points to is needed for the call only. SEALED when a key is needed and none or another one was given; UNSIGNED as above. */
struct err *archive_reader_open(struct archive_reader **out, struct source *source,
                                const struct archive_unlock *unlock) MUST_CHECK;
void archive_reader_free(struct archive_reader *r);
CLEANUP(archive_reader, archive_reader_free)

/* What its source is called in messages, borrowed. */
const char *archive_reader_name(const struct archive_reader *r);
/* Random, of this very archive. */
uint64_t archive_reader_id(const struct archive_reader *r);
bool archive_reader_is_sealed(const struct archive_reader *r);
/* Whether it has a signature; that proves nothing unless there were public keys. */
bool archive_reader_is_signed(const struct archive_reader *r);
/* Manifest JSON text, borrowed. */
const char *archive_reader_manifest(const struct archive_reader *r);
uint32_t archive_reader_n_entries(const struct archive_reader *r);
/* Attributes of entry i (0 .. n-1, sorted by path), borrowed. */
const struct archive_attr *archive_reader_entry(const struct archive_reader *r, uint32_t i);
/* Index of the entry with this path, or -1. */
int64_t archive_reader_find(const struct archive_reader *r, const char *path);
/* Whether a chunk was asked for that is damaged or could not be read. */
bool archive_reader_has_failed(const struct archive_reader *r);
/* Whether anything of entry i is stored, be it zeros. */
bool archive_reader_has_content(const struct archive_reader *r, uint32_t i);
/* Bytes of entry i that are stored, zeros among them, and *end, where the last of them ends. */
uint64_t archive_reader_stored(const struct archive_reader *r, uint32_t i, uint64_t *end);
/* How many unpacked chunks (up to 2 MiB each) are kept for the next cursor; 8 unless told. To be
 * called before the reader is shared. */
void archive_reader_keep(struct archive_reader *r, int n_chunks);

/* ---- chunks as they are stored, to check an archive before anything of it is used ---- */

/* Data chunks: 0 .. n-1, in the order in which they lie in the archive. */
uint32_t archive_reader_n_chunks(const struct archive_reader *r);
/* Bytes that data chunks [from, to) take in the file. */
uint64_t archive_reader_chunk_bytes(const struct archive_reader *r, uint32_t from, uint32_t to);
/* Path of the first entry that has a piece in this chunk, borrowed; NULL: no entry has. Slow: for
 * messages. */
const char *archive_reader_file_in(const struct archive_reader *r, uint32_t chunk);
/* What becomes of the chunk in the system's file cache. */
enum archive_cache { ARCHIVE_CACHE_KEEP, ARCHIVE_CACHE_DROP };
/* Reads a data chunk and verifies its checksum, and that it is authentic and what was signed, without unpacking it. Thread-safe. */
struct err *archive_check_chunk(struct archive_reader *r, uint32_t chunk,
                                enum archive_cache cache) MUST_CHECK;

/* ---- content ---- */

/* Iterates over the stored pieces of entry i that overlap [offset, offset + len), in offset
 * order. */
struct err *archive_cursor_open(struct archive_cursor **out, struct archive_reader *r, uint32_t i,
                                uint64_t offset, uint64_t len) MUST_CHECK;
/* Next piece, clipped to the range: *data is borrowed until the next call, NULL for a run of
 * zeros. *len 0 at the end. Gaps between pieces (zeros too) are not reported. */
struct err *archive_cursor_next(struct archive_cursor *c, uint64_t *offset, const uint8_t **data,
                                uint64_t *len) MUST_CHECK;
/* Leaves out what is stored below `offset`. Returns where the next piece begins, UINT64_MAX when there
 * is none: the index knows, nothing is read. */
uint64_t archive_cursor_skip(struct archive_cursor *c, uint64_t offset);
/* Lends the chunk to other cursors until the next piece is asked for, unless there is more of an
 * extent in it. The last piece is no longer borrowed. */
void archive_cursor_rest(struct archive_cursor *c);
void archive_cursor_free(struct archive_cursor *c);
CLEANUP(archive_cursor, archive_cursor_free)

/* Reads [offset, offset+len) of entry i into buf, zeros where nothing was stored; beyond the
 * entry's size is an error. */
struct err *archive_read(struct archive_reader *r, uint32_t i, uint64_t offset, void *buf,
                         size_t len) MUST_CHECK;

/* Front-to-back walk: calls on_piece for each stored piece (data NULL for zero runs) and
 * on_damage for each damaged chunk (then resynchronises on the next chunk header). Works on
 * truncated archives too; *complete tells whether a valid final record was seen. entry ids here
 * are the writer's ids. A callback's error ends the walk. */
struct archive_walk {
    struct err *(*on_piece)(void *ctx, uint32_t entry_id, uint64_t offset, const uint8_t *data,
                            uint64_t len);
    /* what: "chunk 17 at offset 1234: checksum ..." */
    struct err *(*on_damage)(void *ctx, const char *what);
    void *ctx;
    /* Of a sealed archive; NULL, or without keys: only checksums are verified, and there are no pieces. So it is, too, when the
     * archive header or the key block is damaged. Keys of which none fits are an error, SEALED; so are public keys, UNSIGNED. A signature
     * stands at the end: pieces come before it is known to be right. */
    const struct archive_unlock *unlock;
    bool *unopened; /* NULL, or where to tell that */
};
struct err *archive_walk(struct source *source, const struct archive_walk *walk,
                         bool *complete) MUST_CHECK;

#endif
