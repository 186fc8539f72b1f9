/* archive/entry.h: what an archive knows of one file. */
#ifndef MBE_ARCHIVE_ENTRY_H
#define MBE_ARCHIVE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

/* Largest piece given to archive_write, and largest uncompressed chunk payload: 1 MiB. */
#define ARCHIVE_PIECE_MAX (1u << 20)

enum archive_kind {
    /* any file of the datadir that is restored as it is; path relative to the datadir */
    ARCHIVE_PLAIN = 1,
    /* InnoDB tablespace (.ibd, undo, ibdataN); pages below `size` */
    ARCHIVE_SPACE = 2,
    /* redo of the backup: a linear log of the server's family, see innodb/redo_mariadb.h */
    ARCHIVE_REDO = 3,
    /* symbolic link `path` -> link_target, no content (MyISAM/Aria DATA/INDEX DIRECTORY) */
    ARCHIVE_SYMLINK = 4,
    /* a directory (every database directory has one, so that empty ones come back); no content */
    ARCHIVE_EMPTY_DIR = 5,
    /* content of a plain file outside the datadir that a SYMLINK entry points to; path is
     * "external/" + the absolute path without its leading slash, link_target the absolute path */
    ARCHIVE_EXTERNAL = 6,
    /* names of live spaces and other facts of the engine: see innodb/space_map.h,
     * engine/base_facts.h, verify/backup_hashes.h; never restored as a file */
    ARCHIVE_SPACE_MAP = 7,
    /* of an incremental backup: what changed since its base of a SPACE, a PLAIN or an EXTERNAL file
     * that the base has too, under whatever name. `size` is that of the whole file; what is stored
     * nowhere is as it was in the base, so zeros that are new are stored, as runs */
    ARCHIVE_SPACE_DELTA = 8,
    ARCHIVE_PLAIN_DELTA = 9,
    ARCHIVE_EXTERNAL_DELTA = 10,
};

static inline bool archive_is_space(enum archive_kind kind)
{
    return kind == ARCHIVE_SPACE || kind == ARCHIVE_SPACE_DELTA;
}

static inline bool archive_is_external(enum archive_kind kind)
{
    return kind == ARCHIVE_EXTERNAL || kind == ARCHIVE_EXTERNAL_DELTA;
}

static inline bool archive_is_delta(enum archive_kind kind)
{
    return kind == ARCHIVE_SPACE_DELTA || kind == ARCHIVE_PLAIN_DELTA ||
           kind == ARCHIVE_EXTERNAL_DELTA;
}

struct archive_attr {
    enum archive_kind kind;
    const char *path; /* relative, safe (file_name_is_safe) */
    /* SYMLINK, EXTERNAL: absolute path; SPACE: absolute path of a file outside the datadir, or
     * NULL; else NULL */
    const char *link_target;
    uint64_t size;         /* content bytes */
    uint32_t mode;         /* permission bits */
    int64_t mtime;         /* seconds */
    uint32_t space_id;     /* SPACE: tablespace id, else 0 */
    uint32_t page_size;    /* SPACE: physical page size in bytes, else 0 */
    uint32_t space_flags;  /* SPACE: FSP flags of page 0 at copy time */
    uint32_t first_page;   /* SPACE: page number of offset 0 (ibdata2 and up; else 0) */
    uint64_t lsn_at_start; /* SPACE: LSN the redo tail had reached when the copy began */
};

#endif
