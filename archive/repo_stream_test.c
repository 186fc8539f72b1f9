/* archive/repo_stream_test.c: what goes out is no archive before it is published; what comes in is the archive that it is, through a
 * pipe or from a file; what is none, or is cut off, is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "archive/archive_file_test_util.h"
#include "archive/archive_test_util.h"
#include "archive/repo.h"
#include "base/dir_test_util.h"
#include "base/signals.h"

#define SAMPLE_ID "20261124T170632Z-full" /* of SAMPLE_MANIFEST */

/* Puts `fd`, which is closed, in the place of standard input or output. Returns what was there. */
static int put_in_place(int standard, int fd)
{
    const int before = dup(standard);
    assert_true(before >= 0);
    assert_int_equal(dup2(fd, standard), standard);
    close(fd);
    return before;
}

static struct repo *open_stream(const char *tmp_dir)
{
    struct repo *r;
    assert_null(repo_open(&r, "-", &(struct repo_options){.tmp_dir = tmp_dir}));
    assert_true(repo_is_stream(r));
    assert_null(repo_directory(r));
    return r;
}

static struct test_sink sample(void)
{
    struct test_sink sink = test_sink_new();
    assert_null(test_sample_write(&sink.sink, ARCHIVE_CODEC_ZSTD));
    return sink;
}

static bool is_empty(const char *dir)
{
    return rmdir(dir) == 0 && mkdir(dir, 0700) == 0;
}

static void assert_error(struct err *e, enum err_kind kind, const char *text)
{
    assert_non_null(e);
    if (!strstr(e->message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, e->message);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

/* --- standard output --- */

static void what_goes_out_is_complete_when_it_is_published_and_not_before(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/out", (char *)*state),
                   *tmp = mem_printf("%s/tmp", (char *)*state);
    AUTO(repo_draft) draft = NULL;
    AUTO(archive_reader) reader = NULL;
    int fd;
    assert_int_equal(mkdir(tmp, 0700), 0);
    assert_null(file_open(&fd, path, O_WRONLY | O_CREAT, 0600));
    const int before = put_in_place(STDOUT_FILENO, fd);
    AUTO(repo) repo = open_stream(tmp);
    assert_null(repo_begin(&draft, repo, NULL, "full"));
    assert_true(backup_id_is_full(repo_draft_id(draft)));
    assert_int_equal(access(repo_draft_dir(draft), W_OK), 0);
    struct sink *sink = repo_draft_sink(draft);
    assert_null(test_sample_write(sink, ARCHIVE_CODEC_ZSTD));
    assert_null(sink->commit(sink));
    assert_error(archive_file_open(&reader, path), ERR_CORRUPT, "complete");
    assert_null(repo_publish(draft));
    assert_null(archive_file_open(&reader, path));
    assert_string_equal(archive_reader_manifest(reader), SAMPLE_MANIFEST);
    repo_draft_free(draft);
    draft = NULL;
    assert_true(is_empty(tmp));
    assert_int_equal(access(path, F_OK), 0);
    close(put_in_place(STDOUT_FILENO, before));
}

/* Standard output is a pipe with this reading end. */
static struct repo_draft *begin_on_pipe(struct repo *repo, int *reading, int *before)
{
    struct repo_draft *draft;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *before = put_in_place(STDOUT_FILENO, ends[1]);
    *reading = ends[0];
    assert_null(repo_begin(&draft, repo, NULL, "full"));
    return draft;
}

static void a_reader_that_is_gone_is_an_error(void **state)
{
    AUTO(repo) repo = open_stream(*state);
    AUTO_FREE uint8_t *piece = mem_zalloc(1 << 20);
    int reading, before;
    signal(SIGPIPE, SIG_IGN);
    AUTO(repo_draft) draft = begin_on_pipe(repo, &reading, &before);
    struct sink *sink = repo_draft_sink(draft);
    close(reading);
    assert_error(sink->append(sink, piece, 1 << 20), ERR_IO,
                 "standard output: cannot write: Broken pipe");
    close(put_in_place(STDOUT_FILENO, before));
    signal(SIGPIPE, SIG_DFL);
}

static void who_waits_for_a_reader_is_stopped_by_a_signal(void **state)
{
    AUTO(repo) repo = open_stream(*state);
    AUTO_FREE uint8_t *piece = mem_zalloc(1 << 20);
    int reading, before;
    AUTO(repo_draft) draft = begin_on_pipe(repo, &reading, &before);
    struct sink *sink = repo_draft_sink(draft);
    signals_stop = SIGTERM;
    assert_error(sink->append(sink, piece, 1 << 20), ERR_INTERRUPTED, "stopped by signal");
    signals_stop = 0;
    close(reading);
    close(put_in_place(STDOUT_FILENO, before));
}

/* --- standard input --- */

/* Standard input is a pipe that a child writes these bytes to. */
static pid_t feed(const void *bytes, size_t n, int *before)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        struct err *e = file_write(ends[1], bytes, n, "pipe");
        _exit(e ? 1 : 0);
    }
    close(ends[1]);
    *before = put_in_place(STDIN_FILENO, ends[0]);
    return child;
}

