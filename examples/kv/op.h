/*
 * op: the commands that travel in the log, and what they do to the store.
 *
 * An operation is computed when its entry is applied, once on every server,
 * from the store, its own bytes and the index of the entry alone: so all stores
 * stay equal. Its reply is written by the same function; only the server that
 * was asked sends it. Operations that only read need no entry (reads.c); those
 * that stand between writes of one client go through the log with them.
 *
 * Bytes: format (1), code, origin (two numbers of 8 bytes, low byte first),
 * then each argument as a length (7 bits per byte, low first, the high bit on
 * all but the last) and that many bytes.
 *
 * The origin tells the server that was asked, when it applies the entry, that
 * this is the one, however the entry came: through a leader that has died, or
 * cut off one log and back from another. It does not touch the state.
 *
 * Operations of sessions begin with the time at which their server was asked,
 * in milliseconds: what has a session end is this clock of the log.
 */
#ifndef KV_OP_H
#define KV_OP_H

#include "store.h"

/* These stand in logs: numbers are never used for something else. */
enum kv_op_code {
    KV_OP_GET = 1,     /* key */
    KV_OP_SET = 2,     /* key value */
    KV_OP_SET_NX = 3,  /* key value: only when the key is absent */
    KV_OP_SET_XX = 4,  /* key value: only when it is there */
    KV_OP_DEL = 5,     /* key... */
    KV_OP_EXISTS = 6,  /* key... */
    KV_OP_INCRBY = 7,  /* key, 8 bytes: the difference, low byte first */
    KV_OP_APPEND = 8,  /* key value */
    KV_OP_STRLEN = 9,  /* key */
    KV_OP_MGET = 10,   /* key... */
    KV_OP_MSET = 11,   /* (key value)... */
    KV_OP_DBSIZE = 12, /* */
    KV_OP_KEYS = 13,   /* pattern */
    /* The arguments in front are numbers of 8 bytes, low byte first. */
    KV_OP_SESSION_OPEN = 14,  /* time */
    KV_OP_SESSION_CALL = 15,  /* time session number first_open, code (1 byte)
                                 of an operation that writes, its arguments */
    KV_OP_SESSION_CLOSE = 16, /* time session */
    KV_OP_END = 17
};

/* Part of the state machine: all servers must agree on it. */
#define KV_OP_VALUE_BYTES_MAX ((size_t)1 << 20)

/* Longest encoding of a length, and of what stands before the arguments. */
enum {
    KV_OP_LENGTH_MAX = 10,
    KV_OP_HEAD_LEN = 18
};

struct kv_op_origin {
    uint64_t life;  /* of the server's process; 0 = nobody waits */
    uint64_t token; /* its name for the request */
};

/* Encoding: the head, without an origin, then the arguments. */
void kv_op_begin(struct kv_buffer *out, int code);
void kv_op_argument(struct kv_buffer *out, struct kv_slice argument);
void kv_op_number(struct kv_buffer *out, int64_t number);
/* The code and the arguments of another operation, for KV_OP_SESSION_CALL. */
void kv_op_nest(struct kv_buffer *out, struct kv_slice op);

/* Write the origin into an operation that is complete. */
void kv_op_stamp(uint8_t *op, struct kv_op_origin origin);

enum kv_op_error {
    KV_OP_ERR_FORMAT = -1, /* no operation: all servers pass over it */
    KV_OP_ERR_LATER = -2   /* of a later version of this program */
};

/*
 * Check bytes of the log. Returns the code, or an error.
 */
int kv_op_check(struct kv_slice op);

/* Of an operation that was checked. */
struct kv_op_origin kv_op_origin(struct kv_slice op);

/* 1 for a code that leaves the store as it is: needless when nobody waits. */
int kv_op_only_reads(int code);

/* 1 for a code that a session may call: one that writes, and is of none. */
int kv_op_may_be_called(int code);

/*
 * About how long the reply would be, were it run now. A client that asks for
 * much is not allowed to ask for more before it was answered.
 */
size_t kv_op_reply_bytes(const struct kv_store *store, struct kv_slice op);

/* Carry out what kv_op_check() took, at store->index; appends exactly one
 * reply. */
void kv_op_run(struct kv_store *store, struct kv_slice op,
               struct kv_buffer *reply);

#endif
