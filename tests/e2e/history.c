/*
 * history FILE: is what the clients saw linearizable, key by key?
 *
 * A line per operation, numbers separated by spaces:
 *
 *     key begin end set NUMBER
 *     key begin end get NUMBER       what it gave; 0 = no such key
 *     key begin end increment NUMBER what it gave
 *
 * Times are in one clock, in any unit; an end of 0 means that there was no
 * answer, and then what an increment gave is not looked at. For a proof that
 * the question can be answered with no, it is asked again with what the last
 * read gave replaced by a number that nobody wrote.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/machine_kv.h"

#define STATES_MAX ((size_t)20000000)

struct bytes;

struct history {
    craft_sim_operation *operations; /* [len] */
    struct bytes **bytes;            /* [len] of each */
    size_t len;
    size_t max;
    size_t answered;
};

/* Command and reply of one operation. */
struct bytes {
    uint8_t command[CRAFT_SIM_KV_COMMAND_LEN_MAX];
    uint8_t reply[CRAFT_SIM_KV_REPLY_LEN_MAX];
};

static void drop(struct history *history)
{
    for (size_t i = 0; i < history->len; i++) {
        free(history->bytes[i]);
    }
    free(history->bytes);
    free(history->operations);
}

static int grow(struct history *history)
{
    size_t max = history->max == 0 ? 1024 : 2 * history->max;
    craft_sim_operation *operations;
    struct bytes **bytes;

    if (history->len < history->max) {
        return 0;
    }
    operations = realloc(history->operations, max * sizeof *operations);
    if (operations == NULL) {
        return -1;
    }
    history->operations = operations;
    bytes = realloc(history->bytes, max * sizeof *bytes);
    if (bytes == NULL) {
        return -1;
    }
    history->bytes = bytes;
    history->max = max;
    return 0;
}

/* As the simulator's state machine would have answered. */
static size_t put_reply(uint8_t *reply, uint8_t kind, uint64_t number)
{
    memset(reply, 0, CRAFT_SIM_KV_REPLY_LEN_MAX);
    reply[0] = CRAFT_SIM_KV_OK;
    if (kind == CRAFT_SIM_KV_SET) {
        return 1;
    }
    craft_store64(reply + 1, number);
    return kind == CRAFT_SIM_KV_GET ? 25 : 9;
}

static uint8_t kind_of(const char *word)
{
    if (strcmp(word, "set") == 0) {
        return CRAFT_SIM_KV_SET;
    }
    if (strcmp(word, "get") == 0) {
        return CRAFT_SIM_KV_GET;
    }
    return strcmp(word, "increment") == 0 ? CRAFT_SIM_KV_INCREMENT : 0;
}

static int add_line(struct history *history, const char *line)
{
    struct craft_sim_kv_command command = {0};
    craft_sim_operation operation = {0};
    struct bytes *bytes = calloc(1, sizeof *bytes);
    uint64_t number = 0;
    char word[16] = "";

    if (bytes == NULL || grow(history) != 0 ||
        sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %15s %" SCNu64,
               &operation.key, &operation.begin, &operation.end, word,
               &number) != 5 ||
        (command.kind = kind_of(word)) == 0) {
        free(bytes);
        return -1;
    }
    command.numbers[0] = number;
    operation.command = bytes->command;
    operation.command_len = craft_sim_kv_encode(&command, bytes->command);
    operation.reply = bytes->reply;
    operation.reply_len = put_reply(bytes->reply, command.kind, number);
    history->answered += operation.end != 0;
    if (operation.end == 0) {
        operation.end = UINT64_MAX;
    }
    history->operations[history->len] = operation;
    history->bytes[history->len] = bytes;
    history->len++;
    return 0;
}

static int read_history(struct history *history, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[200];
    int rv = 0;

    if (file == NULL) {
        fprintf(stderr, "history: cannot open %s\n", path);
        return -1;
    }
    while (rv == 0 && fgets(line, sizeof line, file) != NULL) {
        rv = add_line(history, line);
        if (rv != 0) {
            fprintf(stderr, "history: %s: not a line of a history: %s\n", path,
                    line);
        }
    }
    (void)fclose(file);
    return rv;
}

static int judge(const struct history *history, uint64_t *key)
{
    return craft_sim_linearizable(craft_sim_machine_kv(), history->operations,
                                  history->len, STATES_MAX, key);
}

/* The last read that was answered; NULL = there is none. */
static const craft_sim_operation *last_read(const struct history *history)
{
    for (size_t i = history->len; i > 0; i--) {
        const craft_sim_operation *operation = &history->operations[i - 1];

        if (operation->command[0] == CRAFT_SIM_KV_GET &&
            operation->end != UINT64_MAX) {
            return operation;
        }
    }
    return NULL;
}

static int tell(int verdict, uint64_t key)
{
    if (verdict == CRAFT_SIM_LINEARIZABLE) {
        return 0;
    }
    if (verdict == CRAFT_SIM_NOT_LINEARIZABLE) {
        fprintf(stderr, "history: key %" PRIu64 " is not linearizable\n", key);
    } else {
        fprintf(stderr, "history: not decided (%d)\n", verdict);
    }
    return 1;
}

static int control(const struct history *history)
{
    const craft_sim_operation *read = last_read(history);
    struct craft_sim_operation *changed;
    uint8_t reply[CRAFT_SIM_KV_REPLY_LEN_MAX];
    uint64_t key = 0;

    if (read == NULL) {
        fprintf(stderr, "history: no read was answered\n");
        return 1;
    }
    changed = &history->operations[read - history->operations];
    (void)put_reply(reply, CRAFT_SIM_KV_GET, UINT64_MAX - 1);
    changed->reply = reply;
    if (judge(history, &key) != CRAFT_SIM_NOT_LINEARIZABLE ||
        key != changed->key) {
        fprintf(stderr, "history: a read of nothing written is not seen\n");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct history history = {0};
    uint64_t key = 0;
    int rv = 1;

    if (argc != 2) {
        fprintf(stderr, "usage: history FILE\n");
        return 2;
    }
    if (read_history(&history, argv[1]) == 0) {
        rv = judge(&history, &key);
        rv = tell(rv, key);
    }
    if (rv == 0) {
        printf("history: linearizable: %zu operations, %zu without an answer\n",
               history.len, history.len - history.answered);
        rv = control(&history);
    }
    drop(&history);
    return rv;
}
