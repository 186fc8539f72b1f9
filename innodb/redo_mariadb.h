/* innodb/redo_mariadb.h: MariaDB 10.8+ redo log: file header, checkpoints, mini-transaction
 * framing, records. Pure: bytes in, facts out. The on-disk layout is documented at the top of
 * redo_mariadb.c and redo_record.c, and in docs/formats-mariadb-redo.md.
 *
 * The backup stores its redo as a *linear log*: bytes [0, 12288) are a header area with first_lsn =
 * checkpoint LSN and one checkpoint page, then the mini-transactions with every terminator forced
 * to 1. */
#ifndef MBE_INNODB_REDO_MARIADB_H
#define MBE_INNODB_REDO_MARIADB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "innodb/redo_record.h"

enum {
    REDO_START_OFFSET = 12288, /* of the first payload byte in ib_logfile0 */
    REDO_MTR_MAX = 2 << 20,    /* no mini-transaction is longer, its terminator and CRC included */
    REDO_SYNTHETIC_SIZE = 12304,
    REDO_ENCRYPTION_SIZE = 28,
};

struct redo_log_header {
    uint32_t format;
    lsn_t first_lsn;
    char creator[33];
    bool encrypted;
    uint8_t encryption[REDO_ENCRYPTION_SIZE]; /* which key, see redo_crypt.h */
    lsn_t checkpoint_lsn;                     /* newest valid checkpoint; 0 if none is valid */
    lsn_t checkpoint_end_lsn;
};

/* Parses the first 12288 bytes of ib_logfile0. CORRUPT: bad checksum (may be a torn read: retry);
 * REFUSED: a format that is not 10.8+, by name. A header with no valid checkpoint has
 * checkpoint_lsn 0 and is no error. */
struct err *redo_log_header_parse(struct redo_log_header *out, const uint8_t *area,
                                  size_t len) MUST_CHECK;
/* Writes a linear-log header area of REDO_START_OFFSET bytes: first_lsn, one checkpoint. */
void redo_log_header_make(uint8_t *area, lsn_t first_lsn, lsn_t checkpoint_lsn, lsn_t end_lsn,
                          const char *creator);
/* Makes it the header of a log that is encrypted as the one of `source` is; nothing to do if that is not. */
void redo_log_header_set_encryption(uint8_t *area, const struct redo_log_header *source);
/* Writes the log a restored server starts from (REDO_SYNTHETIC_SIZE bytes) at LSN end. A creator that
 * begins with "Backup " has the server drop the intermediate tables of DDL (#sql...) when it starts. */
void redo_log_synthetic_make(uint8_t *out, lsn_t end, const char *creator);

/* A tablespace and the name of its file, as the log has it: "./db/t.ibd", or absolute. */
struct redo_named_space {
    space_id_t id;
    const char *name;
};
/* The same with a FILE_MODIFY for each of n tablespaces behind the checkpoint: a server that starts opens these files as those tablespaces,
 * whatever its dictionary calls them. *out (owned by caller) has *len bytes. */
void redo_log_synthetic_make_named(uint8_t **out, size_t *len, lsn_t end, const char *creator,
                                   const struct redo_named_space *spaces, size_t n);

/* Geometry of the circular file for framing. For a linear log capacity is UINT64_MAX. */
struct redo_geometry {
    lsn_t first_lsn;
    uint64_t capacity; /* file size - 12288 */
    bool encrypted;    /* 8 nonce bytes before the CRC */
};
/* File offset of an LSN that is not below first_lsn. */
uint64_t redo_offset(const struct redo_geometry *g, lsn_t lsn);

/* Length of the complete, valid mini-transactions at the start of buf (LSN `lsn` at buf[0]), none
 * ending beyond `limit`. Their terminators are changed to 1 in place (the CRC does not cover them).
 * 0 when the first is not (yet) whole. */
size_t redo_frame(uint8_t *buf, size_t len, lsn_t lsn, lsn_t limit, const struct redo_geometry *g);

enum redo_type {
#define REDO_PAGE(id, name, apply) REDO_##name = (id),
#define REDO_EXT(id, name, apply)
#define REDO_FILE(id, name) REDO_##name = (id),
#include "innodb/redo_mariadb.def"
};
/* Subtypes of REDO_EXTENDED: the first byte of the body. */
enum redo_ext {
#define REDO_PAGE(id, name, apply)
#define REDO_EXT(id, name, apply) REDO_EXT_##name = (id),
#define REDO_FILE(id, name)
#include "innodb/redo_mariadb.def"
};

/* "WRITE", "INSERT_HEAP_DYNAMIC" ("EXTENDED" for a subtype that is in no table), "FILE_RENAME";
 * "unknown record" for a type that is in no table. */
const char *redo_type_name(enum redo_type type, unsigned subtype);

/* Iterates over the records of one mini-transaction in a normalised (linear) log. */
struct redo_mtr {
    lsn_t start, end;
    const uint8_t *pos, *stop; /* internal; stop is the terminator */
    lsn_t stop_lsn;            /* internal */
    bool got_page;             /* internal */
    space_id_t space;          /* internal */
    page_no_t page;            /* internal */
};
enum redo_mtr_form {
    REDO_MTR_CLEAR,
    REDO_MTR_ENCRYPTED, /* 8 nonce bytes before the CRC; redo_mtr_decrypt comes before redo_mtr_next */
};
/* Opens the mini-transaction at buf (LSN `lsn`), sets *mtr_len to its whole length with terminator
 * and CRC. The CRC is verified. CORRUPT when it is not whole and valid. */
struct err *redo_mtr_open(struct redo_mtr *m, const uint8_t *buf, size_t len, lsn_t lsn,
                          enum redo_mtr_form form, size_t *mtr_len) MUST_CHECK;
/* Next record; *more false at the end. CORRUPT names LSN and what is wrong (unknown type, file
 * record without a name...). */
struct err *redo_mtr_next(struct redo_mtr *m, struct redo_record *rec, bool *more) MUST_CHECK;
/* Whether the first record is a file record: file records come first in a mini-transaction, so this
 * is a cheap test for "has any". buf starts with a framed mini-transaction. */
bool redo_mtr_has_file_records(const uint8_t *buf);
/* Splits a FILE_RENAME body into names inside `body` (not NUL-terminated). CORRUPT if malformed. */
struct err *redo_rename_names(const struct redo_record *rec, const uint8_t **from, size_t *from_len,
                              const uint8_t **to, size_t *to_len) MUST_CHECK;

#endif
