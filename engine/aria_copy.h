/* engine/aria_copy.h: Aria's control file and logs. Aria recovers its transactional tables at the first start of the
 * restored server from exactly these. Order under BLOCK_COMMIT: the control file is read, tables are copied, then logs, so
 * that no table is newer than the log and no log misses what the control file points at. The control file is stored last,
 * with the number of the newest log file that was copied: the server may have begun another one meanwhile. */
#ifndef MBE_ENGINE_ARIA_COPY_H
#define MBE_ENGINE_ARIA_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "engine/copy_env.h"

enum { ARIA_CONTROL_MAX = 512 };

/* aria_log_control as it was read. */
struct aria_control {
    uint8_t bytes[ARIA_CONTROL_MAX];
    size_t len;
};

/* Reads the control file, whole by its own checksums; again while the server may be writing it. */
struct err *aria_control_read(struct aria_control *out, const struct copy_env *env) MUST_CHECK;
/* Stores every aria_log.NNNNNNNN, in order, and then the control file. A newest log file that has nothing but its header is
 * left out: Aria's recovery applies a log that ends so, but cannot roll back behind it ("Undo phase failed", MariaDB
 * 10.11.19, by experiment). */
struct err *aria_copy_logs(struct copy_env *env, struct aria_control *control) MUST_CHECK;

/* Whether these are the bytes of a whole control file; `why` (>= 80 bytes) says what is wrong. */
bool aria_control_is_whole(const uint8_t *bytes, size_t len, char *why);

#endif
