#include "pipeline.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    RING_MIN = 16,
    OPS_KEPT = 64 * 1024
};

void kv_pipeline_init(struct kv_pipeline *pipeline)
{
    memset(pipeline, 0, sizeof *pipeline);
    pipeline->ring = kv_realloc(NULL, RING_MIN * sizeof *pipeline->ring);
    memset(pipeline->ring, 0, RING_MIN * sizeof *pipeline->ring);
    pipeline->mask = RING_MIN - 1;
    /* Serial 0 is never given: as a token it would mean "nobody asks". */
    pipeline->head = 1;
    pipeline->next = 1;
    pipeline->tail = 1;
    pipeline->timed = 1;
}

static struct kv_request *at(const struct kv_pipeline *pipeline,
                             uint64_t serial)
{
    return &pipeline->ring[serial & pipeline->mask];
}

void kv_pipeline_drop(struct kv_pipeline *pipeline)
{
    for (; pipeline->head != pipeline->tail; pipeline->head++) {
        kv_buffer_free(&at(pipeline, pipeline->head)->reply);
    }
    pipeline->next = pipeline->tail;
    pipeline->timed = pipeline->tail;
    pipeline->open = 0;
    pipeline->lost = 0;
    pipeline->asked = 0;
    pipeline->expected_bytes = 0;
    pipeline->ops_at += kv_buffer_len(&pipeline->ops);
    kv_buffer_free(&pipeline->ops);
}

void kv_pipeline_free(struct kv_pipeline *pipeline)
{
    if (pipeline->ring == NULL) {
        return;
    }
    kv_pipeline_drop(pipeline);
    free(pipeline->ring);
    pipeline->ring = NULL;
}

int kv_pipeline_full(const struct kv_pipeline *pipeline)
{
    return pipeline->tail - pipeline->head >= KV_PIPELINE_REQUESTS_MAX ||
           kv_buffer_len(&pipeline->ops) >= KV_PIPELINE_OPS_MAX ||
           pipeline->expected_bytes >= KV_PIPELINE_EXPECTED_MAX;
}

static void grow(struct kv_pipeline *pipeline)
{
    uint64_t mask = pipeline->mask * 2 + 1;
    struct kv_request *ring = kv_realloc(NULL, (mask + 1) * sizeof *ring);

    memset(ring, 0, (mask + 1) * sizeof *ring);
    for (uint64_t i = pipeline->head; i != pipeline->tail; i++) {
        ring[i & mask] = *at(pipeline, i);
    }
    free(pipeline->ring);
    pipeline->ring = ring;
    pipeline->mask = mask;
}

uint64_t kv_pipeline_push(struct kv_pipeline *pipeline, uint64_t deadline_ns)
{
    uint64_t end = pipeline->ops_at + kv_buffer_len(&pipeline->ops);
    struct kv_request *request;
    uint64_t from = pipeline->ops_at;

    if (pipeline->tail - pipeline->head > pipeline->mask) {
        grow(pipeline);
    }
    if (pipeline->head != pipeline->tail) {
        request = at(pipeline, pipeline->tail - 1);
        from = request->op_at + request->op_len;
    }
    request = at(pipeline, pipeline->tail);
    request->state = KV_REQUEST_WAITING;
    request->only_reads = 0;
    request->is_lost = 0;
    request->op_at = from;
    request->op_len = (uint32_t)(end - from);
    request->deadline_ns = deadline_ns;
    request->expected_bytes = 0;
    return pipeline->tail++;
}

void kv_pipeline_expect(struct kv_pipeline *pipeline, uint64_t serial,
                        size_t bytes)
{
    at(pipeline, serial)->expected_bytes = bytes;
    pipeline->expected_bytes += bytes;
}

struct kv_request *kv_pipeline_find(struct kv_pipeline *pipeline,
                                    uint64_t serial)
{
    if (serial < pipeline->head || serial >= pipeline->tail) {
        return NULL;
    }
    return at(pipeline, serial);
}

struct kv_slice kv_pipeline_op(const struct kv_pipeline *pipeline,
                               const struct kv_request *request)
{
    struct kv_slice op;

    op.data =
        kv_buffer_data(&pipeline->ops) + (request->op_at - pipeline->ops_at);
    op.len = request->op_len;
    return op;
}

int kv_pipeline_may_ask(const struct kv_pipeline *pipeline,
                        const struct kv_request *request)
{
    return request->only_reads && pipeline->open == 0;
}

