/* engine/change_map.h: which pages a MySQL server has written since an LSN, as its page tracking tells (innodb/page_archive.h).
 *
 * The files below `#ib_archive` are read, not the server asked: its own functions give lists that break off, or end the server, when
 * what they read was damaged by an unclean restart. A map is complete for what was changed from `since` up to `covered`, if
 *
 *  C1 tracking was on without a break from a reset point at or below `since`: the group that is active now is the one that the base
 *     has seen, and it still has that point;
 *  C2 the server was not restarted since. What it lost by an unclean restart shows in no file, and what kind of restart it was cannot
 *     be proven: the caller's to know;
 *  C3 `covered` is a checkpoint that was known before the files are read: the server puts there, before it tells of a checkpoint,
 *     every page it has noted whose oldest change is not above that checkpoint. (Others may stay in memory. No block says how far it
 *     goes: a checkpoint with nothing new leaves no trace.) Who reads a page that was changed from `since` to `covered` and is not in
 *     the map knows that something is wrong;
 *  C4 every block is whole, in order, and none of those that were filled during a recovery;
 *  C5 what has escaped the reset point is added: the base has noted what that can be (P5 in page_tracking.h).
 *
 * It may list more than that: pages written in vain, spaces dropped since. It does not list pages that
 * were changed only behind `covered`: their changes are in the redo from there on. */
#ifndef MBE_ENGINE_CHANGE_MAP_H
#define MBE_ENGINE_CHANGE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "engine/tracking_state.h"
#include "innodb/types.h"

struct change_map;

struct change_map_query {
    const char *datadir;        /* as it is reached from here */
    struct tracking_state base; /* as the base has noted it; borrowed */
    lsn_t since;                /* the base's end */
    lsn_t covered;              /* a checkpoint that was read before this is called */
};

/* Reads the map, by C1, C3, C4, C5. REFUSED or CORRUPT, with the reason, when it does not cover what is asked. */
struct err *change_map_load(struct change_map **out, const struct change_map_query *q) MUST_CHECK;
void change_map_free(struct change_map *m); /* NULL is fine */
CLEANUP(change_map, change_map_free)

/* Different pages in it, of all tablespaces. */
size_t change_map_size(const struct change_map *m);
/* `covered`. */
lsn_t change_map_end(const struct change_map *m);
bool change_map_has(const struct change_map *m, space_id_t space, page_no_t page);
/* C5: any page of the space may have been changed. */
bool change_map_distrusts(const struct change_map *m, space_id_t space);
/* The first run [*begin, *end) of the space's page numbers at or behind `from`; false: there is none. Pages that are no more than
 * `gap` pages apart are one run, for one long read costs less than two short ones. Thread-safe. */
bool change_map_next(const struct change_map *m, space_id_t space, page_no_t from, page_no_t gap,
                     uint64_t *begin, uint64_t *end);

/* *begin: of the group that the server writes now, by its files; 0: of none. */
struct err *tracking_active_group(lsn_t *begin, const char *datadir) MUST_CHECK;
/* When the directory of a group was made; false: there is no such group, or it cannot be told. */
bool tracking_group_birth(struct timespec *birth, const char *datadir, lsn_t begin);

#endif
