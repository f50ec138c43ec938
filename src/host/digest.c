/* A hash of 64 bits that tells states apart, eight bytes at a time. It guards
 * against mishaps of disks and programs, not against forgers. */
#include "base/base.h"
#include "host/snapshots.h"

#define SEED 0x9e3779b97f4a7c15u
#define MULTIPLIER 0xff51afd7ed558ccdu

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * MULTIPLIER;
    return hash ^ hash >> 32;
}

void craft_digest_begin(struct craft_digest *digest)
{
    memset(digest, 0, sizeof *digest);
    digest->hash = SEED;
}

void craft_digest_add(struct craft_digest *digest, const uint8_t *data,
                      size_t data_len)
{
    size_t used = (size_t)(digest->len % sizeof digest->tail);

    digest->len += data_len;
    while (used > 0 && data_len > 0) {
        digest->tail[used] = *data;
        used = (used + 1) % sizeof digest->tail;
        data++;
        data_len--;
        if (used == 0) {
            digest->hash = mix(digest->hash, craft_load64(digest->tail));
        }
    }
    for (; data_len >= 8; data_len -= 8, data += 8) {
        digest->hash = mix(digest->hash, craft_load64(data));
    }
    if (data_len > 0) {
        memcpy(digest->tail, data, data_len);
    }
}

uint64_t craft_digest_end(const struct craft_digest *digest)
{
    uint8_t last[8] = {0};
    uint64_t hash = digest->hash;

    memcpy(last, digest->tail, (size_t)(digest->len % sizeof last));
    hash = mix(mix(hash, craft_load64(last)), digest->len);
    return hash == 0 ? 1 : hash;
}
