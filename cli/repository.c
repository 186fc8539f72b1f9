/* cli/repository.c: see repository.h. */
#include "cli/repository.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cli/keys.h"

/* `path`, or the nearest directory above it that is there. Owned by caller. */
static char *nearest_directory(const char *path)
{
    char *p = mem_strdup(path);
    struct stat st;
    while ((stat(p, &st) || !S_ISDIR(st.st_mode)) && strcmp(p, "/") && strcmp(p, ".")) {
        char *slash = strrchr(p, '/');
        if (slash)
            slash[slash == p ? 1 : 0] = '\0';
        else
            strcpy(p, ".");
    }
    return p;
}

/* A restore needs room for its datadir anyhow: there is more of it there than anywhere else, as a rule. */
static char *tmp_dir_of(const struct options *o)
{
    if (o->tmp_dir)
        return mem_strdup(o->tmp_dir);
    return o->verb == VERB_RESTORE ? nearest_directory(o->datadir) : NULL;
}

/* Whether there is a key is known only now: it may be in the environment. */
static struct err *check_tmp_dir(const struct options *o, const struct archive_keys *keys)
{
    const bool is_directory = strcmp(o->repo, "-") && !strstr(o->repo, "://");
    return options_given(o, "tmp-dir") && !keys && is_directory
               ? err_make(USAGE, "--tmp-dir is for --repo=-, and for backups that are sealed or go "
                                 "to ssh://")
               : NULL;
}

struct err *repository_open(struct repo **out, const struct options *o, struct log *log,
                            struct progress *progress)
{
    AUTO_FREE char *tmp_dir = tmp_dir_of(o);
    struct repo_options options = {
        .tmp_dir = tmp_dir,
        .ssh_command = o->ssh_command,
        .remote_mbe = o->remote_mbe,
        .s3 = {.endpoint = o->s3_endpoint,
               .region = o->s3_region,
               .ca_file = o->s3_ca_file,
               .retain_until = o->retain_until,
               .path_style = o->s3_path_style,
               .timeout_s = (unsigned)o->s3_timeout},
        .log = log,
        .progress = progress,
    };
    TRY(keys_load(&options.keys, o));
    struct err *e = keys_load_signing(&options.signing_keys, &options.public_keys, o);
    if (!e)
        e = check_tmp_dir(o, options.keys);
    if (!e)
        e = repo_open(out, o->repo, &options);
    if (e) {
        archive_keys_free(options.keys);
        archive_keys_free(options.signing_keys);
        archive_keys_free(options.public_keys);
    }
    return e;
}
