/* cli/options.c: see options.h. getopt_long is fed with the rows of the command at hand; the value
 * it returns for a long option is ROW_BASE plus the row's place in the table. */
#include "cli/options.h"

#include <getopt.h>
#include <sched.h>
#include <string.h>

#include "base/mem.h"
#include "cli/values.h"
#include "engine/pace_settings.h"
#include "s3/s3_client.h"

const struct verb_row verb_rows[VERB_COUNT] = {
#define VERB(id, name, synopsis, summary, description) {name, synopsis, summary, description},
#include "cli/options.def"
};

const struct option_row option_rows[] = {
#define OPTION(verbs, field, name, short_name, argument, type, min, max, preset, required, help) \
    {verbs, name, short_name, argument, OPTION_##type, offsetof(struct options, field),          \
     min,   max,  preset,     required, help},
#include "cli/options.def"
};
const size_t n_option_rows = sizeof option_rows / sizeof option_rows[0];

enum {
    N_ROWS = sizeof option_rows / sizeof option_rows[0],
    ROW_BASE = 256,
    MAX_DEFAULT_THREADS = 8
};

static enum verb verb_find(const char *name)
{
    for (int v = 0; v < VERB_COUNT; v++)
        if (!strcmp(verb_rows[v].name, name))
            return (enum verb)v;
    return VERB_NONE;
}

static struct err *set_password(struct option_password *out, char *text)
{
    if (out->text) {
        explicit_bzero(out->text, strlen(out->text));
        free(out->text);
    }
    *out = (struct option_password){.prompt = !text};
    if (text) {
        out->text = mem_strdup(text);
        explicit_bzero(text, strlen(text)); /* the process list shows argv */
    }
    return NULL;
}

size_t options_n_repos(const struct options *o)
{
    return o->repo ? 1 + o->n_more_repos : 0;
}

const char *options_repo(const struct options *o, size_t i)
{
    return i ? o->more_repos[i - 1] : o->repo;
}

/* Without slashes at its end, which change nothing. */
static size_t repo_len(const char *url)
{
    size_t n = strlen(url);
    while (n > 1 && url[n - 1] == '/')
        n--;
    return n;
}

static bool is_same_repo(const char *a, const char *b)
{
    return repo_len(a) == repo_len(b) && !strncmp(a, b, repo_len(a));
}

static struct err *add_repo(struct options *o, const struct option_row *row, const char *url)
{
    const size_t n = options_n_repos(o);
    if (!*url)
        return err_make(USAGE, "the value is empty");
    if (n == row->max)
        return row->max == 1
                   ? err_make(USAGE, "it is given twice, and %s takes one repository",
                              verb_rows[o->verb].name)
                   : err_make(USAGE, "%zu repositories are given, and there can be %zu", n + 1, n);
    for (size_t i = 0; i < n; i++)
        if (is_same_repo(url, options_repo(o, i)))
            return err_make(USAGE, "%s is given twice", url);
    if (n)
        o->more_repos[o->n_more_repos++] = url;
    else
        o->repo = url;
    return NULL;
}

/* `text` is NULL for flags, and where an optional value is not given. */
static struct err *set_value(struct options *o, const struct option_row *row, char *text)
{
    void *const field = (char *)o + row->offset;
    switch (row->type) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return NULL;
    case OPTION_TEXT:
    case OPTION_FILE:
    case OPTION_DIR:
    case OPTION_BACKUP:
        *(const char **)field = text;
        return *text ? NULL : err_make(USAGE, "the value is empty");
    case OPTION_REPO:
        return add_repo(o, row, text);
    case OPTION_NUMBER:
        return value_number(field, text, row->min, row->max);
    case OPTION_SIZE:
        return value_size(field, text, row->min, row->max);
    case OPTION_CHOICE:
        return value_choice(field, text, row->argument);
    case OPTION_SWITCH:
        *(uint64_t *)field = 0;
        return text ? value_choice(field, text, row->argument) : NULL;
    case OPTION_COMPRESS:
        return value_compress(field, text, row->min, row->max);
    case OPTION_LATENCY:
        return pace_latency_parse(field, text);
    case OPTION_PASSWORD:
        return set_password(field, text);
    }
    return err_make(FAILED, "option type %d is not known", (int)row->type);
}

