/*
 * An allocator for tests: counts, fails on demand, moves every block that
 * grows, and checks the sizes that it is told.
 */
#ifndef CRAFT_TEST_MEMORY_H
#define CRAFT_TEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "craft.h"

struct test_memory {
    size_t allocations; /* calls that wanted memory, refused ones too */
    size_t blocks;      /* live now */
    size_t bytes;
    size_t bytes_peak;
    size_t fail_at; /* the allocation that is refused; 0 = none */
    bool fail_all;
    bool sealed; /* whoever wants memory now is at fault */
};

craft_allocator test_memory_allocator(struct test_memory *memory);

/*
 * For whoever reads too late. A compiler leaves out what is only written to
 * memory that is freed next, so it is not told what this calls.
 */
void test_memory_poison(void *ptr, size_t size);

#endif
