/* The program craft-wal: its commands, options and exit codes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wal/program/program.h"

static void print_help(void)
{
    (void)printf(
        "craft-wal print DIR [--from INDEX] [--to INDEX] [--entries]\n"
        "craft-wal verify DIR\n"
        "craft-wal compare DIR1 DIR2\n"
        "\n"
        "Looks at the logs of servers; DIR is the directory of the segments,\n"
        "for craft-kv DATA/wal. Nothing is changed and no lock is taken: the\n"
        "server may be running, and is then seen as of this moment.\n"
        "\n"
        "  print    every record as a line, then the log as a whole\n"
        "  verify   reads everything; says whether it is fine, ends in bytes\n"
        "           that were never synced (torn, cut off at the next start),\n"
        "           or is damaged, and where\n"
        "  compare  two logs up to the first entry that differs, the longer\n"
        "           one, and both states\n"
        "\n"
        "  --from INDEX   only records that hold or remove entries from here\n"
        "  --to INDEX     or up to here\n"
        "  --entries      a line for each entry, too\n"
        "  --help         this\n"
        "\n"
        "Exit code: 0 fine, 1 damaged, different or not readable, 2 usage.\n");
}

static int usage(const char *what, const char *which)
{
    (void)fprintf(stderr, "craft-wal: %s%s%s%s; see --help\n", what,
                  which[0] == '\0' ? "" : " '", which,
                  which[0] == '\0' ? "" : "'");
    return CRAFT_WAL_EXIT_USAGE;
}

/* A whole number, at least 1; 0: it is none. */
static craft_index parse_index(const char *text)
{
    craft_index number = 0;

    for (; *text >= '0' && *text <= '9'; text++) {
        craft_index digit = (craft_index)(*text - '0');

        if (number > (UINT64_MAX - digit) / 10) {
            return 0;
        }
        number = number * 10 + digit;
    }
    return *text == '\0' ? number : 0;
}

/* print and its options. */
static int print(int argc, char **argv)
{
    struct craft_wal_wish wish = {.from = 1, .to = UINT64_MAX};
    const char *directory = NULL;

    for (int i = 2; i < argc; i++) {
        int is_from = strcmp(argv[i], "--from") == 0;

        if (strcmp(argv[i], "--entries") == 0) {
            wish.entries = 1;
        } else if (is_from || strcmp(argv[i], "--to") == 0) {
            craft_index number = i + 1 < argc ? parse_index(argv[i + 1]) : 0;

            if (number == 0) {
                return usage("an index from 1 must follow", argv[i]);
            }
            *(is_from ? &wish.from : &wish.to) = number;
            wish.is_range = 1;
            i++;
        } else if (argv[i][0] == '-' || directory != NULL) {
            return usage("print does not take", argv[i]);
        } else {
            directory = argv[i];
        }
    }
    if (directory == NULL) {
        return usage("print needs a directory", "");
    }
    if (wish.from > wish.to) {
        return usage("--from is behind --to", "");
    }
    return craft_wal_print(directory, &wish);
}

static int run(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "--help") == 0) {
        print_help();
        return CRAFT_WAL_EXIT_FINE;
    }
    if (strcmp(command, "print") == 0) {
        return print(argc, argv);
    }
    if (strcmp(command, "verify") == 0) {
        return argc == 3 ? craft_wal_verify(argv[2])
                         : usage("verify needs one directory", "");
    }
    if (strcmp(command, "compare") == 0) {
        return argc == 4 ? craft_wal_compare(argv[2], argv[3])
                         : usage("compare needs two directories", "");
    }
    return usage(argc > 1 ? "there is no command" : "a command is missing",
                 command);
}

int main(int argc, char **argv)
{
    int rv = run(argc, argv);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "craft-wal: cannot write what was found\n");
        return CRAFT_WAL_EXIT_FAILED;
    }
    return rv;
}
