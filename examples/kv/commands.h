/*
 * commands: what a client can say, as one table: name, arguments, and who
 * makes the answer. A command on the table of keys is encoded as an operation
 * of the log; any other is answered at once by this server.
 */
#ifndef KV_COMMANDS_H
#define KV_COMMANDS_H

#include "server.h"

/* args[0] is the name; args_len >= 1. Answers, or makes a request. */
void kv_command_run(struct kv_client *client, const struct kv_slice *args,
                    size_t args_len);

/*
 * For SESSION CALL. args[0] is the name of a command that writes keys: its
 * operation; or the client's error is returned, nothing done.
 */
const char *kv_command_encode(const struct kv_slice *args, size_t args_len,
                              struct kv_buffer *op);

/* ---------------------------------------------------------------- session.c */

/* SESSION, as operations: likewise. */
void kv_session_encode_open(struct kv_buffer *op);
/* args: session number first_open command [argument...]; args_len >= 4. */
const char *kv_session_encode_call(const struct kv_slice *args, size_t args_len,
                                   struct kv_buffer *op);
const char *kv_session_encode_close(struct kv_slice session,
                                    struct kv_buffer *op);

#endif