const struct option_row *option_find(unsigned verbs, const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (option_rows[i].verbs & verbs && !strcmp(option_rows[i].name, name))
            return &option_rows[i];
    return NULL;
}

struct err *option_check(const struct option_row *row, const char *value)
{
    struct options scratch = {.verb = VERB_NONE};
    AUTO_FREE char *copy = mem_strdup(value); /* a password is wiped where it was read */
    struct err *e = set_value(&scratch, row, copy);
    options_fini(&scratch);
    return e;
}

static struct err *set_presets(struct options *o)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct option_row *row = &option_rows[i];
        if (option_is_in(row, o->verb) && row->preset) {
            /* Texts are kept by pointer, so the literal itself is handed over; only passwords are
             * written to, and those have no default. */
            union {
                const char *in;
                char *out;
            } literal = {row->preset};
            TRY_AT(set_value(o, row, literal.out), "--%s", row->name);
        }
    }
    return NULL;
}

/* What getopt_long wants to know of the command's options. */
struct getopt_tables {
    char shorts[2 + 3 * N_ROWS];
    struct option longs[N_ROWS + 1];
};

static int argument_kind(const struct option_row *row)
{
    return row->type == OPTION_FLAG        ? no_argument
           : option_value_is_optional(row) ? optional_argument
                                           : required_argument;
}

static void make_tables(struct getopt_tables *t, enum verb verb)
{
    memset(t, 0, sizeof *t);
    char *s = stpcpy(t->shorts, ":"); /* a missing value is told from an unknown option */
    struct option *l = t->longs;
    for (int i = 0; i < N_ROWS; i++) {
        const struct option_row *row = &option_rows[i];
        if (!option_is_in(row, verb))
            continue;
        *l++ = (struct option){row->name, argument_kind(row), NULL, ROW_BASE + i};
        if (row->short_name) {
            *s++ = row->short_name;
            s = stpcpy(s, argument_kind(row) == required_argument ? ":" : "");
        }
    }
}

static const struct option_row *row_of(enum verb verb, int value)
{
    if (value >= ROW_BASE && value < ROW_BASE + N_ROWS)
        return &option_rows[value - ROW_BASE];
    for (size_t i = 0; i < N_ROWS; i++)
        if (value && option_rows[i].short_name == value && option_is_in(&option_rows[i], verb))
            return &option_rows[i];
    return NULL;
}

/* How many long options of the command begin like `word` (n characters behind the dashes). */
static int n_beginning(const struct getopt_tables *t, const char *word, size_t n)
{
    int found = 0;
    for (const struct option *l = t->longs; l->name; l++)
        found += !strncmp(l->name, word, n);
    return found;
}

/* The option as typed, without a value: that may be a secret. */
static struct err *not_understood(const struct getopt_tables *t, enum verb verb, const char *word)
{
    const struct option_row *row = row_of(verb, optopt);
    if (row)
        return err_make(USAGE, "--%s takes no value", row->name);
    if (optopt)
        return err_make(USAGE, "%s has no option -%c", verb_rows[verb].name, optopt);
    const int n = (int)strcspn(word, "=");
    if (n > 2 && n_beginning(t, word + 2, (size_t)n - 2) > 1)
        return err_make(USAGE, "%.*s is the beginning of several options", n, word);
    return err_make(USAGE, "%s has no option %.*s", verb_rows[verb].name, n, word);
}

/* Every inherited option is one word: optind has passed it by one. */
static struct err *parse_options(struct options *o, int argc, char **argv, int n_inherited)
{
    struct getopt_tables t;
    make_tables(&t, o->verb);
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    for (;;) {
        const int value = getopt_long(argc, argv, t.shorts, t.longs, NULL);
        if (value == -1)
            return NULL;
        if (value == '?')
            return not_understood(&t, o->verb, argv[optind - 1]);
        const struct option_row *row = row_of(o->verb, value == ':' ? optopt : value);
        if (!row)
            return err_make(FAILED, "getopt_long returned %d", value);
        if (value == ':')
            return err_make(USAGE, "--%s needs a value: --%s=%s", row->name, row->name,
                            row->argument);
        TRY_AT(set_value(o, row, optarg), "--%s", row->name);
        o->given[row - option_rows] |= optind > n_inherited + 1;
    }
}

