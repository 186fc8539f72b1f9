/* cli/cmd_backup.c: mbe backup. The id goes to stdout once the backup is published and has been
 * opened again; to stderr if stdout is where the backup went. */
#include "cli/command.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/connection.h"
#include "cli/manifest.h"
#include "cli/password.h"
#include "engine/backup.h"

_Static_assert((int)OPTION_REPOS_MAX <= (int)SINK_BRANCHES_MAX, "a backup can go to each of them");

static struct err *take(char **id, char **manifest, const struct session *s,
                        struct destination *destinations, char *password)
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
        .destinations = destinations,
        .n_destinations = s->n_repos,
        .tmp_dir = o->tmp_dir,
        .spill_max = o->spill_max,
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
static struct err *open_again(const struct destination *d, const char *id)
{
    json_auto_t *manifest = NULL;
    return repo_is_stream(d->repo) ? NULL : manifest_load(&manifest, d->repo, id);
}

/* A line for each destination. */
static void tell_destinations(const struct session *s, struct destination *destinations,
                              const char *id)
{
    for (size_t i = 0; i < s->n_repos; i++) {
        const struct sink_branch *b = &destinations[i].branch;
        struct err *e = b->error ? NULL : open_again(&destinations[i], id);
        char bytes[16];
        if (e)
            destination_fail(&destinations[i], e, NULL);
        text_bytes(bytes, b->bytes);
        if (b->error)
            log_error(s->log, "backup", "%s; %s had gone there", b->error->message, bytes);
        else
            log_info(s->log, "backup", "%s: has it, %s", b->name, bytes);
    }
}

/* Of one destination its own error; of several how many do not have the backup: which, was told. */
static struct err *check_destinations(const struct session *s, struct destination *destinations,
                                      const char *id)
{
    if (s->n_repos == 1)
        return open_again(&destinations[0], id);
    size_t n_failed = 0;
    tell_destinations(s, destinations, id);
    for (size_t i = 0; i < s->n_repos; i++)
        n_failed += destinations[i].branch.error != NULL;
    return n_failed ? err_make(FAILED, "backup %s is in %zu of %zu repositories only", id,
                               s->n_repos - n_failed, s->n_repos)
                    : NULL;
}

static struct err *tell(const struct session *s, struct destination *destinations, const char *id,
                        const char *written)
{
    json_auto_t *manifest = NULL;
    TRY(manifest_parse(&manifest, written, id));
    AUTO_FREE char *summary = manifest_summary(manifest);
    log_info(s->log, "backup", "%s: %s", id, summary);
    struct err *damage = NULL;
    if (json_is_true(manifest_value(manifest, "damaged")))
        damage = err_make(CORRUPT, "backup %s is complete but holds corrupt pages (%zu are listed)",
                          id, json_array_size(manifest_value(manifest, "corrupt_pages")));
    return err_after(damage, check_destinations(s, destinations, id));
}

static bool goes_to_stdout(const struct session *s)
{
    for (size_t i = 0; i < s->n_repos; i++)
        if (repo_is_stream(s->repos[i]))
            return true;
    return false;
}

static struct err *run(const struct session *s, struct destination *destinations)
{
    AUTO_FREE char *id = NULL, *manifest = NULL;
    char *password = NULL;
    struct err *e = s->options->offline ? NULL : password_load(&password, s->options, s->log);
    if (!e)
        e = take(&id, &manifest, s, destinations, password);
    password_free(password);
    if (e)
        return e;
    e = tell(s, destinations, id, manifest);
    fprintf(goes_to_stdout(s) ? stderr : stdout, "%s\n", id);
    return e;
}

struct err *command_backup(const struct session *s)
{
    struct destination destinations[OPTION_REPOS_MAX];
    for (size_t i = 0; i < s->n_repos; i++)
        destination_init(&destinations[i], s->repos[i]);
    struct err *e = run(s, destinations);
    for (size_t i = 0; i < s->n_repos; i++)
        destination_fini(&destinations[i]);
    return e;
}
