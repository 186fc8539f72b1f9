/* cli/cmd_config.c: mbe config check, mbe config show TASK. */
#include "cli/command.h"

#include <stdio.h>
#include <time.h>

#include "cli/task.h"

static void print_value(const struct task *t, const struct task_value *v)
{
    printf("  %s", v->name);
    if (v->is_secret)
        fputs(" = ********", stdout);
    else if (v->text) {
        fputs(" = ", stdout);
        print_clean(v->text, 0);
    }
    printf("    [%s%s%s] %s:%d\n", v->section->kind, *v->section->name ? " " : "", v->section->name,
           t->file->path, v->key->line);
}

static void print_task(const struct task *t)
{
    printf("task %s\n", t->name);
    for (int i = 0; i < TASK_SETTINGS; i++)
        if (t->settings[i].key)
            print_value(t, &t->settings[i]);
    for (size_t i = 0; i < t->n; i++) {
        printf("step %s: %s\n", t->steps[i].name, t->steps[i].type);
        for (size_t k = 0; k < t->steps[i].n; k++)
            print_value(t, &t->steps[i].values[k]);
    }
}

struct err *command_config(const struct options *o)
{
    AUTO(config_file) file = NULL;
    AUTO(task) t = NULL;
    char host[TASK_HOST_MAX];
    size_t n;
    TRY(config_file_load(&file, o->config));
    const struct task_moment moment = task_moment_now(host);
    if (o->config_action == CONFIG_ACTION_CHECK) {
        TRY(task_check_all(&n, file, &moment));
        printf("%s: %zu task%s, no error\n", file->path, n, n == 1 ? "" : "s");
        return NULL;
    }
    TRY(task_make(&t, file, o->task, &moment));
    print_task(t);
    return NULL;
}
