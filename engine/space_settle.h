/* engine/space_settle.h: carries out what engine/space_judge.h decides. */
#ifndef MBE_ENGINE_SPACE_SETTLE_H
#define MBE_ENGINE_SPACE_SETTLE_H

#include "engine/space_copy.h"
#include "server/conn.h"

struct ghosts {
    space_id_t *ids;
    size_t n;
};

/* Without a lock: copies again what was imported since it was copied, so that little is left to do under one. Files come
 * and go meanwhile; nothing else is concluded from them. */
struct err *space_settle_early(struct space_set *set, const struct listing *list) MUST_CHECK;

/* Under BLOCK_DDL, with a listing made under it and the tail beyond an LSN read under it: afterwards every live space has
 * a good copy or all of it is in the redo. *ghosts is replaced. `queries` asks the dictionary which of two files is a
 * space's (NULL: no server runs); REFUSED when it does not tell. CORRUPT when a live space's file is not there, or stays a mix of two spaces. */
struct err *space_settle(struct space_set *set, const struct listing *list, struct conn *queries,
                         struct ghosts *ghosts) MUST_CHECK;

#endif
