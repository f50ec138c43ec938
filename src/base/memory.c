#include "base/memory.h"

#include <stdlib.h>

static void *libc_realloc(void *ctx, void *ptr, size_t old_size,
                          size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

CRAFT_INTERNAL void craft_memory_init(craft_allocator *allocator)
{
    if (allocator->realloc == NULL) {
        allocator->realloc = libc_realloc;
        allocator->ctx = NULL;
    }
}

CRAFT_INTERNAL void *craft_memory_alloc(const craft_allocator *allocator,
                                        size_t size)
{
    CRAFT_ASSERT(size > 0);
    return allocator->realloc(allocator->ctx, NULL, 0, size);
}

CRAFT_INTERNAL void *craft_memory_grow(const craft_allocator *allocator,
                                       void *ptr, size_t old_size,
                                       size_t new_size)
{
    CRAFT_ASSERT(new_size > old_size);
    return allocator->realloc(allocator->ctx, ptr, old_size, new_size);
}

CRAFT_INTERNAL void craft_memory_free(const craft_allocator *allocator,
                                      void *ptr, size_t size)
{
    if (ptr != NULL) {
        (void)allocator->realloc(allocator->ctx, ptr, size, 0);
    }
}
