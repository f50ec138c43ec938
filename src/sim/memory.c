#include "sim/memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_LEN 16384u
#define ALIGNMENT alignof(max_align_t)

struct craft_sim_block {
    struct craft_sim_block *next;
    size_t used;
    size_t max;
    alignas(max_align_t) uint8_t bytes[];
};

void *craft_sim_grow(void *array, size_t *max, size_t wanted, size_t size)
{
    size_t more = *max > 0 ? *max : 16;
    void *grown;

    if (wanted <= *max) {
        return array;
    }
    while (more < wanted) {
        more *= 2;
    }
    grown = realloc(array, more * size);
    if (grown != NULL) {
        *max = more;
    }
    return grown;
}

void *craft_sim_arena_alloc(struct craft_sim_arena *arena, size_t len)
{
    struct craft_sim_block *block = arena->blocks;
    size_t wanted = (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *bytes;

    if (block == NULL || block->max - block->used < wanted) {
        size_t max = wanted > BLOCK_LEN ? wanted : BLOCK_LEN;

        block = malloc(sizeof *block + max);
        if (block == NULL) {
            return NULL;
        }
        block->next = arena->blocks;
        block->used = 0;
        block->max = max;
        arena->blocks = block;
    }
    bytes = block->bytes + block->used;
    block->used += wanted;
    return bytes;
}

const uint8_t *craft_sim_arena_copy(struct craft_sim_arena *arena,
                                    const void *data, size_t len)
{
    uint8_t *bytes = craft_sim_arena_alloc(arena, len > 0 ? len : 1);

    if (bytes != NULL && len > 0) {
        memcpy(bytes, data, len);
    }
    return bytes;
}

void craft_sim_arena_free(struct craft_sim_arena *arena)
{
    while (arena->blocks != NULL) {
        struct craft_sim_block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
}
