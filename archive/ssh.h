/* archive/ssh.h: a command on another machine, run through the user's own ssh program, with all that it is set up to do. */
#ifndef MBE_ARCHIVE_SSH_H
#define MBE_ARCHIVE_SSH_H

#include <sys/types.h>

#include "base/err.h"

/* ssh://[user@]host[:port]/path; user and port: or NULL. */
struct ssh_place {
    char *user, *host, *port, *path;
};

/* USAGE when it is none; then there is nothing to be freed. */
struct err *ssh_place_parse(struct ssh_place *p, const char *url) MUST_CHECK;
void ssh_place_fini(struct ssh_place *p);

/* 'text', one word for a shell. Owned by caller. */
char *ssh_quoted(const char *text);

/* All zeros: none. */
struct ssh_process {
    pid_t pid;
    int in, out; /* from it; to it, which does not block */
};

/* Runs `command`, for the shell over there. ssh_command: the program and its first words with blanks between them, NULL: ssh. `name`
 * is for messages. Standard error is ours. */
struct err *ssh_start(struct ssh_process *p, const struct ssh_place *place, const char *ssh_command,
                      const char *command, const char *name) MUST_CHECK;
/* Ends the connection and the program; none is fine. A program that does not end within some seconds is killed, and left to itself if
 * that is not allowed, or does not help. */
void ssh_stop(struct ssh_process *p);

#endif
