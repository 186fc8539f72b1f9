/* cli/task.c: see task.h. Variables are in task_variables.c. */
#include "cli/task.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/value.h"
#include "cli/task_variables.h"
#include "cli/values.h"

enum { MAX_STEPS = 64, MAX_WORDS = 256, HOOK_SECONDS_MAX = 86400, WAIT_SECONDS_MAX = 604800 };

/* What a step can be. A program has no options. */
static const struct {
    const char *type;
    enum verb verb;
} types[] = {
    {"backup", VERB_BACKUP}, {"hash", VERB_HASH},       {"verify", VERB_VERIFY},
    {"prune", VERB_PRUNE},   {"restore", VERB_RESTORE}, {"consolidate", VERB_CONSOLIDATE},
    {"copy", VERB_COPY},     {"command", VERB_NONE},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* Options that make no sense in a file, or cannot be had by what is run in the background. */
static const char *const not_in_files[] = {"help", "version", "key-fd"};

enum setting_type { SETTING_TEXT, SETTING_YES_NO, SETTING_SECONDS, SETTING_WORDS };

static const struct {
    const char *name;
    enum setting_type type;
    const char *words;  /* of WORDS */
    uint64_t max;       /* of SECONDS */
    const char *preset; /* or NULL */
} setting_rows[TASK_SETTINGS] = {
    [TASK_KEEP_GOING] = {"keep-going", SETTING_YES_NO, NULL, 0, NULL},
    [TASK_WAIT] = {"wait", SETTING_SECONDS, NULL, WAIT_SECONDS_MAX, "0"},
    [TASK_REPORT] = {"report", SETTING_TEXT, NULL, 0, NULL},
    [TASK_MAIL_TO] = {"mail-to", SETTING_TEXT, NULL, 0, NULL},
    [TASK_MAIL_ON] = {"mail-on", SETTING_WORDS, "failure|success|always", 0, "failure"},
    [TASK_SENDMAIL] = {"sendmail", SETTING_TEXT, NULL, 0, "/usr/sbin/sendmail"},
    [TASK_HOOK_WAIT] = {"hook-wait", SETTING_SECONDS, NULL, HOOK_SECONDS_MAX, "600"},
    [TASK_BEFORE_BACKUP] = {"before-backup", SETTING_TEXT, NULL, 0, NULL},
    [TASK_AFTER_VERIFY] = {"after-verify", SETTING_TEXT, NULL, 0, NULL},
    [TASK_ON_SUCCESS] = {"on-success", SETTING_TEXT, NULL, 0, NULL},
    [TASK_ON_FAILURE] = {"on-failure", SETTING_TEXT, NULL, 0, NULL},
    [TASK_LOG_FILE] = {"log-file", SETTING_TEXT, NULL, 0, NULL},
    [TASK_SYSLOG] = {"syslog", SETTING_YES_NO, NULL, 0, NULL},
    [TASK_LOG_FORMAT] = {"log-format", SETTING_WORDS, "text|json", 0, "text"},
};

const char *task_setting_name(enum task_setting which)
{
    return setting_rows[which].name;
}

const char *task_text(const struct task *t, enum task_setting which)
{
    const struct task_value *v = &t->settings[which];
    if (!v->key)
        return setting_rows[which].preset;
    return v->text ? v->text : "yes";
}

struct task_moment task_moment_now(char host[TASK_HOST_MAX])
{
    host[TASK_HOST_MAX - 1] = '\0';
    if (gethostname(host, TASK_HOST_MAX - 1))
        strcpy(host, "localhost");
    return (struct task_moment){time(NULL), host};
}

/* Puts the place in front of the message. */
static struct err *at(struct err *e, const struct config_file *f, int line)
{
    return err_wrap(e, "%s:%d", f->path, line);
}

/* ---- what a key may be ---- */

static bool is_in_files(const char *name)
{
    for (size_t i = 0; i < sizeof not_in_files / sizeof not_in_files[0]; i++)
        if (!strcmp(not_in_files[i], name))
            return false;
    return true;
}

static const struct option_row *row_of(unsigned verbs, const char *name)
{
    return is_in_files(name) ? option_find(verbs, name) : NULL;
}

static int setting_of(const char *name)
{
    for (int i = 0; i < TASK_SETTINGS; i++)
        if (!strcmp(setting_rows[i].name, name))
            return i;
    return -1;
}

/* What a section may have. */
struct allowed {
    unsigned verbs; /* IN_* bits: the options of these commands */
    bool task_settings;
    const char *const *more; /* NULL ends it */
};

static const char *const of_task[] = {"steps", "type", NULL};
static const char *const of_step[] = {"type", NULL};
static const char *const of_command_step[] = {"type", "command", "shell", NULL};
static const char *const of_command_task[] = {"steps", "type", "command", "shell", NULL};
static const char *const of_defaults[] = {NULL};

static bool is_listed(const char *const *list, const char *name)
{
    while (*list && strcmp(*list, name))
        list++;
    return *list != NULL;
}

static void append(char **list, const char *name)
{
    char *longer = mem_printf("%s%s%s", *list, **list ? ", " : "", name);
    free(*list);
    *list = longer;
}

/* Owned by caller. */
static char *all_allowed(const struct allowed *a)
{
    char *list = mem_strdup("");
    for (const char *const *m = a->more; *m; m++)
        append(&list, *m);
    for (int i = 0; i < TASK_SETTINGS && a->task_settings; i++)
        append(&list, setting_rows[i].name);
    for (size_t i = 0; i < n_option_rows; i++) {
        const struct option_row *row = &option_rows[i];
        const bool is_first = option_find(a->verbs, row->name) == row;
        if (is_first && row_of(a->verbs, row->name) &&
            !(a->task_settings && setting_of(row->name) >= 0))
            append(&list, row->name);
    }
    return list;
}

static bool is_yes_no(const char *text)
{
    return !strcmp(text, "yes") || !strcmp(text, "no");
}

/* text: not NULL, not empty. */
static struct err *check_option(const struct option_row *row, const char *text)
{
    if (!strcmp(row->name, "compare"))
        return NULL; /* the two sides: looked at with the step */
    if (row->type == OPTION_FLAG)
        return is_yes_no(text) ? NULL : err_make(USAGE, "'%s' is not one of yes|no", text);
    return option_check(row, text);
}

static struct err *check_setting(int which, const char *text)
{
    uint64_t ignored;
    switch (setting_rows[which].type) {
    case SETTING_TEXT:
        return NULL;
    case SETTING_YES_NO:
        return is_yes_no(text) ? NULL : err_make(USAGE, "'%s' is not one of yes|no", text);
    case SETTING_SECONDS:
        return value_number(&ignored, text, 0, setting_rows[which].max);
    case SETTING_WORDS:
        return value_choice(&ignored, text, setting_rows[which].words);
    }
    return NULL;
}

/* A key alone turns a flag on, or leaves out a value that may be left out. */
static struct err *check_alone(const struct option_row *row, int setting)
{
    const bool is_flag = row ? row->type == OPTION_FLAG && strcmp(row->name, "compare") != 0
                             : setting >= 0 && setting_rows[setting].type == SETTING_YES_NO;
    if (is_flag || (row && row->type == OPTION_SWITCH))
        return NULL;
    return err_make(USAGE, "it needs a value");
}

static struct err *check_key(const struct config_key *k, const struct allowed *a)
{
    if (is_listed(a->more, k->name))
        return k->value && *k->value ? NULL : err_make(USAGE, "it needs a value");
    const int setting = a->task_settings ? setting_of(k->name) : -1;
    const struct option_row *row = setting < 0 ? row_of(a->verbs, k->name) : NULL;
    if (!row && setting < 0) {
        AUTO_FREE char *list = all_allowed(a);
        return err_make(USAGE, "there is no such setting here; allowed are %s", list);
    }
    if (!k->value)
        return check_alone(row, setting);
    if (!*k->value || strchr(k->value, '%')) /* with variables: looked at when they are replaced */
        return NULL;
    return row ? check_option(row, k->value) : check_setting(setting, k->value);
}

static struct err *check_section(const struct config_file *f, const struct config_section *s,
                                 const struct allowed *a)
{
    for (size_t i = 0; s && i < s->n; i++) {
        const struct config_key *k = &s->keys[i];
        TRY(at(err_wrap(check_key(k, a), "%s", k->name), f, k->line));
        const struct option_row *row = row_of(a->verbs, k->name);
        if (row && row->type == OPTION_PASSWORD && f->others_read)
            return at(err_hint(err_make(REFUSED, "%s: a password in a file that others can read",
                                        k->name),
                               "chmod 600 %s", f->path),
                      f, k->line);
    }
    return NULL;
}

/* ---- values ---- */

/* The sections in which a setting is looked for, first to last. */
struct scope {
    const struct config_file *file;
    const struct config_section *sections[3];
    const struct config_section *own; /* what is set elsewhere is inherited */
};

/* *v stays empty when it is not given. */
static struct err *look_up(struct task_value *v, const struct scope *scope, const char *name,
                           const struct task_variables *variables)
{
    for (int i = 0; i < 3; i++) {
        const struct config_key *k = config_key_find(scope->sections[i], name);
        if (!k)
            continue;
        if (k->value && !*k->value)
            return NULL;
        *v = (struct task_value){.name = k->name, .section = scope->sections[i], .key = k};
        struct err *e = k->value ? task_expand(&v->text, k->value, variables) : NULL;
        return at(err_wrap(e, "%s", name), scope->file, k->line);
    }
    return NULL;
}

static bool is_off(const struct task_value *v)
{
    return v->text && !strcmp(v->text, "no");
}

static void drop(struct task_value *v)
{
    if (v->text)
        explicit_bzero(v->text, strlen(v->text));
    free(v->text);
    *v = (struct task_value){0};
}

static struct err *set_settings(struct task *t, const struct scope *scope,
                                const struct task_variables *variables)
{
    for (int i = 0; i < TASK_SETTINGS; i++) {
        struct task_value *v = &t->settings[i];
        TRY(look_up(v, scope, setting_rows[i].name, variables));
        if (v->text)
            TRY(at(err_wrap(check_setting(i, v->text), "%s", v->name), t->file, v->key->line));
        if (v->key && setting_rows[i].type == SETTING_YES_NO && is_off(v))
            drop(v);
    }
    return NULL;
}

static void add_word(struct task_step *s, char *word)
{
    s->argv[s->argc++] = word;
    s->argv[s->argc] = NULL;
}

/* Blanks separate the words. */
static struct err *add_words(struct task_step *s, const char *text)
{
    AUTO_FREE char *copy = mem_strdup(text);
    char *save = NULL;
    for (char *w = strtok_r(copy, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
        if (s->argc >= MAX_WORDS)
            return err_make(USAGE, "more than %d words", MAX_WORDS);
        add_word(s, mem_strdup(w));
    }
    return NULL;
}

/* One option of the command, if it is given, and inherited or not. */
static struct err *add_option(struct task_step *s, const struct option_row *row,
                              const struct scope *scope, const struct task_variables *variables,
                              bool inherited)
{
    struct task_value v = {0};
    TRY(look_up(&v, scope, row->name, variables));
    if (!v.key)
        return NULL;
    if ((row->type == OPTION_FLAG && is_off(&v)) || inherited != (v.section != scope->own)) {
        drop(&v);
        return NULL;
    }
    v.is_secret = row->type == OPTION_PASSWORD;
    mem_grow(&s->values, &s->cap, s->n, sizeof *s->values);
    s->values[s->n++] = v;
    if (v.text)
        TRY(at(err_wrap(check_option(row, v.text), "%s", row->name), scope->file, v.key->line));
    if (!strcmp(row->name, "repo") || !strcmp(row->name, "to"))
        s->repo = v.text;
    const bool has_value = v.text && row->type != OPTION_FLAG;
    add_word(s, mem_printf("--%s%s%s", row->name, has_value ? "=" : "", has_value ? v.text : ""));
    return NULL;
}

static struct err *add_options(struct task_step *s, const struct scope *scope,
                               const struct task_variables *variables, bool inherited)
{
    for (size_t i = 0; i < n_option_rows; i++)
        if (option_is_in(&option_rows[i], s->verb) && is_in_files(option_rows[i].name))
            TRY(add_option(s, &option_rows[i], scope, variables, inherited));
    return NULL;
}

/* hash --compare has two words behind the options. */
static struct err *add_sides(struct task_step *s, const struct scope *scope)
{
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->values[i].name, "compare"))
            TRY(at(err_wrap(add_words(s, s->values[i].text), "compare"), scope->file,
                   s->values[i].key->line));
    return NULL;
}

