#include "glob.h"

/*
 * The class that begins at pattern[*at], behind its '['. Moves *at behind the
 * class, which the end of the pattern closes too.
 */
static int class_match(struct kv_slice pattern, size_t *at, uint8_t byte)
{
    size_t p = *at;
    int negated = p < pattern.len && pattern.data[p] == '^';
    int match = 0;

    if (negated) {
        p++;
    }
    while (p < pattern.len && pattern.data[p] != ']') {
        uint8_t low = pattern.data[p];
        uint8_t high;

        if (low == '\\' && p + 1 < pattern.len) {
            low = pattern.data[++p];
        }
        high = low;
        if (p + 2 < pattern.len && pattern.data[p + 1] == '-') {
            high = pattern.data[p + 2];
            p += 2;
        }
        if (low > high) {
            uint8_t swap = low;

            low = high;
            high = swap;
        }
        match |= low <= byte && byte <= high;
        p++;
    }
    *at = p < pattern.len ? p + 1 : p;
    return match != negated;
}

/* One element of the pattern, not a star, against one byte. */
static int one_match(struct kv_slice pattern, size_t *at, uint8_t byte)
{
    uint8_t element = pattern.data[(*at)++];

    if (element == '?') {
        return 1;
    }
    if (element == '[') {
        return class_match(pattern, at, byte);
    }
    if (element == '\\' && *at < pattern.len) {
        element = pattern.data[(*at)++];
    }
    return element == byte;
}

int kv_glob_match(struct kv_slice pattern, struct kv_slice text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX; /* behind the last star */
    size_t taken = 0;       /* where the text that it took ends */

    /* Only the last star is ever tried again: what an earlier one could take
     * more, it can take as well. */
    while (t < text.len) {
        size_t next = p;

        if (p < pattern.len && pattern.data[p] == '*') {
            star = ++p;
            taken = t;
        } else if (p < pattern.len && one_match(pattern, &next, text.data[t])) {
            p = next;
            t++;
        } else if (star != SIZE_MAX) {
            p = star;
            t = ++taken;
        } else {
            return 0;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.len;
}
