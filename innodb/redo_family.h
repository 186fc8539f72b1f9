/* innodb/redo_family.h: one interface to the redo of every server family: how the log of a backup is read, what its records
 * are about, and how they change a page. What differs between families is one struct of functions each; nothing above
 * innodb/ asks which family it has.
 *
 * A page being recovered is a `struct redo_image`, used for one page after the other by one thread. */
#ifndef MBE_INNODB_REDO_FAMILY_H
#define MBE_INNODB_REDO_FAMILY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "innodb/page_crypt.h"
#include "innodb/redo_mariadb.h"
#include "innodb/redo_record.h"
#include "innodb/tablespace.h"

/* What a record is about. */
enum redo_kind {
    REDO_KIND_NONE,    /* nothing that matters to a restore */
    REDO_KIND_PAGE,    /* changes one page */
    REDO_KIND_FILE,    /* creates, renames, deletes or names a tablespace's file */
    REDO_KIND_TRIM,    /* cuts a tablespace off at the page it names */
    REDO_KIND_COUNTER, /* what a table's counter is by now; in no page yet */
};

/* What a page record does to its page as a whole. */
enum redo_effect {
    REDO_EFFECT_CHANGE,      /* needs the image as it was */
    REDO_EFFECT_INIT,        /* makes the page anew */
    REDO_EFFECT_INIT_ALWAYS, /* likewise, and whatever LSN the page has */
    REDO_EFFECT_FREE,        /* what is in the page does not count any more */
};

/* The stored log, read once from front to back, or anywhere. */
struct redo_source {
    void *ctx;
    /* Fills buf with the next n bytes; *got is less only at the end. */
    struct err *(*read)(void *ctx, uint8_t *buf, size_t n, size_t *got);
    /* Fills buf with the n bytes at `at`, which are there. */
    struct err *(*read_at)(void *ctx, uint64_t at, uint8_t *buf, size_t n);
    uint64_t size; /* bytes in all */
};

/* Takes every record in log order; [start, end) is its mini-transaction. The body is borrowed for the call. */
struct redo_visitor {
    void *ctx;
    struct err *(*take)(void *ctx, const struct redo_record *rec, lsn_t start, lsn_t end);
};

struct redo_walk {
    lsn_t from, to;
    const struct keyring *keys; /* of an encrypted log; NULL: none */
    /* NULL: there is nobody to see the records. Then what is encrypted and has no key is checked as far as that goes as it is
     * stored: MariaDB's mini-transactions have their checksums outside; of MySQL's blocks only the sequence and the end can be
     * seen, and behind the first of them no record. */
    const struct redo_visitor *visitor;
    uint64_t n_mtrs; /* out */
    bool unopened;   /* out: there was such a thing */
};

struct redo_image;
struct redo_counters;

struct redo_first_log {
    lsn_t end;
    const char *server_version; /* "10.11.19" */
    const struct redo_counters *counters;
    /* DDL that had not ended is finished or taken back by the server, as after a crash: its DDL log is there. Else the server drops
     * what such DDL has left. */
    bool offline;
    /* Offline, MariaDB: what such DDL may have renamed without having come to its end, under the names that the files have. The dictionary
     * may go back to the names before; the server has to find the files all the same. */
    const struct redo_named_space *spaces;
    size_t n_spaces;
};

struct redo_family {
    const char *flavour; /* server.flavour of a manifest */
    /* File records say what each tablespace is called and whether it lives at the end. Otherwise the archive's entries do:
     * redo of a tablespace that has none is dropped. */
    bool names_in_redo;
    bool full_crc32; /* layout of a tablespace made by redo alone, before its page 0 is known */
    lsn_t lsn_min;   /* no log begins below */
    bool
        instant_metadata; /* index pages of type 18, and what else index_check.h says of instant columns */

    enum redo_kind (*kind)(const struct redo_record *rec);
    enum redo_effect (*effect)(const struct redo_record *rec); /* of a page record */
    /* Whether the keyring (NULL: none) has the key of a stored log, if that is encrypted: REFUSED, naming it, when it has not,
     * or has another one. */
    struct err *(*check_key)(const struct redo_source *log, const struct keyring *keys);
    /* Reads a stored log that must hold exactly [from, to), with a boundary of mini-transactions at both. CORRUPT for
     * everything else, and for an unknown record (named, with its LSN); REFUSED for an encrypted log whose key is not given. */
    struct err *(*walk)(const struct redo_source *log, struct redo_walk *w);

    /* The log that a restored server starts from at LSN `end`: its name below the datadir and its bytes (owned by caller). *start:
     * where the server finds the log to begin. */
    const char *first_log;
    struct err *(*make_first_log)(uint8_t **out, size_t *len, lsn_t *start,
                                  const struct redo_first_log *what);
    bool
        flush_lsn; /* page 0 of the system tablespace must name *start as the LSN of the last clean shutdown */
    const char *server_program; /* "mariadbd" */
    bool
        told_directories; /* tablespaces outside the datadir are only found below innodb_directories */

    /* The keys of the server's key file; pass: NULL, or the pass phrase of an encrypted one. See keyring.h. */
    struct err *(*parse_keys)(struct keyring **out, const void *file, size_t len, const void *pass,
                              size_t pass_len);

    void *(*state_new)(uint32_t page_size); /* of redo_image.state; the image is somewhere in it */
    void (*state_free)(void *state);
    /* stored: in clear, or NULL: no image yet. */
    struct err *(*load)(struct redo_image *im, const uint8_t *stored);
    const char *(*apply)(struct redo_image *im, const struct redo_record *rec);
    struct err *(*store)(struct redo_image *im, uint8_t *to);
};

/* NULL for a flavour that is not known. */
const struct redo_family *redo_family_find(const char *flavour);
extern const struct redo_family redo_family_mariadb, redo_family_mysql;

struct redo_image {
    const struct redo_family *family;
    const struct space_format *format; /* of the page at hand; borrowed */
    page_no_t no;
    const struct space_key *key; /* or NULL; borrowed */
    uint8_t *clear;              /* room for a page in clear, packed where it is */
    lsn_t lsn;                   /* of the page */
    bool mtr_started;            /* the next record is not the first of its mini-transaction */
    void *state;                 /* the family's */
};

/* page_size: innodb_page_size of the server. */
struct redo_image *redo_image_new(const struct redo_family *family, uint32_t page_size);
void redo_image_free(struct redo_image *im);
CLEANUP(redo_image, redo_image_free)

/* Starts on a page. slot: format->physical bytes as they are stored; all zero, or NULL: no image yet. key: of the tablespace,
 * NULL or of kind NONE: it is not encrypted. REFUSED for an encrypted page without a key, or with a wrong one, CORRUPT for one that cannot be
 * unpacked. */
struct err *redo_image_load(struct redo_image *im, const struct space_format *format,
                            const struct space_key *key, space_id_t space, page_no_t no,
                            const uint8_t *slot) MUST_CHECK;
/* The next records are of another mini-transaction. */
void redo_image_begin_mtr(struct redo_image *im);
/* Applies one page record. NULL, or a static sentence saying why it does not fit: the image is void then, until a record
 * makes it anew. */
const char *redo_image_apply(struct redo_image *im, const struct redo_record *rec);
/* Ends a mini-transaction that changed the page. */
void redo_image_end_mtr(struct redo_image *im, lsn_t end);
/* Writes the page to slot (format->physical bytes) as it goes to the file: packed and encrypted where it must be, LSN and checksum right. */
struct err *redo_image_store(struct redo_image *im, uint8_t *slot) MUST_CHECK;

#endif
