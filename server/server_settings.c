/* server/server_settings.c: see server_settings.h. */
#include "server/server_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "server/option_files.h"

static const char blanks[] = " \t\r";

/* Without blanks around it; in place. */
static char *trimmed(char *s)
{
    s += strspn(s, blanks);
    size_t n = strlen(s);
    while (n && strchr(blanks, s[n - 1]))
        s[--n] = '\0';
    return s;
}

/* "[mysqld]", "[mariadb-10.11]" */
static bool is_server_group(const char *line)
{
    static const char *const groups[] = {"mysqld", "server", "mariadb", "mariadbd"};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const size_t n = strlen(groups[i]);
        if (strncmp(line + 1, groups[i], n))
            continue;
        const char *rest = line + 1 + n;
        if (*rest == ']' || (*rest == '-' && rest[1] >= '0' && rest[1] <= '9'))
            return true;
    }
    return false;
}

/* What an option without quotes, or in them, is set to: a comment may stand behind a value in quotes. In place. */
static char *value_of(char *s)
{
    s = trimmed(s);
    if (*s != '"' && *s != '\'') {
        s[strcspn(s, "#")] = '\0';
        return trimmed(s);
    }
    char *end = strchr(s + 1, *s);
    if (end)
        *end = '\0';
    return s + 1;
}

static void take_option(struct server_info *s, char *line)
{
    static const char loose[] = "loose_";
    char *equals = strchr(line, '=');
    char on[] = "ON", *value = equals ? value_of(equals + 1) : on;
    if (equals)
        *equals = '\0';
    char *name = trimmed(line);
    for (char *p = name; *p; p++)
        *p = *p == '-' ? '_' : *p;
    if (!strncmp(name, loose, strlen(loose)))
        name += strlen(loose);
    (void)server_info_set(s, name, value);
}

void server_settings_take(struct server_info *s, char *text)
{
    bool ours = false;
    char *save = NULL;
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        char *line = trimmed(l);
        if (*line == '[')
            ours = is_server_group(line);
        else if (ours && *line && *line != '#' && *line != ';')
            take_option(s, line);
    }
}

struct err *server_settings_load(struct server_info *s, const char *path)
{
    const struct conn_options options = {.defaults_file = path};
    AUTO_FD int fd = -1;
    struct stat st;
    TRY(option_files_gather(&fd, &options));
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    AUTO_FREE char *text = mem_zalloc((size_t)st.st_size + 1);
    size_t got;
    TRY(file_pread(fd, text, (size_t)st.st_size, 0, &got, path));
    server_settings_take(s, text);
    explicit_bzero(text, (size_t)st.st_size); /* passwords may have been in it */
    return NULL;
}
