/* archive/backup_id.h: ids of backups, which are their names in every kind of repository:
 *
 *   20261124T170632Z-full, 20261124T170632Z-incremental: when it was begun, in UTC, and its type;
 *   20261124T170632Z-full-2: another one of that second; the number is 2 or more, without zeroes in front.
 *
 * By their order they are sorted by age. Of a consolidated backup it is the time of what that was made of. */
#ifndef MBE_ARCHIVE_BACKUP_ID_H
#define MBE_ARCHIVE_BACKUP_ID_H

#include <stdbool.h>
#include <stddef.h>

enum { BACKUP_STAMP_LEN = 16 /* 20261124T170632Z */ };

/* Whether `text` has the form of an id. It is one safe path component then. */
bool backup_id_is_valid(const char *text);
/* Whether a valid id is that of a full backup. */
bool backup_id_is_full(const char *id);
/* <0, 0, >0: a is older than, equal to, newer than b. Valid ids. */
int backup_id_compare(const char *a, const char *b);
/* The stamp of an id that is made now. */
void backup_id_now(char stamp[BACKUP_STAMP_LEN + 1]);
/* The id of a backup of `type` ("full", "incremental"). `stamp`: such a stamp, or an id, whose stamp it gets. number: 1, or more
 * when those with smaller numbers are taken. Owned by caller; NULL when that makes no valid id. */
char *backup_id_make(const char *stamp, const char *type, int number);

struct backup_ids {
    size_t n, cap;
    char **ids; /* owned */
};

/* Takes `id`, which is owned by the list from now on. */
void backup_ids_add(struct backup_ids *list, char *id);
/* Oldest first. */
void backup_ids_sort(struct backup_ids *list);
void backup_ids_fini(struct backup_ids *list);

#endif
