/* cli/options_test.c: command lines that are right, that are wrong (with the text for it), and
 * secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "cli/options.h"
#include "cli/values.h"

enum { MAX_WORDS = 48 };

#define RULES                                                                        \
    "--keep-full=N, --keep-days=D, --keep-last=N, --keep-daily=N, --keep-weekly=N, " \
    "--keep-monthly=N or --keep-yearly=N"

/* A command line in writable memory, as the kernel gives it. Blanks separate the words. */
struct line {
    char *text;
    char *argv[MAX_WORDS + 1];
    int argc;
};

static struct line line_of(const char *text)
{
    struct line l = {.text = mem_strdup(text)};
    char *save = NULL;
    for (char *w = strtok_r(l.text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        assert_true(l.argc < MAX_WORDS);
        l.argv[l.argc++] = w;
    }
    return l;
}

static struct options parsed(struct line *l, const char *text)
{
    struct options o;
    *l = line_of(text);
    struct err *e = options_parse(&o, l->argc, l->argv);
    if (e)
        fail_msg("%s: %s", text, e->message);
    return o;
}

static void bad_usage_is_told_in_so_many_words(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"mbe", "no command given"},
        {"mbe frobnicate", "there is no command 'frobnicate'"},
        {"mbe --repo=/r list", "the command comes first, options behind it"},
        {"mbe backup --repo=/r", "backup needs --full or --incremental"},
        {"mbe backup --full",
         "backup needs --repo=DIR: the repository: a directory that holds backups, "
         "ssh://[user@]host[:port]/path for one of another machine, or s3://BUCKET/PATH for one in "
         "an "
         "object store; or - to write one archive to standard output, with --full. It may be given "
         "several times: then the server is read once and the backup goes to each of them, under "
         "the same id; one that fails is left out, and the exit status is 1"},
        {"mbe list --repo=/r --repo=/s",
         "--repo: it is given twice, and list takes one repository"},
        {"mbe restore --datadir=/d -r /r -r /r",
         "--repo: it is given twice, and restore takes one repository"},
        {"mbe key rotate --new-key-file=/n --repo=/r --repo=/s",
         "--repo: it is given twice, and key takes one repository"},
        {"mbe backup --full --repo=/r --repo=/s --repo=/r/", "--repo: /r/ is given twice"},
        {"mbe backup --full --repo=/r --repo=", "--repo: the value is empty"},
        {"mbe backup --full -r a -r b -r c -r d -r e -r f -r g -r h -r i -r j -r k -r l -r m -r n "
         "-r o -r p -r q",
         "--repo: 17 repositories are given, and there can be 16"},
        {"mbe backup --incremental --repo=/r --repo=-",
         "an incremental backup needs its base, which is not in a stream: --repo=- is for --full"},
        {"mbe backup --full --repo=/r --spill-max=1G",
         "--spill-max is for backups that go to several repositories"},
        {"mbe backup --full --repo=/r --repo=/s --s3-region=x",
         "--s3-region is for a repository s3://..."},
        {"mbe list --repo=-", "list needs a repository, and --repo=- is a stream"},
        {"mbe delete --repo=- --backup=20261124T170632Z-full",
         "delete needs a repository, and --repo=- is a stream"},
        {"mbe prune --repo=- --keep-full=1", "prune needs a repository, and --repo=- is a stream"},
        {"mbe consolidate --repo=-", "consolidate needs a repository, and --repo=- is a stream"},
        {"mbe backup --incremental --repo=-",
         "an incremental backup needs its base, which is not in a stream: --repo=- is for --full"},
        {"mbe verify --repo=- --backup=latest",
         "--backup chooses from a repository, and a stream holds one backup"},
        {"mbe restore --repo=/r --datadir=/d --tmp-dir=/t",
         "--tmp-dir is for --repo=-, and for backups that are sealed or go to ssh://, s3:// or "
         "several repositories"},
        {"mbe list --repo=ssh://h/p --tmp-dir=/t", "list has no option --tmp-dir"},
        {"mbe verify --repo=ssh://h/p --tmp-dir=/t",
         "--tmp-dir is for --repo=-, and for backups that are sealed or go to ssh://, s3:// or "
         "several repositories"},
        {"mbe list --repo=/r --ssh-command=x", "--ssh-command is for --repo=ssh://..."},
        {"mbe list --repo=/r --remote-mbe=x", "--remote-mbe is for --repo=ssh://..."},
        {"mbe list --repo=- --ssh-retry=0", "--ssh-retry is for --repo=ssh://..."},
        {"mbe serve --repo=/r", "serve needs --stdio: serve on standard input and output"},
        {"mbe serve --stdio --repo=-", "serve needs a repository, and --repo=- is a stream"},
        {"mbe restore --repo=s3://buck --datadir=/d --tmp-dir=/t",
         "--tmp-dir is for --repo=-, and for backups that are sealed or go to ssh://, s3:// or "
         "several repositories"},
        {"mbe list --repo=/r --s3-region=x", "--s3-region is for a repository s3://..."},
        {"mbe backup --full --repo=- --retain-until=2027-01-31T00:00:00Z",
         "--retain-until is for a repository s3://..."},
        {"mbe backup --full --repo=s3://buck --retain-until=soon",
         "--retain-until: \"soon\" is no time such as 2027-01-31T00:00:00Z"},
        {"mbe restore --repo=/r",
         "restore needs --datadir=DIR: the directory to restore into; must be "
         "absent or empty"},
        {"mbe list --repo", "--repo needs a value: --repo=DIR"},
        {"mbe list -r", "--repo needs a value: --repo=DIR"},
        {"mbe list --repo=", "--repo: the value is empty"},
        {"mbe list --repo=/r --key-file=/k --key-fd=5",
         "--key-file and --key-fd exclude each other"},
        {"mbe list --repo=/r --key-fd=5 --key-command=x",
         "--key-fd and --key-command exclude each other"},
        {"mbe list --repo=/r --key-fd=2", "--key-fd: '2' is not a whole number from 3 to 1048576"},
        {"mbe key", "key needs an action: generate or rotate"},
        {"mbe key make --output=/k", "key has no action 'make'"},
        {"mbe key generate", "key generate needs --output=FILE"},
        {"mbe key generate --output=/k --repo=/r", "--repo is for key rotate"},
        {"mbe key generate --output=/k --key-file=/o", "--key-file is for key rotate"},
        {"mbe key generate --output=/k --public-output=/p",
         "--public-output is for key generate --signing"},
        {"mbe key rotate --repo=/r --new-key-file=/n --signing", "--signing is for key generate"},
        {"mbe key generate rotate --output=/k", "unexpected argument 'rotate'"},
        {"mbe key rotate --new-key-file=/k", "key rotate needs --repo=DIR"},
        {"mbe key rotate --repo=/r", "key rotate needs --new-key-file=FILE"},
        {"mbe key rotate --repo=/r --new-key-file=/n --output=/k", "--output is for key generate"},
        {"mbe key rotate --repo=- --new-key-file=/n",
         "key needs a repository, and --repo=- is a stream"},
        {"mbe list --repo=/r x", "unexpected argument 'x'"},
        {"mbe list --full", "list has no option --full"},
        {"mbe list --passwrd=secret --repo=/r", "list has no option --passwrd"},
        {"mbe list -x", "list has no option -x"},
        {"mbe list -psecret", "list has no option -p"},
        {"mbe list --json=yes", "--json takes no value"},
        {"mbe backup --log=x", "--log is the beginning of several options"},
        {"mbe backup --passw=s3cret", "--passw is the beginning of several options"},
        {"mbe backup --default=x", "--default is the beginning of several options"},
        {"mbe backup --parallel=0", "--parallel: '0' is not a whole number from 1 to 256"},
        {"mbe backup --parallel=257", "--parallel: '257' is not a whole number from 1 to 256"},
        {"mbe backup --parallel=-1", "--parallel: '-1' is not a whole number from 1 to 256"},
        {"mbe backup --parallel=4x", "--parallel: '4x' is not a whole number from 1 to 256"},
        {"mbe backup -j 99999999999999999999",
         "--parallel: '99999999999999999999' is not a whole number from 1 to 256"},
        {"mbe backup --port=65536", "--port: '65536' is not a whole number from 1 to 65535"},
        {"mbe backup --lock-wait=0", "--lock-wait: '0' is not a whole number from 1 to 86400"},
        {"mbe backup --lock-wait=", "--lock-wait: '' is not a whole number from 1 to 86400"},
        {"mbe backup --compress=gzip", "--compress: 'gzip' is not none, zstd or zstd:LEVEL"},
        {"mbe backup --compress=zstdx", "--compress: 'zstdx' is not none, zstd or zstd:LEVEL"},
        {"mbe backup --compress=none:1", "--compress: 'none:1' is not none, zstd or zstd:LEVEL"},
        {"mbe backup --compress=zstd:0",
         "--compress: zstd level: '0' is not a whole number from 1 to 19"},
        {"mbe backup --compress=zstd:20",
         "--compress: zstd level: '20' is not a whole number from 1 to 19"},
        {"mbe backup --compress=zstd:",
         "--compress: zstd level: '' is not a whole number from 1 to 19"},
        {"mbe backup --progress=yes", "--progress: 'yes' is not one of auto|bar|json|none"},
        {"mbe backup --progress=auto|bar",
         "--progress: 'auto|bar' is not one of auto|bar|json|none"},
        {"mbe backup --progress=", "--progress: '' is not one of auto|bar|json|none"},
        {"mbe backup --full --repo=/r --redo-archive=on",
         "--redo-archive: 'on' is not one of auto|off"},
        {"mbe verify --log-format=xml", "--log-format: 'xml' is not one of text|json"},
        {"mbe restore --memory=15M", "--memory: '15M' is not between 16.0 MiB and 8.0 EiB"},
        {"mbe restore --memory=1X", "--memory: '1X' is not a size like 512M or 2G"},
        {"mbe restore --memory=M", "--memory: 'M' is not a size like 512M or 2G"},
        {"mbe restore --memory=99999999T",
         "--memory: '99999999T' is not between 16.0 MiB and 8.0 EiB"},
        {"mbe backup --full --incremental --repo=/r",
         "--full and --incremental exclude each other"},
        {"mbe backup --offline --repo=/r", "--offline needs --datadir=DIR: the data directory"},
        {"mbe backup --offline --incremental --datadir=/d --repo=/r",
         "--offline and --incremental exclude each other: where the log of a server that does not "
         "run "
         "ends proves nothing about its next run"},
        {"mbe backup --offline --datadir=/d --repo=/r --hash",
         "--offline and --hash exclude each other: no server runs"},
        {"mbe backup --offline --datadir=/d --repo=/r --socket=/s",
         "--offline and --socket exclude each other: no server runs"},
        {"mbe backup --offline --datadir=/d --repo=/r --password=x",
         "--offline and --password exclude each other: no server runs"},
        {"mbe backup --offline --datadir=/d --repo=/r --lock-wait=5",
         "--offline and --lock-wait exclude each other: no server runs"},
        {"mbe backup --offline --repo=/r --datadir=/d --pace=latency:5",
         "--offline and --pace exclude each other: no server runs"},
        {"mbe backup --full --base=latest --repo=/r", "--base is for incremental backups"},
        {"mbe backup --full --require-base --repo=/r", "--require-base is for incremental backups"},
        {"mbe backup --full --repo=/r --no-defaults --defaults-file=f",
         "--no-defaults and --defaults-file exclude each other"},
        {"mbe backup --full --repo=/r --no-defaults --defaults-extra-file=f",
         "--no-defaults and --defaults-extra-file exclude each other"},
        {"mbe backup --full --repo=/r --defaults-file=f --defaults-extra-file=f",
         "--defaults-file and --defaults-extra-file exclude each other"},
        {"mbe backup --full --repo=/r --password=x --password-file=f",
         "--password and --password-file exclude each other"},
        {"mbe backup --full --repo=/r --password --password-file=f",
         "--password and --password-file exclude each other"},
        {"mbe backup --full --repo=/r --password secret",
         "unexpected argument behind --password (not shown)"},
        {"mbe delete --repo=/r", "delete needs --backup=ID: the backup: its id"},
        {"mbe verify --repo=/r --level=deep",
         "--level: 'deep' is not one of archive|pages|tables|boot"},
        {"mbe verify --repo=/r --level=boot --socket=/s", "--socket is for verify --level=tables"},
        {"mbe verify --repo=/r --password", "--password is for verify --level=tables"},
        {"mbe verify --repo=/r --level=tables --mysqld=/m", "--mysqld is for verify --level=boot"},
        {"mbe verify --repo=/r --keyring-file=/k",
         "--keyring-file is for verify --level=pages or --level=boot"},
        {"mbe verify --repo=/r --level=pages --server-user=u",
         "--server-user is for verify --level=boot"},
        {"mbe verify --repo=/r --scratch=/s", "--scratch is for verify --level=boot"},
        {"mbe verify --repo=/r --level=tables --backup=all",
         "--level=tables compares a server with one backup: name it"},
        {"mbe restore --repo=/r --datadir=/d --scratch=/s", "--scratch is for restore --verify"},
        {"mbe restore --repo=/r --datadir=/d --verify --server-user=u",
         "restore has no option --server-user"},
        {"mbe restore --repo=/r --datadir=/d --server-wait=5",
         "--server-wait is for restore --verify"},
        {"mbe verify --repo=/r --level=pages --server-wait=600",
         "--server-wait is for verify --level=boot"},
        {"mbe verify --repo=/r --level=boot --lock-wait=60",
         "--lock-wait is for verify --level=tables"},
        {"mbe verify --repo=/r -m 2G", "--memory is for verify --level=pages or --level=boot"},
        {"mbe hash --locate", "--locate is for --compare"},
        {"mbe hash a", "unexpected argument 'a'"},
        {"mbe hash --no-lock --lock-wait=60", "--no-lock and --lock-wait exclude each other"},
        {"mbe hash --compare a",
         "hash --compare needs two to compare: each a file, server or defaults:FILE"},
        {"mbe hash --compare a b c", "unexpected argument 'c'"},
        {"mbe hash --compare a server --output=x", "--output and --compare exclude each other"},
        {"mbe hash --compare a defaults:", "defaults: is followed by no option file"},
        {"mbe hash --compare a b --socket=/s",
         "--socket says how to reach the side named server, and none is"},
        {"mbe hash --compare a ./server --no-defaults",
         "--no-defaults says how to reach the side named server, and none is"},
        {"mbe hash --compare a defaults:f --password",
         "--password says how to reach the side named server, and none is"},
        {"mbe hash --compare a b --throttle=1M",
         "--throttle is for reading a server, and both sides are files"},
        {"mbe hash --compare a b --no-lock",
         "--no-lock is for reading a server, and both sides are files"},
        {"mbe hash --compare a b --lock-wait=60",
         "--lock-wait is for reading a server, and both sides are files"},
        {"mbe hash --compare a b -j 2",
         "--parallel is for reading a server, and both sides are files"},
        {"mbe backup --full --repo=/r --throttle=1023",
         "--throttle: '1023' is not between 1.0 KiB and 8.0 EiB"},
        {"mbe backup --full --repo=/r --pace=20", "--pace: '20' is not latency:MS"},
        {"mbe backup --full --repo=/r --pace=latency:0",
         "--pace: '0' is not a whole number from 1 to 60000"},
        {"mbe prune --repo=/r", "prune needs a rule: " RULES},
        {"mbe prune --repo=/r --dry-run", "prune needs a rule: " RULES},
        {"mbe prune --repo=/r --keep-verified=2",
         "prune needs a rule beside --keep-verified: " RULES},
        {"mbe pin --repo=/r --backup=latest", "pin needs --reason=TEXT: why it is kept"},
        {"mbe pin --repo=/r --reason=x",
         "pin needs --backup=ID|latest|latest-full: the backup: its id, the newest, or the newest "
         "full one"},
        {"mbe copy --from=/a",
         "copy needs --to=REPO: the repository that is copied to, in the same "
         "forms; one that is not there is made"},
        {"mbe copy --from=- --to=/b",
         "copy goes from one repository to another, and - is a stream"},
        {"mbe copy --from=/a --to=-",
         "copy goes from one repository to another, and - is a stream"},
        {"mbe copy --from=/a --to=/a", "--from and --to are the same repository"},
        {"mbe copy --from=/a --to=/b --s3-region=x", "--s3-region is for a repository s3://..."},
        {"mbe copy --from=s3://a/b --to=/b --retain-until=2027-01-31T00:00:00Z",
         "--retain-until is for --to=s3://..."},
        {"mbe copy --from=/a --to=/b --remote-mbe=x", "--remote-mbe is for --repo=ssh://..."},
        {"mbe unpin --repo=/r", "unpin needs --backup=ID: the backup: its id"},
        {"mbe pin --repo=- --backup=latest --reason=x",
         "pin needs a repository, and --repo=- is a stream"},
        {"mbe prune --repo=/r --keep-full=0",
         "--keep-full: '0' is not a whole number from 1 to 1000000"},
        {"mbe prune --repo=/r --keep-days=-1",
         "--keep-days: '-1' is not a whole number from 1 to 1000000"},
        {"mbe help --man --completion", "--man and --completion exclude each other"},
        {"mbe help nothing", "there is no command 'nothing'"},
        {"mbe help backup restore", "unexpected argument 'restore'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct line l = line_of(cases[i].line);
        struct options o;
        struct err *e = options_parse(&o, l.argc, l.argv);
        if (!e) {
            fail_msg("%s: accepted", cases[i].line);
            return;
        }
        assert_string_equal(e->message, cases[i].message);
        assert_int_equal(err_kind_exit(e->kind), 2);
        assert_non_null(e->hint);
        err_free(e);
        options_fini(&o);
        free(l.text);
    }
}

