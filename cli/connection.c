/* cli/connection.c: see connection.h. */
#include "cli/connection.h"

struct conn_options connection_of(const struct options *o, char *password)
{
    return (struct conn_options){.defaults_file = o->defaults_file,
                                 .defaults_extra_file = o->defaults_extra_file,
                                 .no_defaults = o->no_defaults,
                                 .host = o->host,
                                 .port = (unsigned)o->port,
                                 .socket = o->socket,
                                 .user = o->user,
                                 .password = password};
}
