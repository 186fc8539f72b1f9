/* cli/config_file.c: see config_file.h. There are libraries for such files, but none that tells the line of a key, or that a key
 * came twice. */
#include "cli/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/file.h"
#include "base/mem.h"

enum { FILE_MAX = 1 << 20, LINE_MAX_BYTES = 4096, NAME_MAX_BYTES = 64 };

#define BLANKS " \t\r"

static const char system_path[] = "/etc/mbe/mbe.cnf";

/* Where the parser is. */
struct place {
    struct config_file *file;
    int line;
};

#define BAD(p, ...) err_wrap(err_make(USAGE, __VA_ARGS__), "%s:%d", (p)->file->path, (p)->line)

/* Cuts blanks off both ends, in place. */
static char *trimmed(char *s)
{
    s += strspn(s, BLANKS);
    size_t n = strlen(s);
    while (n > 0 && strchr(BLANKS, s[n - 1]))
        n--;
    s[n] = '\0';
    return s;
}

/* Names become parts of file names and of variables of the environment. */
static bool is_name(const char *s)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strlen(s);
    return n > 0 && n <= NAME_MAX_BYTES && strchr(first, *s) && strspn(s, more) == n;
}

static struct err *add_section(struct place *p, char *line)
{
    struct config_file *f = p->file;
    char *end = strchr(line, ']');
    if (!end || end[1])
        return BAD(p, "a section is written [KIND NAME], with nothing behind it");
    *end = '\0';
    char *kind = trimmed(line + 1);
    char *name = kind + strcspn(kind, BLANKS);
    if (*name)
        *name++ = '\0';
    name = trimmed(name);
    if (!is_name(kind) || (*name && !is_name(name)))
        return BAD(p,
                   "names of sections have 1 to %d of a-z, A-Z, 0-9, '.', '_' and '-', and begin "
                   "with a letter or digit",
                   NAME_MAX_BYTES);
    const struct config_section *twin = config_section_find(f, kind, name);
    if (twin)
        return BAD(p, "section [%s%s%s] comes twice, line %d has it already", kind,
                   *name ? " " : "", name, twin->line);
    mem_grow(&f->sections, &f->cap, f->n, sizeof *f->sections);
    f->sections[f->n++] = (struct config_section){
        .kind = mem_strdup(kind), .name = mem_strdup(name), .line = p->line};
    return NULL;
}

static struct err *take_value(struct place *p, char **value, const char *key)
{
    char *v = trimmed(*value);
    const size_t n = strlen(v);
    if (*v == '"') {
        if (n < 2 || v[n - 1] != '"')
            return BAD(p, "%s: the value begins with a quote and does not end with one", key);
        v[n - 1] = '\0';
        v++;
    }
    *value = v;
    return NULL;
}

static struct err *add_key(struct place *p, char *line)
{
    struct config_file *f = p->file;
    char *value = strchr(line, '=');
    if (value)
        *value++ = '\0';
    const char *name = trimmed(line);
    if (!is_name(name))
        return BAD(p, "a line is KEY = VALUE, KEY, [SECTION] or a comment");
    if (f->n == 0)
        return BAD(p, "%s: no section has begun", name);
    struct config_section *s = &f->sections[f->n - 1];
    const struct config_key *twin = config_key_find(s, name);
    if (twin)
        return BAD(p, "%s comes twice, line %d has it already", name, twin->line);
    if (value)
        TRY(take_value(p, &value, name));
    mem_grow(&s->keys, &s->cap, s->n, sizeof *s->keys);
    s->keys[s->n++] = (struct config_key){
        .name = mem_strdup(name), .value = value ? mem_strdup(value) : NULL, .line = p->line};
    return NULL;
}

static bool is_text(const char *s, size_t n)
{
    json_t *checked = memchr(s, '\0', n) ? NULL : json_stringn(s, n);
    const bool valid = checked != NULL;
    json_decref(checked);
    return valid;
}

