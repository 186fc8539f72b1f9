/* engine/mysql_settle.c: see mysql_settle.h for the invariants M1 to M9. */
#include "engine/mysql_settle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "server/mysql.h"
#include "server/mysql_log_status.h"

enum {
    TRY_SECONDS = 2,     /* lock_wait_timeout of one try */
    CONFIRM_SECONDS = 1, /* of the only one with commits stopped: the least there is */
    GAP_FIRST_MS = 200,
    GAP_MAX_MS = 5000,
    POLL_MS = 50,
    TAIL_WAIT_SECONDS = 60,
    LITTLE_BYTES = 16 << 20, /* a round that found no more than this was the last */
};

/* --- the server --- */

static struct err *call_lock(void *ctx, unsigned wait_seconds, bool *timed_out)
{
    const struct mysql_connections *c = ctx;
    return mysql_lock_instance(c->locks, wait_seconds, timed_out);
}

static struct err *call_unlock(void *ctx)
{
    const struct mysql_connections *c = ctx;
    return mysql_unlock_instance(c->locks);
}

static struct err *call_end_lsn(void *ctx, lsn_t *lsn)
{
    const struct mysql_connections *c = ctx;
    struct mysql_log_status status;
    TRY(mysql_check_redo_enabled(c->queries));
    TRY(mysql_log_status_load(&status, c->queries));
    *lsn = status.lsn;
    mysql_log_status_fini(&status);
    return mysql_flush_logs(c->queries);
}

static struct err *call_spaces(void *ctx, struct mysql_spaces *out)
{
    const struct mysql_connections *c = ctx;
    return mysql_spaces_load(out, c->queries);
}

static struct err *call_datafiles(void *ctx, struct mysql_datafiles *out)
{
    const struct mysql_connections *c = ctx;
    return mysql_datafiles_load(out, c->queries);
}

static struct err *call_poll(void *ctx)
{
    const struct mysql_connections *c = ctx;
    TRY(signals_check());
    return tailer_check(c->tail);
}

struct mysql_calls mysql_settle_calls(struct mysql_connections *c)
{
    return (struct mysql_calls){.lock = call_lock,
                                .unlock = call_unlock,
                                .end_lsn = call_end_lsn,
                                .spaces = call_spaces,
                                .datafiles = call_datafiles,
                                .poll = call_poll,
                                .ctx = c};
}

/* --- lock and barrier --- */

void mysql_settle_init(struct mysql_settle *s, struct space_set *set, struct mysql_calls calls,
                       unsigned lock_wait_seconds)
{
    *s = (struct mysql_settle){.set = set, .calls = calls, .lock_wait_seconds = lock_wait_seconds};
    set->by_file = true;
    set->damage_may_wait = true;
}

static void forget_created(struct mysql_settle *s)
{
    for (size_t i = 0; i < s->n_created; i++)
        free(s->created[i].name);
    s->n_created = 0;
}

void mysql_settle_fini(struct mysql_settle *s)
{
    forget_created(s);
    free(s->created);
    listing_fini(&s->listing);
}

/* Lets DDL through that queued behind us. */
static struct err *pause_between(struct mysql_settle *s, unsigned *gap_ms)
{
    for (unsigned slept = 0; slept < *gap_ms; slept += POLL_MS) {
        TRY(s->calls.poll(s->calls.ctx));
        clock_sleep_ms(POLL_MS);
    }
    *gap_ms = *gap_ms * 2 > GAP_MAX_MS ? GAP_MAX_MS : *gap_ms * 2;
    return NULL;
}

static struct err *lock(struct mysql_settle *s, double *waited, unsigned *attempts)
{
    const double since = clock_seconds();
    unsigned gap_ms = GAP_FIRST_MS;
    for (*attempts = 1;; ++*attempts) {
        bool timed_out = false;
        TRY(s->calls.poll(s->calls.ctx));
        TRY_AT(s->calls.lock(s->calls.ctx, TRY_SECONDS, &timed_out), "LOCK INSTANCE FOR BACKUP");
        s->lock_granted = clock_seconds();
        *waited += timed_out ? 0 : s->lock_granted - since;
        if (!timed_out)
            return NULL;
        if (s->lock_granted - since >= s->lock_wait_seconds)
            return err_hint(err_make(SERVER,
                                     "LOCK INSTANCE FOR BACKUP was not granted within %u seconds",
                                     s->lock_wait_seconds),
                            "A DDL statement runs on the server: see SHOW FULL PROCESSLIST; "
                            "--lock-wait allows more.");
        log_info(s->set->env->log, "lock", "LOCK INSTANCE FOR BACKUP not granted yet, try %u",
                 *attempts);
        TRY(pause_between(s, &gap_ms));
    }
}

/* Under the lock: the LSN of this moment, and which spaces are discarded. */
static void note_barrier(struct mysql_settle *s, const struct mysql_spaces *spaces, lsn_t lsn)
{
    space_id_t *discarded = mem_alloc((spaces->n + 1) * sizeof *discarded);
    size_t n = 0;
    for (size_t i = 0; i < spaces->n; i++)
        if (spaces->items[i].discarded)
            discarded[n++] = spaces->items[i].id;
    space_set_barrier(s->set, lsn, discarded, n);
}