static struct err *set_key_action(struct options *o, const char *word)
{
    o->key_action = !strcmp(word, "generate") ? KEY_ACTION_GENERATE
                    : !strcmp(word, "rotate") ? KEY_ACTION_ROTATE
                                              : KEY_ACTION_NONE;
    return o->key_action ? NULL : err_make(USAGE, "key has no action '%s'", word);
}

static struct err *set_config_action(struct options *o, const char *word)
{
    o->config_action = !strcmp(word, "check")  ? CONFIG_ACTION_CHECK
                       : !strcmp(word, "show") ? CONFIG_ACTION_SHOW
                                               : CONFIG_ACTION_NONE;
    return o->config_action ? NULL : err_make(USAGE, "config has no action '%s'", word);
}

static struct err *parse_rest(struct options *o, int argc, char **argv)
{
    if (optind < argc && o->verb == VERB_HELP) {
        o->help_of = verb_find(argv[optind]);
        if (o->help_of == VERB_NONE)
            return err_make(USAGE, "there is no command '%s'", argv[optind]);
        optind++;
    }
    if (optind < argc && o->verb == VERB_KEY) {
        TRY(set_key_action(o, argv[optind]));
        optind++;
    }
    if (optind < argc && o->verb == VERB_CONFIG) {
        TRY(set_config_action(o, argv[optind]));
        optind++;
    }
    if (optind < argc && (o->verb == VERB_RUN || o->config_action == CONFIG_ACTION_SHOW))
        o->task = argv[optind++];
    for (int i = 0; i < 2 && optind < argc && o->compare; i++)
        o->sides[i] = argv[optind++];
    if (optind >= argc)
        return NULL;
    if (o->password.prompt) { /* "--password secret": what follows was meant to be the value */
        explicit_bzero(argv[optind], strlen(argv[optind]));
        return err_hint(err_make(USAGE, "unexpected argument behind --password (not shown)"),
                        "Write --password=PASSWORD, or --password alone to be asked for it.");
    }
    return err_make(USAGE, "unexpected argument '%s'", argv[optind]);
}

static struct err *check_required(const struct options *o)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct option_row *row = &option_rows[i];
        const void *field = (const char *)o + row->offset;
        if (!row->required || !option_is_in(row, o->verb))
            continue;
        const bool given =
            row->type == OPTION_FLAG ? *(const bool *)field : *(char *const *)field != NULL;
        if (!given)
            return err_make(USAGE, "%s needs --%s%s%s: %s", verb_rows[o->verb].name, row->name,
                            row->argument ? "=" : "", row->argument ? row->argument : "",
                            row->help);
    }
    return NULL;
}

static struct err *check_type_of_backup(const struct options *o)
{
    if (o->full && o->incremental)
        return err_make(USAGE, "--full and --incremental exclude each other");
    if (o->verb == VERB_BACKUP && !o->full && !o->incremental && !o->offline)
        return err_make(USAGE, "backup needs --full or --incremental");
    if (o->full && (o->base || o->require_base))
        return err_make(USAGE, "--%s is for incremental backups",
                        o->base ? "base" : "require-base");
    return NULL;
}

bool options_given(const struct options *o, const char *name)
{
    for (int i = 0; i < N_ROWS; i++)
        if (o->given[i] && !strcmp(option_rows[i].name, name))
            return true;
    return false;
}

/* The first of `names`, which NULL ends, that was given; NULL: none. */
static const char *first_given(const struct options *o, const char *const *names)
{
    while (*names && !options_given(o, *names))
        names++;
    return *names;
}

/* How a server is reached. */
static const char *const connection_options[] = {
    "defaults-file", "defaults-extra-file", "no-defaults", "host", "port", "socket",
    "user",          "password-file",       "password",    NULL};
/* About a server of our own. */
static const char *const server_options[] = {"mysqld", "scratch", "server-user", "server-wait",
                                             NULL};
/* How a server is read. */
static const char *const reading_options[] = {"throttle", "no-lock", "lock-wait", "parallel", NULL};

static const char *const keyring_options[] = {"keyring-file", "keyring-pass-file", NULL};
/* Of a server that runs. */
static const char *const running_options[] = {
    "hash", "lock-wait",    "redo-consumer", "redo-archive", "change-map",
    "base", "require-base", "pace",          "pace-file",    NULL};

