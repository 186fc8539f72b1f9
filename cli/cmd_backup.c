/* cli/cmd_backup.c: mbe backup. The id goes to stdout once the backup is published and has been
 * opened again; to stderr if stdout is where the backup went. */
#include "cli/command.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "cli/connection.h"
#include "cli/manifest.h"
#include "cli/password.h"
#include "engine/backup.h"

static struct err *take(char **id, char **manifest, const struct session *s, char *password)
{
    static const enum change_map_mode modes[] = {
        [CHANGE_MAP_CHOICE_AUTO] = CHANGE_MAP_AUTO,
        [CHANGE_MAP_CHOICE_SCAN] = CHANGE_MAP_SCAN,
        [CHANGE_MAP_CHOICE_PAGE_TRACKING] = CHANGE_MAP_PAGE_TRACKING,
    };
    static const enum backup_hash_choice hashes[] = {
        [HASH_CHOICE_TABLES] = BACKUP_HASH_TABLES,
        [HASH_CHOICE_ALL] = BACKUP_HASH_ALL,
        [HASH_CHOICE_NONE] = BACKUP_HASH_NONE,
    };
    const struct options *o = s->options;
    const struct backup_options options = {
        .repo = s->repo,
        .datadir = o->datadir,
        .offline = o->offline,
        .defaults_file = o->defaults_file,
        .conn = connection_of(o, password),
        .parallel = (int)o->parallel,
        .pace = {.rate = o->throttle, .latency_ms = o->pace},
        .pace_file = o->pace_file,
        .codec = o->compress.codec,
        .level = o->compress.level,
        .lock_wait_seconds = (unsigned)o->lock_wait,
        .redo_consumer = o->redo_consumer,
        .redo_archive = o->redo_archive == REDO_ARCHIVE_AUTO,
        .allow_corrupt = o->allow_corrupt,
        .incremental = o->incremental,
        .base = o->base,
        .require_base = o->require_base,
        .change_map = modes[o->change_map],
        .hash = hashes[o->hash],
        .keyring_file = o->keyring_file,
        .keyring_pass_file = o->keyring_pass_file,
        .log = s->log,
        .progress = s->progress,
    };
    return backup_take(&options, id, manifest);
}

/* What was written to a stream cannot be read again. */
static struct err *tell(const struct session *s, const char *id, const char *written)
{
    json_auto_t *manifest = NULL;
    TRY(repo_is_stream(s->repo) ? manifest_parse(&manifest, written, id)
                                : manifest_load(&manifest, s->repo, id));
    AUTO_FREE char *summary = manifest_summary(manifest);
    log_info(s->log, "backup", "%s: %s", id, summary);
    if (json_is_true(manifest_value(manifest, "damaged")))
        return err_make(CORRUPT, "backup %s is complete but holds corrupt pages (%zu are listed)",
                        id, json_array_size(manifest_value(manifest, "corrupt_pages")));
    return NULL;
}

struct err *command_backup(const struct session *s)
{
    AUTO_FREE char *id = NULL, *manifest = NULL;
    char *password = NULL;
    struct err *e = s->options->offline ? NULL : password_load(&password, s->options, s->log);
    if (!e)
        e = take(&id, &manifest, s, password);
    password_free(password);
    if (e)
        return e;
    e = tell(s, id, manifest);
    fprintf(repo_is_stream(s->repo) ? stderr : stdout, "%s\n", id);
    return e;
}
