/* restore/restored_files.h: the tablespace files that come of a layout: what page 0 of each, recovered, says, and their pages cut
 * into ranges, the work items of threads. Who writes them: page_stream.h. Who checks them: page_verify.h. */
#ifndef MBE_RESTORE_RESTORED_FILES_H
#define MBE_RESTORE_RESTORED_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "innodb/page_crypt.h"
#include "restore/layout.h"
#include "restore/page_range.h"

struct restored_file {
    const struct space_plan *plan; /* borrowed */
    struct space_format format;
    struct space_key key; /* of an encrypted tablespace */
    uint32_t fsp_size;    /* of the tablespace, in pages, by page 0 */
    uint64_t size;        /* bytes of the recovered file */
    bool exists;
};

struct restored_range {
    uint32_t file;     /* index in restored_files.items */
    uint64_t from, to; /* offsets in the file, as page_range.h wants them */
};

struct restored_files {
    struct restored_file *items; /* one a space_plan of the layout, in its order */
    size_t n;
    struct restored_range *ranges; /* ascending */
    size_t n_ranges, cap_ranges;
};

/* All of the layout, which must outlive *out; nothing is known of them yet. */
void restored_files_init(struct restored_files *out, const struct layout *layout);
/* Reads page 0 of the tablespace and fills in the file; further files of the system tablespace take their facts from the first.
 * A file that was created in the redo, with nothing written to it by the end, does not exist. CORRUPT; REFUSED without the
 * tablespace's key (keys: NULL, there are none). Several threads may do so, each with another file. */
struct err *restored_file_learn(struct restored_file *f, const struct page_range_env *env,
                                const struct keyring *keys) MUST_CHECK;
/* Of a file that was learnt: leaves out of its size the end that no archive stores anything of and no redo makes, which is zeros. So what is
 * made for each page of it is bounded by what there is. CORRUPT: page 0 names pages whose extent descriptors cannot all be there,
 * which come before any page that is used. */
struct err *restored_file_justify(struct restored_file *f,
                                  const struct page_range_env *env) MUST_CHECK;
/* Cuts all files that exist. n_links: archives of the chain. */
void restored_files_cut(struct restored_files *files, size_t n_links);
/* Wipes the keys. */
void restored_files_fini(struct restored_files *files);

#endif
