/* engine/aria_copy.h: Aria's control file and logs. Aria recovers its transactional tables at the first start of the
 * restored server from exactly these. Order under BLOCK_COMMIT: control file, then tables, then logs, so that no table is
 * newer than the log and no log misses what the control file points at. */
#ifndef MBE_ENGINE_ARIA_COPY_H
#define MBE_ENGINE_ARIA_COPY_H

#include "engine/copy_env.h"

/* aria_log_control, whole by its own checksums; read again while the server may be writing it. */
struct err *aria_copy_control(struct copy_env *env) MUST_CHECK;
/* Every aria_log.NNNNNNNN, in order. */
struct err *aria_copy_logs(struct copy_env *env) MUST_CHECK;

/* Whether these are the bytes of a whole control file; `why` (>= 80 bytes) says what is wrong. */
bool aria_control_is_whole(const uint8_t *bytes, size_t len, char *why);

#endif