struct kv_request *kv_pipeline_ready(struct kv_pipeline *pipeline,
                                     uint64_t route, uint64_t *serial)
{
    struct kv_request *request;

    while (pipeline->next != pipeline->tail &&
           at(pipeline, pipeline->next)->state != KV_REQUEST_WAITING) {
        pipeline->next++;
    }
    if (pipeline->next == pipeline->tail) {
        return NULL;
    }
    request = at(pipeline, pipeline->next);
    if (!kv_pipeline_may_ask(pipeline, request) &&
        (pipeline->asked > 0 ||
         (pipeline->open > 0 && pipeline->route != route))) {
        return NULL;
    }
    *serial = pipeline->next;
    return request;
}

void kv_pipeline_asked(struct kv_pipeline *pipeline, uint64_t serial)
{
    struct kv_request *request = at(pipeline, serial);

    assert(request->state == KV_REQUEST_WAITING);
    request->state = KV_REQUEST_ASKED;
    pipeline->asked++;
}

void kv_pipeline_opened(struct kv_pipeline *pipeline, uint64_t route,
                        uint64_t sent_term)
{
    at(pipeline, pipeline->next)->state = KV_REQUEST_OPEN;
    pipeline->next++;
    pipeline->open++;
    pipeline->route = route;
    pipeline->sent_term = sent_term;
}

static void leave_open(struct kv_pipeline *pipeline, struct kv_request *request)
{
    pipeline->open--;
    pipeline->lost -= request->is_lost;
    request->is_lost = 0;
}

void kv_pipeline_refused(struct kv_pipeline *pipeline, uint64_t serial)
{
    struct kv_request *request = kv_pipeline_find(pipeline, serial);

    if (request == NULL || request->state != KV_REQUEST_OPEN) {
        return;
    }
    request->state = KV_REQUEST_WAITING;
    leave_open(pipeline, request);
    if (serial < pipeline->next) {
        pipeline->next = serial;
    }
}

void kv_pipeline_lost(struct kv_pipeline *pipeline, uint64_t serial)
{
    struct kv_request *request = kv_pipeline_find(pipeline, serial);

    if (request != NULL && request->state == KV_REQUEST_OPEN &&
        !request->is_lost) {
        request->is_lost = 1;
        pipeline->lost++;
    }
}

void kv_pipeline_refused_lost(struct kv_pipeline *pipeline)
{
    for (uint64_t i = pipeline->head; pipeline->lost > 0; i++) {
        if (at(pipeline, i)->is_lost) {
            kv_pipeline_refused(pipeline, i);
        }
    }
}

struct kv_buffer *kv_pipeline_reply(struct kv_pipeline *pipeline,
                                    uint64_t serial, struct kv_buffer *out)
{
    return serial == pipeline->head ? out : &at(pipeline, serial)->reply;
}

/* The oldest request is answered: its reply goes, unless it is in `out`. */
static void pop(struct kv_pipeline *pipeline, struct kv_buffer *out)
{
    struct kv_request *request = at(pipeline, pipeline->head);

    if (request->reply.bytes != NULL) {
        kv_buffer_append(out, kv_buffer_data(&request->reply),
                         kv_buffer_len(&request->reply));
        kv_buffer_free(&request->reply);
    }
    pipeline->expected_bytes -= request->expected_bytes;
    kv_buffer_consume(&pipeline->ops, request->op_len);
    pipeline->ops_at += request->op_len;
    kv_buffer_trim(&pipeline->ops, OPS_KEPT);
    pipeline->head++;
    if (pipeline->next < pipeline->head) {
        pipeline->next = pipeline->head;
    }
    if (pipeline->timed < pipeline->head) {
        pipeline->timed = pipeline->head;
    }
}

void kv_pipeline_answered(struct kv_pipeline *pipeline, uint64_t serial,
                          struct kv_buffer *out)
{
    struct kv_request *request = at(pipeline, serial);

    assert(request->state != KV_REQUEST_ANSWERED);
    if (request->state == KV_REQUEST_OPEN) {
        leave_open(pipeline, request);
    } else if (request->state == KV_REQUEST_ASKED) {
        pipeline->asked--;
    }
    request->state = KV_REQUEST_ANSWERED;
    while (pipeline->head != pipeline->tail &&
           at(pipeline, pipeline->head)->state == KV_REQUEST_ANSWERED) {
        pop(pipeline, out);
    }
}

struct kv_request *kv_pipeline_overdue(struct kv_pipeline *pipeline,
                                       uint64_t now_ns, uint64_t *serial)
{
    while (pipeline->timed != pipeline->tail) {
        struct kv_request *request = at(pipeline, pipeline->timed);

        if (request->state == KV_REQUEST_ANSWERED) {
            pipeline->timed++;
            continue;
        }
        if (request->deadline_ns > now_ns) {
            return NULL;
        }
        *serial = pipeline->timed;
        return request;
    }
    return NULL;
}