static void defaults_are_those_that_help_shows(void **state)
{
    (void)state;
    struct line l;
    struct options o = parsed(&l, "mbe backup --full --repo=/r");
    assert_int_equal(o.verb, VERB_BACKUP);
    assert_true(o.full);
    assert_string_equal(o.repo, "/r");
    assert_int_equal(o.compress.codec, ARCHIVE_CODEC_ZSTD);
    assert_int_equal(o.compress.level, 1);
    assert_true(o.lock_wait == 60);
    assert_int_equal(o.progress, PROGRESS_CHOICE_AUTO);
    assert_int_equal(o.log_format, LOG_FORMAT_TEXT);
    assert_int_equal(o.change_map, CHANGE_MAP_CHOICE_AUTO);
    assert_in_range(o.parallel, 1, 8);
    assert_null(o.password.text);
    assert_null(o.host);
    assert_true(o.port == 0);
    free(l.text);
    o = parsed(&l, "mbe restore --repo=/r --datadir=/d");
    assert_true(o.memory == UINT64_C(1) << 30);
    assert_string_equal(o.backup, "latest");
    free(l.text);
    o = parsed(&l, "mbe show --repo=/r");
    assert_string_equal(o.backup, "latest");
    free(l.text);
}

static void every_option_of_a_command_arrives(void **state)
{
    (void)state;
    struct line l;
    struct options o = parsed(&l, "mbe backup --full -r /r --datadir=/d -P 3307 -S /s -u root "
                                  "--host=h --compress=zstd:19 --parallel=256 --lock-wait=5 "
                                  "--progress=none --log-file=/l --syslog --log-format=json -q");
    assert_string_equal(o.datadir, "/d");
    assert_true(o.port == 3307);
    assert_string_equal(o.socket, "/s");
    assert_string_equal(o.user, "root");
    assert_string_equal(o.host, "h");
    assert_int_equal(o.compress.level, 19);
    assert_true(o.parallel == 256 && o.lock_wait == 5);
    assert_int_equal(o.progress, PROGRESS_CHOICE_NONE);
    assert_string_equal(o.log_file, "/l");
    assert_int_equal(o.log_format, LOG_FORMAT_JSON);
    assert_true(o.syslog && o.quiet && !o.debug);
    free(l.text);
    o = parsed(&l, "mbe restore --repo /r --backup 20261124T170632Z-full --datadir /d --user=mysql "
                   "-g mysql --memory=2G --external-dir=/x --progress=json --debug");
    assert_string_equal(o.backup, "20261124T170632Z-full");
    assert_string_equal(o.user, "mysql");
    assert_string_equal(o.group, "mysql");
    assert_string_equal(o.external_dir, "/x");
    assert_true(o.memory == UINT64_C(2) << 30);
    assert_int_equal(o.progress, PROGRESS_CHOICE_JSON);
    assert_true(o.debug);
    free(l.text);
    o = parsed(&l, "mbe verify --repo=/r --level=boot --mysqld=/m --scratch=/s --server-user=u "
                   "--server-wait=5 --keyring-file=/k");
    assert_int_equal(o.level, VERIFY_LEVEL_BOOT);
    assert_string_equal(o.mysqld, "/m");
    assert_string_equal(o.scratch, "/s");
    assert_string_equal(o.server_user, "u");
    assert_string_equal(o.keyring_file, "/k");
    assert_true(o.server_wait == 5 && o.memory == UINT64_C(1) << 30);
    free(l.text);
    o = parsed(&l, "mbe verify --repo=/r --level=tables --socket=/s --user=u --lock-wait=7");
    assert_int_equal(o.level, VERIFY_LEVEL_TABLES);
    assert_string_equal(o.socket, "/s");
    assert_string_equal(o.user, "u");
    assert_true(o.lock_wait == 7);
    free(l.text);
    o = parsed(&l, "mbe restore --repo=/r --datadir=/d --verify --mysqld=/m");
    assert_true(o.verify && o.server_wait == 600);
    free(l.text);
    o = parsed(&l, "mbe backup --full --repo=/r --compress=none --no-defaults --allow-corrupt "
                   "--redo-consumer --change-map=scan --redo-archive=off");
    assert_int_equal(o.compress.codec, ARCHIVE_CODEC_NONE);
    assert_true(o.no_defaults && o.allow_corrupt && o.redo_consumer);
    assert_int_equal(o.change_map, CHANGE_MAP_CHOICE_SCAN);
    assert_int_equal(o.redo_archive, REDO_ARCHIVE_OFF);
    free(l.text);
    o = parsed(&l, "mbe backup --incremental --repo=/r --change-map=page-tracking");
    assert_int_equal(o.change_map, CHANGE_MAP_CHOICE_PAGE_TRACKING);
    free(l.text);
    assert_int_equal(o.hash, HASH_CHOICE_NONE);
    o = parsed(&l, "mbe backup --hash --full --repo=/r");
    assert_true(o.hash == HASH_CHOICE_TABLES && o.full);
    free(l.text);
    o = parsed(&l, "mbe backup --full --repo=/r --throttle=50M --pace=latency:20 --pace-file=/p");
    assert_true(o.throttle == 50 << 20 && o.pace == 20);
    assert_string_equal(o.pace_file, "/p");
    free(l.text);
    o = parsed(&l, "mbe backup --offline --repo=/r --datadir=/d --defaults-file=/f");
    assert_true(o.offline && !o.full);
    assert_string_equal(o.defaults_file, "/f");
    free(l.text);
    o = parsed(&l, "mbe backup --full --repo=/r --hash=all");
    assert_true(o.throttle == 0 && o.pace == 0 && !o.pace_file);
    assert_int_equal(o.hash, HASH_CHOICE_ALL);
    free(l.text);
    o = parsed(&l,
               "mbe hash --compare a server --socket=/s -j 3 --no-lock --throttle=1M --tables=t");
    assert_true(o.compare && o.no_lock && o.parallel == 3 && o.throttle == 1 << 20);
    assert_string_equal(o.sides[1], "server");
    free(l.text);
    o = parsed(&l, "mbe hash --compare defaults:f a --lock-wait=5 --locate");
    assert_true(o.locate && o.lock_wait == 5);
    free(l.text);
    o = parsed(&l, "mbe hash --compare a b --locate --json --databases=d");
    assert_true(o.locate && o.json);
    free(l.text);
    o = parsed(&l, "mbe delete --repo=/r --backup=x --with-dependents --dry-run");
    assert_string_equal(o.backup, "x");
    assert_true(o.with_dependents && o.dry_run);
    free(l.text);
    o = parsed(&l, "mbe prune --repo=/r --keep-full=4 --keep-days=30");
    assert_true(o.keep_full == 4 && o.keep_days == 30 && !o.dry_run);
    free(l.text);
    o = parsed(&l, "mbe copy --from=ssh://h/a --to=s3://b/c --remote-mbe=x --s3-region=y");
    assert_string_equal(o.repo, "ssh://h/a");
    assert_string_equal(o.to, "s3://b/c");
    assert_string_equal(o.backup, "all");
    free(l.text);
    o = parsed(&l, "mbe copy --from=/a --to=s3://b/c --retain-until=2027-01-31T00:00:00Z");
    assert_non_null(o.retain_until);
    free(l.text);
    o = parsed(&l, "mbe prune --repo=/r --keep-yearly=9 --keep-verified=3");
    assert_true(o.keep_yearly == 9 && o.keep_verified == 3);
    free(l.text);
    o = parsed(&l, "mbe prune --repo=/r --keep-days=30");
    assert_true(o.keep_full == 0 && o.keep_days == 30);
    free(l.text);
}

