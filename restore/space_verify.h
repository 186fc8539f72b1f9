/* restore/space_verify.h: checks the pages of one tablespace as a restore would write them: each by itself as they come, in any
 * order and by several threads, and then how they hang together. What is wrong is reported by file and page.
 *
 * Of each page: checksum, number and tablespace id (page_check.h), of encrypted and compressed ones also of what is inside; that
 * its LSN is not beyond the end of the backup; of index pages all that index_check.h says, and of COMPRESSED ones that the part of page_zip.h that is empty is so; of space headers and extent descriptors
 * what space_use.h says. Where the server's definition of an index is known (index_defs.h): the order of its records (key_order.h).
 * Then, of pages in use: what tree_check.h and segment_check.h say. Pages that are marked free may hold anything that is
 * whole: nothing is said of their contents. Nor of the doublewrite area. */
#ifndef MBE_RESTORE_SPACE_VERIFY_H
#define MBE_RESTORE_SPACE_VERIFY_H

#include "innodb/tree_check.h"
#include "restore/index_defs.h"
#include "restore/page_range.h"
#include "restore/restored_files.h"
#include "verify/damage.h"

struct space_verify;

struct space_verify_options {
    const struct page_range_env *env;
    lsn_t end;           /* of the backup's redo */
    const char *scratch; /* directory for what is large, in files without a name */
    struct damage *damage;
    struct index_defs *defs; /* what is known of the server's indexes; this adds to it */
};

/* MySQL: takes what the tablespace says of the indexes in it. Before any of the others is called for it, by any thread. */
struct err *space_verify_learn(const struct space_verify_options *options,
                               const struct restored_file *files, size_t n) MUST_CHECK;

/* The tablespace of files[0, n), which exist: more than one of the system tablespace only. All is borrowed. IO: no room in the
 * scratch directory. */
struct err *space_verify_new(struct space_verify **out, const struct space_verify_options *options,
                             const struct restored_file *files, size_t n) MUST_CHECK;
/* The pages of a range. Damage is reported and no error. Adds to *n_pages the pages that are not empty. */
struct err *space_verify_range(struct space_verify *s, const struct restored_file *file,
                               uint64_t from, uint64_t to, uint64_t *n_pages) MUST_CHECK;
/* When all ranges are done, by one thread. Of MariaDB's system tablespace it takes the definitions of all indexes, so that this
 * should come first. */
struct err *space_verify_finish(struct space_verify *s) MUST_CHECK;
void space_verify_free(struct space_verify *s);
CLEANUP(space_verify, space_verify_free)

#endif
