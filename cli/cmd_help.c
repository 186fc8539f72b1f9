/* cli/cmd_help.c: mbe help. */
#include "cli/command.h"

#include <stdio.h>

#include "cli/help.h"

struct err *command_help(const struct options *o)
{
    if (o->man)
        help_print_man(stdout);
    else if (o->completion)
        help_print_completion(stdout);
    else
        help_print(stdout, o->help_of);
    return NULL;
}
