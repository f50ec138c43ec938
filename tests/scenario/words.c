#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void words_fault(struct words *words, const char *what, const char *text)
{
    if (words->fault[0] == '\0') {
        (void)snprintf(words->fault, sizeof words->fault, "%s: %s", what, text);
    }
}

/* ---------------------------------------------------------------- cutting */

/* The end of a string that begins at text, or NULL. */
static char *string_end(char *text)
{
    for (char *at = text + 1; *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '"') {
            return at + 1;
        }
    }
    return NULL;
}

/* The end of a list that begins at text, or NULL. */
static char *list_end(char *text)
{
    char *at = text + 1;

    while (at != NULL && *at != '\0') {
        if (*at == ')') {
            return at + 1;
        }
        at = *at == '"' ? string_end(at) : at + 1;
    }
    return NULL;
}

static char *value_end(char *text)
{
    if (*text == '"') {
        return string_end(text);
    }
    if (*text == '(') {
        return list_end(text);
    }
    return text + strcspn(text, " ");
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* One character behind a backslash; how many of the text it takes, or 0. */
static size_t escape_read(const char *text, char *out)
{
    if (*text == 'x' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
        *out = (char)(hex_digit(text[1]) * 16 + hex_digit(text[2]));
        return 3;
    }
    *out = *text == 'n' ? '\n' : *text;
    return *text == 'n' || *text == '"' || *text == '\\';
}

size_t string_read(char *text)
{
    size_t len = 0;
    const char *at = text + 1;

    if (*text != '"') {
        return SIZE_MAX;
    }
    while (*at != '"' && *at != '\0') {
        char c = *at;

        at++;
        if (c == '\\') {
            size_t taken = escape_read(at, &c);

            if (taken == 0) {
                return SIZE_MAX;
            }
            at += taken;
        }
        text[len] = c;
        len++;
    }
    if (*at != '"' || at[1] != '\0') {
        return SIZE_MAX;
    }
    text[len] = '\0';
    return len;
}

static size_t key_len(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz-_");

    return len > 0 && text[len] == '=' ? len : 0;
}

/* The word at text; the end of it, or NULL. */
static char *word_cut(struct words *words, char *text)
{
    struct word *word = &words->list[words->len];
    size_t key = key_len(text);
    char *end;

    word->key = "";
    if (key > 0) {
        word->key = text;
        text[key] = '\0';
        text += key + 1;
    }
    end = value_end(text);
    if (end == NULL || (*end != ' ' && *end != '\0')) {
        words_fault(words, "this word does not end", text);
        return NULL;
    }
    word->value = text;
    word->listed = *text == '(';
    word->quoted = *text == '"';
    if (*end == ' ') {
        *end = '\0';
        end++;
    }
    if (word->quoted) {
        word->value_len = string_read(text);
        if (word->value_len == SIZE_MAX) {
            words_fault(words, "not a string", text);
            return NULL;
        }
    } else {
        word->value_len = strlen(text);
    }
    words->len++;
    return end;
}

void words_cut(struct words *words, const char *line)
{
    char *at;

    memset(words, 0, sizeof *words);
    words->bytes = malloc(strlen(line) + 1);
    if (words->bytes == NULL) {
        abort();
    }
    memcpy(words->bytes, line, strlen(line) + 1);
    at = words->bytes;
    while (at != NULL && at[strspn(at, " ")] != '\0') {
        at += strspn(at, " ");
        if (words->len == WORDS_MAX) {
            words_fault(words, "too many words", at);
            return;
        }
        at = word_cut(words, at);
    }
}

void words_free(struct words *words)
{
    free(words->bytes);
    words->bytes = NULL;
}

/* ----------------------------------------------------------------- taking */

struct word *words_next(struct words *words)
{
    for (size_t i = 0; i < words->len; i++) {
        if (!words->list[i].used && words->list[i].key[0] == '\0') {
            words->list[i].used = true;
            return &words->list[i];
        }
    }
    return NULL;
}

struct word *words_key(struct words *words, const char *key)
{
    for (size_t i = 0; i < words->len; i++) {
        if (!words->list[i].used && strcmp(words->list[i].key, key) == 0) {
            words->list[i].used = true;
            return &words->list[i];
        }
    }
    return NULL;
}

bool words_flag(struct words *words, const char *text)
{
    for (size_t i = 0; i < words->len; i++) {
        struct word *word = &words->list[i];

        if (!word->used && !word->quoted && word->key[0] == '\0' &&
            strcmp(word->value, text) == 0) {
            word->used = true;
            return true;
        }
    }
    return false;
}

const struct word *words_left(const struct words *words)
{
    for (size_t i = 0; i < words->len; i++) {
        if (!words->list[i].used) {
            return &words->list[i];
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------- numbers */

/* The number at the beginning of text; where it ends, or NULL. */
static const char *number_begin(const char *text, uint64_t *number)
{
    char *end = NULL;

    if (strncmp(text, "max", 3) == 0) {
        *number = UINT64_MAX;
        return text + 3;
    }
    if (*text < '0' || *text > '9') {
        return NULL;
    }
    *number = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    if (*end == '^' && *number == 2 && end[1] >= '0' && end[1] <= '9') {
        unsigned long power = strtoul(end + 1, &end, 10);

        *number = power < 64 ? (uint64_t)1 << power : 0;
    }
    return end;
}

bool number_read(const char *text, uint64_t *number)
{
    uint64_t other = 0;
    const char *end = number_begin(text, number);

    if (end != NULL && (*end == '-' || *end == '+')) {
        bool minus = *end == '-';

        end = number_begin(end + 1, &other);
        *number = minus ? *number - other : *number + other;
    }
    return end != NULL && *end == '\0';
}

uint64_t words_number(struct words *words, const char *key, uint64_t otherwise)
{
    const struct word *word = words_key(words, key);
    uint64_t number = otherwise;

    if (word != NULL && !number_read(word->value, &number)) {
        words_fault(words, "not a number", word->value);
    }
    return number;
}

bool words_place(struct words *words, const char *key, uint64_t *index,
                 uint64_t *term)
{
    const struct word *word = words_key(words, key);
    char text[64];
    char *at;

    if (word == NULL) {
        return false;
    }
    (void)snprintf(text, sizeof text, "%s", word->value);
    at = strchr(text, '@');
    if (at != NULL) {
        *at = '\0';
        at++;
    }
    if (at == NULL || !number_read(text, index) || !number_read(at, term)) {
        words_fault(words, "not an INDEX@TERM", word->value);
    }
    return true;
}

/* ------------------------------------------------------------------ lists */

static char *item_end(char *text)
{
    while (*text != '\0' && *text != ',' && *text != ')') {
        char *end = *text == '"' ? string_end(text) : text + 1;

        text = end != NULL ? end : text + 1;
    }
    return text;
}

size_t word_items(struct words *words, struct word *word,
                  char *items[WORD_ITEMS_MAX])
{
    char *at = words->bytes + (word->value - words->bytes);
    size_t len = 0;

    if (!word->listed) {
        items[0] = at;
        return 1;
    }
    at++;
    while (*at != ')' && *at != '\0') {
        char *end;
        bool last;

        at += strspn(at, " ");
        if (*at == ')') {
            break;
        }
        if (len == WORD_ITEMS_MAX) {
            words_fault(words, "too many items", at);
            return len;
        }
        end = item_end(at);
        last = *end != ',';
        items[len] = at;
        len++;
        *end = '\0';
        if (last) {
            break;
        }
        at = end + 1;
    }
    return len;
}
