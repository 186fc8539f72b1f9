/* cli/help.h: help, manual page and shell completion, all printed from the tables of options.def
 * and base/err_kinds.def. */
#ifndef MBE_CLI_HELP_H
#define MBE_CLI_HELP_H

#include <stdio.h>

#include "cli/options.h"

/* What `mbe --help` prints; of one command when verb is not VERB_NONE. */
void help_print(FILE *out, enum verb verb);
/* For man(1). */
void help_print_man(FILE *out);
/* For bash(1); needs nothing but bash. */
void help_print_completion(FILE *out);

/* Calls `row` for each exit status, lowest first, with what it stands for. */
void help_each_exit_status(void (*row)(FILE *out, int status, const char *meaning), FILE *out);

#endif
