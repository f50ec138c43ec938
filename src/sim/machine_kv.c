#include "sim/machine_kv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/mix.h"

struct value {
    uint64_t number;
    uint64_t appended; /* how often */
    uint64_t sum;      /* of what was appended, each number scattered */
};

struct table {
    uint64_t digest; /* the sum of what each value gives */
    struct value values[CRAFT_SIM_KV_KEYS];
};

struct kind {
    const char *name;
    size_t numbers;      /* in the command */
    size_t reply_values; /* in its reply */
};

static const struct kind kinds[] = {
    [CRAFT_SIM_KV_SET] = {"set", 1, 0},
    [CRAFT_SIM_KV_GET] = {"get", 0, 3},
    [CRAFT_SIM_KV_APPEND] = {"append", 1, 2},
    [CRAFT_SIM_KV_INCREMENT] = {"increment", 0, 1},
    [CRAFT_SIM_KV_CAS] = {"cas", 3, 1},
};

struct reply {
    uint8_t result;
    size_t values_len;
    uint64_t values[3];
};

/* ------------------------------------------------------------------- bytes */

size_t craft_sim_kv_encode(const struct craft_sim_kv_command *command,
                           uint8_t *bytes)
{
    size_t numbers = kinds[command->kind].numbers;

    bytes[0] = command->kind;
    bytes[1] = command->key;
    for (size_t i = 0; i < numbers; i++) {
        craft_store64(bytes + 2 + 8 * i, command->numbers[i]);
    }
    return 2 + 8 * numbers;
}

/* Whether it is exactly what encode makes. */
static int decode(struct craft_sim_kv_command *command, const uint8_t *bytes,
                  size_t len)
{
    if (len < 2 || bytes[0] < CRAFT_SIM_KV_SET || bytes[0] > CRAFT_SIM_KV_CAS ||
        bytes[1] >= CRAFT_SIM_KV_KEYS ||
        len != 2 + 8 * kinds[bytes[0]].numbers) {
        return 0;
    }
    command->kind = bytes[0];
    command->key = bytes[1];
    for (size_t i = 0; i < kinds[bytes[0]].numbers; i++) {
        command->numbers[i] = craft_load64(bytes + 2 + 8 * i);
    }
    return 1;
}

static size_t encode_reply(const struct reply *reply, uint8_t *bytes,
                           size_t bytes_max)
{
    uint8_t all[CRAFT_SIM_KV_REPLY_LEN_MAX];
    size_t len = 1 + 8 * reply->values_len;

    all[0] = reply->result;
    for (size_t i = 0; i < reply->values_len; i++) {
        craft_store64(all + 1 + 8 * i, reply->values[i]);
    }
    if (len > bytes_max) {
        len = bytes_max;
    }
    if (len > 0) {
        memcpy(bytes, all, len);
    }
    return len;
}

/* --------------------------------------------------------------- instances */

static uint64_t value_digest(const struct value *value, uint8_t key)
{
    uint64_t digest = craft_sim_mix(value->number ^ craft_sim_mix(key));

    digest = craft_sim_mix(digest ^ value->appended);
    return craft_sim_mix(digest ^ value->sum);
}

static void *kv_open(void *ctx, craft_id server)
{
    (void)ctx;
    (void)server;
    return calloc(1, sizeof(struct table));
}

static void *kv_copy(void *ctx, const void *instance)
{
    struct table *copy = malloc(sizeof *copy);

    (void)ctx;
    if (copy) {
        memcpy(copy, instance, sizeof *copy);
    }
    return copy;
}

static void kv_close(void *ctx, void *instance)
{
    (void)ctx;
    free(instance);
}

static uint64_t kv_digest(void *ctx, const void *instance)
{
    const struct table *table = instance;

    (void)ctx;
    return table->digest;
}

/* --------------------------------------------------------------- commands */

static void set(struct value *value, uint64_t number)
{
    value->number = number;
    value->appended = 0;
    value->sum = 0;
}

static void execute(struct value *value,
                    const struct craft_sim_kv_command *command,
                    struct reply *reply)
{
    const uint64_t *numbers = command->numbers;

    reply->result = CRAFT_SIM_KV_OK;
    switch (command->kind) {
    case CRAFT_SIM_KV_SET:
        set(value, numbers[0]);
        break;
    case CRAFT_SIM_KV_GET:
        reply->values[0] = value->number;
        reply->values[1] = value->appended;
        reply->values[2] = value->sum;
        break;
    case CRAFT_SIM_KV_APPEND:
        value->appended++;
        value->sum += craft_sim_mix(numbers[0]);
        reply->values[0] = value->appended;
        reply->values[1] = value->sum;
        break;
    case CRAFT_SIM_KV_INCREMENT:
        value->number++;
        reply->values[0] = value->number;
        break;
    default: /* CRAFT_SIM_KV_CAS */
        reply->values[0] = value->number;
        if (((value->number ^ numbers[0]) & numbers[1]) != 0) {
            reply->result = CRAFT_SIM_KV_DIFFERS;
        } else {
            set(value, numbers[2]);
        }
        break;
    }
}

