/* server/page_track.h: MySQL's page tracking: a server with component_mysqlbackup notes which pages it writes, in files of its
 * datadir (innodb/page_archive.h).
 *
 *   mysqlbackup_page_track_set(1)            begins, or sets a reset point; the LSN of that. The latter only if 2044 pages were
 *                                            noted since the last one; else it is that one's LSN. What is written meanwhile can escape:
 *                                            P5 in engine/page_tracking.h
 *   mysqlbackup_page_track_set(0)            ends
 *   mysqlbackup_page_track_get_start_lsn()   where it began; a reset does not move it. 0: it is off
 *
 * Never used, and not to be: ..._get_changed_pages and ..._get_changed_page_count. After a restart that was not clean the first one
 * gives a list that breaks off, and the second one can end the server. It takes a variable that all users share, too.
 *
 * BACKUP_ADMIN, no lock. Whether it is on is remembered over restarts, and outlives the component. But behind a crash the last function
 * was seen to give 0 while the first one gave the LSN of the old reset point, and went on doing so: set(0), then set(1) helps.
 * Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_SERVER_PAGE_TRACK_H
#define MBE_SERVER_PAGE_TRACK_H

#include "server/conn.h"

/* *present false: the server has no such component. *begin: LSN, 0 while it is off. */
struct err *page_track_begin_lsn(struct conn *c, bool *present, uint64_t *begin) MUST_CHECK;
/* Begins, or sets a reset point: *reset is at or below the LSN of now. */
struct err *page_track_reset(struct conn *c, uint64_t *reset) MUST_CHECK;
struct err *page_track_end(struct conn *c) MUST_CHECK;

#endif
