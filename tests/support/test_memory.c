#include "test_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 16u /* keeps the alignment of malloc() */

static void memory_fault(const char *what)
{
    (void)fprintf(stderr, "test_memory: %s\n", what);
    abort();
}

void test_memory_poison(void *ptr, size_t size)
{
    void *(*volatile fill)(void *, int, size_t) = memset;

    (void)fill(ptr, 0xdb, size);
}

static void block_free(struct test_memory *memory, uint8_t *ptr, size_t size)
{
    size_t told;

    memcpy(&told, ptr - HEADER, sizeof told);
    if (told != size) {
        memory_fault("freed with another size than it was made with");
    }
    memory->blocks--;
    memory->bytes -= size;
    test_memory_poison(ptr, size);
    free(ptr - HEADER);
}

static void *test_realloc(void *ctx, void *ptr, size_t old_size,
                          size_t new_size)
{
    struct test_memory *memory = ctx;
    uint8_t *block;

    if (new_size == 0) {
        block_free(memory, ptr, old_size);
        return NULL;
    }
    if (memory->sealed) {
        memory_fault("memory wanted where none may be");
    }
    memory->allocations++;
    if (memory->fail_all || memory->allocations == memory->fail_at) {
        return NULL;
    }
    block = malloc(new_size + HEADER);
    if (block == NULL) {
        memory_fault("out of memory");
        return NULL;
    }
    memcpy(block, &new_size, sizeof new_size);
    block += HEADER;
    memset(block, 0xa5, new_size);
    if (ptr != NULL) {
        memcpy(block, ptr, old_size < new_size ? old_size : new_size);
        block_free(memory, ptr, old_size);
    }
    memory->blocks++;
    memory->bytes += new_size;
    if (memory->bytes > memory->bytes_peak) {
        memory->bytes_peak = memory->bytes;
    }
    return block;
}

craft_allocator test_memory_allocator(struct test_memory *memory)
{
    craft_allocator allocator = {test_realloc, memory};

    return allocator;
}
