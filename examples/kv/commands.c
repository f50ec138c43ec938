#include "commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "op.h"

enum {
    ERROR_MAX = 512,
    QUOTED_MAX = 128
};

struct args {
    const struct kv_slice *at; /* [len]; at[0] is the name */
    size_t len;
};

/* Encode the operation; or return the error of the client's, nothing done. */
typedef const char *encode_function(const struct args *args,
                                    struct kv_buffer *op);
/* Write one reply. */
typedef void answer_function(struct kv_client *client, const struct args *args,
                             struct kv_buffer *reply);

enum command_flags {
    WRITES = 1,
    READS = 2,
    OTHER = 4,
    QUICK = 8,
    LATER = 16 /* has a request, and need not have its answer at once */
};

struct command {
    const char *name;
    int arity; /* with the name; negative: at least so many */
    unsigned flags;
    encode_function *encode; /* one of both */
    answer_function *answer;
    int first_key, last_key, key_step; /* for clients that route by keys */
};

static int is_word(struct kv_slice slice, const char *word)
{
    size_t i;

    for (i = 0; i < slice.len && word[i] != '\0'; i++) {
        uint8_t byte = slice.data[i];

        if (byte >= 'A' && byte <= 'Z') {
            byte = (uint8_t)(byte + 32);
        }
        if (byte != (uint8_t)word[i]) {
            return 0;
        }
    }
    return i == slice.len && word[i] == '\0';
}

/* -------------------------------------------------- operations of the log */

static const char syntax_error[] = "ERR syntax error";
static const char no_integer[] = "ERR value is not an integer or out of range";

/* The code and all arguments, as they are. */
static const char *encode_all(int code, const struct args *args,
                              struct kv_buffer *op)
{
    kv_op_begin(op, code);
    for (size_t i = 1; i < args->len; i++) {
        kv_op_argument(op, args->at[i]);
    }
    return NULL;
}

static const char *encode_get(const struct args *args, struct kv_buffer *op)
{
    return encode_all(KV_OP_GET, args, op);
}

static const char *encode_set(const struct args *args, struct kv_buffer *op)
{
    int code = KV_OP_SET;
    struct args pair = {args->at, 3};

    for (size_t i = 3; i < args->len; i++) {
        int wanted = is_word(args->at[i], "nx")   ? KV_OP_SET_NX
                     : is_word(args->at[i], "xx") ? KV_OP_SET_XX
                                                  : KV_OP_END;

        if (wanted == KV_OP_END || (code != KV_OP_SET && code != wanted)) {
            return syntax_error;
        }
        code = wanted;
    }
    return encode_all(code, &pair, op);
}

static const char *encode_del(const struct args *args, struct kv_buffer *op)
{
    return encode_all(KV_OP_DEL, args, op);
}

static const char *encode_exists(const struct args *args, struct kv_buffer *op)
{
    return encode_all(KV_OP_EXISTS, args, op);
}

static const char *encode_difference(struct kv_slice key, int64_t difference,
                                     struct kv_buffer *op)
{
    kv_op_begin(op, KV_OP_INCRBY);
    kv_op_argument(op, key);
    kv_op_number(op, difference);
    return NULL;
}

static const char *encode_incr(const struct args *args, struct kv_buffer *op)
{
    return encode_difference(args->at[1], 1, op);
}

static const char *encode_decr(const struct args *args, struct kv_buffer *op)
{
    return encode_difference(args->at[1], -1, op);
}

static const char *encode_incrby(const struct args *args, struct kv_buffer *op)
{
    int64_t difference;

    if (kv_resp_integer(args->at[2], &difference) != 0) {
        return no_integer;
    }
    return encode_difference(args->at[1], difference, op);
}

static const char *encode_decrby(const struct args *args, struct kv_buffer *op)
{
    int64_t difference;

    if (kv_resp_integer(args->at[2], &difference) != 0) {
        return no_integer;
    }
    if (difference == INT64_MIN) {
        return "ERR decrement would overflow";
    }
    return encode_difference(args->at[1], -difference, op);
}

static const char *encode_append(const struct args *args, struct kv_buffer *op)
{
    return encode_all(KV_OP_APPEND, args, op);
}

