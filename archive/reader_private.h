/* archive/reader_private.h: what reader.c (opening) and cursor.c (content) share. */
#ifndef MBE_ARCHIVE_READER_PRIVATE_H
#define MBE_ARCHIVE_READER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "archive/chunk.h"
#include "archive/envelope.h"
#include "archive/index.h"
#include "archive/reader.h"
#include "archive/signature.h"

/* A chunk read from the archive, with the buffers it lives in. */
struct chunk_slot {
    struct chunk_slot *next;
    uint8_t *file_bytes; /* grows to the largest chunk read so far */
    size_t cap;
    struct unpacker *unpacker;
    struct sha256 digest; /* of the chunk read last, where the archive has to prove itself */
    bool loaded;
    uint32_t number; /* if loaded */
    struct chunk chunk;
};

struct archive_reader {
    struct source *source;                     /* owned */
    const char *path;                          /* its name */
    uint8_t header_bytes[ARCHIVE_HEADER_SIZE]; /* as it is stored, as is the next but one */
    struct archive_header header;
    uint8_t final_bytes[FINAL_SIZE];
    struct signature_block signature; /* if it is signed */
    bool proves;                      /* every chunk has to be the one that was signed */
    struct out_bytes section_digests; /* while it is opened: of index and manifest chunks */
    struct seal_key *archive_key;     /* NULL: not sealed */
    struct final_record final;
    struct index index;
    char *manifest;
    atomic_bool failed; /* see archive_reader_has_failed */

    pthread_mutex_t lock;     /* guards the three below */
    struct chunk_slot *slots; /* not in use, the one used last first */
    int n_slots;
    int slots_made; /* those in use too */
    int slots_kept; /* from so many on, one that is not in use is taken rather than a new one made */
};

/* Reads chunk `sequence`, which lies in [at, at + size), into the slot and verifies it. Errors
 * name archive, chunk and offset. */
struct err *archive_load_chunk(struct archive_reader *r, struct chunk_slot *s, uint64_t sequence,
                               uint64_t at, uint64_t size) MUST_CHECK;
struct chunk_slot *chunk_slot_new(const struct archive_reader *r);
void chunk_slot_free(struct chunk_slot *s); /* NULL is fine */
/* Takes the slot unused for longest, or a new one while there are few or all are in use; and gives one back, NULL is
 * fine. Thread-safe. */
struct chunk_slot *chunk_slot_take(struct archive_reader *r);
void chunk_slot_put(struct archive_reader *r, struct chunk_slot *s);

#endif
