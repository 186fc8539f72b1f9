/* base/signals.c: see signals.h. */
#include "base/signals.h"

#include <string.h>

volatile sig_atomic_t signals_stop;

static void on_signal(int sig)
{
    signals_stop = sig;
}

struct err *signals_check(void)
{
    const int sig = (int)signals_stop;
    return sig ? err_make(INTERRUPTED, "stopped by signal %d (%s)", sig, sigdescr_np(sig)) : NULL;
}

void signals_install(void)
{
    struct sigaction sa = {.sa_handler = on_signal};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    sa.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &sa, NULL);
    sa.sa_handler =
        SIG_DFL; /* a parent may have had it ignored: then nobody could wait for a child */
    sigaction(SIGCHLD, &sa, NULL);
}
