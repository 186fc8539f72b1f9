/* server/option_files.c: see option_files.h. */
#include "server/option_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum {
    FILE_SIZE_MAX = 1 << 20,
    INCLUDE_DEPTH_MAX = 10, /* as the server's own tools have it */
};

enum need {
    MAY_BE_ABSENT,
    MUST_BE_READ,
};

static struct err *add_file(FILE *out, const char *path, enum need need, int depth);

static int is_option_file(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);
    return n > 4 && !strcmp(entry->d_name + n - 4, ".cnf");
}

static struct err *add_dir(FILE *out, const char *dir, int depth)
{
    struct dirent **entries = NULL;
    const int n = scandir(dir, &entries, is_option_file, alphasort);
    struct err *e = NULL;
    for (int i = 0; i < n; i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", dir, entries[i]->d_name);
        if (!e)
            e = add_file(out, path, MAY_BE_ABSENT, depth);
        free(entries[i]);
    }
    free(entries);
    return e;
}

/* What stands behind `keyword` on a line, without blanks around it; NULL if the line is something
 * else. */
static char *argument_of(const char *line, size_t len, const char *keyword)
{
    const size_t n = strlen(keyword);
    if (len <= n || memcmp(line, keyword, n) || !strchr(" \t", line[n]))
        return NULL;
    const char *from = line + n, *to = line + len;
    while (from < to && strchr(" \t", *from))
        from++;
    return strndup(from, (size_t)(to - from));
}

/* Expands an include line; *is_include is false for every other line. */
static struct err *add_include(FILE *out, const char *line, size_t len, int depth, bool *is_include)
{
    AUTO_FREE char *dir = argument_of(line, len, "!includedir");
    AUTO_FREE char *file = argument_of(line, len, "!include");
    *is_include = dir || file;
    if (dir)
        return add_dir(out, dir, depth + 1);
    return file ? add_file(out, file, MAY_BE_ABSENT, depth + 1) : NULL;
}

/* A piece of the text of a file. */
struct piece {
    const char *text;
    size_t len;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next line off `rest`, without blanks around it. */
static struct piece next_line(struct piece *rest)
{
    const char *newline = memchr(rest->text, '\n', rest->len);
    struct piece line = {rest->text, newline ? (size_t)(newline - rest->text) : rest->len};
    const size_t taken = line.len + (newline ? 1 : 0);
    rest->text += taken;
    rest->len -= taken;
    while (line.len && is_blank(line.text[0])) {
        line.text++;
        line.len--;
    }
    while (line.len && is_blank(line.text[line.len - 1]))
        line.len--;
    return line;
}

/* The library passes over such lines in silence; a DBA wants to know. */
static const char *what_is_wrong(struct piece line, bool in_group)
{
    if (!line.len || strchr("#;", line.text[0]))
        return NULL;
    if (memchr(line.text, '\0', line.len))
        return "not a text file";
    if (line.text[0] == '[')
        return memchr(line.text, ']', line.len) ? NULL : "group name without a closing bracket";
    return in_group || line.text[0] == '!' ? NULL : "option outside of any group";
}

static const struct {
    const char *mode, *options;
} ssl_modes[] = {
    {"DISABLED", "ssl-enforce=0"},
    {"PREFERRED", ""},
    {"REQUIRED", "ssl-enforce=1"},
    {"VERIFY_CA", "ssl-enforce=1\nssl-verify-server-cert=1"},
    {"VERIFY_IDENTITY", "ssl-enforce=1\nssl-verify-server-cert=1"},
};

/* The value of an option in one of its spellings; NULL if the line is another option. */
static char *ssl_mode_of(struct piece line)
{
    const size_t n = strlen("ssl-mode");
    if (line.len <= n || (memcmp(line.text, "ssl-mode", n) && memcmp(line.text, "ssl_mode", n)))
        return NULL;
    const char *from = line.text + n, *to = line.text + line.len;
    while (from < to && is_blank(*from))
        from++;
    if (from == to || *from++ != '=')
        return NULL;
    while (from < to && strchr(" \t\"'", *from))
        from++;
    while (to > from && strchr(" \t\"'", to[-1]))
        to--;
    return mem_printf("%.*s", (int)(to - from), from);
}

/* Writes what MariaDB's library understands in place of ssl-mode; *is_ssl_mode is false for every
 * other line, and with MySQL's library, which has the option. */
static struct err *add_ssl_mode(FILE *out, struct piece line, bool *is_ssl_mode)
{
#ifdef MARIADB_PACKAGE_VERSION
    AUTO_FREE char *mode = ssl_mode_of(line);
#else
    AUTO_FREE char *mode = NULL;
    (void)ssl_mode_of;
    (void)line;
#endif
    *is_ssl_mode = mode;
    for (size_t i = 0; mode && i < sizeof ssl_modes / sizeof ssl_modes[0]; i++)
        if (!strcasecmp(mode, ssl_modes[i].mode)) {
            fprintf(out, "%s\n", ssl_modes[i].options);
            return NULL;
        }
    return mode ? err_make(USAGE,
                           "ssl-mode '%s' is none of DISABLED, PREFERRED, REQUIRED, "
                           "VERIFY_CA, VERIFY_IDENTITY",
                           mode)
                : NULL;
}

static struct err *add_text(FILE *out, const char *path, struct piece rest, int depth)
{
    struct piece group = {0};

