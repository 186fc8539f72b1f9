/* archive/backup_id.c: see backup_id.h. */
#include "archive/backup_id.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum { TYPE_LEN_MAX = 32, NUMBER_DIGITS_MAX = 4 };

/* Length of the run of digits at s. */
static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

bool backup_id_is_valid(const char *s)
{
    if (digits(s) != 8 || s[8] != 'T' || digits(s + 9) != 6 || s[15] != 'Z' ||
        s[BACKUP_STAMP_LEN] != '-')
        return false;
    const char *type = s + BACKUP_STAMP_LEN + 1;
    const char *end = type + strspn(type, "abcdefghijklmnopqrstuvwxyz");
    if (end == type || end - type > TYPE_LEN_MAX)
        return false;
    if (*end == '\0')
        return true;
    const char *number = end + 1;
    const size_t n = *end == '-' ? digits(number) : 0;
    return n >= 1 && n <= NUMBER_DIGITS_MAX && number[n] == '\0' && *number != '0' &&
           strcmp(number, "1");
}

bool backup_id_is_full(const char *id)
{
    const char *type = id + BACKUP_STAMP_LEN + 1;
    return !strncmp(type, "full", 4) && (type[4] == '\0' || type[4] == '-');
}

/* Length of the id without its number, and the number (1 if there is none). */
static size_t id_stem(const char *id, int *number)
{
    const char *dash = strrchr(id, '-');
    const bool has_number = dash - id > BACKUP_STAMP_LEN;
    *number = has_number ? atoi(dash + 1) : 1;
    return has_number ? (size_t)(dash - id) : strlen(id);
}

int backup_id_compare(const char *a, const char *b)
{
    int number_a, number_b;
    const size_t n_a = id_stem(a, &number_a), n_b = id_stem(b, &number_b);
    const int order = strncmp(a, b, n_a < n_b ? n_a : n_b);
    if (order || n_a != n_b)
        return order ? order : (n_a > n_b) - (n_a < n_b);
    return number_a - number_b;
}

void backup_id_now(char stamp[BACKUP_STAMP_LEN + 1])
{
    const time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(stamp, BACKUP_STAMP_LEN + 1, "%Y%m%dT%H%M%SZ", &tm);
}

char *backup_id_make(const char *stamp, const char *type, int number)
{
    char *id = number == 1 ? mem_printf("%.*s-%s", BACKUP_STAMP_LEN, stamp, type)
                           : mem_printf("%.*s-%s-%d", BACKUP_STAMP_LEN, stamp, type, number);
    if (backup_id_is_valid(id))
        return id;
    free(id);
    return NULL;
}

/* ---- lists ---- */

void backup_ids_add(struct backup_ids *list, char *id)
{
    mem_grow(&list->ids, &list->cap, list->n, sizeof *list->ids);
    list->ids[list->n++] = id;
}

static int compare_items(const void *a, const void *b)
{
    return backup_id_compare(*(char *const *)a, *(char *const *)b);
}

void backup_ids_sort(struct backup_ids *list)
{
    if (list->n)
        qsort(list->ids, list->n, sizeof *list->ids, compare_items);
}

void backup_ids_fini(struct backup_ids *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->ids[i]);
    free(list->ids);
    *list = (struct backup_ids){0};
}
