/* engine/space_set.h: the copies of tablespaces that a backup has so far.
 *
 * MariaDB's are known by their space id: the redo tells which file an id is. MySQL's (by_file) are known by id, device and
 * inode, as a file that waits for its IMPORT may carry the id of a table that lives (engine/mysql_judge.h). */
#ifndef MBE_ENGINE_SPACE_SET_H
#define MBE_ENGINE_SPACE_SET_H

#include <sys/stat.h>

#include "base/map64.h"
#include "engine/base_facts.h"
#include "engine/copy_env.h"

struct copied_space {
    space_id_t id;
    uint32_t entry;      /* in the archive */
    uint32_t first_page; /* system tablespace: of this file */
    lsn_t lsn_at_start;  /* of the redo tail before the file was opened, or the barrier */
    lsn_t barrier;       /* MySQL: when DDL was last excluded before that */
    lsn_t page_lsn;      /* of page 0 then */
    char *name;          /* of the file it was copied from, as listed */
    bool system;
    bool revived;       /* the redo ends with its FILE_DELETE, but it was imported since */
    bool dropped;       /* void: in no index, found by nobody */
    bool was_discarded; /* MySQL: the space's table was, at the barrier */
    bool by_map;        /* MySQL: only what page tracking knew was read */
    dev_t dev;          /* of the file, before its first page was read; so is the mark */
    struct file_mark mark;
    struct space_witness *witnesses; /* of what was copied: see base_facts.h; owned */
    uint32_t n_witnesses;
    struct archive_attr attr; /* owns path and link_target */
    char *suspect;            /* why the copy may be bad, or NULL */
    size_t older;             /* internal: 1 + position of another copy of the id; 0: none */
};

/* A moment when no DDL ran, MySQL: everything that was written without redo before it is in the files since. */
struct space_barrier {
    lsn_t lsn;
    space_id_t *discarded; /* sorted: spaces whose table was discarded then; owned by the set */
    size_t n_discarded;
};

struct space_set {
    struct copy_env *env;
    pthread_mutex_t lock; /* guards all below while copies run in parallel */
    struct map64 by_id;   /* id -> position of its newest item; the others follow by `older` */
    struct copied_space *items;
    size_t n, cap;
    /* Not guarded: set while no copy runs. */
    bool by_file;
    bool
        damage_may_wait; /* a page that stays bad makes a suspect, not an error: the file will be copied again */
    struct space_barrier barrier;
};

void space_set_init(struct space_set *s, struct copy_env *env);
void space_set_fini(struct space_set *s);

/* Declares a copy that begins now, and the archive's entry for it. `copy` and what it points to are copied; entry,
 * barrier, was_discarded and the attributes' path, link_target and lsn_at_start are set here. Not claimed, and nothing done,
 * when there is a copy of the space (by_file: from this file) and mode is ONCE; with AGAIN the earlier one is dropped.
 * Thread-safe. */
enum space_copy_mode { SPACE_COPY_ONCE, SPACE_COPY_AGAIN };
struct space_claim {
    bool claimed;
    size_t item; /* position in the set */
    uint32_t entry;
};
struct err *space_set_claim(struct space_set *s, const struct copied_space *copy,
                            enum space_copy_mode mode, struct space_claim *out) MUST_CHECK;
/* Ends a copy. Thread-safe. */
struct space_copy_end {
    uint64_t size;
    char *suspect;                   /* why it may be bad, or NULL; taken */
    struct space_witness *witnesses; /* taken */
    uint32_t n_witnesses;
};
struct err *space_set_finish(struct space_set *s, size_t item,
                             const struct space_copy_end *end) MUST_CHECK;
/* Writes down what a later backup has to know of the copies that count. */
void space_set_put_facts(const struct space_set *s, struct out_bytes *out);

/* Replaces the barrier that copies from now on are noted with. No copy may run. Takes `discarded` (unsorted is fine). */
void space_set_barrier(struct space_set *s, lsn_t lsn, space_id_t *discarded, size_t n);

/* Newest copy of the space (of the system tablespace: of its first file). NULL if not copied. Borrowed until the next copy. */
struct copied_space *space_set_find(const struct space_set *s, space_id_t id);
/* Voids a copy. */
void space_set_drop(struct space_set *s, space_id_t id);
void space_set_drop_at(struct space_set *s, size_t item);
/* Whether the copy is to be restored under this name: its file's when it was copied, or that of the last space_set_rename. */
bool space_set_is_named(const struct copied_space *c, const char *name);
/* Has the copy restored under this name: relative to the datadir, or absolute. CORRUPT for a name that no file can have. */
struct err *space_set_rename(struct space_set *s, size_t item, const char *name) MUST_CHECK;
/* Gives every copy the name that the redo gave its space last, and drops those of deleted spaces that were not
 * revived. CORRUPT for a name that no file can have. */
struct err *space_set_settle_names(struct space_set *s, const struct file_ops *ops) MUST_CHECK;

/* What the first bytes of a file say. */
struct space_head {
    bool
        absent; /* no such file, or an empty one: a server gives a new file its size before anything else */
    bool zero; /* page 0 is all zero; then the rest is 0 */
    space_id_t id;
    lsn_t lsn; /* of page 0 */
    dev_t dev; /* of the file that was read; 0 when there is none */
    ino_t inode;
    uint64_t size;
};
struct err *space_head_read(struct space_head *out, const char *path) MUST_CHECK;

/* Whether the file cannot have been written since before it was copied. */
bool space_is_untouched(const struct copied_space *c, const char *path);
/* The same for a file of which this is known. */
bool space_stamp_is_of(const struct copied_space *c, const struct stat *st);

#endif
