/* archive/repo.h: a repository: which backups there are, how they are read, how one comes into being and goes. There is one
 * struct of functions for each kind (repo_kind.h); nothing above archive/ knows which kind it has.
 *
 *   DIR             a directory (catalog.h)
 *   -               standard output of a backup, standard input of what reads one: a single archive (repo_stream.h)
 *   ssh://[user@]host[:port]/path   a directory of another machine (repo_ssh.c)
 *   s3://BUCKET/PATH                an object store (repo_s3.c)
 *
 * What holds for every kind: what is listed is complete and durable, and an archive is never changed. What a kind cannot do it
 * refuses.
 *
 * Threads: one at a time for a repository and its drafts and deletions. The readers and sources that were opened from it may be
 * used by others meanwhile. All of them are closed before the repository. */
#ifndef MBE_ARCHIVE_REPO_H
#define MBE_ARCHIVE_REPO_H

#include <stdbool.h>

#include "archive/backup_id.h"
#include "archive/reader.h"
#include "archive/sink.h"
#include "archive/source.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"
#include "s3/s3_client.h"

/* What the kinds want to be told; each looks at its own. */
struct repo_options {
    /* Where files go that are needed for a while, if the kind has no place of its own; NULL: TMPDIR of the environment, else
     * /var/tmp. */
    const char *tmp_dir;
    /* ssh: the program and its first words, blanks between them; NULL: ssh. And the mbe on the other side; NULL: mbe, in the PATH
     * there. Borrowed until repo_close. */
    const char *ssh_command, *remote_mbe;
    /* ssh: for how long a connection that broke is made again; 0: it is not. Less than
     * CATALOG_RESUME_WITHIN_S, for which the other side keeps a draft. */
    unsigned ssh_retry_s;
    struct s3_settings s3; /* of an object store; only to be read by repo_open */
    struct log *log;
    struct progress *progress;
    struct archive_keys
        *keys; /* those of sealed archives, NULL: none. The repository's when it is open */
    struct archive_keys *signing_keys; /* the first signs new archives; the same */
    struct archive_keys *public_keys;  /* whose signature every archive must have; the same */
};

struct repo;
/* Looks at the text alone, and at what the options name: nothing is asked of the other side yet. USAGE when it is of no known kind. */
struct err *repo_open(struct repo **out, const char *url,
                      const struct repo_options *options) MUST_CHECK;
void repo_close(struct repo *r); /* NULL is fine */
CLEANUP(repo, repo_close)

/* For messages: the URL, without secrets. */
const char *repo_name(const struct repo *r);
/* The directory whose file system the archives are written to; NULL: it is none of this machine. It may not be there yet. */
const char *repo_directory(const struct repo *r);
/* Whether it is one archive that goes by: nothing else is in it, and what was written cannot be read again. */
bool repo_is_stream(const struct repo *r);
/* The error with which nothing more can be asked of the repository, if that is so: the connection to it is lost. For who goes on behind
 * errors of single backups. */
struct err *repo_check(struct repo *r) MUST_CHECK;
/* The key that new archives are sealed with; NULL: they are not. Where there is one, an archive in clear can be anybody's. */
const struct archive_key *repo_sealing_key(const struct repo *r);
/* The key that new archives are signed with; NULL: they are not. */
const struct archive_key *repo_signing_key(const struct repo *r);
/* Whether archives are opened only if they are signed with one of the keys that were given. */
bool repo_wants_signatures(const struct repo *r);

/* ---- reading ---- */

/* Ids of the complete backups, oldest first; names only, no archive is opened. NO_REPOSITORY when there is none. */
struct err *repo_list(struct backup_ids *out, struct repo *r) MUST_CHECK;
/* The backup with the id `wanted` ("latest": the newest, "latest-full": the newest full one, both by name alone); *found is owned by caller.
 * USAGE when there is none. */
struct err *repo_find(char **found, struct repo *r, const char *wanted) MUST_CHECK;
/* Opens the archive of a backup that is listed. An error whose os_errno is ENOENT: it is not there, or no longer. UNSIGNED: it has
 * not the signature that is wanted. */
struct err *repo_open_reader(struct archive_reader **out, struct repo *r,
                             const char *id) MUST_CHECK;
