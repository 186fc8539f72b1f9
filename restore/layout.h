/* restore/layout.h: which tablespace files a restore writes, from the archive's copies, its space map and the redo. Of a chain
 * the last archive alone says that: it lists all that exists. What has redo in an older one only was dropped in between.
 *
 * Where the redo says what tablespaces are called (MariaDB 10.8+):
 *  - a space lives if it was copied or created in the redo, and is neither deleted in it nor a ghost;
 *  - its name is the last one the redo gave it, else the one it was copied under;
 *  - its base image is its own copy, or zeros; never a file found by name: names are reused within one log.
 * Where it does not (MySQL): what the archive holds or the space map calls created lives, under the name given there; redo
 * of any other tablespace is of one that was dropped, and void. */
#ifndef MBE_RESTORE_LAYOUT_H
#define MBE_RESTORE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "restore/backup_facts.h"
#include "restore/redo_scan.h"
#include "verify/chain_files.h"

struct space_plan {
    space_id_t id;
    const struct file_parts *parts; /* the copy; borrowed; NULL: made of redo alone */
    char *name;   /* relative to the datadir; absolute (where it was on the server) when external */
    char *target; /* path to write */
    bool external;      /* lives outside the datadir (DATA DIRECTORY) */
    bool last_of_space; /* false: a file of the system tablespace that is followed by another */
    page_no_t first_page;
    uint64_t base_size;  /* bytes of the copy */
    uint32_t base_flags; /* FSP flags of the copy */
    lsn_t void_below;    /* redo before it is void (IMPORT TABLESPACE) */
    lsn_t
        trim_lsn; /* 0, or: copied pages from trim_page on with an LSN up to this are void, and so is their redo */
    page_no_t trim_page;
    bool was_cut; /* in the last archive's redo: what its copy had behind page 0's size is gone */
};

struct layout {
    struct space_plan *spaces; /* system tablespace first, then by id */
    size_t n, cap;
};

/* last: the chain's last archive. files: of the chain; must outlive the layout. datadir: target. external_dir: NULL, or where files from outside the datadir go ("/": where they were). REFUSED when
 * there are such files and external_dir is NULL; CORRUPT when archive and redo contradict each other. */
struct err *layout_make(struct layout *out, const struct archive_reader *last,
                        const struct chain_files *files, const struct backup_facts *facts,
                        const struct redo_scan *redo, const char *datadir,
                        const char *external_dir) MUST_CHECK;
void layout_fini(struct layout *l);
/* The live external space that was at `path` on the server; NULL if none. */
const struct space_plan *layout_find_external(const struct layout *l, const char *path);

/* external_dir + path ("/" keeps the path). Owned by caller. */
char *layout_external_path(const char *external_dir, const char *path);

#endif
