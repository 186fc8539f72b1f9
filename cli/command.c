/* cli/command.c: see command.h. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/help.h"

struct err *command_run(const struct options *o)
{
    if (o->version) {
        puts("mbe " MBE_VERSION);
        return NULL;
    }
    if (o->help) {
        help_print(stdout, o->verb);
        return NULL;
    }
    switch (o->verb) {
    case VERB_BACKUP:
        return session_run(o, command_backup);
    case VERB_RESTORE:
        return session_run(o, command_restore);
    case VERB_VERIFY:
        return session_run(o, command_verify);
    case VERB_HASH:
        return session_run(o, command_hash);
    case VERB_CONSOLIDATE:
        return session_run(o, command_consolidate);
    case VERB_LIST:
        return command_list(o);
    case VERB_SHOW:
        return command_show(o);
    case VERB_DELETE:
        return session_run(o, command_delete);
    case VERB_PRUNE:
        return session_run(o, command_prune);
    case VERB_PIN:
        return session_run(o, command_pin);
    case VERB_UNPIN:
        return session_run(o, command_unpin);
    case VERB_COPY:
        return session_run(o, command_copy);
    case VERB_KEY:
        return session_run(o, command_key);
    case VERB_SERVE:
        return session_run(o, command_serve);
    case VERB_RUN:
        return command_task(o);
    case VERB_CONFIG:
        return command_config(o);
    case VERB_HELP:
        return command_help(o);
    case VERB_COUNT:
        break;
    }
    return err_make(FAILED, "command %d is not known", (int)o->verb);
}

struct err *command_flush(void)
{
    errno = 0;
    const bool failed = ferror(stdout) != 0;
    if (fflush(stdout) || failed)
        return errno ? err_os("standard output: cannot write")
                     : err_make(IO, "standard output: cannot write");
    return NULL;
}

int command_report(struct err *e, bool debug)
{
    if (!e)
        return 0;
    AUTO_FREE char *message = text_one_line(e->message);
    fprintf(stderr, "mbe: %s\n", message);
    if (e->hint) {
        AUTO_FREE char *hint = text_one_line(e->hint);
        fprintf(stderr, "hint: %s\n", hint);
    }
    if (debug && e->file)
        fprintf(stderr, "debug: %s error from %s:%d\n", err_kind_name(e->kind), e->file, e->line);
    const int status = err_kind_exit(e->kind);
    err_free(e);
    return status;
}
