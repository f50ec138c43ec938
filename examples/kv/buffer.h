/*
 * buffer: bytes that are appended at one end and consumed at the other.
 *
 * Owns its memory. A program that cannot get memory cannot apply what the
 * cluster has agreed on, so running out ends it: no function here fails.
 */
#ifndef KV_BUFFER_H
#define KV_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Some bytes of somebody else's. */
struct kv_slice {
    const uint8_t *data; /* [len] */
    size_t len;
};

/* The content is bytes[start .. end). All zero is an empty buffer. */
struct kv_buffer {
    uint8_t *bytes; /* [capacity] */
    size_t start;
    size_t end;
    size_t capacity;
};

static inline size_t kv_buffer_len(const struct kv_buffer *buffer)
{
    return buffer->end - buffer->start;
}

static inline uint8_t *kv_buffer_data(const struct kv_buffer *buffer)
{
    return buffer->start == 0 ? buffer->bytes : buffer->bytes + buffer->start;
}

/* Room for len more bytes, to be taken into the content by _grown(). */
uint8_t *kv_buffer_room(struct kv_buffer *buffer, size_t len);

static inline void kv_buffer_grown(struct kv_buffer *buffer, size_t len)
{
    buffer->end += len;
}

/* The content goes, the memory stays. */
static inline void kv_buffer_clear(struct kv_buffer *buffer)
{
    buffer->start = 0;
    buffer->end = 0;
}

void kv_buffer_append(struct kv_buffer *buffer, const void *data, size_t len);

/* The first len bytes of the content go; len <= kv_buffer_len(). */
void kv_buffer_consume(struct kv_buffer *buffer, size_t len);

/* Give back the memory of an empty buffer that has grown over keep bytes. */
void kv_buffer_trim(struct kv_buffer *buffer, size_t keep);

void kv_buffer_free(struct kv_buffer *buffer);

/* realloc() that does not return NULL: it ends the program instead. */
void *kv_realloc(void *ptr, size_t size);

#endif
