/* cli/cmd_run.c: mbe run. The phases of a run: read the task, lock its repositories, the steps, what is told of them. Once the task
 * is read, whatever fails is in the report. */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/value.h"
#include "cli/task.h"
#include "cli/task_lock.h"
#include "cli/task_report.h"

enum { MAX_FACTS = 8, MAIL_SECONDS = 600 };

static void fail_run(struct task_run *run, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The first failure counts. */
static void fail_run(struct task_run *run, int status, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    if (run->status)
        return;
    va_start(ap, fmt);
    const int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    run->status = status;
    run->failure = text_one_line(n < 0 ? "" : text); /* some of it is what programs said */
    free(n < 0 ? NULL : text);
}

static double seconds_of(const struct task *t, enum task_setting which)
{
    uint64_t seconds = 0;
    err_free(value_number(&seconds, task_text(t, which), 0, UINT32_MAX)); /* it was checked */
    return (double)seconds;
}

/* ---- what programs are told ---- */

struct facts {
    char *items[MAX_FACTS + 1];
    size_t n;
};

static void add_fact(struct facts *f, const char *name, const char *value)
{
    f->items[f->n++] = mem_printf("%s=%s", name, value);
}

/* The newest backup of this run, up to that step. Owned by caller. */
static char *newest_backup(const struct task_run *run, size_t step)
{
    for (size_t i = step + 1; i-- > 0;) {
        char *id = task_report_backup(run, i);
        if (id)
            return id;
    }
    return mem_strdup("");
}

static struct facts facts_of(const struct task_run *run, size_t step, int status_number)
{
    struct facts f = {.n = 0};
    const struct task_step *s = &run->task->steps[step];
    AUTO_FREE char *status = mem_printf("%d", status_number);
    AUTO_FREE char *backup = newest_backup(run, step);
    add_fact(&f, "MBE_TASK", run->task->name);
    add_fact(&f, "MBE_HOST", run->host);
    add_fact(&f, "MBE_STEP", s->name);
    add_fact(&f, "MBE_STATUS", status);
    add_fact(&f, "MBE_REPO", s->repo ? s->repo : "");
    add_fact(&f, "MBE_BACKUP", backup);
    return f;
}

static void facts_fini(struct facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i]);
}

/* ---- hooks ---- */

/* *end: how it ended, which is all zero where there is no such hook. */
static struct err *run_hook(struct task_end *end, const struct task_run *run,
                            enum task_setting which, size_t step, int status)
{
    const char *text = task_text(run->task, which);
    *end = (struct task_end){0};
    if (!text)
        return NULL;
    AUTO_FREE char *report = task_report_json(run);
    struct facts facts = facts_of(run, step, status);
    union {
        const char *in[4];
        char *out[4];
    } argv = {{"/bin/sh", "-c", text, NULL}};
    struct err *e = task_process_run(
        end, &(struct task_process){.argv = argv.out,
                                    .facts = (const char *const *)facts.items,
                                    .input = report,
                                    .seconds = seconds_of(run->task, TASK_HOOK_WAIT)});
    facts_fini(&facts);
    if (!e && end->status)
        e = err_make(FAILED, "it ended with status %d: %s", end->status, end->err ? end->err : "");
    return err_wrap(e, "hook %s", task_setting_name(which));
}

/* A hook that fails is a failure of the run. */
static void call_hook(struct task_run *run, enum task_setting which, size_t step, int status,
                      struct log *log)
{
    struct task_end end;
    struct err *e = run_hook(&end, run, which, step, status);
    if (e) {
        log_error(log, "run", "%s", e->message);
        fail_run(run, err_kind_exit(e->kind), "%s", e->message);
    }
    err_free(e);
    task_end_fini(&end);
}

/* ---- steps ---- */

