/*
 * words: one command line as words. A word is `value` or `key=value`; a value
 * is a bare word, a "string" with \" \\ \n \xHH, or a (list, of, values).
 */
#ifndef SCENARIO_WORDS_H
#define SCENARIO_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX 48u
#define WORD_ITEMS_MAX 32u

struct word {
    const char *key; /* "" when there is none */
    const char *value;
    bool quoted; /* value was a string: [value_len] bytes, a NUL behind */
    bool listed; /* value is what stands between ( and ) */
    size_t value_len;
    bool used;
};

struct words {
    char *bytes;
    struct word list[WORDS_MAX];
    size_t len;
    char fault[160]; /* not empty: the line cannot be understood */
};

/* Cuts the line; fault says what is wrong with it. */
void words_cut(struct words *words, const char *line);
void words_free(struct words *words);

/* The next word that is not used, without and with a key; NULL: none. */
struct word *words_next(struct words *words);
struct word *words_key(struct words *words, const char *key);
/* The next word without a key, if it reads so. */
bool words_flag(struct words *words, const char *text);
/* The first that is not used, or NULL. */
const struct word *words_left(const struct words *words);

/*
 * A number: decimal, 0x.., 2^N, max (2^64 - 1); one + or - with another. False
 * when it is none.
 */
bool number_read(const char *text, uint64_t *number);
/* The same with a key; `otherwise` when it is not there. */
uint64_t words_number(struct words *words, const char *key, uint64_t otherwise);

/* `INDEX@TERM` with a key; false when it is not there. */
bool words_place(struct words *words, const char *key, uint64_t *index,
                 uint64_t *term);

/*
 * The items of a list, or the value itself as the only one. Cut in place:
 * items point into the word.
 */
size_t word_items(struct words *words, struct word *word,
                  char *items[WORD_ITEMS_MAX]);

/* A "string" to its bytes, in place; the length, or SIZE_MAX. */
size_t string_read(char *text);

void words_fault(struct words *words, const char *what, const char *text);

#endif
