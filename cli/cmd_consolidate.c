/* cli/cmd_consolidate.c: mbe consolidate. Prints the id of the new backup. */
#include "cli/command.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "restore/consolidate.h"

struct err *command_consolidate(const struct session *s)
{
    const struct options *o = s->options;
    AUTO_FREE char *id = NULL;
    const struct consolidate_options options = {
        .repo = s->repo,
        .backup_id = o->backup,
        .keyring_file = o->keyring_file,
        .keyring_pass_file = o->keyring_pass_file,
        .archive = {.codec = o->compress.codec, .level = o->compress.level},
        .memory = o->memory,
        .parallel = (int)o->parallel,
        .log = s->log,
        .progress = s->progress,
    };
    TRY(consolidate_run(&id, &options));
    puts(id);
    return NULL;
}
