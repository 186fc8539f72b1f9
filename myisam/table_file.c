/* myisam/table_file.c: see table_file.h. */
#include "myisam/table_file.h"

#include <string.h>

#include "base/bytes.h"

enum {
    INDEX_OPTIONS = 4,
    INDEX_BASE_POSITION = 12,
    INDEX_OPEN_COUNT = 24,
    INDEX_DATA_LENGTH = 68,
    MYISAM_OPTION_COMPRESSED = 0x4,
    MYISAM_COMPRESSED_MARGIN = 7,
    ARIA_OPTION_PAGE_CHECKSUM = 0x0800,
    ARIA_BASE_BORN_TRANSACTIONAL = 106,
    CSM_DIRTY = 34,
    ARZ_DIRTY = 77,
};

static bool has_extension(const char *name, const char *ext)
{
    const size_t n = strlen(name);
    return n > 4 && !strcmp(name + n - 4, ext);
}

bool table_file_is_unclosed(const char *name, const uint8_t *head, size_t len)
{
    if (has_extension(name, ".MYI") || has_extension(name, ".MAI"))
        return len >= INDEX_OPEN_COUNT + 2 && be16(head + INDEX_OPEN_COUNT) != 0;
    if (has_extension(name, ".CSM"))
        return len > CSM_DIRTY && head[CSM_DIRTY] != 0;
    if (has_extension(name, ".ARZ"))
        return len > ARZ_DIRTY && head[ARZ_DIRTY] != 0;
    return false;
}

bool table_file_fits_data(const char *name, const uint8_t *head, size_t len, uint64_t size)
{
    if (!has_extension(name, ".MYI") || len < INDEX_DATA_LENGTH + 8)
        return true;
    const uint64_t length = be64(head + INDEX_DATA_LENGTH);
    return size == length || ((be16(head + INDEX_OPTIONS) & MYISAM_OPTION_COMPRESSED) &&
                              size == length + MYISAM_COMPRESSED_MARGIN);
}

bool table_file_is_online_aria(const char *name, const uint8_t *head, size_t len)
{
    if (!has_extension(name, ".MAI") || len < INDEX_BASE_POSITION + 2)
        return false;
    const size_t born = (size_t)be16(head + INDEX_BASE_POSITION) + ARIA_BASE_BORN_TRANSACTIONAL;
    return (be16(head + INDEX_OPTIONS) & ARIA_OPTION_PAGE_CHECKSUM) && born < len &&
           head[born] == 1;
}

bool table_file_is_view(const uint8_t *head, size_t len)
{
    return len >= 9 && !memcmp(head, "TYPE=VIEW", 9);
}
