/* engine/page_tracking.h: MySQL's page tracking as an incremental backup's map of what has changed: whether it may be used, and that
 * the next backup can use it.
 *
 *  P1 A backup has the server track from before its end, with a reset point near it, and notes that for those based on it. A group
 *     that is older than the server's start is ended and another one begun: it may have lost pages in the restart, and would
 *     go on losing them, for a page that was noted is not noted again before a reset.
 *  P2 The map is used when the base has noted a group, the server was not restarted since (its start is the same to the second; the
 *     server tells both ends of that in one answer, so that no clock matters), the server itself says that it is in that
 *     group, and change_map.h is content. Else everything is read, and why is said once.
 *  P3 It must have what was written without redo up to the barrier at which the copy begins (mysql_settle.h), for no redo tells of
 *     it. A page is noted in memory when it is written. A checkpoint brings to the files those pages whose oldest change is not above
 *     the checkpoint, and may leave others in memory, however many checkpoints there are. A page that was written without redo
 *     before the barrier has an oldest change below it, for the statement that wrote it has ended, and its commit is redo. So the
 *     files have it when a checkpoint at or above the barrier is known, and not before.
 *  P4 Such a checkpoint is asked for when there is little to write for it: a server that does nothing else would come to it in
 *     seconds, a busy one with a large log in minutes. With PAGE_TRACKING it is asked for in any case. Else it is waited for, and
 *     when it does not come in time everything is read.
 *  P5 A page is noted when it is written and its LSN on disk is not above the last reset point: else it was noted since. But the
 *     server takes the LSN of the reset point first, and goes by it a moment later. A page that was changed behind that LSN and is
 *     written in between is noted by the rule of the point before, which may be not at all, and never again: its LSN on disk is
 *     above the new point. (Of 134 points under load 2 lost a page; its LSN lay between the point and the server's LSN behind
 *     the answer.) So the backup that sets
 *     the point notes which pages have redo from before it is asked for to behind the answer, and those are in the map of the next
 *     one. The same holds of pages that are written without redo, with LSNs of that time or later: an IMPORT, an index. So
 *     tablespaces that are copied behind the point are read whole by the next one.
 *     The server sets no new point when it has noted little since the last one (page_track.h). If that is the base's, what the base knows
 *     of it holds still, and what was not copied by the map joins the tablespaces that are read whole. Another one is
 *     not known well enough: then tracking is begun anew.
 *
 * Facts: P3, P5: MySQL 8.0.40 and 9.x, storage/innobase/arch/arch0page.cc, flush_at_checkpoint. P4: MySQL 9.7.4, by experiment. */
#ifndef MBE_ENGINE_PAGE_TRACKING_H
#define MBE_ENGINE_PAGE_TRACKING_H

#include "base/log.h"
#include "engine/change_map.h"
#include "server/conn.h"

enum change_map_mode {
    CHANGE_MAP_AUTO,          /* page tracking where it can be proven complete */
    CHANGE_MAP_SCAN,          /* read everything; leave the server's tracking alone */
    CHANGE_MAP_PAGE_TRACKING, /* refuse the backup when it cannot be used */
};

struct page_tracking {
    enum change_map_mode mode;
    struct conn *conn;
    const char *datadir;  /* as it is reached from here */
    int64_t server_start; /* server_start_time */
    struct log *log;
    unsigned wait_seconds;          /* P4 */
    struct err *(*poll)(void *ctx); /* what may end a wait */
    void *ctx;
};

/* REFUSED with PAGE_TRACKING when the server has no such component. */
struct err *page_tracking_check(const struct page_tracking *t) MUST_CHECK;
/* P1, P5. To be called before the backup's end is read, with the redo watched from before it on. `base`: what the base has noted,
 * if the backup was copied by its map, else NULL. out->begin is 0 when the server does not track: that is no error but with
 * PAGE_TRACKING. *carried: the reset point is the base's. Does nothing with SCAN. The lists of P5 are the caller's to add. */
struct err *page_tracking_renew(struct tracking_state *out, bool *carried,
                                const struct page_tracking *t,
                                const struct tracking_state *base) MUST_CHECK;

struct tracked_base {
    struct tracking_state state;
    lsn_t end;
    int64_t server_start;
};
/* P2 to P4. *out NULL: everything is to be read. REFUSED instead with PAGE_TRACKING. `barrier`: LSN at which DDL was last excluded;
 * nothing has been copied since. */
struct err *page_tracking_map(struct change_map **out, const struct page_tracking *t,
                              const struct tracked_base *base, lsn_t barrier) MUST_CHECK;

#endif