/* The options parser may write to the words, as it does with the program's own. */
static struct err *check_command_line(const struct task_step *s)
{
    AUTO_FREE char **copy = mem_zalloc((size_t)(s->argc + 1) * sizeof *copy);
    __attribute__((cleanup(options_cleanup))) struct options o = {0};
    for (int i = 0; i < s->argc; i++)
        copy[i] = mem_strdup(s->argv[i]);
    struct err *e = options_parse_inherited(&o, s->argc, copy, s->n_inherited);
    for (int i = 0; i < s->argc; i++)
        free(copy[i]);
    return e;
}

static struct err *make_mbe(struct task_step *s, const struct scope *scope,
                            const struct task_variables *variables)
{
    s->argv = mem_zalloc((n_option_rows + MAX_WORDS + 3) * sizeof *s->argv);
    add_word(s, mem_strdup("mbe"));
    add_word(s, mem_strdup(s->type));
    TRY(add_options(s, scope, variables, true));
    s->n_inherited = s->argc - 2;
    TRY(add_options(s, scope, variables, false));
    TRY(add_sides(s, scope));
    if (s->repo && !strcmp(s->repo, "-"))
        return err_make(USAGE, "repo: a step has no standard input or output for an archive: use "
                               "type=command and shell= for a stream");
    return check_command_line(s);
}

