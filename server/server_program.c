/* server/server_program.c: see server_program.h. */
#include "server/server_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

enum { VERSION_SECONDS = 10, VERSION_MAX = 4096, NAMES_MAX = 2 };

static const char *const names[][NAMES_MAX] = {
    [FLAVOUR_MARIADB] = {"mariadbd", "mysqld"},
    [FLAVOUR_MYSQL] = {"mysqld"},
};

/* Behind those of PATH: servers are seldom in a user's. */
static const char usual_places[] = "/usr/sbin:/usr/libexec:/usr/local/sbin:/usr/local/libexec:"
                                   "/usr/local/mysql/bin:/opt/mysql/bin";

struct err *server_program_parse(enum server_flavour *flavour, char **number, const char *text)
{
    const char *version = strstr(text, " Ver ");
    if (!version)
        return err_make(REFUSED, "does not say its version as a server does");
    version += strlen(" Ver ");
    AUTO_FREE char *word = mem_printf("%.*s", (int)strcspn(version, " \n"), version);
    return version_check(flavour, number, word, NULL);
}

bool server_program_fits(const char *number, const char *wanted)
{
    unsigned has[3] = {0}, wants[3] = {0};
    if (sscanf(number, "%3u.%3u.%3u", &has[0], &has[1], &has[2]) < 2 ||
        sscanf(wanted, "%3u.%3u.%3u", &wants[0], &wants[1], &wants[2]) < 2)
        return false;
    return has[0] == wants[0] && has[1] == wants[1] && has[2] >= wants[2];
}

/* What it prints to the memory file `fd`. */
static struct err *run_for_version(const char *program, int fd)
{
    union {
        const char *in[4];
        char *out[4];
    } argv = {{program, "--no-defaults", "--version", NULL}};
    AUTO(child) c = NULL;
    TRY(child_start(&c, &(struct child_options){
                            .argv = argv.out, .uid = (uid_t)-1, .gid = (gid_t)-1, .output = fd}));
    if (!child_wait(c, VERSION_SECONDS))
        return err_make(FAILED, "%s --version does not end", program);
    AUTO_FREE char *ending = child_ending(c);
    return child_succeeded(c) ? NULL : err_make(FAILED, "%s --version %s", program, ending);
}

static struct err *ask_version(enum server_flavour *flavour, char **number, const char *program)
{
    char text[VERSION_MAX + 1];
    size_t n;
    AUTO_FD int fd = memfd_create("mbe-version", MFD_CLOEXEC);
    if (fd < 0)
        return err_os("cannot make a memory file");
    TRY(run_for_version(program, fd));
    TRY(file_pread(fd, text, VERSION_MAX, 0, &n, program));
    text[n] = '\0';
    return err_wrap(server_program_parse(flavour, number, text), "%s", program);
}

/* *what: "MariaDB 10.11.19", owned by caller. */
static struct err *judge(bool *fits, char **what, const char *program, enum server_flavour flavour,
                         const char *wanted)
{
    enum server_flavour found = flavour;
    AUTO_FREE char *number = NULL;
    TRY(ask_version(&found, &number, program));
    *what = mem_printf("%s %s", server_flavour_name(found), number);
    *fits = found == flavour && server_program_fits(number, wanted);
    return NULL;
}

static struct err *use_given(char **path, const char *given, enum server_flavour flavour,
                             const char *wanted)
{
    bool fits;
    AUTO_FREE char *what = NULL;
    TRY_AT(judge(&fits, &what, given, flavour, wanted), "--mysqld");
    if (!fits)
        return err_make(
            REFUSED,
            "%s is %s; the backup is of %s %s, and needs that or a later release of its series",
            given, what, server_flavour_name(flavour), wanted);
    *path = mem_strdup(given);
    return NULL;
}

/* What was found that does not fit, for a message: "/usr/sbin/mysqld is MariaDB 10.11.19". */
struct search {
    enum server_flavour flavour;
    const char *wanted;
    char *path;   /* found */
    char *others; /* or NULL */
};

static void note_other(struct search *s, const char *program, struct err *e, const char *what)
{
    char *longer = mem_printf("%s%s%s%s%s", s->others ? s->others : "", s->others ? "; " : "",
                              e ? e->message : program, e ? "" : " is ", e ? "" : what);
    free(s->others);
    s->others = longer;
}

static void try_program(struct search *s, const char *program)
{
    bool fits = false;
    AUTO_FREE char *what = NULL;
    if (access(program, X_OK))
        return;
    struct err *e = judge(&fits, &what, program, s->flavour, s->wanted);
    if (fits)
        s->path = mem_strdup(program);
    else
        note_other(s, program, e, what);
    err_free(e);
}

static void try_places(struct search *s, const char *list)
{
    AUTO_FREE char *copy = mem_strdup(list);
    char *save = NULL;
    for (const char *dir = strtok_r(copy, ":", &save); dir && !s->path;
         dir = strtok_r(NULL, ":", &save))
        for (int i = 0; i < NAMES_MAX && names[s->flavour][i] && !s->path; i++) {
            AUTO_FREE char *program = mem_printf("%s/%s", dir, names[s->flavour][i]);
            try_program(s, program);
        }
}

struct err *server_program_find(char **path, const char *given, enum server_flavour flavour,
                                const char *wanted)
{
    if (given)
        return use_given(path, given, flavour, wanted);
    const char *search_path = getenv("PATH");
    struct search s = {.flavour = flavour, .wanted = wanted};
    try_places(&s, search_path ? search_path : "");
    if (!s.path)
        try_places(&s, usual_places);
    AUTO_FREE char *others = s.others;
    *path = s.path;
    if (s.path)
        return NULL;
    return err_hint(err_make(REFUSED, "no server program for a backup of %s %s was found%s%s",
                             server_flavour_name(flavour), wanted, others ? ": " : "",
                             others ? others : ""),
                    "Name one of that series with --mysqld=FILE.");
}
