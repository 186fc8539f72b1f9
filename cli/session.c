/* cli/session.c: see command.h. */
#include "cli/command.h"

#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/repository.h"

static enum progress_mode progress_mode_of(const struct options *o)
{
    switch ((enum progress_choice)o->progress) {
    case PROGRESS_CHOICE_AUTO:
        return isatty(STDERR_FILENO) && !o->quiet ? PROGRESS_BAR : PROGRESS_NONE;
    case PROGRESS_CHOICE_BAR:
        return PROGRESS_BAR;
    case PROGRESS_CHOICE_JSON:
        return PROGRESS_JSON;
    case PROGRESS_CHOICE_NONE:
        break;
    }
    return PROGRESS_NONE;
}

struct err *session_run(const struct options *o, struct err *(*command)(const struct session *))
{
    const char *name = verb_rows[o->verb].name;
    const enum log_level least = o->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    const struct log_options log_options = {
        .file = o->log_file,
        .to_stderr = true,
        .to_syslog = o->syslog,
        .json = o->log_format == LOG_FORMAT_JSON,
        .min = least,
        .min_stderr = o->quiet ? LOG_LEVEL_WARNING : least,
    };
    struct session s = {.options = o, .n_repos = options_n_repos(o)};
    TRY(log_open(&s.log, &log_options));
    s.progress = progress_open(progress_mode_of(o), name);
    struct err *e = s.n_repos ? repository_open(s.repos, o, s.log, s.progress) : NULL;
    s.repo = s.repos[0];
    if (!e)
        e = command(&s);
    for (size_t i = 0; i < s.n_repos; i++)
        repo_close(s.repos[i]);
    progress_close(s.progress);
    if (e)
        log_final_error(s.log, name, e);
    log_close(s.log);
    /* Errors own all they hold; cppcheck cannot see that the command kept nothing of s in it. */
    // cppcheck-suppress returnDanglingLifetime
    return e;
}

void print_clean(const char *text, int width)
{
    AUTO_FREE char *line = text_one_line(text);
    printf("%-*s", width, line);
}

void print_done(const char *what, const char *id, const char *why)
{
    print_clean(what, 0);
    print_clean("  ", 0);
    print_clean(id, 0);
    print_clean(why ? "  " : "", 0);
    print_clean(why ? why : "", 0);
    putchar('\n');
}

void print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    putchar('\n');
}
