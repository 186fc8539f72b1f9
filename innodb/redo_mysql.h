/* innodb/redo_mysql.h: the redo log of MySQL 8.0.30 and later (format 6): file headers, checkpoints, blocks, LSN arithmetic,
 * mini-transactions, records. Pure: bytes in, facts out. The layouts of files and blocks are at the top of redo_mysql.c, of
 * records at that of redo_mysql_record.c, of mini-transactions at that of redo_mysql_stream.c.
 *
 * The log is the files `#innodb_redo/#ib_redo<N>`: N without leading zeros, consecutive, LSN ranges without a gap. Files
 * named `#ib_redo<N>_tmp` are spares and never part of it. An LSN counts every byte of every block, headers and trailers too;
 * only offsets 12 to 507 of a block hold data. */
#ifndef MBE_INNODB_REDO_MYSQL_H
#define MBE_INNODB_REDO_MYSQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "innodb/redo_record.h"
#include "innodb/types.h"

enum {
    MYSQL_REDO_HEADER_SIZE = 2048, /* in front of the blocks of every file */
    MYSQL_REDO_BLOCK_SIZE = 512,
    MYSQL_REDO_FILE_MIN = 2 << 20,
    MYSQL_REDO_MTR_MAX = 64 << 20, /* payload bytes; longer is taken for damage */
    MYSQL_REDO_CREATOR_SIZE = 32,
    MYSQL_REDO_KEY_RECORD_SIZE = 115,
};

/* --- file header ------------------------------------------------------------------------------ */

struct redo_mysql_header {
    uint32_t format, uuid; /* uuid: random, the same in all files of a data directory */
    lsn_t start_lsn;       /* of the byte at MYSQL_REDO_HEADER_SIZE */
    lsn_t end_lsn;         /* start_lsn + file_size - MYSQL_REDO_HEADER_SIZE */
    lsn_t checkpoint_lsn;  /* newest valid one that lies in this file; 0 if none does */
    char creator[MYSQL_REDO_CREATOR_SIZE + 1];      /* "MySQL 9.7.4" */
    bool logging_disabled;                          /* ALTER INSTANCE DISABLE INNODB REDO_LOG */
    bool crash_unsafe;                              /* no recovery is possible from this log */
    bool not_initialised;                           /* the data directory is still being made */
    bool full;                                      /* closed for writing; never the newest file */
    bool has_key;                                   /* the next one is there */
    uint8_t key_record[MYSQL_REDO_KEY_RECORD_SIZE]; /* see redo_crypt.h */
};

/* Parses the first MYSQL_REDO_HEADER_SIZE bytes of a file of file_size bytes. CORRUPT: bad checksum or impossible values (may
 * be a torn read, or a file that is being made: retry); REFUSED: another format, by name. */
struct err *redo_mysql_header_parse(struct redo_mysql_header *out, const uint8_t *area,
                                    uint64_t file_size) MUST_CHECK;
/* Writes MYSQL_REDO_HEADER_SIZE bytes: one checkpoint, no flag, no key. start_lsn is a multiple of MYSQL_REDO_BLOCK_SIZE. */
void redo_mysql_header_make(uint8_t *area, uint32_t uuid, lsn_t start_lsn, lsn_t checkpoint_lsn,
                            const char *creator);
/* Puts the key record of an encrypted log into such a header. */
void redo_mysql_header_set_key(uint8_t *area, const uint8_t record[MYSQL_REDO_KEY_RECORD_SIZE]);

/* --- LSN -------------------------------------------------------------------------------------- */

/* LSN of the block that holds lsn. */
lsn_t redo_mysql_block_lsn(lsn_t lsn);
/* Whether an LSN is one of a data byte: what a server may be given as a checkpoint or as the end of its pages. */
bool redo_mysql_is_data_lsn(lsn_t lsn);
/* The data LSN that lies n payload bytes behind the data LSN lsn. Behind the last byte of a block comes the first data byte of
 * the next one, not the trailer. */
lsn_t redo_mysql_advance(lsn_t lsn, uint64_t n);
/* Offset of an LSN in the file that starts at start_lsn. */
uint64_t redo_mysql_offset(lsn_t start_lsn, lsn_t lsn);