/* n bytes without the newline. */
static struct err *take_line(struct place *p, const char *text, size_t n)
{
    char buffer[LINE_MAX_BYTES + 1];
    if (n > LINE_MAX_BYTES)
        return BAD(p, "the line is longer than %d bytes", LINE_MAX_BYTES);
    if (!is_text(text, n))
        return BAD(p, "the line is no text in UTF-8");
    memcpy(buffer, text, n);
    buffer[n] = '\0';
    char *line = trimmed(buffer);
    struct err *e = NULL;
    if (*line == '[')
        e = add_section(p, line);
    else if (*line && *line != '#' && *line != ';')
        e = add_key(p, line);
    explicit_bzero(buffer, sizeof buffer); /* it may have been a password */
    return e;
}

struct err *config_file_parse(struct config_file **out, const char *path, const char *text,
                              size_t n)
{
    AUTO(config_file) f = mem_zalloc(sizeof *f);
    struct place p = {.file = f};
    f->path = mem_strdup(path);
    while (n > 0) {
        const char *newline = memchr(text, '\n', n);
        const size_t length = newline ? (size_t)(newline - text) : n;
        p.line++;
        TRY(take_line(&p, text, length));
        text += length + (newline != NULL);
        n -= length + (newline != NULL);
    }
    *out = f;
    f = NULL;
    return NULL;
}

/* *out is owned by caller. */
static struct err *default_path(char **out)
{
    const char *home = getenv("HOME");
    AUTO_FREE char *own = home && *home ? mem_printf("%s/.mbe.cnf", home) : NULL;
    const bool is_own = access(system_path, F_OK) && own && !access(own, F_OK);
    if (access(system_path, F_OK) && !is_own)
        return err_hint(
            err_make(USAGE, "there is neither %s nor %s", system_path, own ? own : "~/.mbe.cnf"),
            "Name the configuration file: --config=FILE.");
    *out = mem_strdup(is_own ? own : system_path);
    return NULL;
}

static struct err *check_owner(struct config_file *f, const struct stat *st)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return err_make(REFUSED, "%s says what is run, and belongs to neither you nor root",
                        f->path);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return err_make(REFUSED,
                        "%s says what is run, and can be changed by others (mode %03o): chmod go-w",
                        f->path, (unsigned)(st->st_mode & 0777));
    f->others_read = (st->st_mode & (S_IRGRP | S_IROTH)) != 0;
    return NULL;
}

/* *text is owned by caller. */
static struct err *read_file(char **text, size_t *n, struct stat *st, const char *path)
{
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0));
    if (fstat(fd, st))
        return err_os("%s: cannot stat", path);
    if (!S_ISREG(st->st_mode) || st->st_size > FILE_MAX)
        return err_make(USAGE, "%s: it is no file of %d bytes or less", path, FILE_MAX);
    *text = mem_alloc((size_t)st->st_size + 1);
    return file_pread(fd, *text, (size_t)st->st_size, 0, n, path);
}

struct err *config_file_load(struct config_file **out, const char *named)
{
    AUTO_FREE char *path = NULL, *text = NULL;
    AUTO(config_file) f = NULL;
    struct stat st;
    size_t n;
    if (named)
        path = mem_strdup(named);
    else
        TRY(default_path(&path));
    struct err *e = read_file(&text, &n, &st, path);
    if (e && e->os_errno == ENOENT)
        e->kind = ERR_USAGE;
    TRY_AT(e, "configuration file");
    e = config_file_parse(&f, path, text, n);
    explicit_bzero(text, n);
    TRY(e);
    TRY(check_owner(f, &st));
    *out = f;
    f = NULL;
    return NULL;
}

static void free_section(struct config_section *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->keys[i].value)
            explicit_bzero(s->keys[i].value, strlen(s->keys[i].value));
        free(s->keys[i].value);
        free(s->keys[i].name);
    }
    free(s->keys);
    free(s->kind);
    free(s->name);
}

void config_file_free(struct config_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++)
        free_section(&f->sections[i]);
    free(f->sections);
    free(f->path);
    free(f);
}

const struct config_section *config_section_find(const struct config_file *f, const char *kind,
                                                 const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->sections[i].kind, kind) && !strcmp(f->sections[i].name, name))
            return &f->sections[i];
    return NULL;
}

const struct config_key *config_key_find(const struct config_section *s, const char *name)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (!strcmp(s->keys[i].name, name))
            return &s->keys[i];
    return NULL;
}
