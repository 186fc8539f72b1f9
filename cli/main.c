/* cli/main.c: parse, run, tell the error once, exit with its status. */
#include "base/signals.h"
#include "cli/command.h"

int main(int argc, char **argv)
{
    __attribute__((cleanup(options_cleanup))) struct options o;
    signals_install();
    struct err *e = options_parse(&o, argc, argv);
    if (!e)
        e = command_run(&o);
    e = err_first(e, command_flush());
    return command_report(e, o.debug);
}
