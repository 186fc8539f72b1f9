/* base/child.c: see child.h. Between fork and exec only what is safe there in a process that had several threads. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"

enum { FIRST_OTHER_FD = 3, POLL_MS = 20 };

enum step { STEP_USER, STEP_STREAMS, STEP_FOLDER, STEP_RUN };

/* What a child that could not become the program says of it. */
struct failure {
    enum step step;
    int os_errno;
};

struct child {
    pid_t pid;
    pthread_mutex_t
        lock; /* guards `ended`: what has ended is waited for, and its number may be another's by now */
    bool ended;
    siginfo_t how;
};

static void fail(int report, enum step step)
{
    const struct failure f = {step, errno};
    const ssize_t written = write(report, &f, sizeof f);
    _exit(written == sizeof f ? 1 : 2);
}

static bool become(uid_t uid, gid_t gid)
{
    if (gid != (gid_t)-1 && (setgroups(1, &gid) || setresgid(gid, gid, gid)))
        return false;
    return uid == (uid_t)-1 || !setresuid(uid, uid, uid);
}

/* In the new process. The death signal is asked for behind the change of user, which takes it back. */
static void run(const struct child_options *o, int null, int report, pid_t parent)
{
    const int output = o->output >= 0 ? o->output : null;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    if (!become(o->uid, o->gid))
        fail(report, STEP_USER);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
        _exit(1);
    if (dup2(o->input > 0 ? o->input : null, 0) < 0 || dup2(output, 1) < 0 ||
        (!o->shares_stderr && dup2(output, 2) < 0) ||
        (!o->body && close_range(FIRST_OTHER_FD, UINT32_MAX, CLOSE_RANGE_CLOEXEC)))
        fail(report, STEP_STREAMS);
    if (o->folder && access(o->folder, R_OK | W_OK | X_OK))
        fail(report, STEP_FOLDER);
    if (o->body) {
        close(report); /* it runs */
        _exit(o->body(o->ctx));
    }
    execv(o->argv[0], o->argv);
    fail(report, STEP_RUN);
}

static struct err *failed(const struct child_options *o, const struct failure *f)
{
    switch (f->step) {
    case STEP_USER:
        return err_new_os(f->os_errno, __FILE__, __LINE__, "%s: cannot be run as user %u",
                          o->argv[0], (unsigned)o->uid);
    case STEP_STREAMS:
        return err_new_os(f->os_errno, __FILE__, __LINE__, "%s: cannot set up its descriptors",
                          o->argv[0]);
    case STEP_FOLDER:
        return err_new_os(f->os_errno, __FILE__, __LINE__,
                          "%s: cannot be used by user %u, as whom %s is to be run", o->folder,
                          o->uid == (uid_t)-1 ? (unsigned)geteuid() : (unsigned)o->uid, o->argv[0]);
    case STEP_RUN:
        break;
    }
    return err_new_os(f->os_errno, __FILE__, __LINE__, "%s: cannot be run", o->argv[0]);
}

/* The writing end of `report` closes when the program runs. */
static struct err *await_program(const struct child_options *o, int report)
{
    struct failure f = {0};
    ssize_t n;
    do
        n = read(report, &f, sizeof f);
    while (n < 0 && errno == EINTR);
    return n == sizeof f ? failed(o, &f) : NULL;
}

struct err *child_start(struct child **out, const struct child_options *o)
{
    AUTO_FD int null = -1, from = -1;
    int report[2];
    const pid_t parent = getpid();
    TRY(file_open(&null, "/dev/null", O_RDWR, 0));
    if (pipe2(report, O_CLOEXEC))
        return err_os("%s: cannot make a pipe", o->argv[0]);
    from = report[0];
    const pid_t pid = fork();
    if (pid == 0)
        run(o, null, report[1], parent);
    struct err *e = pid < 0 ? err_os("%s: cannot fork", o->argv[0]) : NULL;
    close(report[1]);
    TRY(e);
    AUTO(child) c = mem_zalloc(sizeof *c);
    c->pid = pid;
    pthread_mutex_init(&c->lock, NULL);
    TRY(await_program(o, from));
    *out = c;
    c = NULL;
    return NULL;
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

void child_signal(struct child *c, int number)
{
    pthread_mutex_lock(&c->lock);
    if (!c->ended)
        kill(-c->pid, number);
    pthread_mutex_unlock(&c->lock);
}

/* The rest of the group is killed before its leader is waited for: until then nobody else can get the group's number. */
static void look(struct child *c, int options)
{
    siginfo_t how = {0};
    while (waitid(P_PID, (id_t)c->pid, &how, WEXITED | WNOWAIT | options))
        if (errno != EINTR)
            return;
    if (how.si_pid != c->pid)
        return;
    pthread_mutex_lock(&c->lock);
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    c->how = how;
    c->ended = true;
    pthread_mutex_unlock(&c->lock);
}

bool child_ended(struct child *c)
{
    if (!c->ended)
        look(c, WNOHANG);
    return c->ended;
}

bool child_wait(struct child *c, double seconds)
{
    const double end = clock_seconds() + seconds;
    while (!child_ended(c) && !signals_stop && clock_seconds() < end)
        clock_sleep_ms(POLL_MS);
    return c->ended;
}

bool child_succeeded(const struct child *c)
{
    return c->ended && c->how.si_code == CLD_EXITED && c->how.si_status == 0;
}

int child_status(const struct child *c)
{
    return c->how.si_code == CLD_EXITED ? c->how.si_status : 128 + c->how.si_status;
}

char *child_ending(const struct child *c)
{
    if (!c->ended)
        return mem_strdup("still runs");
    if (c->how.si_code == CLD_EXITED)
        return mem_printf("ended with status %d", c->how.si_status);
    return mem_printf("was killed by signal %d (%s)", c->how.si_status,
                      sigdescr_np(c->how.si_status));
}

void child_free(struct child *c)
{
    if (!c)
        return;
    child_signal(c, SIGKILL);
    if (!c->ended)
        look(c, 0);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
