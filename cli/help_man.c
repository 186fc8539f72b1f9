/* cli/help_man.c: the manual page. Macros of man(7) only, which every roff knows. */
#include "cli/help.h"

/* Text for roff: a backslash and a dash mean more than themselves, and so do a dot or an apostrophe
 * at the beginning of a line (every caller begins lines with a macro or with this). */
static void put(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
    }
}

static void put_line(FILE *out, const char *text)
{
    put(out, text);
    fputc('\n', out);
}

static void put_option(FILE *out, const struct option_row *row)
{
    const bool optional = option_value_is_optional(row);
    fputs(".TP\n", out);
    if (row->short_name)
        fprintf(out, "\\fB\\-%c\\fR, ", row->short_name);
    fputs("\\fB", out);
    put(out, "--");
    put(out, row->name);
    fputs(optional ? "\\fR[" : "\\fR", out);
    if (row->argument) {
        fputs("=\\fI", out);
        put(out, row->argument);
        fputs("\\fR", out);
    }
    fputs(optional ? "]\n" : "\n", out);
    put(out, row->help);
    if (row->required)
        fputs(" (required)", out);
    if (row->preset) {
        fputs(" (default: ", out);
        put(out, row->preset);
        fputs(")", out);
    }
    fputs(".\n", out);
}

static void put_verb(FILE *out, enum verb verb)
{
    const struct verb_row *row = &verb_rows[verb];
    fprintf(out, ".SS mbe %s\n", row->name);
    fprintf(out, "\\fBmbe %s\\fR ", row->name);
    put_line(out, row->synopsis);
    fputs(".PP\n", out);
    put_line(out, row->description);
    for (size_t i = 0; i < n_option_rows; i++)
        if (option_is_in(&option_rows[i], verb) && option_rows[i].verbs != IN_ALL)
            put_option(out, &option_rows[i]);
}

static void put_exit_row(FILE *out, int status, const char *meaning)
{
    fprintf(out, ".TP\n\\fB%d\\fR\n", status);
    put_line(out, meaning);
}

void help_print_man(FILE *out)
{
    fputs(".TH MBE 1 \"\" \"mbe " MBE_VERSION "\"\n"
          ".SH NAME\nmbe \\- hot backups of MariaDB and MySQL, and restores without their tools\n"
          ".SH SYNOPSIS\n\\fBmbe\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
          out);
    for (int v = 0; v < VERB_COUNT; v++)
        put_verb(out, (enum verb)v);
    fputs(".SS Options of every command\n", out);
    for (size_t i = 0; i < n_option_rows; i++)
        if (option_rows[i].verbs == IN_ALL)
            put_option(out, &option_rows[i]);
    fputs(".SH EXIT STATUS\n", out);
    help_each_exit_status(put_exit_row, out);
    fputs(
        ".SH OUTPUT\nResults go to standard output; log lines, progress and errors to standard "
        "error. An error is one\n"
        "line that begins with \"mbe:\", with a line \"hint:\" behind it where there is a remedy.\n"
        ".SH EXAMPLES\n.nf\nmbe backup \\-\\-full \\-\\-repo=/backups\nmbe list "
        "\\-\\-repo=/backups\n"
        "mbe verify \\-\\-repo=/backups \\-\\-backup=all\n"
        "mbe prune \\-\\-repo=/backups \\-\\-keep\\-full=4 \\-\\-keep\\-days=30\n"
        "mbe restore \\-\\-repo=/backups \\-\\-datadir=/var/lib/mysql.new \\-\\-user=mysql "
        "\\-\\-group=mysql\n"
        "mbe backup \\-\\-full \\-\\-repo=\\- | ssh backuphost 'cat >monday.mbe'\n.fi\n",
        out);
}
