/* The nodes' allocator: counts, poisons, refuses; and growing arrays. */
#include <stdlib.h>
#include <string.h>

#include "cluster_parts.h"
#include "test_memory.h"

static void allocation_check(struct cluster_node *node, size_t new_size)
{
    if (new_size > 0 && !node->may_allocate) {
        cluster_fail(node->cluster, "%u allocates in a delivery or an ending",
                     node->position);
    }
}

static bool allocation_refused(struct cluster_node *node)
{
    struct cluster_refusal *refusal = node->cluster->options.refusal;

    if (refusal != NULL) {
        refusal->count++;
        if (refusal->count == refusal->at) {
            refusal->refused = true;
            return true;
        }
    }
    if (node->refuse_in > 0) {
        node->refuse_in--;
        if (node->refuse_in == 0) {
            return true;
        }
    }
    return node->allocations_fail > 0 &&
           cluster_random(node->cluster, 1000) < node->allocations_fail;
}

void *cluster_allocate(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct cluster_node *node = ctx;
    uint8_t *fresh = NULL;

    allocation_check(node, new_size);
    if ((ptr == NULL) != (old_size == 0) || old_size > node->memory) {
        cluster_fail(node->cluster, "%u tells a wrong size of its memory",
                     node->position);
    }
    if (new_size > 0) {
        if (allocation_refused(node)) {
            return NULL;
        }
        fresh = malloc(new_size);
        if (fresh == NULL) {
            return NULL;
        }
        test_memory_poison(fresh, new_size);
        node->allocations++;
    }
    if (ptr != NULL) {
        if (fresh != NULL) {
            memcpy(fresh, ptr, old_size < new_size ? old_size : new_size);
        }
        test_memory_poison(ptr, old_size);
        free(ptr);
    }
    node->memory = node->memory - old_size + new_size;
    if (node->memory > node->memory_most) {
        node->memory_most = node->memory;
    }
    return fresh;
}

void *cluster_grow(void *array, size_t *max, size_t wanted, size_t size)
{
    size_t more = *max > 0 ? *max : 8;
    void *grown;

    if (wanted <= *max) {
        return array;
    }
    while (more < wanted) {
        more *= 2;
    }
    grown = realloc(array, more * size);
    if (grown == NULL) {
        abort();
    }
    memset((uint8_t *)grown + *max * size, 0, (more - *max) * size);
    *max = more;
    return grown;
}
