/* cli/task_lock.h: runs that use one repository exclude each other.
 *
 * The lock is a flock(2), which the system takes back when the run ends, however it ends, and with it the step that it was in. Of a
 * repository in a directory it is on the directory. Of others, and of a directory on a file system that cannot do that, it is on an
 * empty file /run/lock/mbe-UID-HASH.lock, or in TMPDIR or /var/tmp: it excludes runs of the same user on this machine. */
#ifndef MBE_CLI_TASK_LOCK_H
#define MBE_CLI_TASK_LOCK_H

#include "base/cleanup.h"
#include "cli/task.h"

struct task_lock;
/* Of all repositories of the task's steps. REFUSED when another run has one of them after `wait` seconds. Owned by caller. */
struct err *task_lock_take(struct task_lock **out, const struct task *t, double wait) MUST_CHECK;
void task_lock_free(struct task_lock *l); /* NULL is fine */
CLEANUP(task_lock, task_lock_free)

#endif
