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

#endif