static const char *encode_strlen(const struct args *args, struct kv_buffer *op)
{
    return encode_all(KV_OP_STRLEN, args, op);
}

static const char *encode_mget(const struct args *args, struct kv_buffer *op)
{
    return encode_all(KV_OP_MGET, args, op);
}

static const char *encode_mset(const struct args *args, struct kv_buffer *op)
{
    if (args->len % 2 == 0) {
        return "ERR wrong number of arguments for 'mset' command";
    }
    return encode_all(KV_OP_MSET, args, op);
}

static const char *encode_dbsize(const struct args *args, struct kv_buffer *op)
{
    return encode_all(KV_OP_DBSIZE, args, op);
}

static const char *encode_keys(const struct args *args, struct kv_buffer *op)
{
    return encode_all(KV_OP_KEYS, args, op);
}

static const char *encode_session(const struct args *args,
                                  struct kv_buffer *op);

/* ------------------------------------------------- answered by this server */

static void error(struct kv_buffer *reply, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void error(struct kv_buffer *reply, const char *format, ...)
{
    char text[ERROR_MAX];
    va_list values;

    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    kv_reply_error(reply, text);
}

static int quoted_len(struct kv_slice slice)
{
    return slice.len < QUOTED_MAX ? (int)slice.len : QUOTED_MAX;
}

static void unknown_subcommand(const struct args *args, const char *command,
                               struct kv_buffer *reply)
{
    error(reply, "ERR unknown subcommand '%.*s'. Try %s HELP.",
          quoted_len(args->at[1]), (const char *)args->at[1].data, command);
}

/* 1 when the subcommand has that many arguments, with both names; else the
 * error is written. A negative number: at least so many. */
static int has_arity(const struct args *args, int arity, const char *name,
                     struct kv_buffer *reply)
{
    if (arity < 0 ? args->len >= (size_t)-arity : args->len == (size_t)arity) {
        return 1;
    }
    error(reply, "ERR wrong number of arguments for '%s' command", name);
    return 0;
}

static void answer_ping(struct kv_client *client, const struct args *args,
                        struct kv_buffer *reply)
{
    (void)client;
    if (!has_arity(args, args->len == 1 ? 1 : 2, "ping", reply)) {
        return;
    }
    if (args->len == 1) {
        kv_reply_simple(reply, "PONG");
    } else {
        kv_reply_bulk(reply, args->at[1].data, args->at[1].len);
    }
}

static void answer_echo(struct kv_client *client, const struct args *args,
                        struct kv_buffer *reply)
{
    (void)client;
    kv_reply_bulk(reply, args->at[1].data, args->at[1].len);
}

static void answer_quit(struct kv_client *client, const struct args *args,
                        struct kv_buffer *reply)
{
    (void)args;
    client->closing = 1;
    kv_reply_simple(reply, "OK");
}

static void answer_select(struct kv_client *client, const struct args *args,
                          struct kv_buffer *reply)
{
    int64_t database;

    (void)client;
    if (kv_resp_integer(args->at[1], &database) != 0) {
        kv_reply_error(reply, no_integer);
    } else if (database != 0) {
        kv_reply_error(reply, "ERR DB index is out of range");
    } else {
        kv_reply_simple(reply, "OK");
    }
}

static void answer_info(struct kv_client *client, const struct args *args,
                        struct kv_buffer *reply)
{
    struct kv_buffer text = {NULL, 0, 0, 0};

    kv_info(client->server, args->at + 1, args->len - 1, &text);
    kv_reply_bulk(reply, kv_buffer_data(&text), kv_buffer_len(&text));
    kv_buffer_free(&text);
}

static void set_name(struct kv_client *client, struct kv_slice name,
                     struct kv_buffer *reply)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < '!' || name.data[i] > '~') {
            kv_reply_error(reply, "ERR Client names cannot contain spaces, "
                                  "newlines or special characters.");
            return;
        }
    }
    if (name.len >= sizeof client->name) {
        error(reply, "ERR Client names are at most %zu bytes long",
              sizeof client->name - 1);
        return;
    }
    if (name.len > 0) {
        memcpy(client->name, name.data, name.len);
    }
    client->name[name.len] = '\0';
    kv_reply_simple(reply, "OK");
}

static void answer_client(struct kv_client *client, const struct args *args,
                          struct kv_buffer *reply)
{
    struct kv_slice what = args->at[1];

