/* base/log_test.c: lines as they land in a file; levels; nothing breaks a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/workers.h"

struct scratch {
    char *path;
    int real_stderr;
};

/* stderr goes to a second file while a test runs, so that what is said there can be read. */
static int scratch_make(void **state)
{
    struct scratch *s = mem_zalloc(sizeof *s);
    const char *tmp = getenv("TMPDIR");
    s->path = mem_printf("%s/mbe-log-test-XXXXXX", tmp ? tmp : "/tmp");
    const int fd = mkstemp(s->path);
    AUTO_FREE char *err_path = mem_printf("%s.stderr", s->path);
    const int err_fd = open(err_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
    s->real_stderr = dup(STDERR_FILENO);
    *state = s;
    if (fd < 0 || err_fd < 0 || s->real_stderr < 0 || dup2(err_fd, STDERR_FILENO) < 0)
        return -1;
    close(fd);
    close(err_fd);
    return 0;
}

static int scratch_remove(void **state)
{
    struct scratch *s = *state;
    AUTO_FREE char *err_path = mem_printf("%s.stderr", s->path);
    dup2(s->real_stderr, STDERR_FILENO);
    close(s->real_stderr);
    unlink(err_path);
    unlink(s->path);
    free(s->path);
    free(s);
    return 0;
}

static char *content(const char *path)
{
    char *data = NULL;
    size_t len;
    assert_null(file_read_all(&data, &len, path, 1 << 20));
    return data;
}

static char *stderr_content(const struct scratch *s)
{
    AUTO_FREE char *err_path = mem_printf("%s.stderr", s->path);
    return content(err_path);
}

/* The line behind its time stamp, which is checked for its shape. */
static const char *behind_time(const char *line)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ ";
    for (size_t i = 0; shape[i]; i++)
        assert_true(shape[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == shape[i]);
    return line + sizeof shape - 1;
}

static struct log *open_log(struct scratch *s, bool json, enum log_level min_stderr)
{
    struct log *log = NULL;
    const struct log_options o = {.file = s->path,
                                  .to_stderr = true,
                                  .json = json,
                                  .min = LOG_LEVEL_INFO,
                                  .min_stderr = min_stderr};
    assert_null(log_open(&log, &o));
    return log;
}

static void text_lines_have_time_level_and_module(void **state)
{
    struct scratch *s = *state;
    struct log *log = open_log(s, false, LOG_LEVEL_INFO);
    log_warning(log, "backup", "page %d\nof %s", 7, "t1");
    log_close(log);
    AUTO_FREE char *file = content(s->path);
    AUTO_FREE char *err = stderr_content(s);
    assert_string_equal(behind_time(file), "warning backup: page 7 of t1\n");
    assert_string_equal(err, file);
}

static void json_lines_parse_and_keep_the_text(void **state)
{
    struct scratch *s = *state;
    struct log *log = open_log(s, true, LOG_LEVEL_INFO);
    log_error(log, "restore", "a \"quoted\"\nname \xFF");
    log_close(log);
    AUTO_FREE char *file = content(s->path);
    json_t *line = json_loads(file, 0, NULL);
    const char *level, *module, *text, *when;
    assert_int_equal(json_unpack(line, "{s:s,s:s,s:s,s:s}", "level", &level, "module", &module,
                                 "text", &text, "time", &when),
                     0);
    assert_string_equal(level, "error");
    assert_string_equal(module, "restore");
    assert_string_equal(text, "a \"quoted\"\nname \xEF\xBF\xBD");
    assert_int_equal(strlen(when), 20);
    json_decref(line);
}

static void levels_are_kept_apart_for_stderr_and_the_record(void **state)
{
    struct scratch *s = *state;
    struct log *log = open_log(s, false, LOG_LEVEL_WARNING);
    log_debug(log, "m", "debug");
    log_info(log, "m", "info");
    log_warning(log, "m", "warning");
    log_close(log);
    AUTO_FREE char *file = content(s->path);
    AUTO_FREE char *err = stderr_content(s);
    assert_null(strstr(file, "debug"));
    assert_non_null(strstr(file, "info m: info\n"));
    assert_non_null(strstr(file, "warning m: warning\n"));
    assert_string_equal(behind_time(err), "warning m: warning\n");
}

static void the_final_error_is_recorded_but_left_to_the_caller_on_stderr(void **state)
{
    struct scratch *s = *state;
    struct log *log = open_log(s, false, LOG_LEVEL_INFO);
    struct err *e = err_hint(err_make(REFUSED, "target not empty"), "Choose another.");
    log_final_error(log, "restore", e);
    err_free(e);
    log_close(log);
    AUTO_FREE char *file = content(s->path);
    AUTO_FREE char *err = stderr_content(s);
    assert_non_null(strstr(file, "error restore: target not empty\n"));
    assert_non_null(strstr(file, "info restore: Choose another.\n"));
    assert_string_equal(err, "");
}

static void a_log_is_appended_to(void **state)
{
    struct scratch *s = *state;
    for (int i = 0; i < 3; i++) {
        struct log *log = open_log(s, false, LOG_LEVEL_ERROR);
        log_info(log, "m", "run %d", i);
        log_close(log);
    }
    AUTO_FREE char *file = content(s->path);
    assert_non_null(strstr(file, "run 0\n"));
    assert_non_null(strstr(file, "run 2\n"));
}

static void a_log_file_that_cannot_be_opened_is_told(void **state)
{
    (void)state;
    struct log *log = NULL;
    const struct log_options o = {.file = "/nonexistent/dir/mbe.log"};
    struct err *e = log_open(&log, &o);
    assert_non_null(e);
    assert_string_equal(e->message, "log file: /nonexistent/dir/mbe.log: cannot open: "
                                    "No such file or directory");
    assert_int_equal(e->os_errno, ENOENT);
    assert_null(log);
    err_free(e);
}

static void no_log_discards(void **state)
{
    struct scratch *s = *state;
    struct err *e = err_make(IO, "x");
    log_info(NULL, "m", "nowhere");
    log_final_error(NULL, "m", e);
    log_close(NULL);
    err_free(e);
    AUTO_FREE char *err = stderr_content(s);
    assert_string_equal(err, "");
}

struct burst {
    struct log *log;
    _Atomic int left;
};

static struct err *say(void *ctx, bool *more)
{
    struct burst *b = ctx;
    *more = b->left-- > 0;
    if (*more)
        log_info(b->log, "m", "%0100d", 1);
    return NULL;
}

static void lines_of_many_threads_stay_whole(void **state)
{
    struct scratch *s = *state;
    struct burst b = {.log = open_log(s, false, LOG_LEVEL_ERROR), .left = 400};
    assert_null(workers_run(4, say, &b));
    log_close(b.log);
    AUTO_FREE char *file = content(s->path);
    int lines = 0;
    for (char *line = file; *line; lines++) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_int_equal(end - line, 21 + strlen("info m: ") + 100);
        line = end + 1;
    }
    assert_int_equal(lines, 400);
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(text_lines_have_time_level_and_module),
        SCRATCH_TEST(json_lines_parse_and_keep_the_text),
        SCRATCH_TEST(levels_are_kept_apart_for_stderr_and_the_record),
        SCRATCH_TEST(the_final_error_is_recorded_but_left_to_the_caller_on_stderr),
        SCRATCH_TEST(a_log_is_appended_to),
        SCRATCH_TEST(a_log_file_that_cannot_be_opened_is_told),
        SCRATCH_TEST(no_log_discards),
        SCRATCH_TEST(lines_of_many_threads_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
