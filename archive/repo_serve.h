/* archive/repo_serve.h: a repository of this machine, served to an mbe on another one (repo_ssh.c), over two byte streams. */
#ifndef MBE_ARCHIVE_REPO_SERVE_H
#define MBE_ARCHIVE_REPO_SERVE_H

#include "archive/repo.h"

/* Answers requests (wire.h) until the other side closes the connection. What it had not published is gone then, unless it was begun to
 * be kept, and what it used no longer is in use. Errors are those of the connection; those of requests are answers. */
struct err *repo_serve(struct repo *repo, int in, int out) MUST_CHECK;

#endif