    if (is_word(what, "setname")) {
        if (has_arity(args, 3, "client|setname", reply)) {
            set_name(client, args->at[2], reply);
        }
    } else if (is_word(what, "getname")) {
        if (!has_arity(args, 2, "client|getname", reply)) {
            return;
        }
        if (client->name[0] == '\0') {
            kv_reply_nil(reply);
        } else {
            kv_reply_text(reply, client->name);
        }
    } else if (is_word(what, "id")) {
        if (has_arity(args, 2, "client|id", reply)) {
            kv_reply_integer(reply, (int64_t)client->id);
        }
    } else if (is_word(what, "setinfo")) {
        /* What client libraries tell about themselves when they connect. */
        if (has_arity(args, 4, "client|setinfo", reply)) {
            kv_reply_simple(reply, "OK");
        }
    } else {
        unknown_subcommand(args, "CLIENT", reply);
    }
}

/* Settings that redis-benchmark asks for, to tell how durable writes are. */
static void answer_config(struct kv_client *client, const struct args *args,
                          struct kv_buffer *reply)
{
    /* clang-format off */
    static const char *const settings[][2] = {
        {"save", ""}, {"appendonly", "yes"}, {"appendfsync", "always"},
    };
    /* clang-format on */
    enum {
        SETTINGS_LEN = sizeof settings / sizeof *settings
    };
    unsigned found[SETTINGS_LEN] = {0};
    size_t found_len = 0;

    (void)client;
    if (!is_word(args->at[1], "get")) {
        unknown_subcommand(args, "CONFIG", reply);
        return;
    }
    if (!has_arity(args, -3, "config|get", reply)) {
        return;
    }
    for (size_t i = 0; i < SETTINGS_LEN; i++) {
        for (size_t j = 2; j < args->len && !found[i]; j++) {
            found[i] = (unsigned)is_word(args->at[j], settings[i][0]);
        }
        found_len += found[i];
    }
    kv_reply_array(reply, found_len * 2);
    for (size_t i = 0; i < SETTINGS_LEN; i++) {
        if (!found[i]) {
            continue;
        }
        kv_reply_text(reply, settings[i][0]);
        kv_reply_text(reply, settings[i][1]);
    }
}

static void answer_hello(struct kv_client *client, const struct args *args,
                         struct kv_buffer *reply)
{
    int64_t version = 2;

    if (args->len > 1 && kv_resp_integer(args->at[1], &version) != 0) {
        kv_reply_error(reply, "ERR Protocol version is not an integer or out "
                              "of range");
        return;
    }
    if (version != 2) {
        kv_reply_error(reply, "NOPROTO unsupported protocol version");
        return;
    }
    for (size_t i = 2; i < args->len; i += 2) {
        if (!is_word(args->at[i], "setname") || i + 1 == args->len) {
            kv_reply_error(reply, "ERR Syntax error in HELLO option");
            return;
        }
    }
    kv_reply_array(reply, 8);
    kv_reply_text(reply, "server");
    kv_reply_text(reply, "craft-kv");
    kv_reply_text(reply, "version");
    kv_reply_text(reply, craft_version());
    kv_reply_text(reply, "proto");
    kv_reply_integer(reply, 2);
    kv_reply_text(reply, "id");
    kv_reply_integer(reply, (int64_t)client->id);
}

static const struct question {
    const char *word;
    uint32_t question; /* enum craft_question; 0 = all */
    uint32_t least;    /* of the number that follows, if one does */
    size_t numbers_min;
    size_t numbers_max;
} questions[] = {
    {"leader", CRAFT_QUESTION_LEADER, 0, 0, 0},
    {"commit", CRAFT_QUESTION_COMMIT, 1, 1, 1},
    {"peer", CRAFT_QUESTION_PEER, 1, 1, 1},
    {"read", CRAFT_QUESTION_READ, 0, 0, 0},
    {"propose", CRAFT_QUESTION_PROPOSE, 0, 0, 1},
};

static const struct question *find_question(const struct args *args)
{
    static const struct question all = {"", 0, 0, 0, 0};

    if (args->len == 2) {
        return &all;
    }
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (is_word(args->at[2], questions[i].word) &&
            args->len >= 3 + questions[i].numbers_min &&
            args->len <= 3 + questions[i].numbers_max) {
            return &questions[i];
        }
    }
    return NULL;
}