static struct err *make_program(struct task_step *s, const struct scope *scope,
                                const struct task_variables *variables)
{
    struct task_value words = {0}, shell = {0};
    s->argv = mem_zalloc((MAX_WORDS + 3) * sizeof *s->argv);
    struct err *e = look_up(&words, scope, "command", variables);
    if (!e)
        e = look_up(&shell, scope, "shell", variables);
    if (!e && (words.key != NULL) + (shell.key != NULL) != 1)
        e = err_make(USAGE, "a step of type=command needs command= or shell=, not both");
    mem_grow(&s->values, &s->cap, s->n, sizeof *s->values);
    s->values[s->n++] = words.key ? words : shell;
    if (e) {
        drop(words.key ? &shell : &words);
        return e;
    }
    if (words.key) {
        TRY(add_words(s, words.text));
        return s->argc ? NULL : err_make(USAGE, "command: there is no word in it");
    }
    add_word(s, mem_strdup("/bin/sh"));
    add_word(s, mem_strdup("-c"));
    add_word(s, mem_strdup(shell.text));
    return NULL;
}

/* ---- steps ---- */

static int type_of(const char *word)
{
    for (int i = 0; i < N_TYPES; i++)
        if (!strcmp(types[i].type, word))
            return i;
    return -1;
}

