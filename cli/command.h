/* cli/command.h: the commands, and what they have in common. Results go to stdout; main checks that
 * they arrived there. */
#ifndef MBE_CLI_COMMAND_H
#define MBE_CLI_COMMAND_H

#include <jansson.h>

#include "base/log.h"
#include "base/progress.h"
#include "cli/options.h"
#include "restore/restore.h"

/* What a command that runs for a while reports through. */
struct session {
    const struct options *options;
    struct repo *repo; /* the first of repos; NULL: the command has none */
    struct repo *repos[OPTION_REPOS_MAX];
    size_t n_repos;
    struct log *log;
    struct progress *progress;
};

struct err *command_backup(const struct session *s) MUST_CHECK;
struct err *command_restore(const struct session *s) MUST_CHECK;
struct err *command_verify(const struct session *s) MUST_CHECK;
struct err *command_hash(const struct session *s) MUST_CHECK;
struct err *command_consolidate(const struct session *s) MUST_CHECK;
struct err *command_delete(const struct session *s) MUST_CHECK;
struct err *command_prune(const struct session *s) MUST_CHECK;
struct err *command_pin(const struct session *s) MUST_CHECK;
struct err *command_unpin(const struct session *s) MUST_CHECK;
struct err *command_copy(const struct session *s) MUST_CHECK;
struct err *command_key(const struct session *s) MUST_CHECK;
struct err *command_serve(const struct session *s) MUST_CHECK;
struct err *command_list(const struct options *o) MUST_CHECK;
struct err *command_show(const struct options *o) MUST_CHECK;
struct err *command_help(const struct options *o) MUST_CHECK;
/* mbe run */
struct err *command_task(const struct options *o) MUST_CHECK;
struct err *command_config(const struct options *o) MUST_CHECK;

/* The command that the options name. */
struct err *command_run(const struct options *o) MUST_CHECK;
/* A result that did not reach its reader is no success. */
struct err *command_flush(void) MUST_CHECK;
/* Tells the error on standard error, takes it, and returns the exit status; NULL: 0. */
int command_report(struct err *e, bool debug);

/* What the command line says of a restore of that backup. */
struct restore_options restore_of(const struct session *s, const char *backup_id);

/* Opens log and progress as the options say, runs, records the error in the log. */
struct err *session_run(const struct options *o,
                        struct err *(*command)(const struct session *)) MUST_CHECK;

/* Text of any origin on stdout, one line, padded to `width` columns. */
void print_clean(const char *text, int width);
/* What became of a backup, on a line: "deleted  ID", "  " and `why` behind it unless that is NULL. */
void print_done(const char *what, const char *id, const char *why);
void print_json(const json_t *value);

#endif
