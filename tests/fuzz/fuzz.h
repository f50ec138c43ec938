/*
 * fuzz: what the fuzz targets share.
 *
 * A target is one file that defines LLVMFuzzerTestOneInput(). Linked with
 * libFuzzer it makes its own inputs; linked with replay.c it runs the files
 * that it is given. An input is a program: bytes are taken from it one by
 * one, and what is beyond its end is 0.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct fuzz_input {
    const uint8_t *data; /* [len]: not taken yet */
    size_t len;
};

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
    uint8_t byte = 0;

    if (in->len > 0) {
        byte = in->data[0];
        in->data++;
        in->len--;
    }
    return byte;
}

static inline uint32_t fuzz_below(struct fuzz_input *in, uint32_t bound)
{
    return fuzz_byte(in) % bound;
}

static inline uint32_t fuzz_word(struct fuzz_input *in)
{
    uint32_t low = fuzz_byte(in);

    return low | (uint32_t)fuzz_byte(in) << 8;
}

/* A property that does not hold ends the process: a finding. */
static inline void fuzz_check(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz: it does not hold that %s\n", what);
        abort();
    }
}

/* Never NULL. */
static inline void *fuzz_alloc(size_t size)
{
    void *memory = calloc(1, size + 1);

    fuzz_check(memory != NULL, "there is memory");
    return memory;
}

#endif
