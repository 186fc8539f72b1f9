/* engine/base_facts.h: what every backup notes of the files it has copied, so that a later one can be based on it: the file of
 * each copy, and what tells which parts of it have changed since. It is the archive's entry "mbe/base-facts":
 *
 *   8 bytes          magic, \x93mbeBAS\n
 *   varint           version, 1
 *   varint           when the server was started, seconds since 1970
 *   mark             of the first file of the system tablespace
 *   any number of items, each begins with a byte:
 *   'S'  tablespace: varint space id, first page, page size, LSN of page 0 when its copy began; mark;
 *        varint n; n witnesses, one for each WITNESS_BYTES of the file: varint page, varint LSN (0: none)
 *   'P'  plain file: varint length and name in the datadir; varint length and path of the entry with its content (0: the same);
 *        varint flags, 1 view, 2 not closed, 4 Aria table that moves until BLOCK_COMMIT; mark; varint size of the content;
 *        one hash of 16 bytes for each PLAIN_BLOCK of it
 *   'I'  MySQL, once at most: varint, the last index id when the backup began (new_index.h)
 *   'T'  MySQL's page tracking, once at most: varint LSN of the group, varint LSN of a reset point (change_map.h)
 *   'X'  what may have escaped it, behind 'T' alone, once at most: varint n, n pages in ascending order, each varint page_archive_id
 *        less the one before it (the first: less 0); varint m, m space ids, likewise
 *   'E'  the end; nothing is behind it
 *
 *   mark: varint flags, 1 it has a birth, 2 it proves; varint inode; the birth, if any; varint size; mtime; ctime. A time is signed
 *   varint seconds, varint nanoseconds.
 *
 * varint: archive/varint.h. Hashes: XXH3-128, stored as in archive/format.h. A witness is the page with the highest LSN of its part of
 * the file: in the same file with the same history that page cannot have a lower one later. */
#ifndef MBE_ENGINE_BASE_FACTS_H
#define MBE_ENGINE_BASE_FACTS_H

#include <stddef.h>

#include "archive/reader.h"
#include "archive/varint.h"
#include "base/err.h"
#include "engine/change_map.h"
#include "engine/file_mark.h"
#include "innodb/tablespace.h"

#define BASE_FACTS_PATH "mbe/base-facts"

enum {
    WITNESS_BYTES = 64 << 20,
    PLAIN_BLOCK = 256 << 10,
    BLOCK_HASH = 16,
};

struct space_witness {
    page_no_t page;
    lsn_t lsn; /* 0: none */
};

struct space_fact {
    space_id_t id;
    page_no_t first_page;
    uint32_t page_size; /* as stored */
    lsn_t page_lsn;
    struct file_mark mark;
    struct space_witness *witnesses; /* of bytes [i * WITNESS_BYTES, (i + 1) * WITNESS_BYTES) */
    uint32_t n_witnesses;
};

struct plain_fact {
    char *name;
    char *
        content; /* path of the entry with the content when that is not the name (a link's target); else NULL */
    bool is_view, unclosed, online_aria;
    struct file_mark mark;
    uint64_t size;   /* of the content */
    uint8_t *hashes; /* plain_fact_blocks(size) of them */
};

static inline uint64_t plain_fact_blocks(uint64_t size)
{
    return size / PLAIN_BLOCK + (size % PLAIN_BLOCK != 0);
}

struct base_facts {
    int64_t server_start;
    struct file_mark system;
    struct tracking_state tracking; /* begin 0: not noted */
    uint64_t last_index_id;         /* 0: not noted */
    struct space_fact *spaces;      /* sorted by id, then first page */
    size_t n_spaces, cap_spaces;
    struct plain_fact *plains; /* sorted by name */
    size_t n_plains, cap_plains;
};

/* Writing: the head, items in any order, the end. */
void base_facts_put_head(struct out_bytes *o, int64_t server_start, const struct file_mark *system);
void base_facts_put_space(struct out_bytes *o, const struct space_fact *f);
void base_facts_put_plain(struct out_bytes *o, const struct plain_fact *f);
void base_facts_put_last_index_id(struct out_bytes *o, uint64_t id);
void base_facts_put_tracking(struct out_bytes *o, const struct tracking_state *t);
void base_facts_put_end(struct out_bytes *o);

/* CORRUPT for what is cut, too long, or makes no sense; FAILED for a version that is not known. */
struct err *base_facts_parse(struct base_facts *out, const void *data, size_t len) MUST_CHECK;
/* *present false: the backup was made by an mbe that did not note any. */
struct err *base_facts_load(struct base_facts *out, bool *present,
                            struct archive_reader *r) MUST_CHECK;
void base_facts_fini(struct base_facts *f);

/* NULL: none. Borrowed. */
const struct space_fact *base_facts_space(const struct base_facts *f, space_id_t id,
                                          page_no_t first_page);
const struct plain_fact *base_facts_plain(const struct base_facts *f, const char *name);

#endif