static void answer_explain(struct kv_client *client, const struct args *args,
                           struct kv_buffer *reply)
{
    const struct question *question = find_question(args);
    int64_t subject = 0;

    if (question == NULL) {
        kv_reply_error(reply, "ERR Usage: RAFT EXPLAIN [LEADER | COMMIT index "
                              "| PEER id | READ | PROPOSE [bytes]]");
        return;
    }
    if (args->len == 4 && (kv_resp_integer(args->at[3], &subject) != 0 ||
                           subject < (int64_t)question->least)) {
        kv_reply_error(reply, "ERR that is no number one can ask about");
        return;
    }
    kv_raft_explain(client, client->pipeline.tail - 1, question->question,
                    (uint64_t)subject);
}

/* It has a request: the newest. */
static void answer_raft(struct kv_client *client, const struct args *args,
                        struct kv_buffer *reply)
{
    int64_t target = 0;

    if (is_word(args->at[1], "explain")) {
        answer_explain(client, args, reply);
        return;
    }
    if (is_word(args->at[1], "snapshot")) {
        if (has_arity(args, 2, "raft|snapshot", reply)) {
            kv_raft_snapshot(client, client->pipeline.tail - 1, reply);
        }
        return;
    }
    if (!is_word(args->at[1], "transfer")) {
        unknown_subcommand(args, "RAFT", reply);
        return;
    }
    if (!has_arity(args, args->len == 2 ? 2 : 3, "raft|transfer", reply)) {
        return;
    }
    if (args->len == 3 &&
        (kv_resp_integer(args->at[2], &target) != 0 || target <= 0)) {
        kv_reply_error(reply, "ERR the server's id is no number above 0");
        return;
    }
    kv_raft_transfer(client, client->pipeline.tail - 1, (craft_id)target,
                     reply);
}

static void answer_command(struct kv_client *client, const struct args *args,
                           struct kv_buffer *reply);

/* ------------------------------------------------------------------ table */

/* clang-format off */
static const struct command commands[] = {
    /* name     arity flags           encode         answer       keys */
    {"get",        2, READS | QUICK,  encode_get,    NULL,         1,  1, 1},
    {"set",       -3, WRITES,         encode_set,    NULL,         1,  1, 1},
    {"del",       -2, WRITES,         encode_del,    NULL,         1, -1, 1},
    {"exists",    -2, READS | QUICK,  encode_exists, NULL,         1, -1, 1},
    {"incr",       2, WRITES | QUICK, encode_incr,   NULL,         1,  1, 1},
    {"decr",       2, WRITES | QUICK, encode_decr,   NULL,         1,  1, 1},
    {"incrby",     3, WRITES | QUICK, encode_incrby, NULL,         1,  1, 1},
    {"decrby",     3, WRITES | QUICK, encode_decrby, NULL,         1,  1, 1},
    {"append",     3, WRITES | QUICK, encode_append, NULL,         1,  1, 1},
    {"strlen",     2, READS | QUICK,  encode_strlen, NULL,         1,  1, 1},
    {"mget",      -2, READS | QUICK,  encode_mget,   NULL,         1, -1, 1},
    {"mset",      -3, WRITES,         encode_mset,   NULL,         1, -1, 2},
    {"dbsize",     1, READS | QUICK,  encode_dbsize, NULL,         0,  0, 0},
    {"keys",       2, READS,          encode_keys,   NULL,         0,  0, 0},
    {"session",   -2, WRITES,         encode_session, NULL,        0,  0, 0},
    {"ping",      -1, OTHER | QUICK,  NULL,          answer_ping,    0, 0, 0},
    {"echo",       2, OTHER | QUICK,  NULL,          answer_echo,    0, 0, 0},
    {"info",      -1, OTHER,          NULL,          answer_info,    0, 0, 0},
    {"command",   -1, OTHER,          NULL,          answer_command, 0, 0, 0},
    {"client",    -2, OTHER,          NULL,          answer_client,  0, 0, 0},
    {"config",    -2, OTHER,          NULL,          answer_config,  0, 0, 0},
    {"hello",     -1, OTHER | QUICK,  NULL,          answer_hello,   0, 0, 0},
    {"select",     2, OTHER | QUICK,  NULL,          answer_select,  0, 0, 0},
    {"quit",      -1, OTHER | QUICK,  NULL,          answer_quit,    0, 0, 0},
    {"raft",      -2, OTHER | LATER,  NULL,          answer_raft,    0, 0, 0},
};
/* clang-format on */

