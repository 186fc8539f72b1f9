/* base/progress_test.c: what is drawn on stderr, which goes to a file meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/workers.h"

/* Runs with stderr in a temporary file; returns what was written, owned by caller. */
static char *drawn_by(void (*play)(struct progress *), enum progress_mode mode)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    const int real_stderr = dup(STDERR_FILENO);
    dup2(fileno(f), STDERR_FILENO);
    struct progress *p = progress_open(mode, "backup");
    play(p);
    progress_close(p);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    char *text = mem_zalloc(1 << 16);
    const ssize_t n = pread(fileno(f), text, (1 << 16) - 1, 0);
    fclose(f);
    assert_true(n >= 0);
    return text;
}

static void two_phases(struct progress *p)
{
    progress_phase(p, "copy", 2048);
    progress_add(p, 1024);
    progress_note(p, "headroom %d%%", 80);
    progress_add(p, 1024);
    progress_phase(p, "lock window", 0);
    progress_add(p, 512);
}

static void json_lines_have_every_key_and_end_at_the_total(void **state)
{
    (void)state;
    AUTO_FREE char *text = drawn_by(two_phases, PROGRESS_JSON);
    json_int_t last_done = -1;
    bool copy_finished = false;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(o);
        const char *event, *command, *phase, *note;
        json_t *total, *eta;
        json_int_t rate;
        assert_int_equal(json_unpack(o, "{s:s,s:s,s:s,s:I,s:o,s:I,s:o,s:s!}", "event", &event,
                                     "command", &command, "phase", &phase, "done", &last_done,
                                     "total", &total, "rate", &rate, "eta", &eta, "note", &note),
                         0);
        assert_string_equal(event, "progress");
        assert_string_equal(command, "backup");
        if (!strcmp(phase, "lock window")) {
            assert_true(json_is_null(total));
            assert_string_equal(note, "");
        } else if (last_done == 2048) {
            copy_finished = true;
            assert_int_equal(json_integer_value(eta), 0);
            assert_string_equal(note, "headroom 80%");
        }
        json_decref(o);
    }
    assert_true(copy_finished);
    assert_int_equal(last_done, 512);
}

static void the_bar_leaves_one_line_per_phase(void **state)
{
    (void)state;
    AUTO_FREE char *text = drawn_by(two_phases, PROGRESS_BAR);
    assert_non_null(strstr(text, "\rbackup copy [####"));
    assert_non_null(strstr(text, "####] 100%  2.0 KiB of 2.0 KiB"));
    assert_non_null(strstr(text, "\rbackup lock window  512 B"));
    int newlines = 0;
    for (const char *c = text; *c; c++)
        newlines += *c == '\n';
    assert_int_equal(newlines, 2);
}

static void long_and_hostile(struct progress *p)
{
    progress_phase(p, "copy", 10);
    progress_add(p, 50); /* more than announced */
    progress_note(p, "%0300d", 1);
    progress_phase(p, "evil \033[2J\nname", 0);
}

static void the_bar_stays_in_its_line_whatever_it_is_given(void **state)
{
    (void)state;
    AUTO_FREE char *text = drawn_by(long_and_hostile, PROGRESS_BAR);
    assert_non_null(strstr(text, "100%"));
    assert_non_null(strstr(text, "evil ?[2J name"));
    char *save = NULL;
    for (char *part = strtok_r(text, "\r\n", &save); part; part = strtok_r(NULL, "\r\n", &save))
        assert_true(strlen(part) <= 79 + strlen("\033[K"));
}

static void no_progress_says_nothing(void **state)
{
    (void)state;
    assert_null(progress_open(PROGRESS_NONE, "backup"));
    AUTO_FREE char *text = drawn_by(two_phases, PROGRESS_NONE);
    assert_string_equal(text, "");
}

struct crew {
    struct progress *p;
    _Atomic int left;
};

static struct err *add_some(void *ctx, bool *more)
{
    struct crew *c = ctx;
    *more = c->left-- > 0;
    if (*more) {
        progress_add(c->p, 10);
        progress_note(c->p, "left %d", (int)c->left);
    }
    return NULL;
}

static void from_many_threads(struct progress *p)
{
    progress_phase(p, "copy", 100000);
    struct crew c = {.p = p, .left = 10000};
    assert_null(workers_run(4, add_some, &c));
}

static void adds_of_many_threads_are_all_counted(void **state)
{
    (void)state;
    AUTO_FREE char *text = drawn_by(from_many_threads, PROGRESS_JSON);
    assert_non_null(strstr(text, "\"done\":100000,\"total\":100000,"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lines_have_every_key_and_end_at_the_total),
        cmocka_unit_test(the_bar_leaves_one_line_per_phase),
        cmocka_unit_test(the_bar_stays_in_its_line_whatever_it_is_given),
        cmocka_unit_test(no_progress_says_nothing),
        cmocka_unit_test(adds_of_many_threads_are_all_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
