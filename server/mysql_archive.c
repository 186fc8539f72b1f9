/* server/mysql_archive.c: see mysql_archive.h. */
#include "server/mysql_archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void add_place(struct mysql_archive_places *out, const char *entry, size_t len,
                      const char *uuid)
{
    const char *colon = memchr(entry, ':', len);
    if (!colon)
        return;
    out->items = mem_realloc(out->items, (out->n + 1) * sizeof *out->items);
    struct mysql_archive_place *p = &out->items[out->n++];
    p->label = mem_printf("%.*s", (int)(colon - entry), entry);
    p->dir = mem_printf("%.*s", (int)(entry + len - colon - 1), colon + 1);
    p->path = mem_printf("%s/archive.%s.000001.log", p->dir, uuid);
}

void mysql_archive_places_parse(struct mysql_archive_places *out, const char *dirs,
                                const char *uuid)
{
    *out = (struct mysql_archive_places){0};
    for (const char *entry = dirs; *entry;) {
        const size_t len = strcspn(entry, ";");
        add_place(out, entry, len, uuid);
        entry += len + (entry[len] == ';');
    }
}

struct err *mysql_archive_places_load(struct mysql_archive_places *out, struct conn *c)
{
    AUTO_FREE char *dirs = NULL, *uuid = NULL;
    *out = (struct mysql_archive_places){0};
    TRY(conn_query_text(c, &dirs, "SELECT @@GLOBAL.innodb_redo_log_archive_dirs"));
    TRY(conn_query_text(c, &uuid, "SELECT @@GLOBAL.server_uuid"));
    mysql_archive_places_parse(out, dirs ? dirs : "", uuid ? uuid : "");
    return NULL;
}

void mysql_archive_places_fini(struct mysql_archive_places *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->items[i].label);
        free(p->items[i].dir);
        free(p->items[i].path);
    }
    free(p->items);
    *p = (struct mysql_archive_places){0};
}

char *mysql_archive_path_in(const char *message)
{
    static const char suffix[] = ".log'";
    const char *start = strstr(message, "'/"), *end = NULL;
    for (const char *at = start; at && (at = strstr(at, suffix)); at++)
        end = at;
    return end ? mem_printf("%.*s", (int)(end - start) + 3, start + 1) : NULL;
}

/* As a hexadecimal literal a label needs no quoting. Owned by caller. */
static char *literal(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    char *out = mem_alloc(2 * strlen(text) + 4), *p = out;
    *p++ = 'X';
    *p++ = '\'';
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        *p++ = digits[*byte >> 4];
        *p++ = digits[*byte & 15];
    }
    *p++ = '\'';
    *p = '\0';
    return out;
}

struct err *mysql_archive_start(char **busy, struct conn *c, const char *label)
{
    enum { IS_ACTIVE = 3848 };
    AUTO_FREE char *argument = literal(label);
    *busy = NULL;
    struct err *e = conn_exec(c, "DO innodb_redo_log_archive_start(%s)", argument);
    if (!e || conn_errno(c) != IS_ACTIVE)
        return e;
    *busy = mysql_archive_path_in(e->message);
    if (!*busy)
        return e;
    err_free(e);
    return NULL;
}

struct err *mysql_archive_stop(struct conn *c)
{
    return conn_exec(c, "DO innodb_redo_log_archive_stop()");
}
