/* archive/archive_file_test_util.h: for tests and tools of all layers: archives that are files, by their paths. */
#ifndef MBE_ARCHIVE_FILE_TEST_UTIL_H
#define MBE_ARCHIVE_FILE_TEST_UTIL_H

#include "archive/reader.h"

static inline MUST_CHECK struct err *archive_file_open(struct archive_reader **out,
                                                       const char *path)
{
    struct source *source;
    TRY(source_file_open(&source, path));
    return archive_reader_open(out, source, &(struct archive_unlock){.keys = NULL});
}

static inline MUST_CHECK struct err *archive_file_unlock(struct archive_reader **out,
                                                         const char *path,
                                                         const struct archive_unlock *unlock)
{
    struct source *source;
    TRY(source_file_open(&source, path));
    return archive_reader_open(out, source, unlock);
}

/* Reads all of entry i and looks at nothing. */
static inline MUST_CHECK struct err *archive_read_entry(struct archive_reader *r, uint32_t i)
{
    AUTO(archive_cursor) c = NULL;
    uint64_t offset, len = 1;
    const uint8_t *data;
    TRY(archive_cursor_open(&c, r, i, 0, UINT64_MAX));
    while (len)
        TRY(archive_cursor_next(c, &offset, &data, &len));
    return NULL;
}

static inline MUST_CHECK struct err *
archive_file_walk(const char *path, const struct archive_walk *walk, bool *complete)
{
    AUTO(source) source = NULL;
    TRY(source_file_open(&source, path));
    return archive_walk(source, walk, complete);
}

#endif
