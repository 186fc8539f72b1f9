/* cli/cmd_restore.c: mbe restore. */
#include "cli/command.h"

#include "archive/catalog.h"
#include "base/cleanup.h"
#include "restore/restore.h"

struct err *command_restore(const struct session *s)
{
    const struct options *o = s->options;
    AUTO_FREE char *path = NULL, *id = NULL;
    AUTO_FD int in_use = -1;
    TRY(catalog_find(&path, &id, o->repo, o->backup));
    TRY(catalog_use(&in_use, path));
    const struct restore_options options = {
        .repo = o->repo,
        .backup_id = id,
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
