/* archive/writer.h: writes one archive to a byte sink in one pass. The format is in
 * archive/format.h and docs/archive-format.md.
 *
 * An archive holds entries (a tablespace, a plain file, the redo log, ...). An entry's content
 * is given as pieces at offsets, each offset at most once per entry; what was never written
 * inside the final size reads as zeros. An entry that turns out stale (the file changed and was
 * copied again) is dropped: its bytes stay in the stream and no index names them.
 *
 * Threads: every function but _open, _finish and _free may be called from several threads at
 * once. archive_write checks for zero runs, compresses, enciphers, hashes and makes digests in the caller's thread and
 * only the append to the sink is serialised. */
#ifndef MBE_ARCHIVE_WRITER_H
#define MBE_ARCHIVE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/entry.h"
#include "archive/keys.h"
#include "archive/sink.h"
#include "base/cleanup.h"
#include "base/err.h"

enum archive_codec { ARCHIVE_CODEC_NONE = 0, ARCHIVE_CODEC_ZSTD = 1 };

struct archive_writer_options {
    enum archive_codec codec;
    int level; /* zstd level; ignored for none */
    const struct archive_key
        *seal_with; /* the user's key; NULL: the archive is not sealed. Not needed after _open */
    const struct archive_key *
        sign_with; /* the user's signing key; NULL: the archive is not signed. Borrowed until _free */
};

struct archive_writer;

struct archive_writer_stats {
    uint64_t bytes_in;     /* content bytes given to archive_write */
    uint64_t bytes_stored; /* bytes handed to the sink so far */
};

/* `sink` is borrowed until _free. Writes the archive header and, of a sealed archive, the key block. */
struct err *archive_writer_open(struct archive_writer **out, struct sink *sink,
                                const struct archive_writer_options *options) MUST_CHECK;
/* New entry; attr is copied (path and link_target too); *id counts from 0. Path must pass
 * file_name_is_safe. */
struct err *archive_entry_add(struct archive_writer *w, const struct archive_attr *attr,
                              uint32_t *id) MUST_CHECK;
/* 1 .. ARCHIVE_PIECE_MAX bytes at `offset`. Pieces below 64 KiB are gathered in shared chunks. */
struct err *archive_write(struct archive_writer *w, uint32_t id, uint64_t offset, const void *data,
                          size_t len) MUST_CHECK;
/* Final attributes of an entry: replaces all of attr (also path and size). May be called at any
 * time before _finish and again; an entry for which it is never called keeps the attributes
 * given to _add, with size = highest written offset. */
struct err *archive_entry_set(struct archive_writer *w, uint32_t id,
                              const struct archive_attr *attr) MUST_CHECK;
/* The entry is superseded: no index entry will be written. */
void archive_entry_drop(struct archive_writer *w, uint32_t id);
void archive_writer_stats(struct archive_writer *w, struct archive_writer_stats *stats);
/* Flushes shared chunks, writes index, manifest (JSON text, copied verbatim) and the final
 * record. The sink is not yet committed. Two live entries with one path are an error. */
struct err *archive_writer_finish(struct archive_writer *w, const char *manifest_json) MUST_CHECK;
/* NULL is fine; without _finish the archive stays incomplete. */
void archive_writer_free(struct archive_writer *w);
CLEANUP(archive_writer, archive_writer_free)

#endif
