/* engine/space_judge.h: what is to be done about the tablespaces, given a listing made under BLOCK_DDL, the redo's file
 * records up to then and the copies taken. Decides only; reads nothing but page 0 of the files whose name tells too little.
 *
 * Rules (see docs/backup.md for what each event looks like):
 *  J1 A space's name is the last one the redo gave it, else the one it was copied under.
 *  J2 A listed file is taken for granted, unopened, when exactly one live space claims its name, a good copy of it
 *     exists, and the file was not touched since. Every other file is asked for its space id.
 *  J3 A copy is stale when it was begun before the tablespace was imported, or when pages of another space were in it. An
 *     import leaves a FILE_MODIFY after a FILE_DELETE in the redo, but only with the first change that follows. Before
 *     that, it shows in a file of a deleted space under that space's own name; or, if the FILE_DELETE is older than our
 *     redo, in a page 0 whose LSN went backwards: an import sets it to 0 (MariaDB 10.11.19).
 *  J4 A file whose space was neither copied nor created in the redo is copied (placed by hand, or missed by a listing).
 *  J5 A page 0 of zeros belongs to the space that was created in the redo under that name. Of several, only the dictionary
 *     tells: the file of an older one was in the way of a CREATE that failed (DATA DIRECTORY: a table that was renamed to
 *     another database keeps its file in the folder of the old one, MariaDB 10.11.19), or a file that is no more was.
 *  J6 A space created in the redo, neither copied nor deleted, whose name no file carries, or a file of another space
 *     does, is a ghost: a CREATE that failed. It is not restored. Tables that a running ALTER makes for itself (#sql...,
 *     FTS_...) are not: FILE_CREATE comes before the file, under BLOCK_DDL too. At rest no file is no ghost either: the server
 *     died, or the file system lost the file. Recovery makes it; and only a name that another space has, too, is in the way.
 *  J7 Two files with one id: the one that has the space's name by the redo is it. Where the redo is silent, the server's
 *     dictionary must tell.
 *  J8 A copy whose name no longer has its file, and of which the redo knows nothing, is void. */
#ifndef MBE_ENGINE_SPACE_JUDGE_H
#define MBE_ENGINE_SPACE_JUDGE_H

#include "engine/datadir.h"
#include "engine/space_copy.h"
#include "innodb/file_ops.h"

struct space_verdict {
    struct space_to_copy {
        space_id_t id;
        const struct listed_space *file; /* borrowed from the listing */
        const char *why;                 /* static: "imported", ... */
        bool revives;                    /* the redo ends with its FILE_DELETE */
    } * copies;
    size_t n_copies, cap_copies;
    space_id_t *ghosts;
    size_t n_ghosts, cap_ghosts;
    space_id_t *doubtful; /* J5: those of them that the dictionary does not know are ghosts, too */
    size_t n_doubtful, cap_doubtful;
    space_id_t *voids; /* J8 */
    size_t n_voids, cap_voids;
    struct space_unlisted { /* live by the redo, neither copied nor created, and in no listing */
        space_id_t id;
        char *name;
    } * unlisted;
    size_t n_unlisted, cap_unlisted;
    struct space_conflict { /* J7 */
        space_id_t id;
        const struct listed_space **files;
        size_t n_files;
    } * conflicts;
    size_t n_conflicts, cap_conflicts;
    size_t n_opened; /* files asked for their id */
};

struct space_evidence {
    const struct listing *listing;
    const struct file_ops *ops;
    const struct space_set *copied;
    const char *root; /* datadir */
    bool at_rest;     /* no server runs */
};

/* Lists are in no particular order. After an error too, call _fini. */
struct err *space_judge(struct space_verdict *out,
                        const struct space_evidence *evidence) MUST_CHECK;
void space_verdict_fini(struct space_verdict *v);

#endif