static void a_backup_may_name_several_repositories(void **state)
{
    (void)state;
    struct line l;
    struct options o = parsed(&l, "mbe backup --full --repo=/r -r ssh://h/p --repo=s3://b --repo=- "
                                  "--spill-max=2G --tmp-dir=/t --s3-region=x --remote-mbe=m");
    static const char *const repos[] = {"/r", "ssh://h/p", "s3://b", "-"};
    assert_int_equal(options_n_repos(&o), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(options_repo(&o, i), repos[i]);
    assert_string_equal(o.repo, "/r");
    assert_true(o.spill_max == UINT64_C(2) << 30);
    free(l.text);
    o = parsed(&l, "mbe backup --full --repo=/r");
    assert_int_equal(options_n_repos(&o), 1);
    assert_true(o.spill_max == UINT64_C(1) << 30);
    free(l.text);
    o = parsed(&l, "mbe hash");
    assert_int_equal(options_n_repos(&o), 0);
    free(l.text);
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    struct line l;
    struct options o = parsed(&l, "mbe --help");
    assert_true(o.help && o.verb == VERB_NONE);
    free(l.text);
    o = parsed(&l, "mbe -V");
    assert_true(o.version);
    free(l.text);
    o = parsed(&l, "mbe restore --help");
    assert_true(o.help && o.verb == VERB_RESTORE);
    free(l.text);
    o = parsed(&l, "mbe help verify");
    assert_true(o.verb == VERB_HELP && o.help_of == VERB_VERIFY);
    free(l.text);
}

static void a_password_is_kept_and_wiped_from_argv(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "mbe backup --full --repo=/r --password=s3cret",
        "mbe backup --password=s3cret --repo=/r --full",
        "mbe backup --password=first --password=s3cret --repo=/r --full",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct line l;
        struct options o = parsed(&l, lines[i]);
        assert_string_equal(o.password.text, "s3cret");
        assert_false(o.password.prompt);
        assert_null(memmem(l.text, strlen(lines[i]), "s3cret", 6));
        assert_null(memmem(l.text, strlen(lines[i]), "first", 5));
        options_fini(&o);
        assert_null(o.password.text);
        free(l.text);
    }
}