    for (unsigned number = 1; rest.len; number++) {
        const struct piece line = next_line(&rest);
        const char *wrong = what_is_wrong(line, group.len > 0);
        if (wrong)
            return err_make(USAGE, "option file %s: line %u: %s", path, number, wrong);
        bool is_include, is_ssl_mode;
        TRY(add_include(out, line.text, line.len, depth, &is_include));
        TRY_AT(add_ssl_mode(out, line, &is_ssl_mode), "option file %s: line %u", path, number);
        if (is_ssl_mode)
            continue;
        if (line.len && line.text[0] == '[')
            group = line;
        const struct piece *shown = is_include ? &group : &line;
        fprintf(out, "%.*s\n", (int)shown->len, shown->len ? shown->text : "");
    }
    return NULL;
}

static struct err *cannot_read(const char *path, const char *why)
{
    return err_make(USAGE, "option file %s: %s", path, why);
}

/* NULL if the file may be used. */
static const char *why_not(const char *path)
{
    struct stat st;
    if (stat(path, &st))
        return strerror(errno);
    if (S_ISCHR(st.st_mode))
        return NULL; /* /dev/null is a usual way to say "none" */
    if (!S_ISREG(st.st_mode))
        return "not a regular file (it is read anew for each connection)";
    if (st.st_mode & S_IWOTH)
        return "everybody may write to it, so it is not read";
    return access(path, R_OK) ? strerror(errno) : NULL;
}

static struct err *add_file(FILE *out, const char *path, enum need need, int depth)
{
    if (depth > INCLUDE_DEPTH_MAX)
        return cannot_read(path, "files include each other more than 10 deep");
    const char *why = why_not(path);
    if (why)
        return need == MUST_BE_READ ? cannot_read(path, why) : NULL;

    char *text = NULL;
    size_t len = 0;
    struct err *e = file_read_all(&text, &len, path, FILE_SIZE_MAX);
    if (e) {
        e->kind = ERR_USAGE;
        return err_wrap(e, "option file");
    }
    e = add_text(out, path, (struct piece){text, len}, depth);
    explicit_bzero(text, len);
    free(text);
    return e;
}

static struct err *add_usual(FILE *out, const char *dir, const char *name)
{
    if (!dir || !dir[0])
        return NULL;
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    return add_file(out, path, MAY_BE_ABSENT, 0);
}

static struct err *add_all(FILE *out, const struct conn_options *o)
{
    const char *home = getenv("MARIADB_HOME");

    if (o->defaults_file) {
        TRY(add_file(out, o->defaults_file, MUST_BE_READ, 0));
    } else {
        TRY(add_usual(out, "/etc", "my.cnf"));
        TRY(add_usual(out, "/etc/mysql", "my.cnf"));
        TRY(add_usual(out, home ? home : getenv("MYSQL_HOME"), "my.cnf"));
    }
    if (o->defaults_extra_file)
        TRY(add_file(out, o->defaults_extra_file, MUST_BE_READ, 0));
    return o->defaults_file ? NULL : add_usual(out, getenv("HOME"), ".my.cnf");
}

/* A file that is in memory only, because the text may hold a password. */
static struct err *memory_file(int *fd, FILE **out)
{
    AUTO_FD int memory = memfd_create("option-files", MFD_CLOEXEC);
    if (memory < 0 || fchmod(memory, 0600))
        return err_os("cannot make a memory file for the options");
    const int twin = fcntl(memory, F_DUPFD_CLOEXEC, 0);
    *out = twin < 0 ? NULL : fdopen(twin, "w");
    if (!*out) {
        struct err *e = err_os("cannot open the memory file for the options");
        if (twin >= 0)
            close(twin);
        return e;
    }
    *fd = memory;
    memory = -1;
    return NULL;
}

struct err *option_files_gather(int *fd, const struct conn_options *options)
{
    FILE *out = NULL;
    AUTO_FD int memory = -1;

    *fd = -1;
    if (options->no_defaults && (options->defaults_file || options->defaults_extra_file))
        return err_make(USAGE, "option files are both named and ruled out");
    if (options->no_defaults)
        return NULL;
    TRY(memory_file(&memory, &out));
    struct err *e = add_all(out, options);
    const bool failed = ferror(out);
    if (fclose(out) || failed)
        e = err_first(e, err_make(IO, "cannot write the memory file for the options"));
    if (e)
        return e;
    *fd = memory;
    memory = -1;
    return NULL;
}
