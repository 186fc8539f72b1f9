/* base/child.h: a program that is run by us and never outlives us.
 *
 * It leads a session and a process group of its own, so that what the terminal sends to ours does not reach it. It has no
 * descriptors but its standard streams. When the thread that started it ends, as it does when our process is killed, the system
 * kills it (PR_SET_PDEATHSIG); it goes with everything else of its group when it is freed. A script in its place must end in
 * `exec`, or what it starts survives a SIGKILL of ours.
 *
 * child_signal may be called by any thread, the rest is for the one that started it. */
#ifndef MBE_BASE_CHILD_H
#define MBE_BASE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"

struct child_options {
    char *const *argv; /* the program's path first, NULL last; not searched for in PATH */
    /* Instead of a program: a function of ours in the new process, whose status is what it returns. It has all descriptors of ours.
     * Only where there is one thread. Of argv then only the first is used, for messages. */
    int (*body)(void *ctx);
    void *ctx;
    int input; /* where its standard input comes from; 0: nowhere. Borrowed */
    uid_t uid; /* as whom it runs; (uid_t)-1: as we do */
    gid_t gid; /* likewise; its only group */
    const char
        *folder; /* a directory in which it must be able to make files as that user; or NULL */
    int output;  /* where its standard output and error go; -1: nowhere. Borrowed */
    bool shares_stderr; /* its standard error is ours instead */
};

struct child;

/* Owned by caller. IO with the system's reason when the program cannot be run, the user cannot be taken on, or cannot make files
 * in `folder`: then nothing runs. */
struct err *child_start(struct child **out, const struct child_options *options) MUST_CHECK;
/* Kills what still runs of its group and waits for that. NULL is fine. */
void child_free(struct child *c);
CLEANUP(child, child_free)

pid_t child_pid(const struct child *c);
/* To all of its group, unless it has ended. */
void child_signal(struct child *c, int number);
/* Whether it has ended. When its leader has, the rest of its group is killed. */
bool child_ended(struct child *c);
/* Waits until it has ended, `seconds` at most, or until a stop was asked for (base/signals.h). As child_ended. */
bool child_wait(struct child *c, double seconds);
/* Whether it ended by itself, with status 0. */
bool child_succeeded(const struct child *c);
/* As a shell has it: its exit status, or 128 and the number of the signal that killed it. It has ended. */
int child_status(const struct child *c);
/* How it ended, "ended with status 1" or "was killed by signal 6 (Aborted)"; owned by caller. */
char *child_ending(const struct child *c);

#endif
