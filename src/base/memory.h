/*
 * memory: the node's own allocator, with sizes told to it.
 */
#ifndef CRAFT_BASE_MEMORY_H
#define CRAFT_BASE_MEMORY_H

#include "base/base.h"

/* Set the C library's functions where the host gave none. */
CRAFT_INTERNAL void craft_memory_init(craft_allocator *allocator);

/* NULL when refused. size > 0. */
CRAFT_INTERNAL void *craft_memory_alloc(const craft_allocator *allocator,
                                        size_t size);

/* NULL when refused: then ptr is still valid. ptr may be NULL with old 0. */
CRAFT_INTERNAL void *craft_memory_grow(const craft_allocator *allocator,
                                       void *ptr, size_t old_size,
                                       size_t new_size);

/* ptr may be NULL. */
CRAFT_INTERNAL void craft_memory_free(const craft_allocator *allocator,
                                      void *ptr, size_t size);

#endif
