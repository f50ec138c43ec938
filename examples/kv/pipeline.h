/*
 * pipeline: the commands of one client that have no answer yet.
 *
 * A client may send many commands before it reads a reply. Replies go out in
 * the order of the commands, whenever each is known: a ring of requests, the
 * oldest first, each of them
 *
 *     waiting    not handed to any log
 *     open       handed to the leader's log; its fate is not known
 *     asked      the node here was asked: a read that needs no log
 *     answered   the reply is here, that of an older one is not
 *
 * Requests are named by serials, which count on for as long as the pipeline
 * lives, over all clients that use it one after the other: what comes for a
 * client that has gone finds nothing.
 *
 * Commands must also enter the log in the order in which they were sent.
 * A route is a leader in a term: what is handed to one route enters the log
 * in that order or not at all, and when one turns out not to have entered
 * it, neither have those behind it. So a request waits while an older one is
 * open on another route.
 *
 * And a read sees the writes before it, and none behind it. So a write waits
 * while an older read is asked; a read behind a write that is open goes through
 * the log like that one.
 */
#ifndef KV_PIPELINE_H
#define KV_PIPELINE_H

#include "buffer.h"

enum kv_request_state {
    KV_REQUEST_WAITING = 0,
    KV_REQUEST_OPEN = 1,
    KV_REQUEST_ANSWERED = 2,
    KV_REQUEST_ASKED = 3
};

struct kv_request {
    uint32_t state;         /* enum kv_request_state */
    uint32_t only_reads;    /* its operation leaves the state as it is */
    uint32_t is_lost;       /* open, and nobody will tell what became of it */
    uint32_t op_len;        /* 0 for a command that is answered at once */
    uint64_t op_at;         /* in all bytes that ever went through `ops` */
    size_t expected_bytes;  /* of the reply */
    uint64_t deadline_ns;   /* not before that of an older one */
    struct kv_buffer reply; /* until it is the oldest */
};

struct kv_pipeline {
    struct kv_request *ring; /* [mask + 1] */
    uint64_t mask;
    uint64_t head;         /* oldest serial without an answer sent */
    uint64_t next;         /* none before it is waiting */
    uint64_t tail;         /* one past the newest */
    uint64_t timed;        /* none before it still has a deadline to meet */
    size_t open;           /* requests that are open */
    size_t lost;           /* those among them that are lost */
    size_t asked;          /* requests that are asked */
    uint64_t route;        /* of the open ones */
    uint64_t sent_term;    /* in which they enter the log, or never */
    struct kv_buffer ops;  /* encoded, of the requests from head on */
    uint64_t ops_at;       /* place of its first byte, as in op_at */
    size_t expected_bytes; /* of all replies */
};

/* What is enough to be full. */
enum {
    KV_PIPELINE_REQUESTS_MAX = 1024,
    KV_PIPELINE_OPS_MAX = 1024 * 1024,         /* bytes of operations */
    KV_PIPELINE_EXPECTED_MAX = 4 * 1024 * 1024 /* bytes of replies */
};

void kv_pipeline_init(struct kv_pipeline *pipeline);
void kv_pipeline_free(struct kv_pipeline *pipeline);

/* Forget all requests: the client has gone. */
void kv_pipeline_drop(struct kv_pipeline *pipeline);

static inline int kv_pipeline_empty(const struct kv_pipeline *pipeline)
{
    return pipeline->head == pipeline->tail;
}

/* 1: no more requests for now. */
int kv_pipeline_full(const struct kv_pipeline *pipeline);

/*
 * A new request, whose operation is what was appended to `ops` since the last
 * one. Returns its serial.
 */
uint64_t kv_pipeline_push(struct kv_pipeline *pipeline, uint64_t deadline_ns);

/* So long will the reply of this request be, about. */
void kv_pipeline_expect(struct kv_pipeline *pipeline, uint64_t serial,
                        size_t bytes);

/* NULL when it has been answered and sent, or never was. */
struct kv_request *kv_pipeline_find(struct kv_pipeline *pipeline,
                                    uint64_t serial);

struct kv_slice kv_pipeline_op(const struct kv_pipeline *pipeline,
                               const struct kv_request *request);

/*
 * The request to be handed over now, to this route or to the node; its serial.
 * NULL when none is waiting, or it has to wait for older ones.
 */
struct kv_request *kv_pipeline_ready(struct kv_pipeline *pipeline,
                                     uint64_t route, uint64_t *serial);

/* Is the request that is ready a read that needs no log? */
int kv_pipeline_may_ask(const struct kv_pipeline *pipeline,
                        const struct kv_request *request);

/* The node has been asked this. */
void kv_pipeline_asked(struct kv_pipeline *pipeline, uint64_t serial);

/* The request that was ready has been handed to the route. */
void kv_pipeline_opened(struct kv_pipeline *pipeline, uint64_t route,
                        uint64_t sent_term);

/* An open request has not entered the log, and never will: it waits again. */
void kv_pipeline_refused(struct kv_pipeline *pipeline, uint64_t serial);

/* An open request may have entered the log: its end will not be told. */
void kv_pipeline_lost(struct kv_pipeline *pipeline, uint64_t serial);

/* All that are lost have not entered the log, and never will. */
void kv_pipeline_refused_lost(struct kv_pipeline *pipeline);

/* Where to write the reply of this request before it is answered: `out`, when
 * it is the oldest. */
struct kv_buffer *kv_pipeline_reply(struct kv_pipeline *pipeline,
                                    uint64_t serial, struct kv_buffer *out);

/* Its reply is complete. Replies that can go now are appended to `out`. */
void kv_pipeline_answered(struct kv_pipeline *pipeline, uint64_t serial,
                          struct kv_buffer *out);

/* The oldest request whose deadline has passed and that has no answer, and
 * its serial; NULL when there is none. Answer it before asking again. */
struct kv_request *kv_pipeline_overdue(struct kv_pipeline *pipeline,
                                       uint64_t now_ns, uint64_t *serial);

#endif