enum {
    COMMANDS_LEN = sizeof commands / sizeof *commands
};

static const struct command *find(struct kv_slice name)
{
    for (size_t i = 0; i < COMMANDS_LEN; i++) {
        if (is_word(name, commands[i].name)) {
            return &commands[i];
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------- sessions */

const char *kv_command_encode(const struct kv_slice *args, size_t args_len,
                              struct kv_buffer *op)
{
    const struct command *command = find(args[0]);
    const struct args list = {args, args_len};

    if (command == NULL || (command->flags & WRITES) == 0 ||
        command->encode == encode_session) {
        return "ERR SESSION CALL takes commands that write keys";
    }
    if (command->arity < 0 ? args_len < (size_t)-command->arity
                           : args_len != (size_t)command->arity) {
        return "ERR wrong number of arguments for the command of SESSION CALL";
    }
    /* What it returns is a literal, nothing of the list. */
    /* cppcheck-suppress returnDanglingLifetime */
    return command->encode(&list, op);
}

static const char *encode_session(const struct args *args, struct kv_buffer *op)
{
    if (is_word(args->at[1], "open") && args->len == 2) {
        kv_session_encode_open(op);
        return NULL;
    }
    if (is_word(args->at[1], "call") && args->len > 5) {
        return kv_session_encode_call(args->at + 2, args->len - 2, op);
    }
    if (is_word(args->at[1], "close") && args->len == 3) {
        return kv_session_encode_close(args->at[2], op);
    }
    return "ERR Usage: SESSION OPEN | SESSION CALL session number first_open "
           "command [argument ...] | SESSION CLOSE session";
}

/* ------------------------------------------------------- COMMAND, of itself */

static void describe(const struct command *command, struct kv_buffer *reply)
{
    static const char *const names[] = {"write", "readonly", "loading", "fast"};
    size_t flags_len = 0;

    kv_reply_array(reply, 6);
    kv_reply_text(reply, command->name);
    kv_reply_integer(reply, command->arity);
    for (unsigned i = 0; i < 4; i++) {
        flags_len += command->flags >> i & 1;
    }
    kv_reply_array(reply, flags_len);
    for (unsigned i = 0; i < 4; i++) {
        if (command->flags >> i & 1) {
            kv_reply_simple(reply, names[i]);
        }
    }
    kv_reply_integer(reply, command->first_key);
    kv_reply_integer(reply, command->last_key);
    kv_reply_integer(reply, command->key_step);
}

static void answer_command(struct kv_client *client, const struct args *args,
                           struct kv_buffer *reply)
{
    (void)client;
    if (args->len == 1) {
        kv_reply_array(reply, COMMANDS_LEN);
        for (size_t i = 0; i < COMMANDS_LEN; i++) {
            describe(&commands[i], reply);
        }
    } else if (is_word(args->at[1], "count")) {
        if (has_arity(args, 2, "command|count", reply)) {
            kv_reply_integer(reply, COMMANDS_LEN);
        }
    } else if (is_word(args->at[1], "docs")) {
        /* Documents are optional; redis-cli then does without hints. */
        kv_reply_array(reply, 0);
    } else if (is_word(args->at[1], "info")) {
        kv_reply_array(reply, args->len - 2);
        for (size_t i = 2; i < args->len; i++) {
            const struct command *command = find(args->at[i]);

            if (command != NULL) {
                describe(command, reply);
            } else {
                kv_buffer_append(reply, "*-1\r\n", 5);
            }
        }
    } else {
        unknown_subcommand(args, "COMMAND", reply);
    }
}

/* -------------------------------------------------------------------- run */

/* As Redis words it: the name, and the first arguments within a limit. */
static void unknown_command(const struct args *args, struct kv_buffer *reply)
{
    char list[QUOTED_MAX + 8] = "";
    size_t len = 0;

    for (size_t i = 1; i < args->len && len < QUOTED_MAX; i++) {
        int part = quoted_len(args->at[i]);
        int room = QUOTED_MAX - (int)len;

        len += (size_t)snprintf(list + len, sizeof list - len, "'%.*s' ",
                                part < room ? part : room,
                                (const char *)args->at[i].data);
    }
    error(reply, "ERR unknown command '%.*s', with args beginning with: %s",
          quoted_len(args->at[0]), (const char *)args->at[0].data, list);
}

/* What is wrong before the command is looked into; 1: the error is written. */
static int refuse(const struct kv_client *client, const struct command *command,
                  const struct args *args, struct kv_buffer *reply)
{
    size_t bytes = KV_OP_HEAD_LEN;

    if (!has_arity(args, command->arity, command->name, reply)) {
        return 1;
    }
    for (size_t i = 1; i < args->len; i++) {
        bytes += args->at[i].len + KV_OP_LENGTH_MAX;
    }
    if (command->encode == NULL || bytes <= client->server->entry_bytes_max) {
        return 0;
    }
    error(reply,
          "ERR command of %zu bytes is over the limit of %zu: "
          "send less at once",
          bytes, client->server->entry_bytes_max);
    return 1;
}

static uint64_t deadline(const struct kv_server *server)
{
    return craft_host_now_ns(server->host) +
           (uint64_t)server->options->timeout_ms * 1000000;
}

/* Has it been handed on? Then its answer comes later. */
static int is_asked(struct kv_pipeline *pipeline, uint64_t serial)
{
    return kv_pipeline_find(pipeline, serial)->state == KV_REQUEST_ASKED;
}

/* The reply of a command that is answered here, or its error. */
static void answer(struct kv_client *client, const struct command *command,
                   const struct args *args, const char *failure)
{
    struct kv_pipeline *pipeline = &client->pipeline;
    struct kv_buffer *reply = &client->out;
    uint64_t serial = 0;

    /* Behind others it waits in a request of its own. */
    if (command != NULL && (command->flags & LATER) != 0) {
        serial = kv_pipeline_push(pipeline, deadline(client->server));
    } else if (!kv_pipeline_empty(pipeline)) {
        serial = kv_pipeline_push(pipeline, UINT64_MAX);
    }
    if (serial != 0) {
        reply = kv_pipeline_reply(pipeline, serial, &client->out);
    }
    if (failure != NULL) {
        kv_reply_error(reply, failure);
    } else if (command == NULL) {
        unknown_command(args, reply);
    } else if (!refuse(client, command, args, reply)) {
        command->answer(client, args, reply);
    }
    if (serial != 0 && !is_asked(pipeline, serial)) {
        kv_pipeline_answered(pipeline, serial, &client->out);
    }
}

/* A request of the operation that was just encoded. */
static void make_request(struct kv_client *client,
                         const struct command *command)
{
    const struct kv_server *server = client->server;
    struct kv_pipeline *pipeline = &client->pipeline;
    uint64_t serial = kv_pipeline_push(pipeline, deadline(server));
    struct kv_request *request = kv_pipeline_find(pipeline, serial);
    size_t len = request->op_len;
    uint8_t *bytes =
        kv_buffer_data(&pipeline->ops) + kv_buffer_len(&pipeline->ops) - len;
    struct kv_slice op = {bytes, len};
    struct kv_op_origin origin;

    request->only_reads = (command->flags & READS) != 0;
    origin.life = server->life;
    origin.token = kv_replica_token(client, serial);
    kv_op_stamp(bytes, origin);
    kv_pipeline_expect(pipeline, serial, kv_op_reply_bytes(&server->store, op));
}

void kv_command_run(struct kv_client *client, const struct kv_slice *args,
                    size_t args_len)
{
    struct kv_server *server = client->server;
    struct args list = {args, args_len};
    const struct command *command = find(args[0]);
    const char *failure = NULL;

    server->commands++;
    if (command != NULL && command->encode != NULL) {
        kv_buffer_clear(&server->scratch);
        if (!refuse(client, command, &list, &server->scratch)) {
            failure = command->encode(&list, &client->pipeline.ops);
            if (failure == NULL) {
                make_request(client, command);
                return;
            }
        }
    }
    answer(client, command, &list, failure);
}
