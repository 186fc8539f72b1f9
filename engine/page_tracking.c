/* engine/page_tracking.c: see page_tracking.h for P1 to P4. */
#include "engine/page_tracking.h"

#include <inttypes.h>

#include "base/clock.h"
#include "server/mysql.h"
#include "server/page_track.h"

enum {
    POLL_MS = 50,
    BIRTH_MARGIN_SECONDS = 1, /* clocks of the server and of its file system are the same to this */
};

#define LITTLE_BYTES (UINT64_C(256) << 20) /* of dirty pages: P4 */

static const char *const no_component =
    "the server has no page tracking (INSTALL COMPONENT 'file://component_mysqlbackup')";

struct err *page_tracking_check(const struct page_tracking *t)
{
    bool present;
    lsn_t begin;
    if (t->mode != CHANGE_MAP_PAGE_TRACKING)
        return NULL;
    TRY(page_track_begin_lsn(t->conn, &present, &begin));
    return present ? NULL : err_make(REFUSED, "--change-map=page-tracking: %s", no_component);
}

/* --- P1 --- */

/* Whether the group was begun after the server was started, for certain. */
static bool is_of_this_run(const struct page_tracking *t, lsn_t begin)
{
    struct timespec birth;
    return tracking_group_birth(&birth, t->datadir, begin) &&
           birth.tv_sec > t->server_start + BIRTH_MARGIN_SECONDS;
}

/* Ends what is left of an earlier run of the server. It may even say then that nothing is tracked, and go on with the old group when
 * told to begin. */
static struct err *end_old_group(const struct page_tracking *t, lsn_t begin)
{
    lsn_t active = begin;
    if (begin && is_of_this_run(t, begin))
        return NULL;
    if (!begin)
        TRY(tracking_active_group(&active, t->datadir));
    if (!active)
        return NULL;
    log_info(t->log, "backup",
             "page tracking is begun anew: it was on before the server was started");
    return page_track_end(t->conn);
}

/* *fresh: it was set now. */
static struct err *reset_point(lsn_t *reset, bool *fresh, const struct page_tracking *t)
{
    lsn_t before;
    TRY(conn_status_u64(t->conn, &before, "Innodb_redo_log_current_lsn"));
    TRY(page_track_reset(t->conn, reset));
    *fresh = *reset >= before;
    return NULL;
}

static bool is_of_base(const struct tracking_state *base, lsn_t begin, lsn_t reset)
{
    return base && base->knows_escaped && base->begin == begin && base->reset == reset;
}

/* P5 */
static struct err *set_point(struct tracking_state *out, bool *carried,
                             const struct page_tracking *t, const struct tracking_state *base,
                             lsn_t begin)
{
    bool fresh;
    TRY(reset_point(&out->reset, &fresh, t));
    *carried = !fresh && is_of_base(base, begin, out->reset);
    if (fresh || *carried)
        return NULL;
    log_info(t->log, "backup",
             "page tracking is begun anew: too little was written since its reset point at LSN "
             "%" PRIu64 " for another one",
             out->reset);
    TRY(page_track_end(t->conn));
    TRY(reset_point(&out->reset, &fresh, t));
    return fresh ? NULL
                 : err_make(SERVER, "page tracking goes on from LSN %" PRIu64 ", ended and begun",
                            out->reset);
}

static struct err *renew(struct tracking_state *out, bool *carried, const struct page_tracking *t,
                         const struct tracking_state *base)
{
    lsn_t begin;
    bool present;
    TRY(page_track_begin_lsn(t->conn, &present, &begin));
    if (!present)
        return NULL;
    TRY(end_old_group(t, begin));
    TRY(set_point(out, carried, t, base, begin));
    TRY(page_track_begin_lsn(t->conn, &present, &out->begin));
    if (!out->begin || out->reset < out->begin)
        return err_make(SERVER,
                        "page tracking has begun at LSN %" PRIu64 ", and was reset at %" PRIu64,
                        out->begin, out->reset);
    return NULL;
}

struct err *page_tracking_renew(struct tracking_state *out, bool *carried,
                                const struct page_tracking *t, const struct tracking_state *base)
{
    *out = (struct tracking_state){0};
    *carried = false;
    if (t->mode == CHANGE_MAP_SCAN)
        return NULL;
    struct err *e = renew(out, carried, t, base);
    if (!e || t->mode == CHANGE_MAP_PAGE_TRACKING || conn_errno_is_lost(conn_errno(t->conn)))
        return e;
    *out = (struct tracking_state){0};
    *carried = false;
    log_warning(t->log, "backup", "the next incremental backup will read everything: %s",
                e->message);
    err_free(e);
    return NULL;
}

