/* cli/connection.h: the connection options of the command line. */
#ifndef MBE_CLI_CONNECTION_H
#define MBE_CLI_CONNECTION_H

#include "cli/options.h"
#include "server/conn.h"

/* password: from password_load; borrowed, as all texts are. */
struct conn_options connection_of(const struct options *o, char *password);

#endif