static struct err *no_type(const char *word, const char *what)
{
    AUTO_FREE char *list = mem_strdup("");
    for (int i = 0; i < N_TYPES; i++)
        append(&list, types[i].type);
    return err_make(USAGE, "'%s' is no type of a step%s; there are %s", word, what, list);
}

/* What the step is: type= of its section, its own name, type= of the task. */
static struct err *find_type(int *out, const struct task *t, const struct config_section *section,
                             const char *name)
{
    const struct config_key *own = config_key_find(section, "type");
    const struct config_key *of_the_task = config_key_find(t->section, "type");
    const struct config_key *said = own ? own : type_of(name) >= 0 ? NULL : of_the_task;
    const char *word = said ? said->value : name;
    *out = word ? type_of(word) : -1;
    if (*out >= 0)
        return NULL;
    return at(no_type(word ? word : "", said ? "" : ", and there is no type= for it"), t->file,
              said      ? said->line
              : section ? section->line
                        : t->section->line);
}

/* The settings of one step, and what they come to. */
static struct err *fill_step(struct task_step *s, const struct scope *scope,
                             const struct task_variables *given)
{
    struct task_variables variables = *given;
    struct task_value repo = {0};
    variables.repo = NULL; /* in the repository's own value there is none */
    TRY(look_up(&repo, scope, "repo", &variables));
    variables.repo = repo.text;
    struct err *e =
        s->verb == VERB_NONE ? make_program(s, scope, &variables) : make_mbe(s, scope, &variables);
    drop(&repo);
    return e;
}

