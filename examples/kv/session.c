/* SESSION: what a client says of its session, as operations of the log. */
#include <time.h>

#include "commands.h"
#include "op.h"

enum {
    NUMBERS = 3 /* session number first_open */
};

/* The head, and the time: an operation of sessions carries it. */
static void begin(struct kv_buffer *op, int code)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    kv_op_begin(op, code);
    kv_op_number(op, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

void kv_session_encode_open(struct kv_buffer *op)
{
    begin(op, KV_OP_SESSION_OPEN);
}

const char *kv_session_encode_call(const struct kv_slice *args, size_t args_len,
                                   struct kv_buffer *op)
{
    struct kv_buffer called = {NULL, 0, 0, 0};
    int64_t numbers[NUMBERS];
    const char *failure;

    for (size_t i = 0; i < NUMBERS; i++) {
        if (kv_resp_integer(args[i], &numbers[i]) != 0 || numbers[i] < 1) {
            return "ERR session, number and first_open are integers above 0";
        }
    }
    failure = kv_command_encode(args + NUMBERS, args_len - NUMBERS, &called);
    if (failure == NULL) {
        const struct kv_slice slice = {kv_buffer_data(&called),
                                       kv_buffer_len(&called)};

        begin(op, KV_OP_SESSION_CALL);
        for (size_t i = 0; i < NUMBERS; i++) {
            kv_op_number(op, numbers[i]);
        }
        kv_op_nest(op, slice);
    }
    kv_buffer_free(&called);
    return failure;
}

const char *kv_session_encode_close(struct kv_slice session,
                                    struct kv_buffer *op)
{
    int64_t number;

    if (kv_resp_integer(session, &number) != 0 || number < 1) {
        return "ERR a session is an integer above 0";
    }
    begin(op, KV_OP_SESSION_CLOSE);
    kv_op_number(op, number);
    return NULL;
}
