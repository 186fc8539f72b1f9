/* cli/task_report.c: see task_report.h. */
#include "cli/task_report.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"

static const char *const state_words[] = {
    [STEP_NOT_RUN] = "not run", [STEP_OK] = "ok", [STEP_FAILED] = "failed"};

char *task_report_backup(const struct task_run *run, size_t step)
{
    const struct step_result *r = &run->steps[step];
    if (run->task->steps[step].verb != VERB_BACKUP || !r->end.out)
        return NULL;
    const size_t n = strcspn(r->end.out, "\n");
    return n ? mem_printf("%.*s", (int)n, r->end.out) : NULL;
}

/* Text of any origin; new reference. */
static json_t *text_value(const char *text)
{
    AUTO_FREE char *json = text_json(text ? text : "");
    return json_loads(json, JSON_DECODE_ANY, NULL);
}

static json_t *step_value(const struct task_run *run, size_t i)
{
    const struct task_step *s = &run->task->steps[i];
    const struct step_result *r = &run->steps[i];
    json_t *v = json_pack("{s:s, s:s, s:s}", "name", s->name, "type", s->type, "result",
                          state_words[r->state]);
    if (s->repo)
        json_object_set_new(v, "repo", text_value(s->repo));
    if (r->state == STEP_NOT_RUN)
        return v;
    AUTO_FREE char *backup = task_report_backup(run, i);
    if (backup)
        json_object_set_new(v, "backup", text_value(backup));
    json_object_set_new(v, "started", json_string(r->started));
    json_object_set_new(v, "seconds", json_real(r->end.seconds));
    json_object_set_new(v, "status", json_integer(r->end.status));
    json_object_set_new(v, "output", text_value(r->end.out));
    json_object_set_new(v, "messages", text_value(r->end.err));
    return v;
}

char *task_report_json(const struct task_run *run)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < run->task->n; i++)
        json_array_append_new(steps, step_value(run, i));
    json_t *v = json_pack("{s:s, s:s, s:s, s:s, s:s}", "task", run->task->name, "host", run->host,
                          "mbe_version", MBE_VERSION, "started", run->started, "result",
                          run->status      ? "failed"
                          : *run->finished ? "ok"
                                           : "running");
    json_object_set_new(v, "status", json_integer(run->status));
    if (*run->finished) {
        json_object_set_new(v, "finished", json_string(run->finished));
        json_object_set_new(v, "seconds", json_real(run->seconds));
    }
    if (run->failure)
        json_object_set_new(v, "failure", text_value(run->failure));
    json_object_set_new(v, "steps", steps);
    AUTO_FREE char *text = json_dumps(v, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(v);
    return mem_printf("%s\n", text ? text : "{}");
}

/* Each line of `text` indented, behind *report. */
static void add_lines(char **report, const char *text)
{
    while (text && *text) {
        const size_t n = strcspn(text, "\n");
        AUTO_FREE char *raw = mem_printf("%.*s", (int)n, text);
        AUTO_FREE char *line = text_one_line(raw);
        char *longer = mem_printf("%s  %s\n", *report, line);
        free(*report);
        *report = longer;
        text += n + (text[n] == '\n');
    }
}

static void add_step(char **report, const struct task_run *run, size_t i)
{
    const struct task_step *s = &run->task->steps[i];
    const struct step_result *r = &run->steps[i];
    char took[24];
    AUTO_FREE char *status =
        r->state == STEP_FAILED ? mem_printf(" with status %d", r->end.status) : mem_strdup("");
    char *longer = mem_printf("%s\nstep %s (%s): %s%s%s%s\n", *report, s->name, s->type,
                              state_words[r->state], status, r->state == STEP_NOT_RUN ? "" : ", ",
                              r->state == STEP_NOT_RUN ? "" : text_duration(took, r->end.seconds));
    free(*report);
    *report = longer;
    add_lines(report, r->end.out);
    if (r->state == STEP_FAILED)
        add_lines(report, r->end.err);
}

char *task_report_text(const struct task_run *run)
{
    char took[24];
    char *report = mem_printf("task %s on %s: %s%s%s\nbegun %s, took %s\n", run->task->name,
                              run->host, run->status ? "failed" : "ok", run->failure ? ": " : "",
                              run->failure ? run->failure : "", run->started,
                              text_duration(took, run->seconds));
    for (size_t i = 0; i < run->task->n; i++)
        add_step(&report, run, i);
    return report;
}
