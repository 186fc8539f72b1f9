/* engine/base_select.h: which backup an incremental one is based on.
 *
 * A backup can be the base if
 *  - it is of this server: flavour, release series, page size and (MySQL) server_uuid are the same, and the first file of the system
 *    tablespace is the very file that it was taken of, so that a server that was restored, initialised anew or copied is another;
 *  - it ends at or below the LSN that the server has now;
 *  - it has no damaged pages, and noted what a base has to (base_facts.h);
 *  - all it is based on itself is in the repository and opens, down to a full one;
 *  - it is, with all that, in the other repositories that the new backup goes to as well.
 * That the files went on from there and were not set back in between, the copying of pages checks (page_filter.h). */
#ifndef MBE_ENGINE_BASE_SELECT_H
#define MBE_ENGINE_BASE_SELECT_H

#include "archive/repo_fanout.h"
#include "base/log.h"
#include "engine/base_facts.h"
#include "server/server_info.h"

struct base_query {
    struct repo *repo;
    struct repo *others[SINK_BRANCHES_MAX]; /* those that have to have it, too */
    size_t n_others;
    const char *wanted; /* an id, "latest", "latest-full" */
    const struct server_info *server;
    const struct file_mark *system; /* first file of the system tablespace, now */
    lsn_t lsn;                      /* now */
    struct log *log;
};

struct base {
    char *id; /* NULL: none was found */
    struct repo_use *in_use
        [1 +
         SINK_BRANCHES_MAX]; /* until they end nobody deletes the base, in any of the repositories */
    size_t n_in_use;
    uint64_t archive_id;
    lsn_t to;         /* its end */
    char *full_id;    /* the one that its chain begins with; its own if it is one */
    unsigned n_chain; /* backups in its chain, 1 for a full one */
    struct base_facts facts;
};

/* "latest" and "latest-full": the newest that can be the base. When there is none, or the one with the wanted id cannot be,
 * out->id is NULL and *why (owned by caller) says why. USAGE for what is no id; SEALED
 * when one that would have to be looked at is sealed and there is no key. */
struct err *base_select(struct base *out, char **why, const struct base_query *q) MUST_CHECK;
void base_fini(struct base *b);

/* The mark of a file, now. */
struct err *file_mark_take(struct file_mark *out, const char *path) MUST_CHECK;

#endif