static struct err *check_offline(const struct options *o)
{
    const char *connection = first_given(o, connection_options + 1); /* but for defaults-file */
    const char *running = first_given(o, running_options);
    if (!o->offline)
        return NULL;
    if (o->incremental)
        return err_make(USAGE, "--offline and --incremental exclude each other: where the log of a "
                               "server that does not run ends proves nothing about its next run");
    if (!o->datadir)
        return err_make(USAGE, "--offline needs --datadir=DIR: the data directory");
    if (connection || running)
        return err_make(USAGE, "--offline and --%s exclude each other: no server runs",
                        connection ? connection : running);
    return NULL;
}

static struct err *check_level(const struct options *o)
{
    const char *connection = first_given(o, connection_options);
    const char *server = first_given(o, server_options);
    const char *keyring = first_given(o, keyring_options);
    if (o->verb == VERB_RESTORE && server && !o->verify)
        return err_make(USAGE, "--%s is for restore --verify", server);
    if (o->verb != VERB_VERIFY)
        return NULL;
    if (connection && o->level != VERIFY_LEVEL_TABLES)
        return err_make(USAGE, "--%s is for verify --level=tables", connection);
    if (server && o->level != VERIFY_LEVEL_BOOT &&
        !(o->level == VERIFY_LEVEL_PAGES && !strcmp(server, "scratch")))
        return err_make(USAGE, "--%s is for verify --level=boot", server);
    if (options_given(o, "lock-wait") && o->level != VERIFY_LEVEL_TABLES)
        return err_make(USAGE, "--lock-wait is for verify --level=tables");
    if (options_given(o, "memory") && o->level != VERIFY_LEVEL_PAGES &&
        o->level != VERIFY_LEVEL_BOOT)
        return err_make(USAGE, "--memory is for verify --level=pages or --level=boot");
    if (keyring && o->level != VERIFY_LEVEL_BOOT && o->level != VERIFY_LEVEL_PAGES)
        return err_make(USAGE, "--%s is for verify --level=pages or --level=boot", keyring);
    if (o->level == VERIFY_LEVEL_TABLES && !strcmp(o->backup, "all"))
        return err_make(USAGE, "--level=tables compares a server with one backup: name it");
    return NULL;
}

/* About an object store. */
static const char *const s3_options[] = {
    "s3-endpoint", "s3-region", "s3-path-style", "s3-ca-file", "s3-timeout", "retain-until", NULL};

static bool begins_like(const char *text, const char *beginning)
{
    return text && !strncmp(text, beginning, strlen(beginning));
}

/* Whether one of the repositories is a text that begins like that. */
static bool has_repo(const struct options *o, const char *beginning)
{
    for (size_t i = 0; i < options_n_repos(o); i++)
        if (begins_like(options_repo(o, i), beginning))
            return true;
    return begins_like(o->to, beginning);
}

static struct err *check_s3(const struct options *o)
{
    const char *s3 = first_given(o, s3_options);
    if (s3 && !has_repo(o, "s3://"))
        return err_make(USAGE, "--%s is for a repository s3://...", s3);
    if (o->verb == VERB_COPY && options_given(o, "retain-until") && !begins_like(o->to, "s3://"))
        return err_make(USAGE, "--retain-until is for --to=s3://...");
    return o->retain_until ? err_wrap(s3_check_time(o->retain_until), "--retain-until") : NULL;
}

bool options_side_is_server(const char *side)
{
    return !strcmp(side, "server");
}

const char *options_side_defaults(const char *side)
{
    static const char prefix[] = "defaults:";
    const size_t n = strlen(prefix);
    return strncmp(side, prefix, n) ? NULL : side + n;
}

/* Nothing is said of a server that is not asked. */
static struct err *check_sides(const struct options *o)
{
    const char *connection = first_given(o, connection_options);
    const char *reading = first_given(o, reading_options);
    bool any = false, named = false;
    if (!o->sides[1])
        return err_make(
            USAGE, "hash --compare needs two to compare: each a file, server or defaults:FILE");
    for (int i = 0; i < 2; i++) {
        const char *defaults = options_side_defaults(o->sides[i]);
        if (defaults && !*defaults)
            return err_make(USAGE, "%s is followed by no option file", o->sides[i]);
        named = named || options_side_is_server(o->sides[i]);
        any = any || named || defaults;
    }
    if (connection && !named)
        return err_make(USAGE, "--%s says how to reach the side named server, and none is",
                        connection);
    if (reading && !any)
        return err_make(USAGE, "--%s is for reading a server, and both sides are files", reading);
    return NULL;
}

