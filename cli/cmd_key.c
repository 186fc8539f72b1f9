/* cli/cmd_key.c: mbe key generate, mbe key rotate. */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive/rewrap.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/signals.h"
#include "cli/keys.h"

/* ---- generate ---- */

static struct err *write_key(int fd, enum archive_key_type type, const struct archive_key *key,
                             const char *path)
{
    char *line = secret_alloc(ARCHIVE_KEY_TEXT);
    archive_key_text(line, type, key);
    struct err *e = file_write(fd, line, ARCHIVE_KEY_TEXT, path);
    secret_free(line, ARCHIVE_KEY_TEXT);
    return e ? e : file_fsync(fd, path);
}

/* "/a/b" is in "/a", "b" in "."; owned by caller. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? mem_strdup(".")
                  : mem_printf("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* A file that is there may be a key that backups need: it is never written over. */
static struct err *create(const char *path, enum archive_key_type type,
                          const struct archive_key *key)
{
    AUTO_FD int fd = -1;
    AUTO_FREE char *dir = directory_of(path);
    const mode_t mode = type == ARCHIVE_KEY_PUBLIC ? 0644 : 0600;
    struct err *e = file_open(&fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (e && e->os_errno == EEXIST) {
        err_free(e);
        return err_make(REFUSED, "%s: is there already, and may be a key that is in use", path);
    }
    TRY(e);
    e = write_key(fd, type, key, path);
    if (!e)
        e = file_fsync_dir(dir);
    if (e)
        unlink(path);
    return e;
}

/* Both files or none. */
static struct err *create_pair(const struct options *o, const struct archive_key *signing)
{
    AUTO_FREE char *beside = mem_printf("%s.pub", o->output);
    struct archive_key public_key;
    TRY(archive_key_public(&public_key, signing));
    TRY(create(o->output, ARCHIVE_KEY_SIGN, signing));
    struct err *e =
        create(o->public_output ? o->public_output : beside, ARCHIVE_KEY_PUBLIC, &public_key);
    if (e)
        unlink(o->output);
    return e;
}

static struct err *generate(const struct session *s)
{
    const struct options *o = s->options;
    const char *path = o->output;
    secret_no_dumps();
    struct archive_key *key = secret_alloc(sizeof *key);
    struct err *e = archive_key_random(key, o->signing ? ARCHIVE_KEY_SIGN : ARCHIVE_KEY_SEAL);
    if (!e)
        e = o->signing ? create_pair(o, key) : create(path, ARCHIVE_KEY_SEAL, key);
    if (!e) {
        log_info(s->log, "key", "%s: made; keep a copy in another place than the backups", path);
        printf("%016" PRIx64 "\n", key->id);
    }
    secret_free(key, sizeof *key);
    return e;
}

/* ---- rotate ---- */

static const char *const outcomes[] = {
    [REWRAP_DONE] = "rotated",
    [REWRAP_HAS_IT] = "has this key already",
    [REWRAP_IN_CLEAR] = "is not sealed",
};

/* What is wrong with one backup does not keep the others from getting the key; that is told at once, and ends the run with an error. */
static struct err *rotate_all(const struct session *s, const struct backup_ids *ids,
                              const struct archive_key *key)
{
    struct err *first = NULL;
    for (size_t i = 0; i < ids->n; i++) {
        enum rewrap_outcome outcome;
        struct err *stop = signals_check();
        if (stop)
            return err_first(stop, first);
        struct err *e = repo_rewrap(&outcome, s->repo, ids->ids[i], key);
        if (e && e->os_errno == ENOENT) {
            err_free(e);
            continue; /* deleted meanwhile */
        }
        if (e)
            log_error(s->log, "key", "backup %s does not take the new key: %s", ids->ids[i],
                      e->message);
        else
            printf("%s  %s\n", ids->ids[i], outcomes[outcome]);
        first = err_first(first, err_wrap(e, "backup %s", ids->ids[i]));
    }
    return first;
}

static struct err *choose(struct backup_ids *ids, const struct session *s)
{
    char *found;
    if (!strcmp(s->options->backup, "all"))
        return repo_list(ids, s->repo);
    TRY(repo_find(&found, s->repo, s->options->backup));
    backup_ids_add(ids, found);
    return NULL;
}

static struct err *rotate(const struct session *s)
{
    AUTO(archive_keys) keys = NULL;
    struct backup_ids ids = {0};
    TRY(keys_load_file(&keys, ARCHIVE_KEY_SEAL, s->options->new_key_file, "--new-key-file"));
    struct err *e = choose(&ids, s);
    if (!e)
        e = rotate_all(s, &ids, &keys->keys[0]);
    backup_ids_fini(&ids);
    return e;
}

struct err *command_key(const struct session *s)
{
    return s->options->key_action == KEY_ACTION_GENERATE ? generate(s) : rotate(s);
}
