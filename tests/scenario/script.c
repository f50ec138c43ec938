#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR "----"

static bool read_bytes(struct script *script)
{
    FILE *file = fopen(script->path, "rb");
    size_t max = 1 << 16;
    size_t len = 0;
    size_t more = 1;

    if (file == NULL) {
        return false;
    }
    script->bytes = malloc(max);
    while (script->bytes != NULL && more > 0) {
        more = fread(script->bytes + len, 1, max - 1 - len, file);
        len += more;
        if (len == max - 1) {
            char *grown = realloc(script->bytes, max * 2);

            if (grown == NULL) {
                abort();
            }
            script->bytes = grown;
            max *= 2;
        }
    }
    (void)fclose(file);
    if (script->bytes == NULL || memchr(script->bytes, 0, len) != NULL) {
        return false;
    }
    script->bytes[len] = '\0';
    return true;
}

static bool cut_lines(struct script *script)
{
    size_t count = 1;
    char *at = script->bytes;

    for (const char *c = at; *c != '\0'; c++) {
        count += *c == '\n';
    }
    script->lines = calloc(count, sizeof *script->lines);
    script->blocks = calloc(count, sizeof *script->blocks);
    if (script->lines == NULL || script->blocks == NULL) {
        return false;
    }
    while (*at != '\0') {
        char *end = strchr(at, '\n');

        script->lines[script->lines_len] = at;
        script->lines_len++;
        if (end == NULL) {
            break;
        }
        *end = '\0';
        at = end + 1;
    }
    return true;
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r")] == '\0';
}

bool script_is_comment(const char *line)
{
    return line[strspn(line, " ")] == '#';
}

static bool malformed(const struct script *script, size_t line,
                      const char *text)
{
    (void)fprintf(stderr, "%s:%zu: %s\n", script->path, line + 1, text);
    return false;
}

/* The block whose first command stands at line; the line after it. */
static bool cut_block(struct script *script, size_t line, size_t *next)
{
    struct script_block *block = &script->blocks[script->blocks_len];
    size_t at = line;

    while (at < script->lines_len &&
           strcmp(script->lines[at], SEPARATOR) != 0) {
        if (is_blank(script->lines[at])) {
            break;
        }
        at++;
    }
    if (at == script->lines_len || is_blank(script->lines[at])) {
        return malformed(script, at - 1, "no ---- after these commands");
    }
    if (at == line) {
        return malformed(script, at, "no command before this ----");
    }
    block->commands = line;
    block->separator = at;
    block->output = at + 1;
    at++;
    while (at < script->lines_len && !is_blank(script->lines[at])) {
        at++;
    }
    block->end = at;
    script->blocks_len++;
    *next = at;
    return true;
}

static bool cut_blocks(struct script *script)
{
    size_t line = 0;

    while (line < script->lines_len) {
        if (is_blank(script->lines[line]) ||
            script_is_comment(script->lines[line])) {
            line++;
        } else if (!cut_block(script, line, &line)) {
            return false;
        }
    }
    if (script->lines_len == 0 || !script_is_comment(script->lines[0])) {
        return malformed(script, 0,
                         "the first line is a comment: which rule "
                         "or pitfall the file guards");
    }
    return script->blocks_len > 0 || malformed(script, 0, "no commands");
}

bool script_open(struct script *script, const char *path)
{
    memset(script, 0, sizeof *script);
    script->path = path;
    if (!read_bytes(script) || !cut_lines(script)) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return false;
    }
    return cut_blocks(script);
}

void script_close(struct script *script)
{
    free(script->bytes);
    free(script->lines);
    free(script->blocks);
    memset(script, 0, sizeof *script);
}

bool script_expects(const struct script *script,
                    const struct script_block *block, const char *text)
{
    for (size_t i = block->output; i < block->end; i++) {
        size_t len = strlen(script->lines[i]);

        if (strncmp(text, script->lines[i], len) != 0 || text[len] != '\n') {
            return false;
        }
        text += len + 1;
    }
    return *text == '\0';
}

bool script_rewrite(const struct script *script, char *const *outputs)
{
    char path[4096];
    FILE *file;
    size_t line = 0;
    bool written;

    if ((size_t)snprintf(path, sizeof path, "%s.new", script->path) >=
        sizeof path) {
        return false;
    }
    file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    for (size_t i = 0; i < script->blocks_len; i++) {
        while (line < script->blocks[i].output) {
            (void)fprintf(file, "%s\n", script->lines[line]);
            line++;
        }
        (void)fputs(outputs[i], file);
        line = script->blocks[i].end;
    }
    while (line < script->lines_len) {
        (void)fprintf(file, "%s\n", script->lines[line]);
        line++;
    }
    written = ferror(file) == 0;
    return fclose(file) == 0 && written && rename(path, script->path) == 0;
}
