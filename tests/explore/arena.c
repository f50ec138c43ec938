/* The allocator of a node: all that it has is one stretch of bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "explore.h"

/* Stands at the beginning of the arena and is cloned with it. */
struct arena {
    size_t used;
    struct hole *holes;
};

struct hole {
    struct hole *next;
    size_t size;
};

static _Alignas(64) unsigned char arenas[SERVERS_MAX][ARENA_SIZE];
static uint32_t refuse_in;
static bool refused;
bool arena_closed;

void arena_refuse(uint32_t n)
{
    refuse_in = n;
    refused = false;
}

bool arena_refused(void)
{
    bool was = refused;

    refused = false;
    return was;
}

void *arena_of(uint8_t server)
{
    return arenas[server];
}

bool arena_relent(void)
{
    bool was = refuse_in == 0;

    refuse_in = 0;
    refused = false;
    return was;
}

static struct arena *head_of(void *arena)
{
    return arena;
}

void arena_reset(uint8_t server)
{
    struct arena *arena = head_of(arenas[server]);

    arena->used = (sizeof *arena + 15) & ~(size_t)15;
    arena->holes = NULL;
}

size_t arena_used(uint8_t server)
{
    return head_of(arenas[server])->used;
}

static size_t rounded(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

static void *take(struct arena *arena, size_t size)
{
    struct hole **at = &arena->holes;
    unsigned char *made;

    while (*at != NULL) {
        struct hole *hole = *at;

        if (hole->size == size) {
            *at = hole->next;
            return hole;
        }
        at = &hole->next;
    }
    if (size > ARENA_SIZE - arena->used) {
        fprintf(stderr, "explore: an arena is too small: raise ARENA_SIZE\n");
        exit(1);
    }
    made = (unsigned char *)arena + arena->used;
    arena->used += size;
    return made;
}

void *arena_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct arena *arena = head_of(ctx);
    void *made = NULL;

    if (new_size > 0) {
        if (arena_closed) {
            explore_break("memory: none is taken while effects are delivered");
        }
        if (refuse_in > 0) {
            refuse_in--;
            refused = refuse_in == 0;
            if (refused) {
                return NULL;
            }
        }
        made = take(arena, rounded(new_size));
        if (ptr != NULL) {
            memcpy(made, ptr, old_size < new_size ? old_size : new_size);
        }
    }
    if (ptr != NULL) {
        struct hole *hole = ptr;

        hole->size = rounded(old_size);
        hole->next = arena->holes;
        arena->holes = hole;
    }
    return made;
}
