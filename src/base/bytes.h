/*
 * Little-endian integers in byte arrays, at any alignment. memcpy and a swap
 * where needed: compilers turn that into one load or store, and keep loops
 * over bytes as loops.
 */
#ifndef CRAFT_BASE_BYTES_H
#define CRAFT_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint32_t craft_le32(uint32_t value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap32(value);
#else
    return value;
#endif
}

static inline uint64_t craft_le64(uint64_t value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(value);
#else
    return value;
#endif
}

static inline uint32_t craft_load32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof value);
    return craft_le32(value);
}

static inline uint64_t craft_load64(const uint8_t *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof value);
    return craft_le64(value);
}

static inline void craft_store32(uint8_t *bytes, uint32_t value)
{
    value = craft_le32(value);
    memcpy(bytes, &value, sizeof value);
}

static inline void craft_store64(uint8_t *bytes, uint64_t value)
{
    value = craft_le64(value);
    memcpy(bytes, &value, sizeof value);
}

#endif
