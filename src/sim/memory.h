/*
 * memory: growing arrays, and an arena that is freed as a whole.
 */
#ifndef CRAFT_SIM_MEMORY_H
#define CRAFT_SIM_MEMORY_H

#include "base/base.h"

/* Room for `wanted` elements of `size` bytes, at least doubled; NULL: out of
 * memory, the array is as it was. */
void *craft_sim_grow(void *array, size_t *max, size_t wanted, size_t size);

struct craft_sim_block;

struct craft_sim_arena {
    struct craft_sim_block *blocks;
};

/* [len] bytes, aligned for any type; NULL: out of memory. */
void *craft_sim_arena_alloc(struct craft_sim_arena *arena, size_t len);
/* A copy, NULL: out of memory. */
const uint8_t *craft_sim_arena_copy(struct craft_sim_arena *arena,
                                    const void *data, size_t len);
void craft_sim_arena_free(struct craft_sim_arena *arena);

#endif
