/* engine/aria_copy.c: see aria_copy.h.
 *
 * aria_log_control, little-endian: magic FE FE 0C at 0; LE16 at 20 size of the create-time part (its
 * last 4 bytes are the CRC-32 of what is before it), LE16 at 22 size of the changeable part, which follows and starts
 * with the CRC-32 of its rest, then 7 bytes LSN of the last checkpoint, LE32 number of the newest log file. Source: MariaDB 10.11.19, both sums verified by experiment. */
#include "engine/aria_copy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/plain_copy.h"

enum {
    CONTROL_CREATE_SIZE = 20,
    CONTROL_CHANGE_SIZE = 22,
    CONTROL_FIXED = 26, /* bytes before the create-time part's checksum in every known version */
    CONTROL_TRIES = 100,
    CHANGE_LAST_LOG =
        4 + 7,         /* in the changeable part, behind its checksum and the checkpoint's LSN */
    LOG_HEADER = 8192, /* bytes of a log file's first page */
};

bool aria_control_is_whole(const uint8_t *b, size_t len, char *why)
{
    enum { WHY = 80 };
    if (len < CONTROL_FIXED + 4 || memcmp(b, "\xfe\xfe\x0c", 3) != 0) {
        snprintf(why, WHY, "no Aria control file");
        return false;
    }
    const size_t create = le16(b + CONTROL_CREATE_SIZE), change = le16(b + CONTROL_CHANGE_SIZE);
    if (create < CONTROL_FIXED + 4 || change < CHANGE_LAST_LOG + 4 || create + change > len) {
        snprintf(why, WHY, "parts of %zu and %zu bytes in a file of %zu", create, change, len);
        return false;
    }
    if (le32(b + create - 4) != crc32(0, b, (unsigned)create - 4)) {
        snprintf(why, WHY, "checksum of the create-time part is wrong");
        return false;
    }
    if (le32(b + create) != crc32(0, b + create + 4, (unsigned)change - 4)) {
        snprintf(why, WHY, "checksum of the changeable part is wrong");
        return false;
    }
    return true;
}

struct err *aria_control_read(struct aria_control *out, const struct copy_env *env)
{
    AUTO_FREE char *path = mem_printf("%s/aria_log_control", env->datadir->aria_log_dir);
    char why[80];
    for (int attempt = 0;; attempt++) {
        AUTO_FREE char *bytes = NULL;
        TRY(file_read_all(&bytes, &out->len, path, ARIA_CONTROL_MAX));
        memcpy(out->bytes, bytes, out->len);
        if (aria_control_is_whole(out->bytes, out->len, why))
            return NULL;
        if (attempt == CONTROL_TRIES)
            return err_make(CORRUPT, "%s: %s", path, why);
        clock_sleep_ms(5);
    }
}

static void set_last_log(struct aria_control *c, uint32_t number)
{
    const size_t create = le16(c->bytes + CONTROL_CREATE_SIZE);
    const size_t change = le16(c->bytes + CONTROL_CHANGE_SIZE);
    put_le32(c->bytes + create + CHANGE_LAST_LOG, number);
    put_le32(c->bytes + create, (uint32_t)crc32(0, c->bytes + create + 4, (unsigned)change - 4));
}

static struct err *store_control(struct copy_env *env, const struct aria_control *c)
{
    AUTO_FREE char *path = mem_printf("%s/aria_log_control", env->datadir->aria_log_dir);
    struct stat st;
    uint32_t entry;
    if (stat(path, &st))
        return err_os("%s: cannot stat", path);
    const struct archive_attr attr = {.kind = ARCHIVE_PLAIN,
                                      .path = "aria_log_control",
                                      .size = c->len,
                                      .mode = st.st_mode & 07777,
                                      .mtime = st.st_mtime};
    TRY(archive_entry_add(env->writer, &attr, &entry));
    TRY(archive_write(env->writer, entry, 0, c->bytes, c->len));
    env->n_files++;
    return archive_entry_set(env->writer, entry, &attr);
}

static int is_aria_log(const struct dirent *de)
{
    return !strncmp(de->d_name, "aria_log.", 9) && strlen(de->d_name) == 17 &&
           strspn(de->d_name + 9, "0123456789") == 8;
}

static struct err *copy_log(struct copy_env *env, const char *name, bool newest_of_several,
                            struct aria_control *control)
{
    AUTO_FREE char *path = mem_printf("%s/%s", env->datadir->aria_log_dir, name);
    struct stat st;
    if (stat(path, &st))
        return err_os("%s: cannot stat", path);
    if (newest_of_several && st.st_size <= LOG_HEADER)
        return NULL;
    set_last_log(control, (uint32_t)strtoul(name + 9, NULL, 10));
    return plain_copy_file(env, path, name);
}

struct err *aria_copy_logs(struct copy_env *env, struct aria_control *control)
{
    struct dirent **names = NULL;
    const int n = scandir(env->datadir->aria_log_dir, &names, is_aria_log, alphasort);
    if (n < 0)
        return err_os("%s: cannot list directory", env->datadir->aria_log_dir);
    struct err *e = NULL;
    for (int i = 0; i < n; i++) {
        if (!e)
            e = copy_log(env, names[i]->d_name, n > 1 && i == n - 1, control);
        free(names[i]);
    }
    free(names);
    TRY(e);
    return store_control(env, control);
}