/* --- blocks ----------------------------------------------------------------------------------- */

enum redo_mysql_block {
    MYSQL_BLOCK_WHOLE,
    MYSQL_BLOCK_NOT_YET, /* zeros or older bytes: nothing has been written at this LSN yet */
    MYSQL_BLOCK_TORN, /* begun but not (yet) whole: read it again; still so when nobody writes: damage */
    MYSQL_BLOCK_ENCRYPTED, /* its number is right; its checksum cannot be seen without the key */
};
/* What the MYSQL_REDO_BLOCK_SIZE bytes read at lsn (of a block) are. When WHOLE or ENCRYPTED, *data_len is 512 for a full block,
 * which is final, or the number of bytes used so far, 12 to 507, header included. redo_block_open (redo_crypt.h) looks inside. */
enum redo_mysql_block redo_mysql_block_check(const uint8_t *block, lsn_t lsn, unsigned *data_len);
/* LSN of the block that its number and epoch name; false when they cannot be any block's. Nothing else of it is judged. */
bool redo_mysql_block_says(const uint8_t *block, lsn_t *lsn);
/* Makes the block at lsn (of a block) one without a mini-transaction. */
void redo_mysql_block_make_empty(uint8_t *block, lsn_t lsn);
/* Makes the block that holds `end`, the end of a mini-transaction, the last one, with nothing at or behind `end`. */
void redo_mysql_block_cut(uint8_t *block, lsn_t end);

/* --- the log a restored server starts from ---------------------------------------------------- */

/* What is to be said of a table. */
struct redo_mysql_counter {
    uint64_t table_id, version;
    uint64_t counter; /* AUTO_INCREMENT; 0: not known */
    struct redo_mysql_corrupted {
        space_id_t space;
        uint64_t index_id;
    } * corrupted; /* indexes marked so */
    size_t n_corrupted;
};
struct redo_mysql_synthetic {
    uint8_t *bytes;       /* of the only file, `#ib_redo0`; owned by the caller, free(3) */
    size_t size;          /* multiple of any innodb_page_size, at least MYSQL_REDO_FILE_MIN */
    lsn_t checkpoint_lsn; /* goes into page 0 of the system tablespace as the flushed LSN as well */
    lsn_t end_lsn;        /* behind the last mini-transaction */
};
/* Makes a log that begins at or behind lsn (no page may be newer) and holds the n counters alone, in mini-transactions of one
 * TABLE_DYNAMIC_META record each. A server that starts from it does an ordinary crash recovery and takes the counters over; with no
 * log at all it would forget every counter that it had not yet written to its dictionary. creator: of the source server, as in
 * its own header: servers give some names, "MySQL Clone" among them, a special meaning. */
void redo_mysql_synthetic_make(struct redo_mysql_synthetic *out, uint32_t uuid, lsn_t lsn,
                               const char *creator, const struct redo_mysql_counter *counters,
                               size_t n);

/* --- records ---------------------------------------------------------------------------------- */

enum redo_mysql_type {
#define X(id, name, kind, has_index, parse, apply) MYSQL_REDO_##name = (id),
#include "innodb/redo_mysql.def"
};
enum redo_mysql_kind {
    MYSQL_KIND_UNKNOWN, /* in no table */
    MYSQL_KIND_PAGE,    /* changes a page */
    MYSQL_KIND_FILE,    /* creates, renames, deletes, extends a file */
    MYSQL_KIND_META,    /* of a table, without space and page */
    MYSQL_KIND_LOAD,    /* an index was built without redo */
    MYSQL_KIND_NONE,    /* framing only */
};
/* "REC_INSERT"; "unknown record" for a type that is in no table. */
const char *redo_mysql_type_name(unsigned type);
enum redo_mysql_kind redo_mysql_kind(unsigned type);

enum redo_mysql_parse {
    MYSQL_PARSE_WHOLE,
    MYSQL_PARSE_SHORT, /* the bytes end inside the record */
    MYSQL_PARSE_BAD,
};
/* Parses the record at buf. WHOLE: *rec is filled (space and page 0 where the record has none; body points into buf) and *used is
 * its length. BAD: *why is a static sentence. The flag of a single record (0x80 in the first byte) is not judged. */
