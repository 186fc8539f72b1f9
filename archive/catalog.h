/* archive/catalog.h: the repository directory: which backups exist, how one comes into being.
 *
 *   REPO/mbe-repository           text "mbe repository 1\n"
 *   REPO/<id>/backup.mbe          one complete archive; id = 20261124T170632Z-full, with "-2" ...
 *                                 behind it when that is taken
 *   REPO/.<id>.incomplete/        a backup in the making: backup.mbe, redo spool; a lock file
 *                                 held by its process
 *
 * A backup is published by fsync of the archive and its directory, rename to <id>, fsync of
 * REPO. What a killed run left (incomplete directory whose lock nobody holds) is removed by the
 * next catalog_begin. */
#ifndef MBE_ARCHIVE_CATALOG_H
#define MBE_ARCHIVE_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "archive/sink.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

struct catalog_item {
    char *id;
    char *archive_path;
};

struct catalog_list {
    size_t n;
    struct catalog_item *items; /* oldest first */
};

/* Lists complete backups (cheap: names only). Error REFUSED when `repo` is no repository
 * (absent, no marker). */
struct err *catalog_list_load(struct catalog_list *out, const char *repo) MUST_CHECK;
void catalog_list_fini(struct catalog_list *list);
/* Path of the archive of backup `id` ("latest": the newest); owned by caller. Kind USAGE when
 * there is none; the id must be a single safe path component. */
struct err *catalog_find(char **archive_path, char **found_id, const char *repo,
                         const char *id) MUST_CHECK;

struct catalog_draft;
/* Creates the repository if the directory is absent or empty, cleans up after killed runs, makes
 * the incomplete directory and its lock. type is "full". */
struct err *catalog_begin(struct catalog_draft **out, const char *repo, const char *type,
                          struct log *log) MUST_CHECK;
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

#endif
