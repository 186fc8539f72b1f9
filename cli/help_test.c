/* cli/help_test.c: everything in the tables is in every text made from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "cli/help.h"

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static char *help_of(enum verb verb)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    help_print(out, verb);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_lines_fit(const char *text)
{
    for (const char *line = text; *line;) {
        const size_t n = strcspn(line, "\n");
        if (n > 79 || (n > 0 && line[n - 1] == ' '))
            fail_msg("too long or a blank at the end: %.*s", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

/* Whether a line of `text` is the head of this option: "  -r, --repo=DIR" or "      --full". */
static bool has_option(const char *text, const struct option_row *row)
{
    AUTO_FREE char *head = row->short_name ? mem_printf("\n  -%c, --%s", row->short_name, row->name)
                                           : mem_printf("\n      --%s", row->name);
    const size_t n = strlen(head);
    for (const char *at = strstr(text, head); at; at = strstr(at + 1, head))
        if (strchr(" =[\n", at[n]))
            return true;
    return false;
}

/* Several rows may have one name, for different commands. */
static bool verb_has_name(enum verb verb, const char *name)
{
    for (size_t i = 0; i < n_option_rows; i++)
        if (option_is_in(&option_rows[i], verb) && !strcmp(option_rows[i].name, name))
            return true;
    return false;
}

static void help_of_a_command_has_its_options_and_no_others(void **state)
{
    (void)state;
    for (int v = 0; v < VERB_COUNT; v++) {
        AUTO_FREE char *text = help_of((enum verb)v);
        assert_lines_fit(text);
        for (size_t i = 0; i < n_option_rows; i++)
            assert_int_equal(has_option(text, &option_rows[i]),
                             verb_has_name((enum verb)v, option_rows[i].name));
    }
}

static void general_help_lists_commands_and_exit_statuses(void **state)
{
    (void)state;
    AUTO_FREE char *text = help_of(VERB_NONE);
    assert_lines_fit(text);
    for (int v = 0; v < VERB_COUNT; v++)
        assert_non_null(strstr(text, verb_rows[v].summary));
    static const char *const rows[] = {
        "\n  0  success\n", "\n  1  the operation failed; ",
        "\n  2  usage or configuration error\n",
        "\n  3  damage or a difference was found, whatever else failed behind it; ",
        "\n  4  refused: target not empty"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_non_null(strstr(text, rows[i]));
}

static void the_manual_page_has_every_option_and_is_clean_roff(void **state)
{
    (void)state;
    AUTO_FREE char *text = printed(help_print_man);
    assert_int_equal(strncmp(text, ".TH MBE 1 ", 10), 0);
    for (size_t i = 0; i < n_option_rows; i++) {
        AUTO_FREE char *name = mem_zalloc(strlen(option_rows[i].name) * 2 + 8);
        char *p = stpcpy(name, "\\fB\\-\\-");
        for (const char *c = option_rows[i].name; *c; c++)
            p = *c == '-' ? stpcpy(p, "\\-") : (*p = *c, p + 1);
        assert_non_null(strstr(text, name));
    }
    static const char *const sections[] = {".SH NAME\n", ".SH SYNOPSIS\n", ".SH COMMANDS\n",
                                           ".SH EXIT STATUS\n", ".SH EXAMPLES\n"};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        assert_non_null(strstr(text, sections[i]));
    assert_null(strstr(text, "\n\n"));
}

static void the_completion_knows_every_option_and_choice(void **state)
{
    (void)state;
    AUTO_FREE char *text = printed(help_print_completion);
    for (size_t i = 0; i < n_option_rows; i++) {
        AUTO_FREE char *name = mem_printf("--%s", option_rows[i].name);
        assert_non_null(strstr(text, name));
    }
    assert_non_null(strstr(text, "backup:--progress) words='auto bar json none' ;;"));
    assert_non_null(strstr(text, "restore:--datadir) kind=-d ;;"));
    assert_non_null(strstr(text, "verify:--backup) words=' latest latest-full all' ;;"));
    assert_non_null(strstr(text, "delete:--backup) words='' ;;"));
    assert_non_null(strstr(text, "complete -F _mbe mbe\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_of_a_command_has_its_options_and_no_others),
        cmocka_unit_test(general_help_lists_commands_and_exit_statuses),
        cmocka_unit_test(the_manual_page_has_every_option_and_is_clean_roff),
        cmocka_unit_test(the_completion_knows_every_option_and_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
