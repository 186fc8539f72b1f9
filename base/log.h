/* base/log.h: one event per line: "2026-11-24T17:06:32Z info backup: text". To stderr, to a log
 * file, to syslog, each on request; thread-safe. Nothing here touches stdout. Secrets are never
 * passed to it. */
#ifndef MBE_BASE_LOG_H
#define MBE_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct log;

struct log_options {
    const char *file; /* append to this file, or NULL */
    bool to_stderr;
    bool to_syslog;
    bool json;          /* JSON lines with keys time, level, module, text */
    enum log_level min; /* for the file and syslog */
    enum log_level min_stderr;
};

struct err *log_open(struct log **out, const struct log_options *options) MUST_CHECK;
void log_close(struct log *log); /* NULL is fine */
/* log == NULL discards. */
void log_write(struct log *log, enum log_level level, const char *module, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The error that ends a command, to the log file and syslog; the caller tells stderr himself. */
void log_final_error(struct log *log, const char *module, const struct err *e);

#define log_debug(log, module, ...) log_write(log, LOG_LEVEL_DEBUG, module, __VA_ARGS__)
#define log_info(log, module, ...) log_write(log, LOG_LEVEL_INFO, module, __VA_ARGS__)
#define log_warning(log, module, ...) log_write(log, LOG_LEVEL_WARNING, module, __VA_ARGS__)
#define log_error(log, module, ...) log_write(log, LOG_LEVEL_ERROR, module, __VA_ARGS__)

#endif
