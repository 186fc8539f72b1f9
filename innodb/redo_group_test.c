/* innodb/redo_group_test.c: random redo through redo_group against a plain stable sort, in memory
 * and spilled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "innodb/redo_group.h"
#include "innodb/redo_merge.h"
#include "innodb/redo_run.h"
#include "innodb/redo_test_util.h"

enum { MEMORY_LARGE = 1 << 30, MEMORY_SMALL = 1 << 20 };

/* A record as the naive model keeps it. The body is made from `seed`. */
struct item {
    space_id_t space;
    page_no_t page;
    size_t order; /* in the log */
    lsn_t start, end;
    enum redo_type type;
    bool same;
    uint64_t seed;
    uint32_t len;
};

struct model {
    struct item *items;
    size_t n, cap;
    uint8_t *body; /* scratch */
};

static void make_body(uint8_t *to, const struct item *it)
{
    struct test_random r = {it->seed};
    for (uint32_t i = 0; i < it->len; i++)
        to[i] = (uint8_t)test_random_u64(&r);
}

static char *make_dir(void)
{
    char *dir = mem_strdup("/tmp/redo_group_test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static void remove_empty_dir(char *dir)
{
    assert_int_equal(rmdir(dir), 0); /* nothing was left behind */
    free(dir);
}

static uint32_t random_len(struct test_random *r, uint32_t typical)
{
    static const uint32_t edges[] = {0, 1, 14, 15, 16, 17, 142, 143, 144};
    const uint64_t kind = test_random_below(r, 16);
    if (kind == 0)
        return edges[test_random_below(r, sizeof edges / sizeof edges[0])];
    if (kind == 1 && typical > 100)
        return (uint32_t)test_random_below(r, 40000);
    return (uint32_t)test_random_below(r, typical) + 1;
}

/* One mini-transaction of some records over a few pages; now and then it comes back to a page. */
static void add_mtr(struct model *m, struct redo_group *g, struct test_random *r, lsn_t *lsn,
                    uint32_t n_spaces, uint32_t n_pages, uint32_t typical)
{
    const lsn_t start = *lsn, end = start + 100 + test_random_below(r, 5000);
    const size_t n_records = 1 + test_random_below(r, 12);
    struct item it = {.start = start, .end = end};
    for (size_t i = 0; i < n_records; i++) {
        it.same = i > 0 && test_random_below(r, 3) > 0;
        if (!it.same) {
            it.space = (space_id_t)test_random_below(r, n_spaces) * 0x01010101u;
            it.page = (page_no_t)test_random_below(r, n_pages);
        }
        it.type = it.same ? REDO_WRITE : (enum redo_type)test_random_below(r, 8);
        it.order = m->n;
        it.seed = test_random_u64(r);
        it.len = random_len(r, typical);
        make_body(m->body, &it);
        const struct redo_record rec = {.type = it.type,
                                        .space = it.space,
                                        .page = it.page,
                                        .same_page = it.same,
                                        .body = m->body,
                                        .body_len = it.len};
        assert_null(redo_group_add(g, &rec, start, end));
        mem_grow(&m->items, &m->cap, m->n, sizeof *m->items);
        m->items[m->n++] = it;
    }
    *lsn = end;
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->space != y->space)
        return x->space < y->space ? -1 : 1;
    if (x->page != y->page)
        return x->page < y->page ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static void assert_record(const struct redo_record *rec, const struct item *it, uint8_t *scratch)
{
    assert_int_equal(rec->type, it->type);
    assert_int_equal(rec->space, it->space);
    assert_int_equal(rec->page, it->page);
    assert_int_equal(rec->same_page, it->same);
    assert_int_equal(rec->body_len, it->len);
    make_body(scratch, it);
    if (it->len)
        assert_memory_equal(rec->body, scratch, it->len);
}

/* Reads [from, to) of a space; the records must be items[at..]. Returns the position behind the
 * last one. */
static size_t check_range(const struct model *m, const struct redo_group *g, space_id_t space,
                          page_no_t from, page_no_t to, size_t at)
{
    struct redo_group_cursor *c;
    struct redo_bundle b;
    uint8_t *scratch = mem_alloc(REDO_MTR_MAX);
    bool more;
    assert_null(redo_group_cursor_open(&c, g, space, from, to));
    for (;;) {
        struct redo_record rec;
        assert_null(redo_group_cursor_next(c, &b, &more));
        if (!more)
            break;
        for (size_t pos = 0; redo_bundle_next(&b, &pos, &rec); at++) {
            assert_true(at < m->n);
            assert_int_equal(b.mtr_start, m->items[at].start);
            assert_int_equal(b.mtr_end, m->items[at].end);
            assert_record(&rec, &m->items[at], scratch);
        }
    }
    assert_null(redo_group_cursor_next(c, &b, &more));
    assert_false(more);
    redo_group_cursor_free(c);
    free(scratch);
    return at;
}

static size_t lower_bound(const struct model *m, space_id_t space, page_no_t page)
{
    size_t at = 0;
    while (at < m->n && (m->items[at].space < space ||
                         (m->items[at].space == space && m->items[at].page < page)))
        at++;
    return at;
}

static void check_spaces(const struct model *m, const struct redo_group *g)
{
    size_t n, at = 0;
    const struct redo_group_space *spaces = redo_group_spaces(g, &n);
    for (size_t i = 0; i < n; i++) {
        assert_true(at < m->n);
        assert_int_equal(spaces[i].id, m->items[at].space);
        while (at < m->n && m->items[at].space == spaces[i].id)
            at++;
        assert_int_equal(spaces[i].last_page, m->items[at - 1].page);
    }
    assert_int_equal(at, m->n);
}

struct shape {
    uint64_t memory;
    int n_mtrs;
    uint32_t n_spaces, n_pages, typical;
    uint64_t seed;
    bool secret;
};

/* Everything of every space, then random ranges. */
static void run_shape(const struct shape *s, struct redo_group_stats *stats)
{
    char *dir = make_dir();
    struct redo_group *g;
    struct model m = {.body = mem_alloc(REDO_MTR_MAX)};
    struct test_random r = {s->seed};
    lsn_t lsn = 1000000;
    assert_null(redo_group_new(&g, s->memory, dir));
    if (s->secret)
        redo_group_keep_secret(g);
    for (int i = 0; i < s->n_mtrs; i++)
        add_mtr(&m, g, &r, &lsn, s->n_spaces, s->n_pages, s->typical);
    assert_null(redo_group_seal(g));
    qsort(m.items, m.n, sizeof *m.items, compare_items);
    check_spaces(&m, g);
    size_t n, at = 0;
    const struct redo_group_space *spaces = redo_group_spaces(g, &n);
    for (size_t i = 0; i < n; i++)
        at = check_range(&m, g, spaces[i].id, 0, UINT32_MAX, at);
    assert_int_equal(at, m.n);
    for (int i = 0; i < 100; i++) {
        const space_id_t space = (space_id_t)test_random_below(&r, s->n_spaces + 1) * 0x01010101u;
        const page_no_t from = (page_no_t)test_random_below(&r, s->n_pages);
        const page_no_t to = (page_no_t)test_random_below(&r, s->n_pages + 2);
        const size_t first = lower_bound(&m, space, from);
        const size_t end = check_range(&m, g, space, from, to, first);
        assert_int_equal(end, to > from ? lower_bound(&m, space, to) : first);
    }
    redo_group_stats(g, stats);
    redo_group_free(g);
    free(m.items);
    free(m.body);
    remove_empty_dir(dir);
}

static void in_memory_order_is_that_of_a_stable_sort(void **state)
{
    (void)state;
    static const struct shape shapes[] = {
        {MEMORY_LARGE, 1, 1, 1, 20, 1, false},
        {MEMORY_LARGE, 4000, 1, 1, 20, 2, false},
        {MEMORY_LARGE, 4000, 200, 300, 60, 3, false},
        {MEMORY_LARGE, 4000, 255, 70000, 60, 4, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct redo_group_stats stats;
        run_shape(&shapes[i], &stats);
        assert_int_equal(stats.runs_spilled, 0);
    }
}

static void spilled_order_is_the_same(void **state)
{
    (void)state;
    static const struct {
        struct shape shape;
        uint64_t min_runs;
    } cases[] = {
        {{MEMORY_SMALL, 6000, 200, 300, 60, 5, false}, 2},
        {{MEMORY_SMALL, 6000, 3, 2, 300, 6, true}, 33},
        {{MEMORY_SMALL, 6000, 255, 70000, 300, 7, true}, 33}, /* merged twice on the way */
        {{0, 3000, 20, 100, 300, 8, false}, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redo_group_stats stats;
        run_shape(&cases[i].shape, &stats);
        assert_in_range(stats.runs_spilled, cases[i].min_runs, UINT64_MAX);
        assert_true(stats.memory_peak <= MEMORY_SMALL);
    }
}

static void nothing_added_is_nothing_found(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct redo_group *g;
    struct redo_group_cursor *c;
    struct redo_bundle b;
    bool more;
    size_t n;
    assert_null(redo_group_new(&g, MEMORY_LARGE, dir));
    assert_null(redo_group_seal(g));
    redo_group_spaces(g, &n);
    assert_int_equal(n, 0);
    assert_null(redo_group_cursor_open(&c, g, 0, 0, UINT32_MAX));
    assert_null(redo_group_cursor_next(c, &b, &more));
    assert_false(more);
    redo_group_cursor_free(c);
    redo_group_free(g);
    redo_group_free(NULL);
    redo_group_cursor_free(NULL);
    remove_empty_dir(dir);
}

static void records_of_one_mtr_and_page_are_one_bundle(void **state)
{
    (void)state;
    /* Space, page, mtr of each record, in log order; what comes out as one bundle shares a number.
     */
    static const struct {
        page_no_t page;
        lsn_t mtr;
        int bundle;
    } log[] = {{3, 10, 0}, {3, 10, 0}, {4, 10, 4}, {3, 10, 1}, {3, 20, 2}, {3, 20, 2}, {3, 30, 3}};
    char *dir = make_dir();
    struct redo_group *g;
    struct redo_group_cursor *c;
    struct redo_bundle b;
    struct redo_group_stats stats;
    bool more;
    assert_null(redo_group_new(&g, MEMORY_LARGE, dir));
    for (uint8_t i = 0; i < 7; i++) {
        const struct redo_record rec = {
            .type = REDO_WRITE, .space = 9, .page = log[i].page, .body = &i, .body_len = 1};
        assert_null(redo_group_add(g, &rec, log[i].mtr, log[i].mtr + 10));
    }
    assert_null(redo_group_seal(g));
    redo_group_stats(g, &stats);
    assert_int_equal(stats.bundles, 5);
    assert_int_equal(stats.bytes, 14);
    assert_null(redo_group_cursor_open(&c, g, 9, 0, 100));
    for (int bundle = 0; bundle < 5; bundle++) {
        struct redo_record rec;
        assert_null(redo_group_cursor_next(c, &b, &more));
        assert_true(more);
        for (size_t at = 0; redo_bundle_next(&b, &at, &rec);)
            assert_int_equal(log[rec.body[0]].bundle, bundle);
    }
    assert_null(redo_group_cursor_next(c, &b, &more));
    assert_false(more);
    redo_group_cursor_free(c);
    redo_group_free(g);
    remove_empty_dir(dir);
}

static void bundles_as_large_as_an_mtr_may_be_come_back_whole(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct redo_group *g;
    struct model m = {0};
    uint8_t *body = mem_alloc(REDO_MTR_MAX);
    assert_null(redo_group_new(&g, MEMORY_SMALL, dir));
    for (size_t i = 0; i < 40; i++) {
        const struct item it = {.space = 5,
                                .page = (page_no_t)(i * 7 % 5),
                                .order = i,
                                .start = 1000 + i,
                                .end = 2000 + i,
                                .type = REDO_WRITE,
                                .seed = i,
                                .len = i % 2 ? 100 : REDO_BUNDLE_MAX - 4};
        make_body(body, &it);
        const struct redo_record rec = {
            .type = it.type, .space = 5, .page = it.page, .body = body, .body_len = it.len};
        assert_null(redo_group_add(g, &rec, it.start, it.end));
        mem_grow(&m.items, &m.cap, m.n, sizeof *m.items);
        m.items[m.n++] = it;
    }
    assert_null(redo_group_seal(g));
    qsort(m.items, m.n, sizeof *m.items, compare_items);
    assert_int_equal(check_range(&m, g, 5, 0, 10, 0), 40);
    redo_group_free(g);
    free(m.items);
    free(body);
    remove_empty_dir(dir);
}

static void a_bundle_beyond_the_maximum_is_refused(void **state)
{
    (void)state;
    struct redo_group *g;
    uint8_t *body = mem_zalloc(REDO_BUNDLE_MAX + 1);
    const struct redo_record large = {
        .type = REDO_WRITE, .space = 5, .page = 1, .body = body, .body_len = REDO_BUNDLE_MAX - 10};
    assert_null(redo_group_new(&g, MEMORY_LARGE, "/tmp"));
    assert_null(redo_group_add(g, &large, 1000, 2000));
    struct err *e = redo_group_add(g, &large, 1000, 2000);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_string_equal(e->message, "LSN 1000: a mini-transaction of more than 2097152 bytes");
    err_free(e);
    redo_group_free(g);
    free(body);
}

static void spill_directory_that_is_missing_is_named(void **state)
{
    (void)state;
    struct redo_group *g;
    uint8_t body[1000] = {0};
    struct err *e = NULL;
    assert_null(redo_group_new(&g, MEMORY_SMALL, "/nonexistent/mbe"));
    for (lsn_t lsn = 0; !e && lsn < 5000; lsn++) {
        const struct redo_record rec = {.type = REDO_WRITE,
                                        .space = 5,
                                        .page = (page_no_t)lsn,
                                        .body = body,
                                        .body_len = sizeof body};
        e = redo_group_add(g, &rec, lsn, lsn + 1);
    }
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    assert_string_equal(e->message,
                        "/nonexistent/mbe: cannot create a spill file: No such file or directory");
    err_free(e);
    redo_group_free(g);
}

/* Threads with cursors of their own over one spilled group. */
struct reader_job {
    const struct redo_group *g;
    uint64_t bundles;
};

static void *count_bundles(void *arg)
{
    struct reader_job *job = arg;
    size_t n;
    const struct redo_group_space *spaces = redo_group_spaces(job->g, &n);
    for (size_t i = 0; i < n; i++) {
        struct redo_group_cursor *c;
        struct redo_bundle b;
        bool more = true;
        if (redo_group_cursor_open(&c, job->g, spaces[i].id, 0, UINT32_MAX))
            return NULL;
        while (!redo_group_cursor_next(c, &b, &more) && more)
            job->bundles++;
        redo_group_cursor_free(c);
    }
    return NULL;
}

static void cursors_in_threads_read_the_same(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct redo_group *g;
    struct model m = {.body = mem_alloc(REDO_MTR_MAX)};
    struct test_random r = {42};
    struct redo_group_stats stats;
    lsn_t lsn = 1;
    assert_null(redo_group_new(&g, MEMORY_SMALL, dir));
    for (int i = 0; i < 1500; i++)
        add_mtr(&m, g, &r, &lsn, 20, 50, 200);
    assert_null(redo_group_seal(g));
    redo_group_stats(g, &stats);
    assert_true(stats.runs_spilled > 0);
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct reader_job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct reader_job){.g = g};
        assert_int_equal(pthread_create(&threads[i], NULL, count_bundles, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].bundles, stats.bundles);
    }
    redo_group_free(g);
    free(m.items);
    free(m.body);
    remove_empty_dir(dir);
}

/* --- a run read back -------------------------------------------------------------------------- */

/* The file of a run has no name, but its descriptor shows the directory it was made in. */
static int fd_in_dir(const char *dir)
{
    int found = -1;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        char target[300] = "";
        if (readlinkat(dirfd(d), e->d_name, target, sizeof target - 1) > 0 &&
            !strncmp(target, dir, strlen(dir)))
            found = (int)strtol(e->d_name, NULL, 10);
    }
    closedir(d);
    assert_true(found >= 0);
    return found;
}

static struct redo_run *make_run(const char *dir, int *fd, size_t n, enum redo_run_form form)
{
    static const uint8_t data[300] = {1, 2, 3};
    struct redo_run *run;
    assert_null(redo_run_new(&run, dir, form));
    *fd = fd_in_dir(dir);
    for (size_t i = 0; i < n; i++) {
        const struct redo_bundle b = {.space = 1,
                                      .page = (page_no_t)i,
                                      .mtr_start = 10 + i,
                                      .mtr_end = 20 + i,
                                      .data = data,
                                      .len = sizeof data};
        assert_null(redo_run_put(run, &b));
    }
    assert_null(redo_run_seal(run));
    return run;
}

static struct err *read_all(const struct redo_run *run, size_t *n)
{
    struct redo_run_reader r;
    struct err *e = redo_run_reader_init(&r, run, 0, UINT64_MAX, 4096);
    for (*n = 0; !e && r.more; ++*n)
        e = redo_run_reader_next(&r);
    redo_run_reader_fini(&r);
    return e;
}

static void assert_io_error(struct err *e, const char *dir, const char *rest)
{
    char message[300];
    snprintf(message, sizeof message, "%s: redo spill file%s", dir, rest);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    assert_string_equal(e->message, message);
    err_free(e);
}

static void run_that_became_shorter_is_an_error(void **state)
{
    (void)state;
    char *dir = make_dir();
    int fd;
    size_t n;
    struct redo_run *run = make_run(dir, &fd, 100, REDO_RUN_CLEAR);
    assert_null(read_all(run, &n));
    assert_int_equal(n, 100);
    assert_int_equal(ftruncate(fd, 100 * 328 - 1), 0);
    assert_io_error(read_all(run, &n), dir, " ends at 32799, expected 32800");
    redo_run_free(run);
    remove_empty_dir(dir);
}

/* Two of them with the same bundles are not alike either: each has a key of its own. */
static void a_secret_run_has_nothing_in_clear(void **state)
{
    static const uint8_t text[] = {1, 2, 3, 0, 0, 0, 0, 0};
    uint8_t files[3][656];
    char *dir = make_dir();
    (void)state;
    for (int i = 0; i < 3; i++) {
        int fd;
        size_t n;
        struct redo_run *run = make_run(dir, &fd, 2, i ? REDO_RUN_SECRET : REDO_RUN_CLEAR);
        assert_int_equal(pread(fd, files[i], sizeof files[i], 0), sizeof files[i]);
        assert_null(read_all(run, &n));
        assert_int_equal(n, 2);
        redo_run_free(run);
    }
    assert_non_null(memmem(files[0], sizeof files[0], text, sizeof text));
    assert_null(memmem(files[1], sizeof files[1], text, sizeof text));
    assert_memory_not_equal(files[1], files[2], sizeof files[1]);
    remove_empty_dir(dir);
}

static void any_damaged_byte_of_a_run_is_found(void **state)
{
    (void)state;
    char *dir = make_dir();
    for (off_t at = 0; at < 328; at++) {
        int fd;
        size_t n;
        uint8_t byte;
        struct redo_run *run = make_run(dir, &fd, 2, at % 2 ? REDO_RUN_SECRET : REDO_RUN_CLEAR);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        /* Bytes 4 to 7 are the length: with 0x4000 more the bundle runs past the end. */
        assert_io_error(read_all(run, &n), dir,
                        at == 5 ? ": a bundle is cut off at 656" : ": damaged bundle before 656");
        redo_run_free(run);
    }
    remove_empty_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory_order_is_that_of_a_stable_sort),
        cmocka_unit_test(spilled_order_is_the_same),
        cmocka_unit_test(nothing_added_is_nothing_found),
        cmocka_unit_test(records_of_one_mtr_and_page_are_one_bundle),
        cmocka_unit_test(bundles_as_large_as_an_mtr_may_be_come_back_whole),
        cmocka_unit_test(a_bundle_beyond_the_maximum_is_refused),
        cmocka_unit_test(spill_directory_that_is_missing_is_named),
        cmocka_unit_test(cursors_in_threads_read_the_same),
        cmocka_unit_test(run_that_became_shorter_is_an_error),
        cmocka_unit_test(a_secret_run_has_nothing_in_clear),
        cmocka_unit_test(any_damaged_byte_of_a_run_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
