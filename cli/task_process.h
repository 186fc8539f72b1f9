/* cli/task_process.h: what a run of a task starts: steps, hooks, the mailer. Each is a process of its own (base/child.h), so that
 * nothing that becomes of it ends the run; what it prints is kept. */
#ifndef MBE_CLI_TASK_PROCESS_H
#define MBE_CLI_TASK_PROCESS_H

#include <stdbool.h>

#include "base/err.h"

struct task_process {
    int argc, n_inherited; /* n_inherited: of mbe, see options_parse_inherited */
    char **argv;           /* NULL ends it. The program, found in PATH; of mbe, its command line */
    bool is_mbe; /* the words are a command line of ours, which is run without a program */
    const char *const *facts; /* NAME=VALUE for its environment; NULL ends it */
    const char *input;        /* what its standard input is; NULL: nothing */
    double seconds;           /* how long it may take; 0: as long as it takes */
};

/* How it ended. */
struct task_end {
    int status; /* its exit status; 128 and a signal's number; that of a step that could not be started is 1 */
    char *out,
        *err; /* what it wrote to its standard output, the beginning, and standard error, the end. Owned */
    double seconds;
};

/* Waits for the end. A signal that asks us to stop is passed on first. An error: it could not be started. */
struct err *task_process_run(struct task_end *end, const struct task_process *p) MUST_CHECK;
void task_end_fini(struct task_end *end);

#endif
