/* restore/boot_check.h: the deepest proof of a backup: it is restored, a server of our own starts on it, every table is checked by
 * that server and compared with the hashes that the backup holds.
 *
 *  B1 What is needed is looked for before anything is written: a server program of the backup's family and series, its user, room.
 *  B2 The server is one that we start (server/private_server.h); one that runs already is never asked, nor is its datadir touched.
 *  B3 Of a check in a scratch directory nothing is left, whatever comes of it. In a datadir that stays, nothing is but the
 *     backup's files, recovered by the server.
 *  B4 While a server may run on a datadir that stays, and what it is given to start lies there, the datadir has the marker of a restore
 *     that has not finished (target.h): a run that is killed leaves what is no part of a restore, and nobody takes it for one. */
#ifndef MBE_RESTORE_BOOT_CHECK_H
#define MBE_RESTORE_BOOT_CHECK_H

#include <stdint.h>

#include "restore/restore.h"
#include "verify/tables_check.h"

struct boot_check_options {
    /* What is restored, and where to. datadir NULL: into a scratch directory; then user, group and external_dir are of no account.
     * Its memory is the server's as well. */
    const struct restore_options *restore;
    const char *mysqld;  /* see server_program_find; or NULL */
    const char *scratch; /* see scratch_open; or NULL */
    const char *
        server_user; /* whom a server on a scratch directory runs as when we are root; NULL: "mysql", or root if there is none */
    unsigned server_wait; /* seconds; see private_server.h */
};

struct boot_check_result {
    uint64_t tables;                   /* that the server checked */
    uint64_t bad;                      /* of these, the ones that it found to be damaged */
    uint64_t unchecked;                /* that it could not check: see server/check_tables.h */
    struct tables_check_result hashes; /* where the backup holds any; else nothing was compared */
};

/* Errors: those of restore_run; REFUSED (no program, no room), USAGE (unknown user), FAILED (the server does not start, ends, does not
 * answer in time), CORRUPT (a table is damaged or differs; the others were looked at all the same). */
struct err *boot_check_run(struct boot_check_result *out,
                           const struct boot_check_options *options) MUST_CHECK;

#endif
