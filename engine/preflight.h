/* engine/preflight.h: everything that can be known to be wrong before a backup begins. Nothing here writes. */
#ifndef MBE_ENGINE_PREFLIGHT_H
#define MBE_ENGINE_PREFLIGHT_H

#include <stdint.h>

#include "archive/writer.h"
#include "base/err.h"
#include "base/log.h"
#include "engine/datadir.h"
#include "server/conn.h"
#include "server/server_info.h"

/* Who the server is, whether we may do what we have to, and whether the datadir is its own. root: --datadir or NULL.
 * REFUSED otherwise. After an error too, call server_info_fini and datadir_fini. */
struct err *preflight_server(struct server_info *server, struct datadir *datadir, struct conn *c,
                             const char *root) MUST_CHECK;

/* Raises the limit of open files to what a backup needs, REFUSED when it may not. */
struct err *preflight_open_files(int parallel) MUST_CHECK;

/* What a listing takes on disk, in bytes: holes are not counted. Files that vanish are not either. */
struct data_size {
    uint64_t spaces, others;
};
struct data_size preflight_data_size(const struct listing *list, const struct datadir *datadir);

/* Compares the free space where `repo` is or will be with what the backup may need: IO when it clearly does not fit, a
 * warning when it may not. */
struct err *preflight_free_space(const char *repo, uint64_t data_bytes, enum archive_codec codec,
                                 struct log *log) MUST_CHECK;
/* The judgement alone. */
enum space_outlook { SPACE_FITS, SPACE_DOUBTFUL, SPACE_TOO_SMALL };
enum space_outlook preflight_space_outlook(uint64_t data_bytes, uint64_t free_bytes,
                                           enum archive_codec codec);

#endif
