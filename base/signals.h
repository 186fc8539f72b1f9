/* base/signals.h: the one global of the program: the number of the signal that asked us to stop, 0
 * if none. Set by the handler that cli/ installs for SIGINT, SIGTERM and SIGHUP; long loops poll it
 * once per chunk or wait and return what signals_check returns. */
#ifndef MBE_BASE_SIGNALS_H
#define MBE_BASE_SIGNALS_H

#include <signal.h>

#include "base/err.h"

extern volatile sig_atomic_t signals_stop;

/* Error of kind INTERRUPTED when a stop was asked for, else NULL. Thread-safe. */
struct err *signals_check(void) MUST_CHECK;
/* Installs the handlers (SIGPIPE is ignored, SIGCHLD as the system has it). */
void signals_install(void);

#endif