/* The same. *locked: whether there was an error for want of its key, be it that its key block, or the one in its place, is
 * damaged. Then nothing is known of the archive, which may be sound. */
struct err *repo_try_reader(struct archive_reader **out, bool *locked, struct repo *r,
                            const char *id) MUST_CHECK;
/* Its bytes alone, for repo_walk. */
struct err *repo_open_source(struct source **out, struct repo *r, const char *id) MUST_CHECK;
/* archive_walk with the repository's keys, over what repo_open_source gave. */
struct err *repo_walk(struct repo *r, const char *id, struct source *source,
                      const struct archive_walk *walk, bool *complete) MUST_CHECK;

struct repo_use;
/* Until repo_use_end the backup is in use: nobody deletes it, nor a backup that it needs (those that need a backup are deleted
 * before it), as far as the kind has locks. May wait while one is being deleted. An error whose os_errno is ENOENT: it is gone. */
struct err *repo_use_begin(struct repo_use **out, struct repo *r, const char *id) MUST_CHECK;
void repo_use_end(struct repo_use *u); /* NULL is fine */
CLEANUP(repo_use, repo_use_end)

/* The record of a backup, see verify/record.h. The archive itself is never changed. */
/* Appends one line (given without its end), durably; the backup must be in use. A kind that keeps none does nothing. */
struct err *repo_record_append(struct repo *r, const char *id, const char *line) MUST_CHECK;
/* All of it, NUL-terminated, owned by caller; empty when there is none. */
struct err *repo_record_read(char **text, struct repo *r, const char *id) MUST_CHECK;

/* ---- a new backup ---- */

struct repo_draft;
/* Makes the repository if that is possible and it is not there, cleans up after killed runs, begins a backup of `type` ("full",
 * "incremental"). like: NULL, or the id of a backup of the same state, or of this one in another repository, whose time the id gets. */
struct err *repo_begin(struct repo_draft **out, struct repo *r, const char *like,
                       const char *type) MUST_CHECK;
/* The same, of a backup that has its id already: this one. REFUSED when there is one of this id, or one is being written. */
struct err *repo_begin_as(struct repo_draft **out, struct repo *r, const char *id) MUST_CHECK;
/* All borrowed. The sink takes the archive; its owner is the draft. The directory is on this machine, for files that are needed
 * until the draft is freed and are removed with it. */
const char *repo_draft_id(const struct repo_draft *d);
struct sink *repo_draft_sink(const struct repo_draft *d);
const char *repo_draft_dir(const struct repo_draft *d);
/* Lists it; the sink must be committed. After an error it is not listed, as far as that is known. */
struct err *repo_publish(struct repo_draft *d) MUST_CHECK;
/* Whatever was not published is gone then, or is cleaned up later. NULL is fine. */
void repo_draft_free(struct repo_draft *d);
CLEANUP(repo_draft, repo_draft_free)

/* ---- deletion ---- */

/* Backups are deleted in three steps: all are claimed, then taken out of the list one by one, then their files are removed.
 * Whatever moment it is cut off at, each backup is listed whole or not at all. */
struct repo_deletion;
/* Cleans up after killed runs. Until _finish or _free no backup is published or begun, as far as the kind has locks: what was
 * read of the list meanwhile stays true. NO_REPOSITORY when there is none. */
struct err *repo_deletion_begin(struct repo_deletion **out, struct repo *r) MUST_CHECK;
/* `id` is of the list. Unless it is in use by somebody nobody can use it from now on. */
struct err *repo_deletion_claim(struct repo_deletion *d, const char *id, bool *in_use) MUST_CHECK;
/* Gives up all claims. */
void repo_deletion_unclaim(struct repo_deletion *d);
/* Takes the next claimed backup, in the order of the claims, out of the list, durably. *id is borrowed; NULL when there was
 * none left. */
struct err *repo_deletion_next(struct repo_deletion *d, const char **id) MUST_CHECK;
/* Lets others at the repository again and removes the files of what is no longer listed. */
struct err *repo_deletion_finish(struct repo_deletion *d) MUST_CHECK;
/* As _finish; what cannot be removed is left to the next run. NULL is fine. */
void repo_deletion_free(struct repo_deletion *d);
CLEANUP(repo_deletion, repo_deletion_free)

#endif
