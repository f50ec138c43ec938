#include "sessions.h"

#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "hash.h"

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return kv_realloc(ptr, new_size);
}

craft_sessions *kv_sessions_new(void)
{
    const craft_allocator allocator = {resize, NULL};
    craft_sessions_limits limits;
    craft_sessions *sessions = NULL;

    craft_sessions_limits_init(&limits, sizeof limits);
    limits.sessions_max = KV_SESSIONS_MAX;
    limits.replies_max = KV_SESSION_REPLIES_MAX;
    limits.idle_max = KV_SESSION_IDLE_MS;
    kv_sessions_must(craft_sessions_new(&limits, &allocator, &sessions));
    return sessions;
}

uint64_t kv_sessions_digest(const craft_sessions *sessions)
{
    static const uint64_t seed = 0x6a09e667f3bcc908;
    struct kv_buffer image = {NULL, 0, 0, 0};
    size_t len = craft_sessions_saved_len(sessions);
    struct kv_slice slice = {kv_buffer_room(&image, len), len};
    uint64_t digest;

    kv_sessions_must(craft_sessions_save(sessions, image.bytes, len, &len));
    digest = kv_hash(seed, slice);
    kv_buffer_free(&image);
    return digest;
}

void kv_sessions_must(int rv)
{
    if (rv != 0) {
        fprintf(stderr,
                "craft-kv: sessions: %s: this is a mistake in craft-kv\n",
                craft_strerror(rv));
        abort();
    }
}