enum redo_mysql_parse redo_mysql_record_parse(struct redo_record *rec, size_t *used,
                                              const char **why, const uint8_t *buf, size_t len);

/* --- stream of mini-transactions -------------------------------------------------------------- */

struct redo_mysql_mtr {
    lsn_t start, end;          /* data LSNs; end is exclusive */
    const uint8_t *pos, *stop; /* internal */
};
/* Next record; false at the end. MULTI_REC_END and DUMMY are not shown. */
bool redo_mysql_mtr_next(struct redo_mysql_mtr *m, struct redo_record *rec);

/* Takes blocks in, gives whole mini-transactions out. Holds at most the longest one and what was pushed ahead. */
struct redo_mysql_stream;

/* start_lsn: of the first block that will be pushed: that of the checkpoint, or an older one. Mini-transactions that start
 * below checkpoint_lsn are not shown. */
struct redo_mysql_stream *redo_mysql_stream_new(lsn_t start_lsn, lsn_t checkpoint_lsn);
void redo_mysql_stream_free(struct redo_mysql_stream *s);
CLEANUP(redo_mysql_stream, redo_mysql_stream_free)
/* LSN of the block that is to be pushed next: the last one again while it is not full, else the one behind it. */
lsn_t redo_mysql_stream_wants(const struct redo_mysql_stream *s);
/* Takes the WHOLE block at redo_mysql_stream_wants. Invalidates what redo_mysql_stream_next gave. CORRUPT when it does not
 * continue what was pushed before. */
struct err *redo_mysql_stream_push(struct redo_mysql_stream *s, const uint8_t *block) MUST_CHECK;
/* Next whole mini-transaction; *more false when none is there (push, then try again). *m borrows from the stream until the next
 * push. CORRUPT, with the LSN, when the bytes cannot be mini-transactions; the stream is of no use then. */
struct err *redo_mysql_stream_next(struct redo_mysql_stream *s, struct redo_mysql_mtr *m,
                                   bool *more) MUST_CHECK;
/* End of the last mini-transaction given or passed over; 0 while no start of one has been seen. */
lsn_t redo_mysql_stream_parsed(const struct redo_mysql_stream *s);
/* Bytes pushed that are not part of a mini-transaction given or passed over: 0 when the log ends with one. */
size_t redo_mysql_stream_pending(const struct redo_mysql_stream *s);

/* --- bodies ----------------------------------------------------------------------------------- */

struct redo_mysql_file_op {
    enum redo_mysql_type type; /* FILE_CREATE, FILE_RENAME, FILE_DELETE, FILE_EXTEND */
    space_id_t space;
    uint32_t flags; /* FILE_CREATE: of the tablespace */
    const char *name,
        *to; /* NUL-terminated, relative to the data directory ("./db/t.ibd"), inside the body; `to` of
                              FILE_RENAME; NULL where there is none */
    uint64_t offset,
        size; /* FILE_EXTEND: the file is at least offset + size bytes long, zeros behind offset */
};
struct err *redo_mysql_file_op(struct redo_mysql_file_op *out,
                               const struct redo_record *rec) MUST_CHECK;

/* INDEX_LOAD: the index whose pages of rec->space were written without redo. */
struct err *redo_mysql_index_load(uint64_t *index_id, const struct redo_record *rec) MUST_CHECK;

enum redo_mysql_meta_kind {
    MYSQL_META_CORRUPTED_INDEXES = 1,
    MYSQL_META_COUNTER = 2,
};
struct redo_mysql_meta {
    uint64_t table_id, version;
    enum redo_mysql_meta_kind kind;
    uint64_t counter;   /* MYSQL_META_COUNTER */
    unsigned n_indexes; /* MYSQL_META_CORRUPTED_INDEXES */
    const uint8_t
        *index_ids; /* n_indexes * (4 space id, 8 index id), big-endian; inside the body */
};
struct err *redo_mysql_meta(struct redo_mysql_meta *out, const struct redo_record *rec) MUST_CHECK;

#endif
