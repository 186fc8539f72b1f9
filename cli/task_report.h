/* cli/task_report.h: what became of a run of a task, as JSON for programs and as text for people. */
#ifndef MBE_CLI_TASK_REPORT_H
#define MBE_CLI_TASK_REPORT_H

#include "cli/task.h"
#include "cli/task_process.h"

enum step_state { STEP_NOT_RUN, STEP_OK, STEP_FAILED };

struct step_result {
    enum step_state state;
    char started[32]; /* UTC */
    struct task_end end;
};

struct task_run {
    const struct task *task;
    const char *host;
    char started[32], finished[32]; /* UTC; finished "": it still runs */
    double seconds;
    int status;                /* 0, or the exit status for the first thing that failed */
    char *failure;             /* what that was; NULL: nothing. Owned */
    struct step_result *steps; /* one for each of the task's */
};

/* The report. Owned by caller. Keys are told in docs/tasks.md. */
char *task_report_json(const struct task_run *run);
char *task_report_text(const struct task_run *run);
/* The id that a step which is a backup has printed; NULL: there is none. Owned by caller. */
char *task_report_backup(const struct task_run *run, size_t step);

#endif
