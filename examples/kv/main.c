/*
 * craft-kv: one server of a replicated key-value store that Redis clients can
 * use. An example of a program around craft; begin to read at server.h.
 */
#include "server.h"

int main(int argc, char **argv)
{
    struct kv_options options;
    struct kv_server server;
    int rv = kv_options_parse(&options, argc, argv);

    if (rv != KV_OPTIONS_RUN) {
        return rv == KV_OPTIONS_HELP ? 0 : 2;
    }
    rv = kv_server_open(&server, &options);
    if (rv == 0) {
        rv = kv_server_run(&server);
    }
    kv_server_close(&server);
    return rv == 0 ? 0 : 1;
}
