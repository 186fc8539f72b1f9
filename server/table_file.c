/* server/table_file.c: see table_file.h. */
#include "server/table_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DEVICE_MARK "@@@"

static bool is_device(const char *name)
{
    static const char *const names[] = {"aux", "con", "nul", "prn"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcasecmp(name, names[i]))
            return true;
    return (!strncasecmp(name, "com", 3) || !strncasecmp(name, "lpt", 3)) && name[3] >= '1' &&
           name[3] <= '9' && !name[4];
}

static bool is_ascii(const char *text)
{
    while (*text && !(*text & 0x80))
        text++;
    return !*text;
}

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* ASCII only. */
static char *encode(const char *name)
{
    char *out = mem_alloc(5 * strlen(name) + sizeof DEVICE_MARK), *p = out;
    for (const char *c = name; *c; c++)
        if (is_plain(*c))
            *p++ = *c;
        else
            p += sprintf(p, "@%04x", (unsigned)*c);
    strcpy(p, is_device(name) ? DEVICE_MARK : "");
    return out;
}

static char *hex_of(const char *text, size_t n)
{
    char *hex = mem_alloc(2 * n + 1), *p = hex;
    *p = '\0';
    for (size_t i = 0; i < n; i++)
        p += sprintf(p, "%02x", (unsigned)(unsigned char)text[i]);
    return hex;
}

/* Text of hex digits; NULL when it is none, or holds a zero byte. */
static char *text_of(const char *hex)
{
    const size_t n = hex ? strlen(hex) : 0;
    if (!n || n % 2 || strspn(hex, "0123456789ABCDEFabcdef") != n)
        return NULL;
    char *text = mem_alloc(n / 2 + 1);
    for (size_t i = 0; i < n / 2; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        text[i] = (char)strtoul(digits, NULL, 16);
    }
    text[n / 2] = '\0';
    if (strlen(text) == n / 2)
        return text;
    free(text);
    return NULL;
}

/* MariaDB: the same name in another character set. */
static struct err *convert(char **out, struct conn *c, const char *name, size_t n, const char *from,
                           const char *to)
{
    AUTO_FREE char *in = hex_of(name, n), *hex = NULL;
    TRY(conn_query_text(c, &hex, "SELECT HEX(CONVERT(CONVERT(x'%s' USING %s) USING %s))", in, from,
                        to));
    *out = text_of(hex);
    return *out ? NULL
                : err_make(SERVER, "the server cannot say the name x'%s' in character set %s", in,
                           to);
}

static struct err *encode_mariadb(char **out, struct conn *c, const char *name)
{
    if (!is_ascii(name))
        return convert(out, c, name, strlen(name), "utf8mb4", "filename");
    *out = encode(name);
    return NULL;
}

/* "./db/t.ibd", "/elsewhere/db/t#p#p0.ibd" -> "db/t" */
static char *table_of_path(const char *path)
{
    const char *slash = strrchr(path, '/'), *begin = slash;
    if (!slash)
        return NULL;
    while (begin > path && begin[-1] != '/')
        begin--;
    return mem_printf("%.*s", (int)(slash - begin + (long)strcspn(slash, "#.")), begin);
}

/* Of a partitioned table any partition will do. A quote or LIKE's own characters cannot be in the way: names are given in hex. */
static struct err *ask_mysql(char **out, struct conn *c, const char *schema, const char *table)
{
    AUTO_FREE char *name = mem_printf("%s/%s", schema, table), *path = NULL;
    AUTO_FREE char *hex = hex_of(name, strlen(name));
    *out = NULL;
    TRY(conn_query_text(c, &path,
                        "SELECT FILE_NAME FROM information_schema.FILES WHERE TABLESPACE_NAME ="
                        " CONVERT(x'%s' USING utf8mb3)",
                        hex));
    if (!path)
        TRY(conn_query_text(c, &path,
                            "SELECT FILE_NAME FROM information_schema.FILES WHERE"
                            " SUBSTRING_INDEX(TABLESPACE_NAME, '#p#', 1) ="
                            " CONVERT(x'%s' USING utf8mb3) LIMIT 1",
                            hex));
    if (path)
        *out = table_of_path(path);
    return NULL;
}

struct err *table_file_name(char **out, struct conn *c, enum server_flavour flavour,
                            const char *schema, const char *table)
{
    AUTO_FREE char *a = NULL, *b = NULL;
    if (flavour == FLAVOUR_MYSQL && !(is_ascii(schema) && is_ascii(table)))
        return ask_mysql(out, c, schema, table);
    TRY(encode_mariadb(&a, c, schema));
    TRY(encode_mariadb(&b, c, table));
    *out = mem_printf("%s/%s", a, b);
    return NULL;
}

static struct err *decode(char **out, struct conn *c, const char *file, size_t n)
{
    const size_t mark = strlen(DEVICE_MARK);
    if (n > mark && !memcmp(file + n - mark, DEVICE_MARK, mark))
        n -= mark;
    if (memchr(file, '@', n))
        return convert(out, c, file, n, "filename", "utf8mb4");
    *out = mem_printf("%.*s", (int)n, file);
    return NULL;
}

struct err *table_of_file(char **schema, char **table, struct conn *c, const char *file)
{
    const size_t n = strcspn(file, "/");
    const char *name = file + n + (file[n] == '/');
    AUTO_FREE char *database = NULL;
    *schema = *table = NULL;
    TRY(decode(&database, c, file, n));
    TRY(decode(table, c, name, strlen(name)));
    *schema = database;
    database = NULL;
    return NULL;
}
