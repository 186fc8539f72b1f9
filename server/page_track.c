/* server/page_track.c: see page_track.h. */
#include "server/page_track.h"

#include <stdlib.h>
#include <string.h>

static struct err *parse_lsn(uint64_t *lsn, const char *text)
{
    char *end = NULL;
    *lsn = text ? strtoull(text, &end, 10) : 0;
    if (!end || end == text || *end || text[0] == '-' || *lsn > INT64_MAX)
        return err_make(SERVER, "page tracking: the server answers %s", text ? text : "nothing");
    return NULL;
}

struct err *page_track_begin_lsn(struct conn *c, bool *present, uint64_t *begin)
{
    AUTO_FREE char *text = NULL;
    *begin = 0;
    *present = true;
    struct err *e = conn_query_text(c, &text, "SELECT mysqlbackup_page_track_get_start_lsn()");
    if (!e)
        return parse_lsn(begin, text);
    *present = !conn_errno_is_no_function(conn_errno(c));
    if (*present)
        return e;
    err_free(e);
    return NULL;
}

struct err *page_track_reset(struct conn *c, uint64_t *reset)
{
    AUTO_FREE char *text = NULL;
    TRY(conn_query_text(c, &text, "SELECT mysqlbackup_page_track_set(1)"));
    return parse_lsn(reset, text);
}

struct err *page_track_end(struct conn *c)
{
    AUTO_FREE char *text = NULL;
    uint64_t lsn;
    TRY(conn_query_text(c, &text, "SELECT mysqlbackup_page_track_set(0)"));
    return parse_lsn(&lsn, text);
}