/* The hook in front of a backup, and if it succeeds the step. */
static struct err *do_step(struct task_run *run, size_t i)
{
    const struct task_step *s = &run->task->steps[i];
    struct task_end *end = &run->steps[i].end;
    if (s->verb == VERB_BACKUP) {
        struct task_end hook;
        struct err *e = run_hook(&hook, run, TASK_BEFORE_BACKUP, i, 0);
        task_end_fini(&hook);
        TRY(e);
    }
    struct facts facts = facts_of(run, i, 0);
    struct err *e =
        task_process_run(end, &(struct task_process){.argc = s->argc,
                                                     .n_inherited = s->n_inherited,
                                                     .argv = s->argv,
                                                     .is_mbe = s->verb != VERB_NONE,
                                                     .facts = (const char *const *)facts.items});
    facts_fini(&facts);
    return e;
}

/* The exit status for a step that failed: mbe's own, and that of a program is its own business. */
static int status_for(const struct task_step *s, int status)
{
    return s->verb == VERB_NONE || status > err_kind_exit(ERR_REFUSED) ? err_kind_exit(ERR_FAILED)
                                                                       : status;
}

static void run_step(struct task_run *run, size_t i, struct log *log)
{
    const struct task_step *s = &run->task->steps[i];
    struct step_result *r = &run->steps[i];
    clock_utc(r->started);
    log_info(log, "run", "task %s: step %s begins", run->task->name, s->name);
    struct err *e = do_step(run, i);
    r->state = e || r->end.status ? STEP_FAILED : STEP_OK;
    if (e) {
        free(r->end.err);
        r->end.err = mem_strdup(e->message);
        r->end.status = err_kind_exit(e->kind);
        err_free(e);
    }
    if (r->state == STEP_OK) {
        log_info(log, "run", "task %s: step %s: ok after %.1f s", run->task->name, s->name,
                 r->end.seconds);
    } else {
        log_error(log, "run", "task %s: step %s failed with status %d", run->task->name, s->name,
                  r->end.status);
        fail_run(run, status_for(s, r->end.status), "step %s failed with status %d", s->name,
                 r->end.status);
    }
    if (s->verb == VERB_VERIFY)
        call_hook(run, TASK_AFTER_VERIFY, i, r->end.status, log);
}

static void run_steps(struct task_run *run, struct log *log)
{
    const bool goes_on = task_text(run->task, TASK_KEEP_GOING) != NULL;
    for (size_t i = 0; i < run->task->n && (!run->status || goes_on) && !signals_stop; i++)
        run_step(run, i, log);
    if (signals_stop)
        fail_run(run, err_kind_exit(ERR_INTERRUPTED), "stopped by signal %d", (int)signals_stop);
}

/* ---- what is told ---- */

static void finish(struct task_run *run, double begun)
{
    clock_utc(run->finished);
    run->seconds = clock_seconds() - begun;
}

/* The first step that failed, else the last one. */
static size_t step_to_tell(const struct task_run *run)
{
    for (size_t i = 0; i < run->task->n; i++)
        if (run->steps[i].state == STEP_FAILED)
            return i;
    return run->task->n - 1;
}

static struct err *send_mail(const struct task_run *run)
{
    const char *to = task_text(run->task, TASK_MAIL_TO), *on = task_text(run->task, TASK_MAIL_ON);
    const char *now = run->status ? "failure" : "success";
    struct task_end end;
    if (!to || (strcmp(on, "always") != 0 && strcmp(on, now) != 0))
        return NULL;
    AUTO_FREE char *text = task_report_text(run);
    AUTO_FREE char *message =
        mem_printf("To: %s\nSubject: mbe: task %s on %s: %s\nAuto-Submitted: auto-generated\n"
                   "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                   "Content-Transfer-Encoding: 8bit\n\n%s",
                   to, run->task->name, run->host, run->status ? "FAILED" : "ok", text);
    union {
        const char *in[4];
        char *out[4];
    } argv = {{task_text(run->task, TASK_SENDMAIL), "-t", "-oi", NULL}};
    static const char *const no_facts[] = {NULL};
    struct err *e = task_process_run(
        &end, &(struct task_process){
                  .argv = argv.out, .facts = no_facts, .input = message, .seconds = MAIL_SECONDS});
    if (!e && end.status)
        e = err_make(FAILED, "%s ended with status %d", argv.in[0], end.status);
    task_end_fini(&end);
    return err_wrap(e, "mail");
}

