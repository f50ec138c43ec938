#include "hash.h"

#include <string.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static void sip_round(struct sip *sip)
{
    sip->v0 += sip->v1;
    sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
    sip->v0 = rotate(sip->v0, 32);
    sip->v2 += sip->v3;
    sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
    sip->v0 += sip->v3;
    sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
    sip->v2 += sip->v1;
    sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
    sip->v2 = rotate(sip->v2, 32);
}

/* Little-endian, so that all machines agree. */
static uint64_t load(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static void absorb(struct sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    sip_round(sip);
    sip->v0 ^= word;
}

uint64_t kv_hash(uint64_t seed, struct kv_slice bytes)
{
    const uint64_t other = 0x6372616674206b76; /* the second half of the key */
    struct sip sip = {0x736f6d6570736575 ^ seed, 0x646f72616e646f6d ^ other,
                      0x6c7967656e657261 ^ seed, 0x7465646279746573 ^ other};
    const uint8_t *data = bytes.data;
    size_t left = bytes.len;
    uint8_t tail[8] = {0};

    for (; left >= 8; left -= 8, data += 8) {
        absorb(&sip, load(data));
    }
    if (left > 0) {
        memcpy(tail, data, left);
    }
    tail[7] = (uint8_t)bytes.len;
    absorb(&sip, load(tail));
    sip.v2 ^= 0xff;
    sip_round(&sip);
    sip_round(&sip);
    sip_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}
