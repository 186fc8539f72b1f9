/* cli/task_variables.h: %date% and the like in values of the configuration file. */
#ifndef MBE_CLI_TASK_VARIABLES_H
#define MBE_CLI_TASK_VARIABLES_H

#include <time.h>

#include "base/err.h"

struct task_variables {
    time_t when;
    const char *host, *task, *repo; /* repo NULL: there is none */
};

/* The text with %date% (2026-11-28), %time% (033000), %datetime% (20261128T033000Z), %host%, %task% and %repo% replaced, %% by %; times
 * are UTC. Owned by caller. USAGE when there is another, or no repository to name. */
struct err *task_expand(char **out, const char *text,
                        const struct task_variables *variables) MUST_CHECK;

#endif
