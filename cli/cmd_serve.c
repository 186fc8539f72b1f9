/* cli/cmd_serve.c: mbe serve. Started by ssh for an mbe on another machine, which speaks to it over standard input and output. */
#include "cli/command.h"

#include <unistd.h>

#include "archive/repo_serve.h"

struct err *command_serve(const struct session *s)
{
    if (!repo_directory(s->repo))
        return err_make(USAGE, "%s: only a directory of this machine is served",
                        repo_name(s->repo));
    return repo_serve(s->repo, STDIN_FILENO, STDOUT_FILENO);
}