static void end_feed(pid_t child, int before)
{
    close(put_in_place(STDIN_FILENO, before)); /* who still writes ends */
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void assert_is_sample(struct repo *repo)
{
    AUTO_FREE char *id = NULL, *record = NULL;
    AUTO(archive_reader) a = NULL;
    AUTO(archive_reader) b = NULL;
    AUTO(repo_use) use = NULL;
    struct source *other = NULL;
    assert_null(repo_find(&id, repo, "latest"));
    assert_string_equal(id, SAMPLE_ID);
    assert_null(repo_use_begin(&use, repo, id));
    assert_null(repo_open_reader(&a, repo, id));
    assert_null(repo_open_reader(&b, repo, id));
    assert_string_equal(archive_reader_manifest(a), SAMPLE_MANIFEST);
    assert_string_equal(archive_reader_manifest(b), SAMPLE_MANIFEST);
    assert_string_equal(archive_reader_name(a), "standard input");
    assert_null(repo_record_append(repo, id, "{}"));
    assert_null(repo_record_read(&record, repo, id));
    assert_string_equal(record, "");
    struct err *e = repo_open_source(&other, repo, "20250101T000000Z-full");
    assert_non_null(e);
    assert_int_equal(e->os_errno, ENOENT);
    err_free(e);
}

static void an_archive_comes_through_a_pipe_and_leaves_nothing(void **state)
{
    struct test_sink a = sample();
    int before;
    const pid_t child = feed(a.bytes.p, a.bytes.n, &before);
    struct repo *repo = open_stream(*state);
    assert_is_sample(repo);
    assert_true(is_empty(*state)); /* meanwhile, too */
    repo_close(repo);
    end_feed(child, before);
    test_sink_free(&a.sink);
}

static void a_file_is_read_where_it_is(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/archive", (char *)*state);
    struct test_sink a = sample();
    int fd;
    assert_null(file_replace(path, a.bytes.p, a.bytes.n, 0600));
    assert_null(file_open(&fd, path, O_RDONLY, 0));
    const int before = put_in_place(STDIN_FILENO, fd);
    AUTO(repo) repo = open_stream("/nowhere/at/all");
    assert_is_sample(repo);
    close(put_in_place(STDIN_FILENO, before));
    test_sink_free(&a.sink);
}

static void a_file_that_was_read_from_is_copied_from_there(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/archive", (char *)*state);
    struct test_sink a = sample();
    struct out_bytes bytes = {0};
    int fd;
    out_bytes_put(&bytes, "a line for somebody else\n", 25);
    out_bytes_put(&bytes, a.bytes.p, a.bytes.n);
    assert_null(file_replace(path, bytes.p, bytes.n, 0600));
    assert_null(file_open(&fd, path, O_RDONLY, 0));
    assert_int_equal(lseek(fd, 25, SEEK_SET), 25);
    const int before = put_in_place(STDIN_FILENO, fd);
    AUTO(repo) repo = open_stream(*state);
    assert_is_sample(repo);
    close(put_in_place(STDIN_FILENO, before));
    free(bytes.p);
    test_sink_free(&a.sink);
}

static void what_is_no_archive_is_told_before_all_of_it_was_read(void **state)
{
    enum { SIZE = 8 << 20 };
    AUTO_FREE uint8_t *zeros = mem_zalloc(SIZE);
    struct backup_ids ids;
    int before;
    const pid_t child = feed(zeros, SIZE, &before);
    AUTO(repo) repo = open_stream(*state);
    assert_error(repo_list(&ids, repo), ERR_CORRUPT, "standard input: no archive header here");
    assert_int_equal(read(STDIN_FILENO, zeros, 1), 1); /* there is more of it */
    end_feed(child, before);
}

static void an_archive_that_is_cut_off_is_told(void **state)
{
    struct test_sink a = sample();
    const size_t cuts[] = {0, 10, ARCHIVE_HEADER_SIZE, a.bytes.n / 2, a.bytes.n - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct backup_ids ids;
        int before;
        const pid_t child = feed(a.bytes.p, cuts[i], &before);
        AUTO(repo) repo = open_stream(*state);
        assert_error(repo_list(&ids, repo), ERR_CORRUPT, "complete");
        end_feed(child, before);
    }
    test_sink_free(&a.sink);
}

static void a_directory_that_is_not_there_is_told(void **state)
{
    (void)state;
    struct test_sink a = sample();
    struct backup_ids ids;
    int before;
    const pid_t child = feed(a.bytes.p, a.bytes.n, &before);
    AUTO(repo) repo = open_stream("/nowhere/at/all");
    assert_error(repo_list(&ids, repo), ERR_IO, "/nowhere/at/all: cannot be used");
    end_feed(child, before);
    test_sink_free(&a.sink);
}

/* A limit of the file's size fails as a full disk does. */
static void a_disk_that_runs_full_is_told_with_a_remedy(void **state)
{
    struct test_sink a = sample();
    struct backup_ids ids;
    struct rlimit was, limit;
    int before;
    const pid_t child = feed(a.bytes.p, a.bytes.n, &before);
    AUTO(repo) repo = open_stream(*state);
    AUTO_FREE char *expected = mem_printf("%s: cannot write: File too large", (char *)*state);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    limit = was;
    limit.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct err *e = repo_list(&ids, repo);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_non_null(e);
    assert_non_null(e->hint);
    assert_non_null(strstr(e->hint, "--tmp-dir=DIR"));
    assert_error(e, ERR_IO, expected);
    assert_true(is_empty(*state));
    end_feed(child, before);
    test_sink_free(&a.sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)
        IN_DIR(what_goes_out_is_complete_when_it_is_published_and_not_before),
        IN_DIR(a_reader_that_is_gone_is_an_error),
        IN_DIR(who_waits_for_a_reader_is_stopped_by_a_signal),
        IN_DIR(an_archive_comes_through_a_pipe_and_leaves_nothing),
        IN_DIR(a_file_is_read_where_it_is),
        IN_DIR(a_file_that_was_read_from_is_copied_from_there),
        IN_DIR(what_is_no_archive_is_told_before_all_of_it_was_read),
        IN_DIR(an_archive_that_is_cut_off_is_told),
        cmocka_unit_test(a_directory_that_is_not_there_is_told),
        IN_DIR(a_disk_that_runs_full_is_told_with_a_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
