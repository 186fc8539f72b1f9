/* engine/plain_copy.h: copies the files of all other engines (MyISAM, Aria, CSV, ARCHIVE, MERGE, .frm, ...): before the
 * lock, and again only what changed since.
 *
 * Rules:
 *  - a file changed if device, inode, size, mtime or ctime differ from what stat said *before* it was read;
 *  - a stamp younger than a second at that moment proves nothing: such a file counts as changed next time;
 *    under BLOCK_DDL, where flushed files rest, one kernel tick is enough, and the copy waits for it;
 *  - the files of one table (.MYD + .MYI ...) are one unit: one changed, all are copied;
 *  - with myisam_use_mmap the .MYD's stamps lie, the .MYI's do not: hence the unit;
 *  - of an incremental backup: a unit whose files all have the stamps that the base noted (the device aside), each of which proved
 *    something then, is not read: deltas without content. Of any other unit all is read, and what is in the base block by
 *    block is not stored again. So of every unit when the server was restarted since: a power failure may have taken a file's times
 *    back and left what was written. */
#ifndef MBE_ENGINE_PLAIN_COPY_H
#define MBE_ENGINE_PLAIN_COPY_H

#include "engine/copy_env.h"

enum plain_trust {
    PLAIN_MOVING,  /* no lock: young stamps prove nothing */
    PLAIN_FLUSHED, /* BLOCK_DDL: only online Aria tables and mysql/ still move; while they do, they are left for later */
    PLAIN_FROZEN,  /* BLOCK_COMMIT: all that changed is copied for the last time */
};

struct plain_set {
    struct copy_env *env;
    struct plain_file *files; /* sorted as a listing is */
    size_t n, cap;
    uint64_t bytes_last_pass;
    size_t files_last_pass;
};

void plain_set_init(struct plain_set *s, struct copy_env *env);
void plain_set_fini(struct plain_set *s);
/* Brings the set in line with a new listing: copies new and changed units, drops what vanished. */
struct err *plain_set_sync(struct plain_set *s, const struct listing *list,
                           enum plain_trust trust) MUST_CHECK;
/* Tests every file of the set again, copies what changed: under BLOCK_COMMIT, when the listing cannot change. */
struct err *plain_set_refresh(struct plain_set *s) MUST_CHECK;
/* Tables whose copies say "not closed" (their flush was held up by a DDL that waits for us): "db/t", ..., NULL. Owned by
 * caller, freed with plain_names_free; NULL if there is none. */
char **plain_set_unclosed(const struct plain_set *s);
void plain_names_free(char **names); /* NULL is fine */
/* Whether a file is as it was when it was copied last. False when there is none of that name in the set, when it vanished, and when
 * the stamp of its copy proves nothing. The next one, too, may be called by several threads when nothing else uses the set. */
bool plain_set_file_rests(const struct plain_set *s, const char *name);
/* The same of all files that hold the rows of a table ("db/t"), those of its partitions ("db/t#...") included. False for a transactional
 * Aria table: what was written to it is in memory and a log first. */
bool plain_set_data_rests(const struct plain_set *s, const char *table);
/* Tables, by their .frm files; views are not counted. */
size_t plain_set_tables(const struct plain_set *s);
/* Those, as "db/t", ..., NULL; owned by caller, freed with plain_names_free; NULL if there is none. */
char **plain_set_table_names(const struct plain_set *s);

/* Writes down what a later backup has to know of the set. */
void plain_set_put_facts(const struct plain_set *s, struct out_bytes *out);

/* Copies one file outside any set (Aria's control file and logs) under archive path `name`; it must exist. */
struct err *plain_copy_file(struct copy_env *env, const char *path, const char *name) MUST_CHECK;

#endif