static size_t kv_apply(void *ctx, void *instance, const uint8_t *bytes,
                       size_t len, uint8_t *reply_bytes, size_t reply_max)
{
    struct table *table = instance;
    struct craft_sim_kv_command command;
    struct reply reply = {.result = CRAFT_SIM_KV_ERROR};

    (void)ctx;
    if (decode(&command, bytes, len)) {
        struct value *value = &table->values[command.key];

        reply.values_len = kinds[command.kind].reply_values;
        table->digest -= value_digest(value, command.key);
        execute(value, &command, &reply);
        table->digest += value_digest(value, command.key);
    }
    return encode_reply(&reply, reply_bytes, reply_max);
}

static size_t kv_draw(void *ctx, craft_sim_random *random, uint64_t serial,
                      uint8_t *bytes, size_t bytes_max, uint64_t *key_out)
{
    /* Of a hundred commands so many are of this kind or of one before. */
    static const uint8_t shares[] = {[CRAFT_SIM_KV_SET] = 20,
                                     [CRAFT_SIM_KV_GET] = 55,
                                     [CRAFT_SIM_KV_APPEND] = 70,
                                     [CRAFT_SIM_KV_INCREMENT] = 85,
                                     [CRAFT_SIM_KV_CAS] = 100};
    struct craft_sim_kv_command command = {.kind = CRAFT_SIM_KV_SET};
    uint32_t share = craft_sim_random_below(random, 100);
    /* The lesser of two draws: some keys are hot, some are hardly used. */
    uint32_t key = craft_sim_random_below(random, CRAFT_SIM_KV_KEYS);
    uint32_t other = craft_sim_random_below(random, CRAFT_SIM_KV_KEYS);
    uint64_t number = (serial << 16) | craft_sim_random_below(random, 4);

    (void)ctx;
    while (share >= shares[command.kind]) {
        command.kind++;
    }
    command.key = (uint8_t)(key < other ? key : other);
    command.numbers[0] = number;
    if (command.kind == CRAFT_SIM_KV_CAS) {
        command.numbers[0] = craft_sim_random_below(random, 4);
        command.numbers[1] = 3;
        command.numbers[2] = number;
    }
    *key_out = command.key;
    if (bytes_max < CRAFT_SIM_KV_COMMAND_LEN_MAX) {
        return 0;
    }
    return craft_sim_kv_encode(&command, bytes);
}

/* ------------------------------------------------------------------- words */

/* Text that may be longer than its place; as snprintf(), piece by piece. */
struct words {
    char *text;
    size_t size;
    size_t len;
};

static void say(struct words *words, const char *text)
{
    size_t room = words->len < words->size ? words->size - words->len : 0;
    int len =
        snprintf(room > 0 ? words->text + words->len : NULL, room, "%s", text);

    words->len += len > 0 ? (size_t)len : 0;
}

/* As drawn: the serial of the call, and what stands in the lower 16 bits. */
static void say_number(struct words *words, uint64_t number)
{
    char text[48];

    snprintf(text, sizeof text, " %" PRIu64 ".%" PRIu64, number >> 16,
             number & 0xffffu);
    say(words, text);
}

static void say_plain(struct words *words, const char *format, uint64_t number)
{
    char text[48];

    snprintf(text, sizeof text, "%s%" PRIu64, format, number);
    say(words, text);
}

static void say_command(struct words *words,
                        const struct craft_sim_kv_command *command)
{
    say(words, kinds[command->kind].name);
    say_plain(words, " k", command->key);
    if (command->kind == CRAFT_SIM_KV_CAS) {
        say_number(words, command->numbers[0]);
        if (command->numbers[1] != UINT64_MAX) {
            say_plain(words, " mask ", command->numbers[1]);
        }
        say_number(words, command->numbers[2]);
    } else if (kinds[command->kind].numbers > 0) {
        say_number(words, command->numbers[0]);
    }
}

static void say_reply(struct words *words, uint8_t kind, const uint8_t *reply,
                      size_t len)
{
    static const char *const results[] = {"error", "ok", "differs"};

    if (len == 0 || reply[0] > CRAFT_SIM_KV_DIFFERS ||
        (reply[0] != CRAFT_SIM_KV_ERROR &&
         (kind == 0 || len != 1 + 8 * kinds[kind].reply_values))) {
        say_plain(words, " -> strange bytes: ", len);
        return;
    }
    say(words, " -> ");
    say(words, results[reply[0]]);
    for (size_t i = 1; i < len; i += 8) {
        if (i > 1 || kind == CRAFT_SIM_KV_APPEND) {
            say_plain(words, i + 8 < len ? " +" : " sum ",
                      craft_load64(reply + i));
        } else {
            say_number(words, craft_load64(reply + i));
        }
    }
}

static size_t kv_describe(void *ctx, const uint8_t *bytes, size_t len,
                          const uint8_t *reply, size_t reply_len, char *text,
                          size_t size)
{
    struct words words = {.text = text, .size = size, .len = 0};
    struct craft_sim_kv_command command = {.kind = 0};

    (void)ctx;
    if (decode(&command, bytes, len)) {
        say_command(&words, &command);
    } else {
        say_plain(&words, "garbage of bytes: ", len);
    }
    if (reply) {
        say_reply(&words, command.kind, reply, reply_len);
    }
    return words.len;
}

const craft_sim_machine *craft_sim_machine_kv(void)
{
    static const craft_sim_machine machine = {
        .struct_size = sizeof machine,
        .name = "kv",
        .open = kv_open,
        .close = kv_close,
        .apply = kv_apply,
        .digest = kv_digest,
        .draw = kv_draw,
        .copy = kv_copy,
        .describe = kv_describe,
    };

    return &machine;
}