static void a_password_without_value_is_to_be_asked_for(void **state)
{
    (void)state;
    struct line l;
    struct options o = parsed(&l, "mbe backup --full --repo=/r --password");
    assert_true(o.password.prompt);
    assert_null(o.password.text);
    free(l.text);
}

static void a_password_in_a_word_of_its_own_is_wiped_and_not_shown(void **state)
{
    (void)state;
    static const char text[] = "mbe backup --full --repo=/r --password s3cret";
    struct line l = line_of(text);
    struct options o;
    struct err *e = options_parse(&o, l.argc, l.argv);
    assert_non_null(e);
    assert_null(strstr(e->message, "s3cret"));
    assert_string_equal(e->hint,
                        "Write --password=PASSWORD, or --password alone to be asked for it.");
    assert_null(memmem(l.text, sizeof text, "s3cret", 6));
    err_free(e);
    free(l.text);
}

static void sizes_are_read_with_their_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"123", 123},
        {"7B", 7},
        {"1k", 1024},
        {"512M", UINT64_C(512) << 20},
        {"2G", UINT64_C(2) << 30},
        {"2g", UINT64_C(2) << 30},
        {"3GiB", UINT64_C(3) << 30},
        {"3gb", UINT64_C(3) << 30},
        {"1T", UINT64_C(1) << 40},
        {"16777215T", UINT64_C(16777215) << 40},
        {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",   " 1", "1 ",  "-1",  "+1",   "1.5G",
                                      "1P", "GB", "1BB", "1iB", "0x10", "18446744073709551616"};
    uint64_t v;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_null(value_size(&v, cases[i].text, 0, UINT64_MAX));
        assert_true(v == cases[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err *e = value_size(&v, bad[i], 0, UINT64_MAX);
        assert_non_null(e);
        AUTO_FREE char *want = mem_printf("'%s' is not a size like 512M or 2G", bad[i]);
        assert_string_equal(e->message, want);
        err_free(e);
    }
    struct err *e = value_size(&v, "16777216T", 0, UINT64_MAX);
    assert_non_null(e);
    assert_string_equal(e->message, "'16777216T' is not between 0 B and 16.0 EiB");
    err_free(e);
}

