/* engine/space_copy.h: copies InnoDB tablespaces, page by page, checked, without any lock.
 *
 * Rules:
 *  - a space is what page 0 of an open file says, never what the file's name says;
 *  - a file that vanished before it was opened was renamed or dropped: no error, the redo tells which;
 *  - page 0 all zero: the space was created after our checkpoint, every page of it is in the redo: nothing to copy;
 *  - an id is copied once, whatever names it is seen under, until its copy is made void by an import;
 *  - a page that fails its check is read again while the server may be writing it; then it is damage, unless it only
 *    carries another space's id, which is a tablespace being imported: kept as suspect and judged under BLOCK_DDL;
 *  - an encrypted page is refused: the restore could not apply redo to it. */
#ifndef MBE_ENGINE_SPACE_COPY_H
#define MBE_ENGINE_SPACE_COPY_H

#include <sys/types.h>
#include <time.h>

#include "base/map64.h"
#include "engine/copy_env.h"

struct copied_space {
    space_id_t id;
    uint32_t entry;     /* in the archive */
    lsn_t lsn_at_start; /* of the redo tail */
    char *name;         /* of the file it was copied from, as listed */
    lsn_t page_lsn;     /* of page 0 then */
    bool system;
    bool revived; /* the redo ends with its FILE_DELETE, but it was imported since */
    struct {      /* of the file, before its first page was read */
        dev_t dev;
        ino_t inode;
        struct timespec mtime, ctime;
        bool proves; /* old enough then to prove that nothing was written since */
    } stamp;
    bool dropped;             /* void: in no index, found by nobody */
    struct archive_attr attr; /* owns path and link_target */
    char *suspect;            /* why the copy may be bad, or NULL */
};

struct space_set {
    struct copy_env *env;
    pthread_mutex_t lock; /* guards all below while copies run in parallel */
    struct map64
        by_id; /* id -> position in items; the system tablespace's further files are not in it */
    struct copied_space *items;
    size_t n, cap;
};

void space_set_init(struct space_set *s, struct copy_env *env);
void space_set_fini(struct space_set *s);
/* Copies every listed space whose id is not copied yet, with env->parallel threads. */
struct err *space_set_copy_all(struct space_set *s, const struct listing *list) MUST_CHECK;
/* Copies one listed space; with `again`, in place of an earlier copy. One thread. */
enum space_copy_mode { SPACE_COPY_ONCE, SPACE_COPY_AGAIN };
struct err *space_set_copy_one(struct space_set *s, const struct listed_space *space,
                               enum space_copy_mode mode) MUST_CHECK;
/* NULL if not copied. Borrowed until the next copy. */
struct copied_space *space_set_find(const struct space_set *s, space_id_t id);
/* Voids a copy. */
void space_set_drop(struct space_set *s, space_id_t id);
/* Gives every copy the name that the redo gave its space last, and drops those of deleted spaces
 * that were not revived. */
struct err *space_set_settle_names(struct space_set *s, const struct file_ops *ops) MUST_CHECK;
/* What the first bytes of a file say. */
struct space_head {
    bool absent; /* no such file */
    bool zero;   /* page 0 is all zero or not there; then the rest is 0 */
    space_id_t id;
    lsn_t lsn; /* of page 0 */
};
struct err *space_head_read(struct space_head *out, const char *path) MUST_CHECK;

/* Whether the file cannot have been written since before it was copied. */
bool space_is_untouched(const struct copied_space *c, const char *path);

#endif