static struct err *check_step_section(const struct config_file *f,
                                      const struct config_section *section, enum verb verb)
{
    const struct allowed allowed = {
        .verbs = verb == VERB_NONE ? 0 : 1U << verb,
        .more = verb == VERB_NONE ? of_command_step : of_step,
    };
    return check_section(f, section, &allowed);
}

/* section: the step's own, NULL: it has none. */
static struct err *add_step(struct task *t, const char *name, const struct config_section *section)
{
    int type;
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->steps[i].name, name))
            return err_make(USAGE, "step %s is named twice", name);
    if (t->n == MAX_STEPS)
        return err_make(USAGE, "more than %d steps", MAX_STEPS);
    TRY(find_type(&type, t, section, name));
    TRY(check_step_section(t->file, section, types[type].verb));
    mem_grow(&t->steps, &t->cap, t->n, sizeof *t->steps);
    t->steps[t->n++] = (struct task_step){.name = mem_strdup(name),
                                          .section = section,
                                          .type = types[type].type,
                                          .verb = types[type].verb};
    return NULL;
}

static struct err *list_steps(struct task *t)
{
    const struct config_key *k = config_key_find(t->section, "steps");
    const struct config_key *type = config_key_find(t->section, "type");
    char *save = NULL;
    if (!k && !type)
        return at(err_make(USAGE, "[task %s] has neither steps= nor type=", t->name), t->file,
                  t->section->line);
    t->is_one_step = !k;
    if (!k) /* its settings are the task's: a [step TYPE] is a step of other tasks */
        return add_step(t, type->value ? type->value : "", NULL);
    AUTO_FREE char *list = mem_strdup(k->value ? k->value : "");
    for (char *w = strtok_r(list, ", \t", &save); w; w = strtok_r(NULL, ", \t", &save))
        TRY(err_wrap(add_step(t, w, config_section_find(t->file, "step", w)), "%s:%d: steps",
                     t->file->path, k->line));
    return t->n ? NULL : at(err_make(USAGE, "steps: there are none"), t->file, k->line);
}

static struct err *check_task_section(const struct task *t)
{
    struct allowed allowed = {.task_settings = true, .more = of_task};
    for (size_t i = 0; i < t->n; i++) {
        if (t->steps[i].verb == VERB_NONE)
            allowed.more = of_command_task;
        else
            allowed.verbs |= 1U << t->steps[i].verb;
    }
    return check_section(t->file, t->section, &allowed);
}

/* Every section is one of ours. */
static struct err *check_kinds(const struct config_file *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct config_section *s = &f->sections[i];
        const bool is_defaults = !strcmp(s->kind, "defaults") && !*s->name;
        const bool is_named = (!strcmp(s->kind, "task") || !strcmp(s->kind, "step")) && *s->name;
        if (!is_defaults && !is_named)
            return at(err_make(USAGE,
                               "[%s%s%s] is no section; there are [defaults], [task NAME] and "
                               "[step NAME]",
                               s->kind, *s->name ? " " : "", s->name),
                      f, s->line);
    }
    return NULL;
}

