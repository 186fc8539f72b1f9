/* server/mariadb.c: see mariadb.h. */
#include "server/mariadb.h"

static const char *const stage_names[] = {
    [STAGE_START] = "START",
    [STAGE_FLUSH] = "FLUSH",
    [STAGE_BLOCK_DDL] = "BLOCK_DDL",
    [STAGE_BLOCK_COMMIT] = "BLOCK_COMMIT",
    [STAGE_END] = "END",
};

const char *stage_name(enum stage s)
{
    return stage_names[s];
}

struct err *stage_enter(struct conn *c, enum stage s, bool *timed_out)
{
    *timed_out = false;
    struct err *e = conn_exec(c, "BACKUP STAGE %s", stage_name(s));
    if (e && conn_lock_timed_out(c)) {
        *timed_out = true;
        err_free(e);
        return NULL;
    }
    return e;
}
