/* innodb/redo_group.h: redo records grouped by page: taken in log order, given back in (space,
 * page, LSN) order. Held in memory up to a limit; above it, sorted runs are spilled to files and
 * merged when read.
 *
 * The unit is a bundle: the records that one mini-transaction has for one page, contiguous. A
 * mini-transaction that comes back to a page after another page gives two bundles with the same
 * mtr_start: whether it applies is decided once for both.
 *
 * Threads: _add and _seal from one thread; afterwards any number of cursors in any threads. */
#ifndef MBE_INNODB_REDO_GROUP_H
#define MBE_INNODB_REDO_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "innodb/redo_record.h"
#include "innodb/types.h"

struct redo_group;
struct redo_group_cursor;

/* No mini-transaction has more bytes of records for one page: MariaDB's are not longer at all, and MySQL's hold far less than
 * this for a page of 64 KiB. */
enum { REDO_BUNDLE_MAX = 2 << 20 };

/* memory_bytes: limit for everything held (at least 1 MiB is used). Not spillable, and counted: 16
 * bytes for every 32 KiB spilled and about 50 for every tablespace. spill_dir: where runs are
 * written (files without a name: O_TMPFILE, or unlinked at once, so that nothing is left behind by
 * a killed process). */
struct err *redo_group_new(struct redo_group **out, uint64_t memory_bytes,
                           const char *spill_dir) MUST_CHECK;
/* Runs that are written from now on are enciphered: the redo is that of an encrypted log. */
void redo_group_keep_secret(struct redo_group *g);
void redo_group_free(struct redo_group *g);
CLEANUP(redo_group, redo_group_free)

/* Adds one page record (REDO_KIND_PAGE, see redo_family.h) of the mini-transaction
 * [mtr_start, mtr_end). Consecutive calls for the same mtr and page go into one bundle. */
struct err *redo_group_add(struct redo_group *g, const struct redo_record *rec, lsn_t mtr_start,
                           lsn_t mtr_end) MUST_CHECK;
/* No more _add. Sorts what is in memory. */
struct err *redo_group_seal(struct redo_group *g) MUST_CHECK;

struct redo_group_stats {
    uint64_t bundles;
    uint64_t bytes; /* of records, in bundles */
    uint64_t runs_spilled;
    uint64_t memory; /* held now */
    uint64_t memory_peak;
};
void redo_group_stats(const struct redo_group *g, struct redo_group_stats *out);

/* Spaces that have redo, ascending; *n of them; borrowed. After _seal. */
struct redo_group_space {
    space_id_t id;
    page_no_t last_page; /* highest page number with a record */
};
const struct redo_group_space *redo_group_spaces(const struct redo_group *g, size_t *n);

struct redo_bundle {
    space_id_t space;
    page_no_t page;
    lsn_t mtr_start, mtr_end;
    const uint8_t *data; /* iterate with redo_bundle_next; borrowed until the cursor moves */
    size_t len;
};
/* Iterates over a bundle's records; *at starts at 0. false at the end. rec->same_page is as it was
 * in the log. */
bool redo_bundle_next(const struct redo_bundle *b, size_t *at, struct redo_record *rec);

/* Bundles of `space` with page in [page_from, page_to), in page order, log order within a page.
 * Holds up to 64 KiB for each run that has some (more only if a bundle is larger). */
struct err *redo_group_cursor_open(struct redo_group_cursor **out, const struct redo_group *g,
                                   space_id_t space, page_no_t page_from,
                                   page_no_t page_to) MUST_CHECK;
/* *more false at the end. */
struct err *redo_group_cursor_next(struct redo_group_cursor *c, struct redo_bundle *b,
                                   bool *more) MUST_CHECK;
void redo_group_cursor_free(struct redo_group_cursor *c);
CLEANUP(redo_group_cursor, redo_group_cursor_free)

#endif