/* --- P2 to P4 --- */

/* P4. Not getting it is no error: then it is waited for. */
static struct err *ask_for_checkpoint(const struct page_tracking *t)
{
    const double begun = clock_seconds();
    uint64_t dirty;
    bool made;
    TRY(conn_status_u64(t->conn, &dirty, "Innodb_buffer_pool_bytes_dirty"));
    if (dirty > LITTLE_BYTES && t->mode != CHANGE_MAP_PAGE_TRACKING) {
        log_info(t->log, "backup",
                 "page tracking: a checkpoint is waited for, up to %u s: %" PRIu64
                 " MiB of changed pages are not written yet",
                 t->wait_seconds, dirty >> 20);
        return NULL;
    }
    TRY(mysql_sharp_checkpoint(t->conn, &made));
    log_debug(t->log, "backup", "page tracking: checkpoint %s, %" PRIu64 " bytes dirty: %.3f s",
              made ? "written" : "cannot be asked for", dirty, clock_seconds() - begun);
    return NULL;
}

static struct err *checkpoint_now(lsn_t *checkpoint, const struct page_tracking *t)
{
    return conn_status_u64(t->conn, checkpoint, "Innodb_redo_log_checkpoint_lsn");
}

/* P3: *checkpoint is at or above the barrier. */
static struct err *await_checkpoint(lsn_t *checkpoint, const struct page_tracking *t, lsn_t barrier)
{
    TRY(checkpoint_now(checkpoint, t));
    if (*checkpoint < barrier) {
        TRY(ask_for_checkpoint(t));
        TRY(checkpoint_now(checkpoint, t));
    }
    const double end = clock_seconds() + t->wait_seconds;
    while (*checkpoint < barrier) {
        if (clock_seconds() >= end)
            return err_make(REFUSED,
                            "the server's checkpoint is at LSN %" PRIu64
                            ", and page tracking has to be read behind LSN %" PRIu64,
                            *checkpoint, barrier);
        TRY(t->poll(t->ctx));
        clock_sleep_ms(POLL_MS);
        TRY(checkpoint_now(checkpoint, t));
    }
    return NULL;
}

static struct err *check_server(const struct page_tracking *t, const struct tracked_base *base)
{
    bool present;
    lsn_t begin;
    TRY(page_track_begin_lsn(t->conn, &present, &begin));
    if (!present)
        return err_make(REFUSED, "%s", no_component);
    if (!base->state.begin)
        return err_make(REFUSED, "page tracking was not on when the base ended");
    if (t->server_start != base->server_start)
        return err_make(REFUSED,
                        "the server was restarted since the base; what page tracking has lost "
                        "if that was not clean cannot be told");
    if (!begin)
        return err_make(REFUSED, "page tracking is off");
    if (begin != base->state.begin)
        return err_make(
            REFUSED, "page tracking was begun anew at LSN %" PRIu64 ", the base ended at %" PRIu64,
            begin, base->end);
    return NULL;
}

static struct err *load(struct change_map **out, const struct page_tracking *t,
                        const struct tracked_base *base, lsn_t barrier)
{
    struct change_map_query q = {.datadir = t->datadir, .base = base->state, .since = base->end};
    TRY(check_server(t, base));
    TRY(await_checkpoint(&q.covered, t, barrier));
    return change_map_load(out, &q);
}

struct err *page_tracking_map(struct change_map **out, const struct page_tracking *t,
                              const struct tracked_base *base, lsn_t barrier)
{
    *out = NULL;
    if (t->mode == CHANGE_MAP_SCAN)
        return NULL;
    struct err *e = load(out, t, base, barrier);
    if (!e) {
        log_info(t->log, "backup", "page tracking: %zu pages were written since LSN %" PRIu64,
                 change_map_size(*out), base->end);
        return NULL;
    }
    if (e->kind == ERR_INTERRUPTED || conn_errno_is_lost(conn_errno(t->conn)))
        return e;
    if (t->mode == CHANGE_MAP_PAGE_TRACKING) {
        struct err *refused = err_make(REFUSED, "--change-map=page-tracking: %s", e->message);
        err_free(e);
        return refused;
    }
    log_info(t->log, "backup", "everything is read: %s", e->message);
    err_free(e);
    return NULL;
}
