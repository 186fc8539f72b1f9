/* archive/index.h: the index of an archive: where its data chunks lie, its entries sorted by
 * path (as bytes), and for each entry the pieces of its content sorted by offset. Encoded as one
 * byte string, which is stored in index chunks:
 *
 *   number of data chunks, then for each its size in bytes (header, table and payload); the first
 *   begins behind the archive header and key block, each next one where the last ended
 *   of a signed archive: for each data chunk its digest (signature.h), 32 bytes
 *   number of entries, then for each:
 *     kind
 *     length of the path, its bytes, a zero byte
 *     length of the link target (0: none), its bytes, a zero byte
 *     id (the writer's: that of the records in chunks), size, mode, mtime (signed)
 *     space id, page size, space flags, first page, LSN at start
 *     number of extents, then for each:
 *       offset minus the end of the extent before it (or 0), length (not 0)
 *       number of the data chunk minus that of the extent before it (or 0) (signed), number of its
 *       first record there
 *
 * All numbers are varints (varint.h), the signed ones zigzag-coded. An extent covers a
 * contiguous piece of content; the records from its first record on describe it in order,
 * without gap, as far as its length; what the last of them holds beyond that is not part of the
 * entry. */
#ifndef MBE_ARCHIVE_INDEX_H
#define MBE_ARCHIVE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "archive/entry.h"
#include "archive/varint.h"
#include "base/err.h"
#include "base/sha256.h"

struct index_extent {
    uint64_t offset;
    uint32_t entry; /* writer's id */
    uint32_t len;
    uint32_t chunk;
    uint32_t record;
};
_Static_assert(sizeof(struct index_extent) <= 32,
               "the writer keeps one for each piece of the backup");

struct index_entry {
    struct archive_attr attr;
    uint32_t id;
    const struct index_extent *extents;
    size_t n_extents;
};

/* attr.path and link_target lie in `text`, extents in `extents`. */
struct index {
    uint64_t *chunk_at; /* n_chunks + 1: offsets of the data chunks and of the end of the last */
    uint32_t n_chunks;
    const uint8_t *digests; /* n_chunks times SHA256_SIZE bytes in `text`; NULL: there are none */
    struct index_entry *entries;
    uint32_t n_entries;
    struct index_extent *extents;
    size_t n_extents;
    uint8_t *text;
};

/* What is wrong with these attributes (names, link target, sizes), or NULL. Checked by writer
 * and reader alike. */
const char *archive_attr_problem(const struct archive_attr *attr);
/* Entries sorted by path: two of one path, or one below another that is no directory, are an
 * error of kind `kind`. */
struct err *index_check_paths(const struct index_entry *entries, uint32_t n,
                              enum err_kind kind) MUST_CHECK;
/* Position of `path` in entries sorted by path, or -1. */
int64_t index_find(const struct index_entry *entries, uint32_t n, const char *path);

/* What the rest of the archive says of the index: n_chunks data chunks in [data_at, data_end), n_entries entries. */
struct index_frame {
    uint32_t n_chunks, n_entries;
    uint64_t data_at, data_end;
    bool digests; /* the archive is signed */
};

/* Appends the encoding of the index to `out`. digests: of the data chunks, NULL: it has none. */
void index_encode(struct out_bytes *out, const uint32_t *chunk_sizes, const struct sha256 *digests,
                  uint32_t n_chunks, const struct index_entry *entries, uint32_t n_entries);
/* Decodes what index_encode made and checks all of it against the archive. Takes over text (from malloc)
 * even on error. */
struct err *index_decode(struct index *out, uint8_t *text, size_t len,
                         const struct index_frame *frame) MUST_CHECK;
void index_fini(struct index *x);

#endif