/* Their names, owned by caller. */
static char *all_tasks(const struct config_file *f)
{
    char *list = mem_strdup("");
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->sections[i].kind, "task"))
            append(&list, f->sections[i].name);
    return list;
}

static struct err *fill_steps(struct task *t, const struct task_moment *moment)
{
    const struct config_section *defaults = config_section_find(t->file, "defaults", "");
    struct task_variables variables = {.when = moment->when, .host = moment->host, .task = t->name};
    for (size_t i = 0; i < t->n; i++) {
        struct task_step *s = &t->steps[i];
        const struct scope scope = {
            t->file, {s->section, t->section, defaults}, t->is_one_step ? t->section : s->section};
        const int line = s->section ? s->section->line : t->section->line;
        TRY_AT(fill_step(s, &scope, &variables), "%s:%d: step %s of task %s", t->file->path, line,
               s->name, t->name);
        if (!variables.repo)
            variables.repo = s->repo;
    }
    const struct scope of_the_task = {t->file, {t->section, defaults, NULL}, t->section};
    return set_settings(t, &of_the_task, &variables);
}

/* Of all commands that a step can be. */
static unsigned all_verbs(void)
{
    unsigned verbs = 0;
    for (int i = 0; i < N_TYPES; i++)
        if (types[i].verb != VERB_NONE)
            verbs |= 1U << types[i].verb;
    return verbs;
}

struct err *task_make(struct task **out, const struct config_file *file, const char *name,
                      const struct task_moment *moment)
{
    const struct allowed in_defaults = {
        .verbs = all_verbs(), .task_settings = true, .more = of_defaults};
    AUTO(task) t = mem_zalloc(sizeof *t);
    TRY(check_kinds(file));
    TRY(check_section(file, config_section_find(file, "defaults", ""), &in_defaults));
    t->file = file;
    t->section = config_section_find(file, "task", name);
    if (!t->section) {
        AUTO_FREE char *list = all_tasks(file);
        return err_make(USAGE, "%s: there is no task '%s'; there are %s", file->path, name,
                        *list ? list : "none");
    }
    t->name = t->section->name;
    TRY(list_steps(t));
    TRY(check_task_section(t));
    TRY(fill_steps(t, moment));
    *out = t;
    t = NULL;
    return NULL;
}

static void free_step(struct task_step *s)
{
    for (size_t i = 0; i < s->n; i++)
        drop(&s->values[i]);
    for (int i = 0; i < s->argc; i++) {
        explicit_bzero(s->argv[i], strlen(s->argv[i])); /* it may have been a password */
        free(s->argv[i]);
    }
    free(s->values);
    free(s->argv);
    free(s->name);
}

void task_free(struct task *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        free_step(&t->steps[i]);
    for (int i = 0; i < TASK_SETTINGS; i++)
        drop(&t->settings[i]);
    free(t->steps);
    free(t);
}

/* ---- the whole file ---- */

static void mark_used(bool *used, const struct task *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->steps[i].section)
            used[t->steps[i].section - t->file->sections] = true;
}

struct err *task_check_all(size_t *n_tasks, const struct config_file *file,
                           const struct task_moment *moment)
{
    AUTO_FREE bool *used = mem_zalloc(file->n + 1);
    *n_tasks = 0;
    TRY(check_kinds(file));
    for (size_t i = 0; i < file->n; i++) {
        AUTO(task) t = NULL;
        if (strcmp(file->sections[i].kind, "task") != 0)
            continue;
        TRY(task_make(&t, file, file->sections[i].name, moment));
        mark_used(used, t);
        ++*n_tasks;
    }
    for (size_t i = 0; i < file->n; i++)
        if (!strcmp(file->sections[i].kind, "step") && !used[i])
            return at(err_make(USAGE, "[step %s] is in no task's steps", file->sections[i].name),
                      file, file->sections[i].line);
    return *n_tasks ? NULL : err_make(USAGE, "%s: there is no [task NAME]", file->path);
}
