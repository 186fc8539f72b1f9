/* base/log.c: see log.h. There is no lock: a line leaves in one write(2) to a descriptor in append
 * mode (or to stderr), which keeps lines whole, and syslog(3) is thread-safe. */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

struct log {
    struct log_options options;
    int fd; /* of the log file, or -1 */
    bool stderr_is_tty;
};

static const struct {
    const char *name;
    int syslog_priority;
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
};

struct err *log_open(struct log **out, const struct log_options *options)
{
    int fd = -1;
    if (options->file)
        TRY_AT(file_open(&fd, options->file, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, 0640),
               "log file");
    struct log *log = mem_zalloc(sizeof *log);
    log->options = *options;
    log->options.file = NULL; /* borrowed, and not needed again */
    log->fd = fd;
    log->stderr_is_tty = isatty(STDERR_FILENO);
    if (options->to_syslog)
        openlog("mbe", LOG_PID, LOG_DAEMON);
    *out = log;
    return NULL;
}

void log_close(struct log *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    if (log->options.to_syslog)
        closelog();
    free(log);
}

/* One line with its newline, owned by caller. */
static char *line_of(const struct log *log, enum log_level level, const char *module,
                     const char *text)
{
    char now[32];
    clock_utc(now);
    if (log->options.json) {
        AUTO_FREE char *json = text_json(text);
        return mem_printf("{\"time\":\"%s\",\"level\":\"%s\",\"module\":\"%s\",\"text\":%s}\n", now,
                          levels[level].name, module, json);
    }
    AUTO_FREE char *line = text_one_line(text);
    return mem_printf("%s %s %s: %s\n", now, levels[level].name, module, line);
}

/* A log that cannot be written must not fail the backup it tells of. */
static void put(int fd, const char *line)
{
    err_free(file_write(fd, line, strlen(line), "log"));
}

/* A progress bar may be standing in the terminal's last line: clear that first, it is redrawn. */
static void put_stderr(const struct log *log, const char *line)
{
    AUTO_FREE char *cleared = log->stderr_is_tty ? mem_printf("\r\033[K%s", line) : NULL;
    put(STDERR_FILENO, cleared ? cleared : line);
}

static void emit(const struct log *log, enum log_level level, const char *module, const char *text,
                 bool to_stderr)
{
    const bool to_record = level >= log->options.min;
    to_stderr = to_stderr && level >= log->options.min_stderr;
    if (!to_record && !to_stderr)
        return;
    AUTO_FREE char *line = line_of(log, level, module, text);
    if (to_stderr)
        put_stderr(log, line);
    if (to_record && log->fd >= 0)
        put(log->fd, line);
    if (to_record && log->options.to_syslog) {
        AUTO_FREE char *one = text_one_line(text);
        syslog(levels[level].syslog_priority, "%s: %s", module, one);
    }
}

void log_write(struct log *log, enum log_level level, const char *module, const char *fmt, ...)
{
    if (!log)
        return;
    AUTO_FREE char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    const int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        text = NULL; /* undefined after a failure; better no line than no backup */
    else
        emit(log, level, module, text, log->options.to_stderr);
}

void log_final_error(struct log *log, const char *module, const struct err *e)
{
    if (!log)
        return;
    emit(log, LOG_LEVEL_ERROR, module, e->message, false);
    if (e->hint)
        emit(log, LOG_LEVEL_INFO, module, e->hint, false);
}
