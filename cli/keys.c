/* cli/keys.c: see keys.h. */
#include "cli/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"

#define VARIABLE "MBE_KEY"

enum { COMMAND_END_SECONDS = 10 };

/* Up to its end, into text[ARCHIVE_KEYS_TEXT_MAX + 1], which is all zeros. */
static struct err *read_text(char *text, int fd, const char *from)
{
    size_t n = 0;
    for (;;) {
        TRY(file_wait_readable(fd, from));
        const ssize_t r = read(fd, text + n, ARCHIVE_KEYS_TEXT_MAX + 1 - n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_os("%s: cannot read", from);
        if (r == 0)
            break;
        n += (size_t)r;
        if (n > ARCHIVE_KEYS_TEXT_MAX)
            return err_make(USAGE, "%s: is longer than keys can be", from);
    }
    return strlen(text) == n ? NULL : err_make(USAGE, "%s: is no text", from);
}

static struct err *take(struct archive_keys **out, enum archive_key_type type, int fd,
                        const char *from)
{
    char *text = secret_alloc(ARCHIVE_KEYS_TEXT_MAX + 1);
    struct err *e = read_text(text, fd, from);
    if (!e)
        e = archive_keys_parse(out, type, text, from);
    secret_free(text, ARCHIVE_KEYS_TEXT_MAX + 1);
    return e;
}

/* A key that others can read is no secret: that is not warned of, but refused. */
static struct err *check_owner(int fd, const char *path)
{
    struct stat st;
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return err_make(USAGE,
                        "%s: belongs to user %u, and not to the one that runs mbe or to root", path,
                        (unsigned)st.st_uid);
    if (st.st_mode & 07177)
        return err_hint(err_make(USAGE, "%s: has mode %04o, 0600 or less expected", path,
                                 (unsigned)(st.st_mode & 07777)),
                        "If nobody else has seen the key: chmod 600.");
    return NULL;
}

struct err *keys_load_file(struct archive_keys **out, enum archive_key_type type, const char *path,
                           const char *option)
{
    AUTO_FD int fd = -1;
    const bool is_secret = type != ARCHIVE_KEY_PUBLIC;
    if (is_secret)
        secret_no_dumps();
    struct err *e = file_open(&fd, path, O_RDONLY | O_NOCTTY, 0);
    if (e)
        e->kind = ERR_USAGE;
    if (!e && is_secret)
        e = check_owner(fd, path);
    if (!e)
        e = take(out, type, fd, path);
    return err_wrap(e, "%s", option);
}

/* The descriptor is the caller's of the program, for this one purpose. */
static struct err *from_fd(struct archive_keys **out, int fd)
{
    AUTO_FREE char *from = mem_printf("--key-fd=%d", fd);
    if (fcntl(fd, F_GETFD) < 0)
        return err_make(USAGE, "%s: is no open file descriptor", from);
    struct err *e = take(out, ARCHIVE_KEY_SEAL, fd, from);
    close(fd);
    return e;
}

static struct err *run_command(struct child **out, int *from, const char *command)
{
    AUTO_FD int read_end = -1, write_end = -1;
    int ends[2];
    union {
        const char *in[4];
        char *out[4];
    } argv = {{"/bin/sh", "-c", command, NULL}};
    if (pipe2(ends, O_CLOEXEC))
        return err_os("--key-command: cannot make a pipe");
    read_end = ends[0];
    write_end = ends[1];
    TRY(child_start(out, &(struct child_options){.argv = argv.out,
                                                 .uid = (uid_t)-1,
                                                 .gid = (gid_t)-1,
                                                 .output = write_end,
                                                 .shares_stderr = true}));
    *from = read_end;
    read_end = -1;
    return NULL;
}

/* What it printed counts only if it says that all went well. */
static struct err *from_command(struct archive_keys **out, const char *command)
{
    AUTO_FD int from = -1;
    AUTO(child) c = NULL;
    AUTO(archive_keys) keys = NULL;
    TRY_AT(run_command(&c, &from, command), "--key-command");
    struct err *e = take(&keys, ARCHIVE_KEY_SEAL, from, "--key-command");
    if (e && e->kind != ERR_USAGE)
        return e;
    if (!child_wait(c, COMMAND_END_SECONDS) || !child_succeeded(c)) {
        AUTO_FREE char *ending = child_ending(c);
        err_free(e);
        return err_make(USAGE, "--key-command: the command %s", ending);
    }
    TRY(e);
    *out = keys;
    keys = NULL;
    return NULL;
}

/* NULL: it is not set. The process list shows the environment where it lies, so it is overwritten there. */
void keys_clear_environment(void)
{
    char *text = getenv(VARIABLE);
    if (!text)
        return;
    secret_wipe(text, strlen(text));
    unsetenv(VARIABLE);
}

static struct err *from_environment(struct archive_keys **out, bool wanted)
{
    const char *text = getenv(VARIABLE);
    if (!text)
        return NULL;
    secret_no_dumps();
    struct err *e = wanted ? archive_keys_parse(out, ARCHIVE_KEY_SEAL, text, VARIABLE) : NULL;
    keys_clear_environment();
    return e;
}

struct err *keys_load(struct archive_keys **out, const struct options *o)
{
    const bool named = o->key_file || o->key_fd || o->key_command;
    *out = NULL;
    TRY(from_environment(out, !named));
    if (!named)
        return NULL;
    secret_no_dumps();
    return o->key_file ? keys_load_file(out, ARCHIVE_KEY_SEAL, o->key_file, "--key-file")
           : o->key_fd ? from_fd(out, (int)o->key_fd)
                       : from_command(out, o->key_command);
}

static struct err *add_own_public_key(struct archive_keys *public_keys,
                                      const struct archive_keys *signing)
{
    if (public_keys->n == ARCHIVE_KEYS_MAX)
        return err_make(USAGE, "--public-key: there is no room for that of --sign-key");
    return archive_key_public(&public_keys->keys[public_keys->n++], &signing->keys[0]);
}

struct err *keys_load_signing(struct archive_keys **signing_keys, struct archive_keys **public_keys,
                              const struct options *o)
{
    AUTO(archive_keys) signing = NULL;
    AUTO(archive_keys) wanted = NULL;
    *signing_keys = *public_keys = NULL;
    if (o->sign_key)
        TRY(keys_load_file(&signing, ARCHIVE_KEY_SIGN, o->sign_key, "--sign-key"));
    if (o->public_key)
        TRY(keys_load_file(&wanted, ARCHIVE_KEY_PUBLIC, o->public_key, "--public-key"));
    else if (signing)
        wanted = secret_alloc(sizeof *wanted);
    if (signing)
        TRY(add_own_public_key(wanted, signing));
    *signing_keys = signing;
    *public_keys = wanted;
    signing = wanted = NULL;
    return NULL;
}
