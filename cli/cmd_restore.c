/* cli/cmd_restore.c: mbe restore. */
#include "cli/command.h"

#include "restore/restore.h"

struct err *command_restore(const struct session *s)
{
    const struct options *o = s->options;
    const struct restore_options options = {
        .repo = o->repo,
        .backup_id = o->backup,
        .datadir = o->datadir,
        .user = o->user,
        .group = o->group,
        .keyring_file = o->keyring_file,
        .keyring_pass_file = o->keyring_pass_file,
        .memory = o->memory,
        .parallel = (int)o->parallel,
        .external_dir = o->external_dir,
        .log = s->log,
        .progress = s->progress,
    };
    return restore_run(&options);
}