static struct err *check_hash(const struct options *o)
{
    if (o->compare)
        TRY(check_sides(o));
    if (o->locate && !o->compare)
        return err_make(USAGE, "--locate is for --compare");
    if (o->output && o->compare)
        return err_make(USAGE, "--output and --compare exclude each other");
    if (o->no_lock && options_given(o, "lock-wait"))
        return err_make(USAGE, "--no-lock and --lock-wait exclude each other");
    return NULL;
}

static bool has_stream(const struct options *o)
{
    for (size_t i = 0; i < options_n_repos(o); i++)
        if (!strcmp(options_repo(o, i), "-"))
            return true;
    return false;
}

/* About a repository on another machine. */
static const char *const ssh_options[] = {"ssh-command", "remote-mbe", "ssh-retry", NULL};

/* What is asked of a stream, which is one archive that goes by. */
static struct err *check_stream(const struct options *o)
{
    const bool is_stream = has_stream(o);
    const char *ssh = first_given(o, ssh_options);
    const bool may_seal = o->verb == VERB_BACKUP || o->verb == VERB_CONSOLIDATE;
    if (options_given(o, "tmp-dir") && !is_stream && !may_seal)
        return err_make(USAGE, "--tmp-dir is for --repo=-, and for backups that are sealed or go "
                               "to ssh://, s3:// or several repositories");
    if (ssh && !has_repo(o, "ssh://"))
        return err_make(USAGE, "--%s is for --repo=ssh://...", ssh);
    if (!is_stream)
        return NULL;
    if (o->verb != VERB_BACKUP && o->verb != VERB_RESTORE && o->verb != VERB_VERIFY)
        return err_make(USAGE, "%s needs a repository, and --repo=- is a stream",
                        verb_rows[o->verb].name);
    if (o->incremental)
        return err_make(USAGE, "an incremental backup needs its base, which is not in a stream: "
                               "--repo=- is for --full");
    if (options_given(o, "backup"))
        return err_make(USAGE, "--backup chooses from a repository, and a stream holds one backup");
    return NULL;
}

/* Where the key comes from: one place only. */
static struct err *check_key_source(const struct options *o)
{
    const char *first = o->key_file ? "key-file" : "key-fd";
    if ((o->key_file != NULL) + (o->key_fd != 0) + (o->key_command != NULL) > 1)
        return err_make(USAGE, "--%s and --%s exclude each other", first,
                        o->key_command ? "key-command" : "key-fd");
    return NULL;
}

/* What `mbe key rotate` is told, and what `mbe key generate`. */
static const char *const rotate_options[] = {
    "repo", "backup", "new-key-file", "key-file", "key-fd", "key-command", NULL};

static const char *const generate_options[] = {"output", "signing", "public-output", NULL};

static struct err *check_key(const struct options *o)
{
    TRY(check_key_source(o));
    if (o->verb != VERB_KEY)
        return NULL;
    const char *of_rotate = first_given(o, rotate_options);
    const char *of_generate = first_given(o, generate_options);
    switch (o->key_action) {
    case KEY_ACTION_NONE:
        return err_make(USAGE, "key needs an action: generate or rotate");
    case KEY_ACTION_GENERATE:
        if (of_rotate)
            return err_make(USAGE, "--%s is for key rotate", of_rotate);
        if (o->public_output && !o->signing)
            return err_make(USAGE, "--public-output is for key generate --signing");
        return o->output ? NULL : err_make(USAGE, "key generate needs --output=FILE");
    case KEY_ACTION_ROTATE:
        if (of_generate)
            return err_make(USAGE, "--%s is for key generate", of_generate);
        if (!o->repo)
            return err_make(USAGE, "key rotate needs --repo=DIR");
        return o->new_key_file ? NULL : err_make(USAGE, "key rotate needs --new-key-file=FILE");
    }
    return NULL;
}

/* --keep-verified is a minimum beside another rule: alone it would have all go that nobody has verified yet. */
static struct err *check_rules(const struct options *o)
{
    const bool any = o->keep_full || o->keep_days || o->keep_last || o->keep_daily ||
                     o->keep_weekly || o->keep_monthly || o->keep_yearly;
    if (o->verb != VERB_PRUNE || any)
        return NULL;
    return err_make(USAGE,
                    "prune needs a rule%s: --keep-full=N, --keep-days=D, --keep-last=N, "
                    "--keep-daily=N, --keep-weekly=N, --keep-monthly=N or --keep-yearly=N",
                    o->keep_verified ? " beside --keep-verified" : "");
}

