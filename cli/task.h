/* cli/task.h: a task of the configuration file: what is to be done, as data. Making one opens nothing and runs nothing.
 *
 * A [task NAME] has steps = A, B, ...: each is described in [step A], where type= says what it does; without type, or without such a
 * section, the step's name does. A task without steps is one step itself. A setting is looked for in the step's section, then the
 * task's, then [defaults]: the first that has it counts, and an empty value means that it is not given. Settings of a step are the long
 * options of the command (cli/options.def) and are checked by them; those of a task are in task_settings. */
#ifndef MBE_CLI_TASK_H
#define MBE_CLI_TASK_H

#include <time.h>

#include "cli/config_file.h"
#include "cli/options.h"

/* When and where a run begins, for %date% and the like. */
struct task_moment {
    time_t when;
    const char *host;
};

enum { TASK_HOST_MAX = 256 };

/* Now, on this machine; the name goes to `host`. */
struct task_moment task_moment_now(char host[TASK_HOST_MAX]);

enum task_setting {
    TASK_KEEP_GOING, /* yes: a step that fails does not end the task */
    TASK_WAIT,       /* seconds, for other runs with the same repository */
    TASK_REPORT,     /* file for the report in JSON */
    TASK_MAIL_TO,
    TASK_MAIL_ON,
    TASK_SENDMAIL,
    TASK_HOOK_WAIT,
    TASK_BEFORE_BACKUP, /* hooks: text for /bin/sh */
    TASK_AFTER_VERIFY,
    TASK_ON_SUCCESS,
    TASK_ON_FAILURE,
    TASK_LOG_FILE, /* options of commands, too, which the run itself has as well */
    TASK_SYSLOG,
    TASK_LOG_FORMAT,
    TASK_SETTINGS,
};

/* One setting that counts, with its variables replaced. */
struct task_value {
    const char *name;
    char *text; /* owned; NULL: a flag that is on, or a value that is left out */
    bool is_secret;
    const struct config_section *section; /* where it is from */
    const struct config_key *key;
};

struct task_step {
    char *name;                           /* owned */
    const char *type;                     /* the name of a command, or "command" */
    const struct config_section *section; /* NULL: it has none */
    enum verb verb;                       /* VERB_NONE: a program */
    const char *repo;                     /* of a copy where it goes to; NULL: it has none */
    struct task_value *values;
    size_t n, cap;
    char **argv; /* of mbe, its name first; or of the program. NULL ends it */
    int argc;
    int n_inherited; /* of the words behind the command's name; see options_parse_inherited */
};

struct task {
    const struct config_file *file; /* borrowed */
    const struct config_section *section;
    const char *name;
    struct task_value settings[TASK_SETTINGS]; /* key NULL: not given */
    struct task_step *steps;
    size_t n, cap;
    bool is_one_step; /* it has no steps= */
};

/* The task with that name, checked: every step is a command line that mbe takes. USAGE otherwise, with file, line and key, and what is
 * allowed. Owned by caller; the file is borrowed until task_free. */
struct err *task_make(struct task **out, const struct config_file *file, const char *name,
                      const struct task_moment *moment) MUST_CHECK;
void task_free(struct task *t);
CLEANUP(task, task_free)

/* Every task of the file, and that there is nothing in it that no task uses; *n_tasks: how many. */
struct err *task_check_all(size_t *n_tasks, const struct config_file *file,
                           const struct task_moment *moment) MUST_CHECK;

/* Its text, or the default if it is not given; NULL: there is none. A flag that is on is "yes". */
const char *task_text(const struct task *t, enum task_setting which);
/* The name of a task's setting, as the file has it. */
const char *task_setting_name(enum task_setting which);

#endif
