/* archive/catalog.h: the repository that is a directory: which backups exist, how one comes into being.
 * Behind archive/repo.h it is one of the kinds (repo_directory.c).
 *
 *   REPO/mbe-repository           text "mbe repository 1\n"
 *   REPO/<id>/backup.mbe          one complete archive; id: backup_id.h
 *   REPO/<id>/verified.jsonl      the backup's record: when and how it was verified, and pins: one JSON object a
 *                                 line, as in verify/record.h; absent until then
 *   REPO/<id>/backup.key          a key block that takes the place of the archive's own (envelope.h); absent until its key was
 *                                 changed
 *   REPO/.<id>.incomplete/        a backup in the making: backup.mbe, redo spool; a lock file
 *                                 held by its process; a file `resumable` if another process may go on with it
 *   REPO/.<id>.deleted/           a backup that is no more: what is left of it may go
 *
 * A backup is published by fsync of the archive and its directory, rename to <id>, fsync of
 * REPO. It is deleted by rename to .<id>.deleted, fsync of REPO, and only then its files are
 * removed. What a killed run left (a directory .deleted, an incomplete one whose lock nobody
 * holds) is removed by the next catalog_begin or catalog_deletion_begin; one that is resumable not before a quarter of an hour has
 * gone by since its process said so last. */
#ifndef MBE_ARCHIVE_CATALOG_H
#define MBE_ARCHIVE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/backup_id.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

/* Lists complete backups, oldest first (cheap: names only). Error REFUSED when `repo` is no repository
 * (absent, no marker). */
struct err *catalog_list(struct backup_ids *out, const char *repo) MUST_CHECK;
/* Path of the archive of backup `id`, one of that list; owned by caller. */
char *catalog_archive_path(const char *repo, const char *id);
/* Until *fd is closed the backup is in use: no other process deletes it, nor a backup that it needs
 * (those that need a backup are deleted before it). May wait while one is being deleted. An error
 * whose os_errno is ENOENT: the backup is gone. */
struct err *catalog_use(int *fd, const char *archive_path) MUST_CHECK;

/* The record of a backup. The archive itself is never changed. To append, the
 * backup must be in use (catalog_use). */
enum { CATALOG_RECORD_MAX = 64 << 20 }; /* bytes; one that is longer is not read */
/* Appends one line (given without its end), durably. A line that was cut off when its writer was killed stays a line of its own.
 * Not through a symbolic link. */
struct err *catalog_record_append(const char *archive_path, const char *line) MUST_CHECK;
/* All of it, NUL-terminated, owned by caller; empty when there is none. */
struct err *catalog_record_read(char **text, const char *archive_path) MUST_CHECK;

/* The key block beside the archive, of KEY_BLOCK_SIZE bytes; *there: whether there is one. CORRUPT when it has another size. */
struct err *catalog_key_block_read(uint8_t *p, bool *there, const char *archive_path) MUST_CHECK;
/* Durable, and whole or as before, whatever happens. The backup must be in use. */
struct err *catalog_key_block_replace(const char *archive_path, const uint8_t *p) MUST_CHECK;

struct catalog_draft;
/* Creates the repository if the directory is absent or empty, cleans up after killed runs, makes
 * the incomplete directory and its lock. type is "full" or "incremental". */
struct err *catalog_begin(struct catalog_draft **out, const char *repo, const char *type,
                          struct log *log) MUST_CHECK;
/* As catalog_begin, with the time in the id of backup `like`: for a backup of the same state, or the same backup elsewhere. */
struct err *catalog_begin_like(struct catalog_draft **out, const char *repo, const char *like,
                               const char *type, struct log *log) MUST_CHECK;
const char *catalog_draft_id(const struct catalog_draft *d);
/* For spools; removed with the draft. */
const char *catalog_draft_dir(const struct catalog_draft *d);
/* Path for sink_file_open. */
const char *catalog_draft_archive(const struct catalog_draft *d);
/* Publishes: the sink must be committed. Everything in the draft directory but the archive is
 * removed first. */
struct err *catalog_publish(struct catalog_draft *d) MUST_CHECK;
void catalog_draft_free(struct catalog_draft *d); /* removes the directory unless published */
CLEANUP(catalog_draft, catalog_draft_free)

enum { CATALOG_RESUME_WITHIN_S = 900 };
/* From now on, and for CATALOG_RESUME_WITHIN_S, the draft is not taken for abandoned when its process is gone. To be said again and
 * again. */
struct err *catalog_draft_make_resumable(struct catalog_draft *d) MUST_CHECK;
/* Frees d and leaves what there is to catalog_resume. */
void catalog_draft_leave(struct catalog_draft *d);
/* Goes on with the draft of backup `id`. *out is NULL and *published its archive's size if it was published. An error whose os_errno
 * is EWOULDBLOCK: another process still has it; ENOENT: there is none any more. */
struct err *catalog_resume(struct catalog_draft **out, uint64_t *published, const char *repo,
                           const char *id) MUST_CHECK;

/* Backups are deleted in three steps: all are claimed, then taken out of the list one by one, then
 * their files are removed. Whatever moment it is cut off at, each backup is listed whole or not at
 * all. */
struct catalog_deletion;
/* Cleans up after killed runs. Until _finish or _free no backup is published or begun: what was read
 * of the list meanwhile stays true. REFUSED when `repo` is no repository. */
struct err *catalog_deletion_begin(struct catalog_deletion **out, const char *repo,
                                   struct log *log) MUST_CHECK;
/* `id` is of the list. Unless it is in use by somebody nobody can use it from now on. */
struct err *catalog_deletion_claim(struct catalog_deletion *d, const char *id,
                                   bool *in_use) MUST_CHECK;
/* Gives up all claims. */
void catalog_deletion_unclaim(struct catalog_deletion *d);
/* Takes the next claimed backup, in the order of the claims, out of the list, durably. *id is
 * borrowed; NULL when there was none left. */
struct err *catalog_deletion_next(struct catalog_deletion *d, const char **id) MUST_CHECK;
/* Unlocks the repository and removes the files of what is no longer listed. */
struct err *catalog_deletion_finish(struct catalog_deletion *d) MUST_CHECK;
/* As _finish; what cannot be removed is left to the next run. NULL is fine. */
void catalog_deletion_free(struct catalog_deletion *d);
CLEANUP(catalog_deletion, catalog_deletion_free)

#endif