static struct err *check_copy(const struct options *o)
{
    if (o->verb != VERB_COPY)
        return NULL;
    if (!strcmp(o->repo, "-") || !strcmp(o->to, "-"))
        return err_make(USAGE, "copy goes from one repository to another, and - is a stream");
    if (is_same_repo(o->repo, o->to))
        return err_make(USAGE, "--from and --to are the same repository");
    return NULL;
}

static struct err *check_task(const struct options *o)
{
    if (o->verb == VERB_CONFIG && !o->config_action)
        return err_make(USAGE, "config needs an action: check or show");
    if (!o->task && (o->verb == VERB_RUN || o->config_action == CONFIG_ACTION_SHOW))
        return err_make(USAGE, "%s needs the name of a task",
                        o->verb == VERB_RUN ? "run" : "config show");
    return NULL;
}

static struct err *check_together(const struct options *o)
{
    TRY(check_copy(o));
    TRY(check_stream(o));
    TRY(check_type_of_backup(o));
    TRY(check_offline(o));
    TRY(check_level(o));
    TRY(check_s3(o));
    if (options_given(o, "spill-max") && !o->n_more_repos)
        return err_make(USAGE, "--spill-max is for backups that go to several repositories");
    if (o->no_defaults && (o->defaults_file || o->defaults_extra_file))
        return err_make(USAGE, "--no-defaults and --defaults-%sfile exclude each other",
                        o->defaults_file ? "" : "extra-");
    if (o->defaults_file && o->defaults_extra_file)
        return err_make(USAGE, "--defaults-file and --defaults-extra-file exclude each other");
    if (o->password_file && (o->password.text || o->password.prompt))
        return err_make(USAGE, "--password and --password-file exclude each other");
    TRY(check_hash(o));
    TRY(check_key(o));
    TRY(check_task(o));
    if (o->man && o->completion)
        return err_make(USAGE, "--man and --completion exclude each other");
    return check_rules(o);
}

/* Processors this process may use, which in a container can be fewer than the machine has. */
static uint64_t default_threads(void)
{
    cpu_set_t set;
    const int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    return (uint64_t)(n < MAX_DEFAULT_THREADS ? n : MAX_DEFAULT_THREADS);
}

static struct err *parse_verb(struct options *o, int argc, char **argv, int n_inherited)
{
    TRY(set_presets(o));
    TRY(parse_options(o, argc, argv, n_inherited));
    if (o->help || o->version)
        return NULL;
    TRY(parse_rest(o, argc, argv));
    TRY(check_required(o));
    TRY(check_together(o));
    if (!o->parallel)
        o->parallel = default_threads();
    return NULL;
}

struct err *options_parse(struct options *out, int argc, char **argv)
{
    return options_parse_inherited(out, argc, argv, 0);
}

struct err *options_parse_inherited(struct options *out, int argc, char **argv, int n_inherited)
{
    *out = (struct options){.verb = VERB_NONE, .help_of = VERB_NONE};
    if (argc < 2)
        return err_hint(err_make(USAGE, "no command given"), "Run 'mbe --help' for the commands.");
    out->help = !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");
    out->version = !strcmp(argv[1], "--version") || !strcmp(argv[1], "-V");
    if (out->help || out->version)
        return NULL;
    if (argv[1][0] == '-')
        return err_hint(err_make(USAGE, "the command comes first, options behind it"),
                        "Run 'mbe --help' for the commands.");
    out->verb = verb_find(argv[1]);
    if (out->verb == VERB_NONE)
        return err_hint(err_make(USAGE, "there is no command '%s'", argv[1]),
                        "Run 'mbe --help' for the commands.");
    return err_hint(parse_verb(out, argc - 1, argv + 1, n_inherited),
                    "Run 'mbe %s --help' for its options.", verb_rows[out->verb].name);
}

void options_fini(struct options *o)
{
    if (o->password.text) {
        explicit_bzero(o->password.text, strlen(o->password.text));
        free(o->password.text);
        o->password.text = NULL;
    }
}
