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
    return options_given(o, "tmp-dir") && !keys && is_directory && !o->n_more_repos
               ? err_make(USAGE, "--tmp-dir is for --repo=-, and for backups that are sealed or go "
                                 "to ssh://, s3:// or several repositories")
               : NULL;
}

/* Each repository has the keys to itself. */
static struct err *open_one(struct repo **out, const char *url, const struct repo_options *options)
{
    struct repo_options own = *options;
    own.keys = archive_keys_copy(options->keys);
    own.signing_keys = archive_keys_copy(options->signing_keys);
    own.public_keys = archive_keys_copy(options->public_keys);
    struct err *e = repo_open(out, url, &own);
    if (e) {
        archive_keys_free(own.keys);
        archive_keys_free(own.signing_keys);
        archive_keys_free(own.public_keys);
    }
    return e;
}

/* But for keys. */
static struct repo_options repo_options_of(const struct options *o, const char *tmp_dir,
                                           struct log *log, struct progress *progress)
{
    return (struct repo_options){
        .tmp_dir = tmp_dir,
        .ssh_command = o->ssh_command,
        .remote_mbe = o->remote_mbe,
        .ssh_retry_s = (unsigned)o->ssh_retry,
        .s3 = {.endpoint = o->s3_endpoint,
               .region = o->s3_region,
               .ca_file = o->s3_ca_file,
               .retain_until = o->retain_until,
               .path_style = o->s3_path_style,
               .timeout_s = (unsigned)o->s3_timeout},
        .log = log,
        .progress = progress,
    };
}

struct err *repository_open(struct repo **out, const struct options *o, struct log *log,
                            struct progress *progress)
{
    AUTO_FREE char *tmp_dir = tmp_dir_of(o);
    AUTO(archive_keys) keys = NULL;
    AUTO(archive_keys) signing_keys = NULL;
    AUTO(archive_keys) public_keys = NULL;
    struct repo_options options = repo_options_of(o, tmp_dir, log, progress);
    TRY(keys_load(&keys, o));
    TRY(keys_load_signing(&signing_keys, &public_keys, o));
    TRY(check_tmp_dir(o, keys));
    options.keys = keys;
    options.signing_keys = signing_keys;
    options.public_keys = public_keys;
    for (size_t i = 0; i < options_n_repos(o); i++)
        TRY(open_one(&out[i], options_repo(o, i), &options));
    return NULL;
}

struct err *repository_open_target(struct repo **out, const struct options *o, struct log *log,
                                   struct progress *progress)
{
    const struct repo_options options = repo_options_of(o, NULL, log, progress);
    return repo_open(out, o->to, &options);
}
