#include "base/base.h"

/*
 * Sixteen entries per step of half a byte: small enough to be a constant, and
 * the table is only for machines without the instruction.
 */
static uint32_t crc32c_by_table(uint32_t crc, const uint8_t *data,
                                size_t data_len)
{
    static const uint32_t half[16] = {
        0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u,
        0x417b1dbcu, 0x5125dad3u, 0x61c69362u, 0x7198540du,
        0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
        0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u,
    };

    for (size_t i = 0; i < data_len; i++) {
        crc ^= data[i];
        crc = (crc >> 4) ^ half[crc & 15u];
        crc = (crc >> 4) ^ half[crc & 15u];
    }
    return crc;
}

#if defined(__x86_64__) && defined(__GNUC__)

__attribute__((target("sse4.2"))) static uint32_t
crc32c_by_instruction(uint32_t crc, const uint8_t *data, size_t data_len)
{
    uint64_t wide = crc;

    while (data_len >= 8) {
        uint64_t word;

        memcpy(&word, data, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
        data += 8;
        data_len -= 8;
    }
    crc = (uint32_t)wide;
    while (data_len > 0) {
        crc = __builtin_ia32_crc32qi(crc, *data);
        data++;
        data_len--;
    }
    return crc;
}

static uint32_t crc32c_update(uint32_t crc, const uint8_t *data,
                              size_t data_len)
{
    if (__builtin_cpu_supports("sse4.2")) {
        return crc32c_by_instruction(crc, data, data_len);
    }
    return crc32c_by_table(crc, data, data_len);
}

#else

static uint32_t crc32c_update(uint32_t crc, const uint8_t *data,
                              size_t data_len)
{
    return crc32c_by_table(crc, data, data_len);
}

#endif

uint32_t craft_crc32c(uint32_t crc, const void *data, size_t data_len)
{
    return ~crc32c_update(~crc, data, data_len);
}

uint32_t craft_crc32c_portable(uint32_t crc, const void *data, size_t data_len)
{
    return ~crc32c_by_table(~crc, data, data_len);
}