/* M2 */
static struct err *barrier(struct mysql_settle *s, double *waited)
{
    struct mysql_spaces spaces;
    lsn_t lsn;
    unsigned attempts;
    TRY(lock(s, waited, &attempts));
    TRY(s->calls.end_lsn(s->calls.ctx, &lsn));
    TRY(s->calls.spaces(s->calls.ctx, &spaces));
    struct err *e = s->calls.unlock(s->calls.ctx);
    if (!e)
        note_barrier(s, &spaces, lsn);
    mysql_spaces_fini(&spaces);
    TRY(e);
    log_debug(s->set->env->log, "lock", "no DDL at LSN %" PRIu64 ": waited %.3f s, held %.3f s",
              lsn, *waited, clock_seconds() - s->lock_granted);
    return tailer_wait(s->set->env->tail, lsn, TAIL_WAIT_SECONDS);
}

struct err *mysql_settle_start(struct mysql_settle *s)
{
    return barrier(s, &s->times.start_wait);
}

/* --- verdicts --- */

static struct err *list_again(struct mysql_settle *s)
{
    listing_fini(&s->listing);
    return listing_make(&s->listing, s->set->env->datadir);
}

struct err *mysql_settle_copy(struct mysql_settle *s)
{
    for (int pass = 0; pass < 2; pass++) { /* the second finds what was renamed meanwhile */
        TRY(list_again(s));
        TRY(space_set_copy_all(s->set, &s->listing));
    }
    return NULL;
}

static struct err *judge(struct mysql_verdict *v, struct mysql_settle *s,
                         const struct mysql_survey *survey, const struct mysql_dict *dict)
{
    struct tailer *tail = s->set->env->tail;
    const struct mysql_evidence evidence = {.files = survey->files,
                                            .n_files = survey->n,
                                            .copies = s->set->items,
                                            .n_copies = s->set->n,
                                            .events = tailer_ddl_events(tail),
                                            .final = dict != NULL,
                                            .dict = dict ? dict->rows : NULL,
                                            .n_dict = dict ? dict->n : 0};
    struct err *e = mysql_judge(v, &evidence);
    tailer_release(tail);
    return e;
}

/* Copies that were condemned go first, so that each file is copied once, by however many paths it is reached. */
static struct err *copy_suspects(struct mysql_settle *s, const struct mysql_verdict *v, size_t *n)
{
    const struct listed_space **list = mem_alloc((v->n + 1) * sizeof *list);
    *n = 0;
    for (size_t i = 0; i < v->n; i++) {
        const struct mysql_ruling *r = &v->rulings[i];
        if (r->fate != MYSQL_COPY)
            continue;
        log_info(s->set->env->log, "copy", "%s: copying space %" PRIu32 " now: %s",
                 r->file->listed->name, r->id, r->why);
        if (r->copy != MYSQL_NO_COPY)
            space_set_drop_at(s->set, r->copy);
        list[(*n)++] = r->file->listed;
    }
    struct err *e = space_set_copy_these(s->set, list, *n);
    free(list);
    return e;
}

static struct err *round_without_lock(struct mysql_settle *s, uint64_t *bytes)
{
    struct mysql_survey survey;
    struct mysql_verdict v;
    size_t n = 0;
    TRY(list_again(s));
    TRY(mysql_survey_make(&survey, &s->listing, s->set));
    struct err *e = judge(&v, s, &survey, NULL);
    *bytes = v.copy_bytes;
    if (!e)
        e = copy_suspects(s, &v, &n);
    log_debug(s->set->env->log, "copy", "round %u: %zu tablespaces copied again, %" PRIu64 " bytes",
              s->times.rounds, n, *bytes);
    mysql_verdict_fini(&v);
    mysql_survey_fini(&survey);
    return e;
}

struct err *mysql_settle_rounds(struct mysql_settle *s, unsigned max)
{
    uint64_t before = UINT64_MAX;
    for (unsigned i = 0; i < max; i++) {
        uint64_t bytes;
        TRY(barrier(s, &s->times.round_wait));
        s->times.rounds++;
        TRY(round_without_lock(s, &bytes));
        if (bytes <= LITTLE_BYTES || bytes > before / 2)
            return NULL;
        before = bytes;
    }
    return NULL;
}

/* --- the end --- */

static const char *plain_name(const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return path;
}

static struct err *add_created(struct mysql_settle *s, const struct mysql_ruling *r)
{
    const char *name = r->file ? r->file->listed->name : plain_name(r->path);
    for (size_t i = 0; i < s->set->n; i++)
        if (!s->set->items[i].dropped && space_set_is_named(&s->set->items[i], name))
            return err_make(REFUSED,
                            "%s: spaces %" PRIu32 " and %" PRIu32 " would both be restored as that",
                            name, r->id, s->set->items[i].id);
    mem_grow(&s->created, &s->cap_created, s->n_created, sizeof *s->created);
    s->created[s->n_created++] = (struct created_space){r->id, mem_strdup(name)};
    log_debug(s->set->env->log, "copy", "%s: %s", name, r->why);
    return NULL;
}

