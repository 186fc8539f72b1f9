/* cli/task_report_test.c: reports of runs whose steps have written anything at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "cli/task_report.h"

static char type_of_step[] = "check";
static char hostile[] = "a \xFF\x1b[31m\r\n\"b\"\n";

static struct task_step steps[] = {
    {.name = type_of_step, .type = "verify", .verb = VERB_VERIFY, .repo = "/r"},
    {.name = type_of_step, .type = "prune", .verb = VERB_PRUNE, .repo = "/r"},
};
static const struct task task = {.name = "t", .steps = steps, .n = 2};
static char failure[] = "step check failed with status 3";

static struct task_run failed(struct step_result results[2])
{
    results[0] = (struct step_result){.state = STEP_FAILED,
                                      .started = "2026-11-28T03:30:05Z",
                                      .end = {.status = 3, .out = hostile, .err = hostile}};
    results[1] = (struct step_result){.state = STEP_NOT_RUN};
    return (struct task_run){.task = &task,
                             .host = "db1",
                             .started = "2026-11-28T03:30:05Z",
                             .finished = "2026-11-28T03:30:07Z",
                             .seconds = 2,
                             .status = 3,
                             .failure = failure,
                             .steps = results};
}

static void what_a_step_writes_is_valid_in_json(void **state)
{
    (void)state;
    struct step_result results[2];
    const struct task_run run = failed(results);
    AUTO_FREE char *text = task_report_json(&run);
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    const json_t *step = json_array_get(json_object_get(v, "steps"), 0);
    assert_string_equal(json_string_value(json_object_get(step, "output")),
                        "a \xEF\xBF\xBD\x1b[31m\r\n\"b\"\n");
    assert_int_equal(json_integer_value(json_object_get(step, "status")), 3);
    assert_string_equal(json_string_value(json_object_get(v, "result")), "failed");
    json_decref(v);
}

static void what_a_step_writes_does_not_steer_a_terminal(void **state)
{
    (void)state;
    struct step_result results[2];
    const struct task_run run = failed(results);
    AUTO_FREE char *text = task_report_text(&run);
    assert_string_equal(text, "task t on db1: failed: step check failed with status 3\n"
                              "begun 2026-11-28T03:30:05Z, took 0:02\n"
                              "\nstep check (verify): failed with status 3, 0:00\n"
                              "  a \xFF?[31m?\n  \"b\"\n  a \xFF?[31m?\n  \"b\"\n"
                              "\nstep check (prune): not run\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_step_writes_is_valid_in_json),
        cmocka_unit_test(what_a_step_writes_does_not_steer_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
