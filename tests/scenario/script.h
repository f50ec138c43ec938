/*
 * script: a scenario file as text. Blocks of commands, a line `----`, what
 * they print, and a blank line; lines that begin with `#` are comments.
 */
#ifndef SCENARIO_SCRIPT_H
#define SCENARIO_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/* Numbers of lines, from 0; each range ends before its second. */
struct script_block {
    size_t commands;
    size_t separator;
    size_t output;
    size_t end;
};

struct script {
    const char *path;
    char *bytes;
    char **lines; /* [lines_len], into bytes */
    size_t lines_len;
    struct script_block *blocks; /* [blocks_len] */
    size_t blocks_len;
};

/* False, and why on stderr, when it cannot be read or is malformed. */
bool script_open(struct script *script, const char *path);
void script_close(struct script *script);

/* Is this line one to be skipped among the commands? */
bool script_is_comment(const char *line);

/* Does the file say that this block prints text? Lines that end with '\n'. */
bool script_expects(const struct script *script,
                    const struct script_block *block, const char *text);

/* Write the file anew, with outputs[i] for block i; false if that fails. */
bool script_rewrite(const struct script *script, char *const *outputs);

#endif