/* Position of the live copy of this very file. */
static struct err *find_copy(size_t *at, const struct space_set *set, const struct mysql_ruling *r)
{
    const struct mysql_file *f = r->file;
    for (size_t i = set->n; i-- > 0;) {
        const struct copied_space *c = &set->items[i];
        if (c->id != r->id || c->dropped || c->dev != f->dev || c->mark.inode != f->inode ||
            c->first_page != f->listed->first_page)
            continue;
        *at = i;
        return c->suspect ? err_make(CORRUPT, "%s", c->suspect) : NULL;
    }
    return err_make(CORRUPT, "%s: space %" PRIu32 " could not be copied: the file has changed",
                    f->listed->path, r->id);
}

/* M7, M8 */
static struct err *settle_copy_of(struct mysql_settle *s, const struct mysql_ruling *r)
{
    size_t at = r->copy;
    if (r->fate == MYSQL_COPY)
        TRY(find_copy(&at, s->set, r));
    return r->file->listed->system ? NULL : space_set_rename(s->set, at, r->file->listed->name);
}

static struct err *carry_out(struct mysql_settle *s, const struct mysql_verdict *v)
{
    struct log *log = s->set->env->log;
    size_t n;
    for (size_t i = 0; i < v->n_drops; i++)
        space_set_drop_at(s->set, v->drops[i]);
    TRY(copy_suspects(s, v, &n));
    s->times.final_copies += n;
    s->times.final_bytes += v->copy_bytes;
    for (size_t i = 0; i < v->n; i++) {
        const struct mysql_ruling *r = &v->rulings[i];
        if (r->fate == MYSQL_LEAVE_OUT)
            log_write(log, s->times.finals == 1 ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "copy",
                      "%s: not in the backup: %s", r->file->listed->path, r->why);
        else if (r->fate == MYSQL_BUILD)
            TRY(add_created(s, r));
        else if (r->fate != MYSQL_PASS_OVER)
            TRY(settle_copy_of(s, r));
    }
    return NULL;
}

/* *settled false: more than `most` bytes would have to be copied, and nothing was. */
static struct err *judge_and_carry_out(struct mysql_settle *s, struct mysql_dict *dict,
                                       uint64_t most, bool *settled)
{
    const struct datadir *datadir = s->set->env->datadir;
    struct mysql_survey survey;
    struct mysql_verdict v;
    TRY(mysql_survey_make(&survey, &s->listing, s->set));
    mysql_dict_locate(dict, datadir, &survey);
    if (mysql_dict_complete(dict, &survey, &s->listing, datadir)) {
        mysql_survey_fini(&survey);
        TRY(mysql_survey_make(&survey, &s->listing, s->set));
        mysql_dict_locate(dict, datadir, &survey);
    }
    struct err *e = judge(&v, s, &survey, dict);
    log_debug(s->set->env->log, "copy", "%zu of %zu tablespace files opened under the lock",
              survey.n_opened, survey.n);
    *settled = !e && v.copy_bytes <= most;
    if (*settled)
        e = carry_out(s, &v);
    mysql_verdict_fini(&v);
    mysql_survey_fini(&survey);
    return e;
}

/* M6 */
static struct err *under_lock(struct mysql_settle *s, struct mysql_dict *dict, uint64_t most,
                              bool *settled)
{
    lsn_t lsn;
    TRY(s->calls.end_lsn(s->calls.ctx, &lsn));
    TRY(tailer_wait(s->set->env->tail, lsn, TAIL_WAIT_SECONDS));
    TRY(list_again(s));
    TRY(s->calls.spaces(s->calls.ctx, &dict->spaces));
    TRY(s->calls.datafiles(s->calls.ctx, &dict->datafiles));
    note_barrier(s, &dict->spaces, lsn);
    s->set->damage_may_wait = false;
    return judge_and_carry_out(s, dict, most, settled);
}

static struct err *settle(struct mysql_settle *s, uint64_t most, bool *settled)
{
    struct mysql_dict dict = {.n = 0};
    s->times.finals++;
    forget_created(s);
    struct err *e = under_lock(s, &dict, most, settled);
    s->times.settle += clock_seconds() - s->lock_granted;
    mysql_dict_fini(&dict);
    return e;
}

struct err *mysql_settle_final(struct mysql_settle *s)
{
    bool settled;
    TRY(lock(s, &s->times.lock_wait, &s->times.attempts));
    return settle(s, UINT64_MAX, &settled);
}

struct err *mysql_settle_confirm(struct mysql_settle *s, uint64_t most, bool *settled)
{
    bool timed_out;
    *settled = false;
    TRY_AT(s->calls.lock(s->calls.ctx, CONFIRM_SECONDS, &timed_out), "LOCK INSTANCE FOR BACKUP");
    if (timed_out)
        return NULL;
    s->lock_granted = clock_seconds();
    TRY(settle(s, most, settled));
    return *settled ? NULL : s->calls.unlock(s->calls.ctx);
}
