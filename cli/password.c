/* cli/password.c: see password.h. */
#include "cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

enum { PASSWORD_MAX = 1024 };

void password_free(char *password)
{
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
}

/* First line of fd, without its end: a pipe (`--password-file=<(...)`) is as good as a file. */
static struct err *read_line(char line[PASSWORD_MAX], int fd, const char *from)
{
    size_t n = 0;
    for (;;) {
        TRY(file_wait_readable(fd, from));
        const ssize_t r = read(fd, line + n, 1);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_os("%s: cannot read", from);
        if (r == 0 || line[n] == '\n')
            break;
        if (++n == PASSWORD_MAX)
            return err_make(USAGE, "%s: the first line is longer than a password can be", from);
    }
    if (n > 0 && line[n - 1] == '\r')
        n--;
    line[n] = '\0';
    if (strlen(line) != n)
        return err_make(USAGE, "%s: the first line is no text", from);
    return NULL;
}

static struct err *take_line(char **out, int fd, const char *from)
{
    char line[PASSWORD_MAX];
    struct err *e = read_line(line, fd, from);
    if (!e)
        *out = mem_strdup(line);
    explicit_bzero(line, sizeof line);
    return e;
}

static struct err *from_file(char **out, const char *path, struct log *log)
{
    AUTO_FD int fd = -1;
    struct err *e = file_open(&fd, path, O_RDONLY | O_NOCTTY, 0);
    if (e) {
        e->kind = ERR_USAGE;
        return err_wrap(e, "--password-file");
    }
    struct stat st;
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO)))
        log_warning(log, "mbe", "%s can be read or changed by others (mode %03o): chmod 600 it",
                    path, (unsigned)(st.st_mode & 0777));
    TRY(take_line(out, fd, path));
    if (**out)
        return NULL;
    password_free(*out);
    *out = NULL;
    return err_make(USAGE, "--password-file: %s: the first line is empty", path);
}

static struct err *from_terminal(char **out)
{
    static const char prompt[] = "Password: ";
    AUTO_FD int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios as_it_was, quiet;
    if (fd < 0 || tcgetattr(fd, &as_it_was))
        return err_hint(err_make(USAGE, "--password: there is no terminal to ask on"),
                        "Put the password into an option file or use --password-file.");
    quiet = as_it_was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(fd, TCSAFLUSH, &quiet))
        return err_os("/dev/tty: cannot turn the echo off");
    struct err *e = file_write(fd, prompt, sizeof prompt - 1, "/dev/tty");
    if (!e)
        e = take_line(out, fd, "/dev/tty");
    tcsetattr(fd, TCSAFLUSH, &as_it_was);
    return err_first(e, file_write(fd, "\n", 1, "/dev/tty"));
}

struct err *password_load(char **out, const struct options *o, struct log *log)
{
    *out = NULL;
    if (o->password_file)
        return from_file(out, o->password_file, log);
    if (o->password.prompt)
        return from_terminal(out);
    if (o->password.text)
        *out = mem_strdup(o->password.text);
    return NULL;
}
