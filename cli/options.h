/* cli/options.h: the command line as a value, and the table it is parsed by (options.def). Parsing
 * opens no file and prints nothing. */
#ifndef MBE_CLI_OPTIONS_H
#define MBE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/writer.h"
#include "base/cleanup.h"
#include "base/err.h"

enum verb {
#define VERB(id, ...) VERB_##id,
#include "cli/options.def"
    VERB_COUNT,
    VERB_NONE = VERB_COUNT, /* mbe --help, mbe --version */
};

enum verb_bit {
#define VERB(id, ...) IN_##id = 1 << VERB_##id,
#include "cli/options.def"
    IN_ALL = (1 << VERB_COUNT) - 1,
};

/* With the C type of the field. */
enum option_type {
    OPTION_FLAG, /* bool */
    OPTION_TEXT, /* const char *, as are FILE, DIR and BACKUP; never empty */
    OPTION_FILE,
    OPTION_DIR,
    OPTION_BACKUP,
    OPTION_REPO,     /* the same; given again, where max lets it, it is one of more_repos */
    OPTION_NUMBER,   /* uint64_t, 0 when not given */
    OPTION_SIZE,     /* uint64_t: bytes */
    OPTION_CHOICE,   /* uint64_t: place in the list of words, from 0 */
    OPTION_SWITCH,   /* the same, and the first of the words when no value is given */
    OPTION_COMPRESS, /* struct option_compress */
    OPTION_LATENCY,  /* uint64_t: milliseconds, 0 when not given */
    OPTION_PASSWORD, /* struct option_password */
};

struct option_compress {
    enum archive_codec codec;
    int level;
};

struct option_password {
    char *text;  /* owned; NULL when not given */
    bool prompt; /* given without a value */
};

enum { OPTION_REPOS_MAX = 16 }; /* of one command */

/* In the order of their lists in options.def. */
enum progress_choice {
    PROGRESS_CHOICE_AUTO,
    PROGRESS_CHOICE_BAR,
    PROGRESS_CHOICE_JSON,
    PROGRESS_CHOICE_NONE,
};
enum change_map_choice {
    CHANGE_MAP_CHOICE_AUTO,
    CHANGE_MAP_CHOICE_SCAN,
    CHANGE_MAP_CHOICE_PAGE_TRACKING,
};
enum verify_level {
    VERIFY_LEVEL_ARCHIVE,
    VERIFY_LEVEL_PAGES,
    VERIFY_LEVEL_TABLES,
    VERIFY_LEVEL_BOOT
};
enum hash_choice { HASH_CHOICE_TABLES, HASH_CHOICE_ALL, HASH_CHOICE_NONE };
enum key_action { KEY_ACTION_NONE, KEY_ACTION_GENERATE, KEY_ACTION_ROTATE };
enum config_action { CONFIG_ACTION_NONE, CONFIG_ACTION_CHECK, CONFIG_ACTION_SHOW };
enum redo_archive_choice { REDO_ARCHIVE_AUTO, REDO_ARCHIVE_OFF };
enum log_format_choice { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Rows of the table. */
enum {
    OPTION_COUNT = 0
#define OPTION(...) +1 /* NOLINT(bugprone-macro-parentheses): a term of the sum */
#include "cli/options.def"
};

/* Texts are borrowed from argv. */
struct options {
    enum verb verb;
    enum verb help_of; /* `mbe help COMMAND` */
    bool full, incremental, offline, require_base, no_defaults, redo_consumer, allow_corrupt,
        syslog, quiet, json, man, completion, debug, help, version, with_dependents, dry_run,
        compare, locate, no_lock, hashes, verify, no_check, stdio, s3_path_style, signing, verbose;
    const char *repo, *to, *tmp_dir, *ssh_command, *remote_mbe, *backup, *base, *datadir,
        *defaults_file, *defaults_extra_file;
    const char *keyring_file, *keyring_pass_file, *mysqld, *scratch, *server_user, *pace_file;
    const char *host, *socket, *user, *password_file, *group, *external_dir, *log_file;
    const char *key_file, *key_command, *new_key_file, *sign_key, *public_key, *public_output;
    const char *databases, *tables, *ignore_databases, *ignore_tables, *output;
    const char *s3_endpoint, *s3_region, *s3_ca_file, *retain_until, *reason;
    const char *more_repos[OPTION_REPOS_MAX - 1]; /* behind `repo` */
    size_t n_more_repos;
    const char *config, *task; /* of `mbe run` and `mbe config` */
    const char *sides[2];      /* what `mbe hash --compare` compares */
    struct option_password password;
    struct option_compress compress;
    uint64_t port, lock_wait, memory, parallel, redo_archive, progress, log_format, keep_full,
        keep_days, keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly, keep_verified,
        change_map, level, server_wait, hash, throttle, pace, s3_timeout, ssh_retry, key_fd,
        spill_max;
    enum key_action key_action; /* of `mbe key` */
    enum config_action config_action;
    bool given[OPTION_COUNT]; /* by row: it is on the command line, and not inherited */
};

/* Kind USAGE on anything that is not understood, with a hint. Secrets are wiped from argv.
 * getopt_long keeps its state in globals: one thread at a time. */
struct err *options_parse(struct options *out, int argc, char **argv) MUST_CHECK;
/* The same, where the n_inherited words behind the command are options, each --NAME or --NAME=VALUE, that several commands share: that
 * one of them is of no use to this one is no error. */
struct err *options_parse_inherited(struct options *out, int argc, char **argv,
                                    int n_inherited) MUST_CHECK;
/* Whether this command was told that option, for itself. */
bool options_given(const struct options *o, const char *name);
void options_fini(struct options *o);
static inline void options_cleanup(struct options *o)
{
    options_fini(o);
}

/* How many repositories are named; the i-th of them. */
size_t options_n_repos(const struct options *o);
const char *options_repo(const struct options *o, size_t i);

/* What a side of `mbe hash --compare` is: "server"; the path of "defaults:FILE", else NULL; otherwise a file of hashes. */
bool options_side_is_server(const char *side);
const char *options_side_defaults(const char *side);

struct verb_row {
    const char *name, *synopsis, *summary, *description;
};

struct option_row {
    unsigned verbs; /* IN_* bits */
    const char *name;
    char short_name; /* or 0 */
    const char *argument;
    enum option_type type;
    size_t offset; /* in struct options */
    uint64_t min, max;
    const char *preset;
    bool required;
    const char *help;
};

extern const struct verb_row verb_rows[VERB_COUNT];
extern const struct option_row option_rows[];
extern const size_t n_option_rows;

/* The row of that option in one of the commands (IN_* bits); NULL: none has it. */
const struct option_row *option_find(unsigned verbs, const char *name);
/* Whether the text is a value of the option, as the command line has it. The reason reads on behind the option's name. */
struct err *option_check(const struct option_row *row, const char *value) MUST_CHECK;

/* Whether the option may be given without a value, though it has one. */
static inline bool option_value_is_optional(const struct option_row *row)
{
    return row->type == OPTION_PASSWORD || row->type == OPTION_SWITCH;
}

static inline bool option_is_in(const struct option_row *row, enum verb verb)
{
    return verb < VERB_COUNT && (row->verbs >> verb & 1);
}

#endif