/* A name or a short letter must mean one option in each command, or parsing picks one at random. */
static void the_table_is_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_option_rows; i++) {
        const struct option_row *a = &option_rows[i];
        assert_true(a->verbs && a->offset < sizeof(struct options));
        assert_int_equal(a->type == OPTION_FLAG, a->argument == NULL);
        assert_true(a->help[strlen(a->help) - 1] != '.');
        for (size_t k = 0; k < i; k++) {
            const struct option_row *b = &option_rows[k];
            if (!(a->verbs & b->verbs))
                continue;
            assert_string_not_equal(a->name, b->name);
            assert_true(!a->short_name || a->short_name != b->short_name);
            assert_int_not_equal(a->offset, b->offset);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_usage_is_told_in_so_many_words),
        cmocka_unit_test(defaults_are_those_that_help_shows),
        cmocka_unit_test(every_option_of_a_command_arrives),
        cmocka_unit_test(a_backup_may_name_several_repositories),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(a_password_is_kept_and_wiped_from_argv),
        cmocka_unit_test(a_password_without_value_is_to_be_asked_for),
        cmocka_unit_test(a_password_in_a_word_of_its_own_is_wiped_and_not_shown),
        cmocka_unit_test(sizes_are_read_with_their_units),
        cmocka_unit_test(the_table_is_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
