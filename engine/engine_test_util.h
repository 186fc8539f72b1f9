/* engine/engine_test_util.h: what the tests of this layer share: a directory that goes away, files in it, an archive to
 * copy into and to read back. Included once per test program, after cmocka.h. */
#ifndef MBE_ENGINE_TEST_UTIL_H
#define MBE_ENGINE_TEST_UTIL_H

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive/archive_file_test_util.h"
#include "archive/reader.h"
#include "archive/sink.h"
#include "archive/writer.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"

#define UNUSED __attribute__((unused))

/* No error; else its text fails the test. */
static UNUSED void ok_(struct err *e, const char *file, int line)
{
    if (!e)
        return;
    print_error("%s:%d: unexpected error: %s\n", file, line, e->message);
    err_free(e);
    fail();
}
#define ok(expr) ok_(expr, __FILE__, __LINE__)

/* An error of this kind with this text in it. */
static UNUSED void error_is_(struct err *e, enum err_kind kind, const char *text, const char *file,
                             int line)
{
    if (e && e->kind == kind && strstr(e->message, text)) {
        err_free(e);
        return;
    }
    print_error("%s:%d: expected %s \"%s\", got %s \"%s\"\n", file, line, err_kind_name(kind), text,
                e ? err_kind_name(e->kind) : "none", e ? e->message : "");
    err_free(e);
    fail();
}
#define error_is(expr, kind, text) error_is_(expr, ERR_##kind, text, __FILE__, __LINE__)

static UNUSED char *make_dir(void)
{
    char *dir = mem_strdup("/tmp/mbe-engine-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static UNUSED void remove_dir(char *dir)
{
    ok(file_remove_tree(dir));
    free(dir);
}

static UNUSED void write_bytes(const char *dir, const char *name, const void *data, size_t n)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    AUTO_FD int fd = -1;
    ok(file_mkdirs_for(path, 0700));
    ok(file_open(&fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0640));
    ok(file_write(fd, data, n, path));
}

static UNUSED void write_text(const char *dir, const char *name, const char *text)
{
    write_bytes(dir, name, text, strlen(text));
}

/* Sets both times, so that a file counts as written `seconds` ago; the change time stays that of this call. */
static UNUSED void set_age(const char *dir, const char *name, int seconds)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    struct timespec t[2];
    clock_gettime(CLOCK_REALTIME, &t[0]);
    t[0].tv_sec -= seconds;
    t[1] = t[0];
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

struct test_archive {
    char *path;
    struct sink *sink;
    struct archive_writer *writer;
};

static UNUSED void archive_begin(struct test_archive *a, const char *dir)
{
    const struct archive_writer_options options = {.codec = ARCHIVE_CODEC_NONE};
    a->path = mem_printf("%s/test.mbe", dir);
    ok(sink_file_open(&a->sink, a->path));
    ok(archive_writer_open(&a->writer, a->sink, &options));
}

/* Finishes the archive and opens it; owned by caller. */
static UNUSED struct archive_reader *archive_end(struct test_archive *a)
{
    struct archive_reader *r = NULL;
    ok(archive_writer_finish(a->writer, "{}"));
    ok(a->sink->commit(a->sink));
    archive_writer_free(a->writer);
    a->sink->free(a->sink);
    ok(archive_file_open(&r, a->path));
    free(a->path);
    return r;
}

/* Finishes the archive, and begins another one in its place. */
static UNUSED void archive_next(struct test_archive *a, const char *dir)
{
    AUTO_FREE char *path = mem_strdup(a->path);
    archive_reader_free(archive_end(a));
    assert_int_equal(unlink(path), 0);
    archive_begin(a, dir);
}

/* Whole content as text, owned by caller; NULL when there is no such entry. */
static UNUSED char *archived(struct archive_reader *r, const char *path)
{
    const int64_t i = archive_reader_find(r, path);
    if (i < 0)
        return NULL;
    const uint64_t size = archive_reader_entry(r, (uint32_t)i)->size;
    char *text = mem_zalloc(size + 1);
    ok(archive_read(r, (uint32_t)i, 0, text, size));
    return text;
}

static UNUSED void assert_archived(struct archive_reader *r, const char *path, const char *text)
{
    AUTO_FREE char *found = archived(r, path);
    if (!text) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, text);
}

#endif
