/* engine/aria_copy.c: see aria_copy.h.
 *
 * aria_log_control, little-endian: magic FE FE 0C at 0; LE16 at 20 size of the create-time part (its
 * last 4 bytes are the CRC-32 of what is before it), LE16 at 22 size of the changeable part, which follows and starts
 * with the CRC-32 of its rest. Source: MariaDB 10.11.19, both sums verified by experiment. */
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
    CONTROL_MAX = 512,
    CONTROL_CREATE_SIZE = 20,
    CONTROL_CHANGE_SIZE = 22,
    CONTROL_FIXED = 26, /* bytes before the create-time part's checksum in every known version */
    CONTROL_TRIES = 100,
};

bool aria_control_is_whole(const uint8_t *b, size_t len, char *why)
{
    enum { WHY = 80 };
    if (len < CONTROL_FIXED + 4 || memcmp(b, "\xfe\xfe\x0c", 3) != 0) {
        snprintf(why, WHY, "no Aria control file");
        return false;
    }
    const size_t create = le16(b + CONTROL_CREATE_SIZE), change = le16(b + CONTROL_CHANGE_SIZE);
    if (create < CONTROL_FIXED + 4 || change < 4 || create + change > len) {
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

struct err *aria_copy_control(struct copy_env *env)
{
    AUTO_FREE char *path = mem_printf("%s/aria_log_control", env->datadir->aria_log_dir);
    AUTO_FREE char *bytes = NULL;
    char why[80];
    size_t len;
    struct stat st;
    uint32_t entry;
    for (int attempt = 0;; attempt++) {
        TRY(file_read_all(&bytes, &len, path, CONTROL_MAX));
        if (aria_control_is_whole((const uint8_t *)bytes, len, why))
            break;
        if (attempt == CONTROL_TRIES)
            return err_make(CORRUPT, "%s: %s", path, why);
        free(bytes);
        bytes = NULL;
        clock_sleep_ms(5);
    }
    if (stat(path, &st))
        return err_os("%s: cannot stat", path);
    const struct archive_attr attr = {.kind = ARCHIVE_PLAIN,
                                      .path = "aria_log_control",
                                      .size = len,
                                      .mode = st.st_mode & 07777,
                                      .mtime = st.st_mtime};
    TRY(archive_entry_add(env->writer, &attr, &entry));
    TRY(archive_write(env->writer, entry, 0, bytes, len));
    env->n_files++;
    return archive_entry_set(env->writer, entry, &attr);
}

static int is_aria_log(const struct dirent *de)
{
    return !strncmp(de->d_name, "aria_log.", 9) && strlen(de->d_name) == 17 &&
           strspn(de->d_name + 9, "0123456789") == 8;
}

struct err *aria_copy_logs(struct copy_env *env)
{
    struct dirent **names = NULL;
    const int n = scandir(env->datadir->aria_log_dir, &names, is_aria_log, alphasort);
    if (n < 0)
        return err_os("%s: cannot list directory", env->datadir->aria_log_dir);
    struct err *e = NULL;
    for (int i = 0; i < n; i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", env->datadir->aria_log_dir, names[i]->d_name);
        if (!e)
            e = plain_copy_file(env, path, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return e;
}