static struct err *write_report(const struct task_run *run)
{
    const char *path = task_text(run->task, TASK_REPORT);
    if (!path)
        return NULL;
    AUTO_FREE char *report = task_report_json(run);
    TRY(file_mkdirs_for(path, 0750));
    return err_wrap(file_replace(path, report, strlen(report), 0640), "report");
}

static void tell_failure(struct task_run *run, struct err *e, struct log *log)
{
    if (e) {
        log_error(log, "run", "%s", e->message);
        fail_run(run, err_kind_exit(e->kind), "%s", e->message);
    }
    err_free(e);
}

/* A stop was asked for, and done: what tells of it is not to be stopped. */
static void tell(struct task_run *run, struct log *log)
{
    signals_stop = 0;
    call_hook(run, run->status ? TASK_ON_FAILURE : TASK_ON_SUCCESS, step_to_tell(run), run->status,
              log);
    tell_failure(run, send_mail(run), log);
    tell_failure(run, write_report(run), log);
}

/* The error's kind is what the exit status is made of. */
static struct err *result_of(const struct task_run *run)
{
    if (!run->status)
        return NULL;
    struct err *e = err_make(FAILED, "task %s: %s", run->task->name, run->failure);
    for (int k = 0; k < err_kind_count(); k++) {
        if (err_kind_exit((enum err_kind)k) != run->status)
            continue;
        e->kind = (enum err_kind)k;
        break;
    }
    return e;
}

static struct err *open_log(struct log **log, const struct task *t, bool debug)
{
    const struct log_options options = {
        .file = task_text(t, TASK_LOG_FILE),
        .to_syslog = task_text(t, TASK_SYSLOG) != NULL,
        .json = !strcmp(task_text(t, TASK_LOG_FORMAT), "json"),
        .min = debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
    };
    return log_open(log, &options);
}

static void run_locked(struct task_run *run, struct log *log)
{
    AUTO(task_lock) lock = NULL;
    struct err *e = task_lock_take(&lock, run->task, seconds_of(run->task, TASK_WAIT));
    if (e)
        tell_failure(run, e, log);
    else
        run_steps(run, log);
}

static struct err *run_task(const struct task *t, const char *host, const struct options *o)
{
    AUTO_FREE struct step_result *steps = mem_zalloc(t->n * sizeof *steps);
    struct task_run run = {.task = t, .host = host, .steps = steps};
    const double begun = clock_seconds();
    struct log *log;
    TRY(open_log(&log, t, o->debug));
    clock_utc(run.started);
    log_info(log, "run", "task %s begins", t->name);
    run_locked(&run, log);
    finish(&run, begun);
    tell(&run, log);
    log_info(log, "run", "task %s: %s", t->name, run.status ? run.failure : "ok");
    log_close(log);
    if (run.status || o->verbose) {
        AUTO_FREE char *text = task_report_text(&run);
        fputs(text, run.status ? stderr : stdout);
    }
    struct err *e = result_of(&run);
    for (size_t i = 0; i < t->n; i++)
        task_end_fini(&steps[i].end);
    free(run.failure);
    return e;
}

struct err *command_task(const struct options *o)
{
    AUTO(config_file) file = NULL;
    AUTO(task) t = NULL;
    char host[TASK_HOST_MAX];
    const struct task_moment moment = task_moment_now(host);
    secret_no_dumps(); /* the steps' passwords are here, and the key may be in the environment */
    TRY(config_file_load(&file, o->config));
    TRY(task_make(&t, file, o->task, &moment));
    return run_task(t, host, o);
}
