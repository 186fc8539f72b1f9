/* archive/repo_ssh_test.c: the other side of an ssh:// repository may send without end, and does not get our memory for it. This
 * program itself is the "ssh" that is run, and answers as no mbe would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/repo.h"
#include "archive/wire.h"
#include "base/mem.h"

#define ID "20261124T170632Z-full"

/* ---- the other side ---- */

static void put_some_ids(struct wire *w, unsigned *next)
{
    for (int i = 0; i < WIRE_LIST_MAX; i++, ++*next) {
        AUTO_FREE char *id = mem_printf("%08uT%06uZ-full", *next / 1000000, *next % 1000000);
        wire_put_text(w, id);
    }
}

static void put_piece(struct wire *w)
{
    memset(out_reserve(&w->sent, WIRE_PIECE_MAX), 'x', WIRE_PIECE_MAX);
}

/* Exit status 0 when the connection ends. */
static int never_come_to_an_end(void)
{
    struct wire w;
    enum wire_op op;
    struct reader f;
    unsigned next = 0;
    wire_init(&w, STDIN_FILENO, STDOUT_FILENO, "client");
    struct err *e;
    while (!(e = wire_receive(&w, &op, &f)) && op) {
        wire_begin(&w, WIRE_OK);
        if (op == WIRE_HELLO)
            wire_put_number(&w, WIRE_VERSION);
        else if (op == WIRE_LIST)
            put_some_ids(&w, &next);
        else
            put_piece(&w);
        if ((e = wire_send(&w)))
            break;
    }
    wire_fini(&w);
    return e ? 1 : 0;
}

/* ---- this side ---- */

static struct repo *open_endless(void)
{
    struct repo *r;
    assert_null(
        repo_open(&r, "ssh://host/path", &(struct repo_options){.ssh_command = "/proc/self/exe"}));
    return r;
}

static void assert_io_error(struct err *e, const char *message)
{
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    assert_string_equal(e->message, message);
    err_free(e);
}

static void a_list_has_an_end(void **state)
{
    (void)state;
    AUTO(repo) r = open_endless();
    struct backup_ids list;
    assert_io_error(repo_list(&list, r),
                    "ssh://host/path: a list of more than 1048576 backups came");
}

static void a_record_has_an_end(void **state)
{
    (void)state;
    AUTO(repo) r = open_endless();
    char *text;
    assert_io_error(repo_record_read(&text, r, ID),
                    "ssh://host/path: a record of more than 67108864 bytes came");
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) /* -- host command */
        return never_come_to_an_end();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(a_record_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
