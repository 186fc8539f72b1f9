/* cli/help.c: see help.h; the manual page is in help_man.c, the completion in help_completion.c. */
#include "cli/help.h"

#include <string.h>

#include "base/mem.h"

enum { WIDTH = 79, HELP_COLUMN = 30 };

/* Prints words from `column` on, further lines indented by `indent`; ends the line. */
static void print_wrapped(FILE *out, const char *text, int column, int indent)
{
    const char *gap = "";
    while (*text) {
        const int n = (int)strcspn(text, " ");
        if (column + (int)strlen(gap) + n > WIDTH && column > indent) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            gap = "";
        }
        column += fprintf(out, "%s%.*s", gap, n, text);
        gap = " ";
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct option_row *row)
{
    AUTO_FREE char *short_name =
        row->short_name ? mem_printf("-%c, ", row->short_name) : mem_strdup("    ");
    const bool optional = option_value_is_optional(row);
    const int used =
        fprintf(out, "  %s--%s%s%s%s%s", short_name, row->name, optional ? "[" : "",
                row->argument ? "=" : "", row->argument ? row->argument : "", optional ? "]" : "");
    if (used + 1 > HELP_COLUMN)
        fprintf(out, "\n%*s", HELP_COLUMN, "");
    else
        fprintf(out, "%*s", HELP_COLUMN - used, "");
    AUTO_FREE char *text = mem_printf("%s%s%s%s%s", row->help, row->required ? " (required)" : "",
                                      row->preset ? " (default: " : "",
                                      row->preset ? row->preset : "", row->preset ? ")" : "");
    print_wrapped(out, text, HELP_COLUMN, HELP_COLUMN);
}

static void print_exit_row(FILE *out, int status, const char *meaning)
{
    const int used = fprintf(out, "  %d  ", status);
    print_wrapped(out, meaning, used, used);
}

void help_each_exit_status(void (*row)(FILE *out, int status, const char *meaning), FILE *out)
{
    row(out, 0, "success");
    for (int status = 1; status < 256; status++) {
        AUTO_FREE char *meaning = NULL;
        for (int k = 0; k < err_kind_count(); k++) {
            if (err_kind_exit((enum err_kind)k) != status)
                continue;
            char *longer = mem_printf("%s%s%s", meaning ? meaning : "", meaning ? "; " : "",
                                      err_kind_meaning((enum err_kind)k));
            free(meaning);
            meaning = longer;
        }
        if (meaning)
            row(out, status, meaning);
    }
}

static void print_verb(FILE *out, enum verb verb)
{
    fprintf(out, "Usage: mbe %s %s\n\n", verb_rows[verb].name, verb_rows[verb].synopsis);
    print_wrapped(out, verb_rows[verb].description, 0, 0);
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < n_option_rows; i++)
        if (option_is_in(&option_rows[i], verb))
            print_option(out, &option_rows[i]);
}

void help_print(FILE *out, enum verb verb)
{
    if (verb != VERB_NONE) {
        print_verb(out, verb);
        return;
    }
    fputs("mbe " MBE_VERSION
          ": hot backups of MariaDB and MySQL, and restores without their tools\n\n"
          "Usage: mbe COMMAND [OPTIONS]\n\nCommands:\n",
          out);
    for (int v = 0; v < VERB_COUNT; v++)
        fprintf(out, "  %-10s%s\n", verb_rows[v].name, verb_rows[v].summary);
    fputs("\nRun 'mbe COMMAND --help' for the options of a command, 'mbe --version' for the\n"
          "version.\n\nExit status:\n",
          out);
    help_each_exit_status(print_exit_row, out);
}
