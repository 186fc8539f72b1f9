/* cli/help_completion.c: completion for bash, which splits words at '=' and so sees "--repo=x" as
 * three of them. */
#include "cli/help.h"

#include <string.h>

static void put_verb_options(FILE *out, enum verb verb)
{
    fprintf(out, "    %s) options='", verb_rows[verb].name);
    const char *gap = "";
    for (size_t i = 0; i < n_option_rows; i++) {
        const struct option_row *row = &option_rows[i];
        if (!option_is_in(row, verb))
            continue;
        fprintf(out, "%s--%s%s", gap, row->name,
                row->argument && !option_value_is_optional(row) ? "=" : "");
        gap = " ";
    }
    fputs("' ;;\n", out);
}

static void put_words(FILE *out, const char *list)
{
    for (; *list; list++)
        fputc(*list == '|' ? ' ' : *list, out);
}

static void put_values(FILE *out, const struct option_row *row)
{
    for (int v = 0; v < VERB_COUNT; v++) {
        if (!option_is_in(row, (enum verb)v))
            continue;
        fprintf(out, "    %s:--%s) ", verb_rows[v].name, row->name);
        switch (row->type) {
        case OPTION_FILE:
            fputs("kind=-f ;;\n", out);
            break;
        case OPTION_DIR:
        case OPTION_REPO:
            fputs("kind=-d ;;\n", out);
            break;
        case OPTION_CHOICE:
        case OPTION_SWITCH:
            fputs("words='", out);
            put_words(out, row->argument);
            fputs("' ;;\n", out);
            break;
        case OPTION_COMPRESS:
            fputs("words='none zstd' ;;\n", out);
            break;
        case OPTION_BACKUP:
            fputs("words='", out);
            put_words(out, row->argument + strcspn(row->argument, "|")); /* what is no id */
            fputs("' ;;\n", out);
            break;
        default:
            fputs(";;\n", out);
            break;
        }
    }
}

void help_print_completion(FILE *out)
{
    fputs("# bash completion of mbe, made by 'mbe help --completion'\n"
          "_mbe()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
          "verb=${COMP_WORDS[1]}\n"
          "    local options='' words='' kind=''\n"
          "    COMPREPLY=()\n"
          "    if [ \"$cur\" = = ]; then\n        cur=''\n"
          "    elif [ \"$prev\" = = ]; then\n        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
          "    elif [ \"$COMP_CWORD\" -eq 1 ]; then\n        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    for (int v = 0; v < VERB_COUNT; v++)
        fprintf(out, "%s ", verb_rows[v].name);
    fputs("--help --version' -- \"$cur\")\n        return\n"
          "    elif [[ \"$cur\" == -* ]]; then\n        case $verb in\n",
          out);
    for (int v = 0; v < VERB_COUNT; v++) {
        fputs("    ", out);
        put_verb_options(out, (enum verb)v);
    }
    fputs("        esac\n        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
          "        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n        return\n    fi\n"
          "    case $verb:$prev in\n",
          out);
    for (size_t i = 0; i < n_option_rows; i++)
        if (option_rows[i].argument)
            put_values(out, &option_rows[i]);
    fputs("    esac\n"
          "    if [ -n \"$kind\" ]; then\n"
          "        compopt -o filenames\n        mapfile -t COMPREPLY < <(compgen \"$kind\" -- "
          "\"$cur\")\n"
          "    else\n        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n    fi\n"
          "}\ncomplete -F _mbe mbe\n",
          out);
}
