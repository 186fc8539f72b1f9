/* verify/pins.h: backups that are to stay, whatever else is decided: neither they nor what they need are deleted until they are
 * unpinned. Lines of the backup's record (record.h), of two kinds:
 *
 *   pin       16 hex digits, random: the name of this pin
 *   reason    why the backup is to stay
 *
 *   unpin     an array of the names of the pins that it takes away
 *
 * A pin stands unless there is a line that takes it away, in whatever order the two are read. So nobody takes away a pin that he has
 * not seen, and a line that was cut off when its writer was killed is none. */
#ifndef MBE_VERIFY_PINS_H
#define MBE_VERIFY_PINS_H

#include "verify/record.h"

/* Those of a record's lines that stand, oldest first; owned by caller. Pure. */
json_t *pins_of(const json_t *lines);
/* Of the backup `id`, as record_load. */
struct err *pins_load(json_t **out, struct repo *repo, const char *id) MUST_CHECK;
/* Their reasons, "; " between them; owned by caller. Pure. */
char *pins_reasons(const json_t *pins);

/* The backup is in use, for both. USAGE when the reason is not UTF-8. */
struct err *pins_add(struct repo *repo, const char *id, const char *reason) MUST_CHECK;
/* Takes away these, which pins_of gave. */
struct err *pins_remove(struct repo *repo, const char *id, const json_t *pins) MUST_CHECK;

#endif
