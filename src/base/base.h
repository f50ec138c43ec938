/*
 * base: what every room stands on, and which knows nothing of Raft.
 *
 * CRAFT_INTERNAL marks a function shared between files of the library: hidden
 * when compiled file by file, static in the amalgamation. CRAFT_ASSERT checks
 * what only a bug of this library can break, in release builds too; bytes and
 * arguments from outside get error codes instead.
 */
#ifndef CRAFT_BASE_BASE_H
#define CRAFT_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "craft.h"

#ifdef CRAFT_AMALGAMATION
#define CRAFT_INTERNAL static
#else
#define CRAFT_INTERNAL
#endif

/* Of every proposal or acknowledgement: worth a copy in each caller. */
#if defined(CRAFT_AMALGAMATION) && defined(__GNUC__)
#define CRAFT_HOT static inline __attribute__((always_inline))
#else
#define CRAFT_HOT CRAFT_INTERNAL
#endif

/*
 * Kept out of its callers, which then need fewer registers: CRAFT_APART what
 * only some calls of a caller do, CRAFT_COLD what is rare.
 */
#if defined(__GNUC__)
#define CRAFT_APART __attribute__((noinline))
#define CRAFT_COLD __attribute__((noinline, cold))
#else
#define CRAFT_APART
#define CRAFT_COLD
#endif

#if defined(__GNUC__)
#define CRAFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define CRAFT_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CRAFT_NORETURN __attribute__((noreturn))
#else
#define CRAFT_LIKELY(x) (x)
#define CRAFT_UNLIKELY(x) (x)
#define CRAFT_NORETURN
#endif

/*
 * CRAFT_COVERAGE (tests/coverage.sh): the check moves into a call, so that the
 * failure that never happens is no branch of whoever asserts.
 */
#ifdef CRAFT_COVERAGE
#define CRAFT_ASSERT(condition)                                                \
    craft_assert_that(condition, #condition, __FILE__, __LINE__)

void craft_assert_that(bool holds, const char *expression, const char *file,
                       int line);
#else
#define CRAFT_ASSERT(condition)                                                \
    (CRAFT_LIKELY(condition)                                                   \
         ? (void)0                                                             \
         : craft_assert_failed(#condition, __FILE__, __LINE__))
#endif

CRAFT_NORETURN void craft_assert_failed(const char *expression,
                                        const char *file, int line);

/* CRC32C (Castagnoli), with the CPU's instruction where it has one. crc is
 * the value so far, 0 to begin with. */
uint32_t craft_crc32c(uint32_t crc, const void *data, size_t data_len);

/* The same without the instruction: a test compares both. */
uint32_t craft_crc32c_portable(uint32_t crc, const void *data, size_t data_len);

/* Little-endian loads and stores at any alignment, by memcpy. */
#include "base/bytes.h"

#endif
