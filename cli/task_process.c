/* cli/task_process.c: see task_process.h. A step that is mbe is not started as a program: its passwords would be in the process list. */
#include "cli/task_process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "cli/command.h"
#include "cli/keys.h"

enum { KEPT_BYTES = 64 << 10, POLL_MS = 20, NOT_FOUND_STATUS = 127 };

/* What the new process needs. */
struct start {
    const struct task_process *process;
    int err;
};

static int run_mbe(const struct task_process *p)
{
    __attribute__((cleanup(options_cleanup))) struct options o;
    struct err *e = options_parse_inherited(&o, p->argc, p->argv, p->n_inherited);
    if (!e)
        e = command_run(&o);
    e = err_first(e, command_flush());
    return command_report(e, o.debug);
}

static int run_program(const struct task_process *p)
{
    keys_clear_environment();
    for (const char *const *fact = p->facts; *fact; fact++) {
        const char *value = strchr(*fact, '=');
        AUTO_FREE char *name = mem_printf("%.*s", (int)(value - *fact), *fact);
        setenv(name, value + 1, 1);
    }
    execvp(p->argv[0], p->argv);
    fprintf(stderr, "mbe: %s: cannot be run: %s\n", p->argv[0], strerror(errno));
    return NOT_FOUND_STATUS;
}

static int body(void *ctx)
{
    const struct start *s = ctx;
    if (dup2(s->err, STDERR_FILENO) < 0)
        return 1;
    signals_install();
    if (s->process->is_mbe)
        return run_mbe(s->process);
    signal(SIGPIPE, SIG_DFL);
    return run_program(s->process);
}

/* What the file has, KEPT_BYTES of it at most: its end, or its beginning. Owned by caller. */
static struct err *kept(char **out, int fd, bool is_end)
{
    struct stat st;
    size_t n;
    if (fstat(fd, &st))
        return err_os("output: cannot stat");
    const uint64_t size = (uint64_t)st.st_size;
    AUTO_FREE char *text = mem_alloc(KEPT_BYTES + 1);
    TRY(file_pread(fd, text, KEPT_BYTES, is_end && size > KEPT_BYTES ? size - KEPT_BYTES : 0, &n,
                   "output"));
    text[n] = '\0';
    *out = text;
    text = NULL;
    return NULL;
}

/* Until it has ended; it is told to end when we are, or when its time is over. */
static void wait_for(struct child *c, double seconds)
{
    const double begun = clock_seconds();
    bool told = false;
    while (!child_ended(c)) {
        if (signals_stop && !told) {
            child_signal(c, signals_stop);
            told = true;
        }
        if (seconds > 0 && clock_seconds() - begun > seconds)
            child_signal(c, SIGKILL);
        clock_sleep_ms(POLL_MS);
    }
}

static struct err *open_input(int *fd, const char *dir, const char *text)
{
    TRY(file_open_nameless(fd, dir));
    TRY(file_write(*fd, text, strlen(text), "input"));
    return lseek(*fd, 0, SEEK_SET) ? err_os("input: cannot be set back") : NULL;
}

struct err *task_process_run(struct task_end *end, const struct task_process *p)
{
    const char *tmpdir = getenv("TMPDIR");
    const char *dir = tmpdir && *tmpdir ? tmpdir : "/var/tmp";
    AUTO_FD int out = -1, err = -1, in = -1;
    AUTO(child) c = NULL;
    const double begun = clock_seconds();
    *end = (struct task_end){.status = 1};
    TRY(file_open_nameless(&out, dir));
    TRY(file_open_nameless(&err, dir));
    if (p->input)
        TRY(open_input(&in, dir, p->input));
    struct start start = {p, err};
    fflush(NULL); /* or the new process would write it, too */
    TRY(child_start(&c, &(struct child_options){.argv = p->argv,
                                                .body = body,
                                                .ctx = &start,
                                                .uid = (uid_t)-1,
                                                .gid = (gid_t)-1,
                                                .input = p->input ? in : 0,
                                                .output = out}));
    wait_for(c, p->seconds);
    end->status = child_status(c);
    end->seconds = clock_seconds() - begun;
    TRY(kept(&end->out, out, false));
    return kept(&end->err, err, true);
}

void task_end_fini(struct task_end *end)
{
    free(end->out);
    free(end->err);
    *end = (struct task_end){0};
}
