/* What a host calls. */
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define COMMAND_SHOWN 64u

void host_tick(struct story *story, struct words *words)
{
    uint32_t servers = story_servers(story, words);
    const struct word *word = words_next(words);
    uint64_t ticks = 1;

    if (word != NULL && !number_read(word->value, &ticks)) {
        words_fault(words, "not a number", word->value);
    }
    if (!story_ready(story, words)) {
        return;
    }
    for (uint32_t i = 1; i <= story->cluster->options.nodes; i++) {
        if ((servers >> i & 1u) != 0) {
            story_result(story, i,
                         cluster_tick(story->cluster, i, (uint32_t)ticks));
            story_look(story, i);
        }
    }
}

static uint64_t take_ms(struct words *words)
{
    const struct word *word = words_next(words);
    uint64_t ms = 0;

    if (word == NULL || !number_read(word->value, &ms)) {
        words_fault(words, "not a time in ms",
                    word != NULL ? word->value : "nothing");
    }
    return ms * 1000000u;
}

void host_clock(struct story *story, struct words *words)
{
    uint32_t servers = story_servers(story, words);
    uint64_t now_ns = take_ms(words);

    if (!story_ready(story, words)) {
        return;
    }
    for (uint32_t i = 1; i <= story->cluster->options.nodes; i++) {
        if ((servers >> i & 1u) != 0) {
            story_result(story, i, cluster_clock(story->cluster, i, now_ns));
        }
    }
}

/* --------------------------------------------------------------- proposals */

/* What the tokens given from that one on stand for. */
static void note_commands(struct story *story, const craft_command *commands,
                          size_t commands_len)
{
    for (size_t i = 0; i < commands_len; i++) {
        char *name;

        if (commands[i].token == 0) {
            continue;
        }
        name = malloc(COMMAND_SHOWN);
        story->commands = realloc(story->commands, (story->commands_len + 1) *
                                                       sizeof *story->commands);
        if (name == NULL || story->commands == NULL) {
            abort();
        }
        tell_bytes(commands[i].data, commands[i].data_len, name, COMMAND_SHOWN);
        story->commands[story->commands_len] = name;
        story->commands_len++;
    }
}

/* What was refused has no fate: its name stands for an earlier one. */
static void commands_result(struct story *story, uint32_t position, int rv,
                            size_t noted_from)
{
    story_result(story, position, rv);
    for (size_t i = noted_from; rv != 0 && i < story->commands_len; i++) {
        story->commands[i][0] = '\0';
    }
}

/* "string" or bytes=N; the bytes are to be freed when there was none. */
static uint8_t *take_command(struct words *words, craft_command *command)
{
    const struct word *word = words_next(words);
    uint64_t bytes = words_number(words, "bytes", UINT64_MAX);
    uint8_t *made = NULL;

    command->token = 1; /* one of its own */
    if (bytes != UINT64_MAX) {
        made = bytes < (uint64_t)1 << 26 ? malloc((size_t)bytes + 1) : NULL;
        if (made == NULL) {
            words_fault(words, "too many", "bytes");
            return NULL;
        }
        memset(made, 'z', (size_t)bytes + 1);
        command->data = made;
        command->data_len = (size_t)bytes;
    } else if (word != NULL && word->quoted) {
        command->data = (const uint8_t *)word->value;
        command->data_len = word->value_len;
    } else {
        words_fault(words, "not a \"string\"", word != NULL ? word->value : "");
    }
    return made;
}

void host_propose(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    craft_command command = {NULL, 0, 0};
    bool untold = words_flag(words, "untold");
    uint8_t *made = take_command(words, &command);

    command.token = untold ? 0 : 1;
    if (story_ready(story, words)) {
        size_t from = story->commands_len;

        note_commands(story, &command, 1);
        commands_result(
            story, node->position,
            cluster_propose_command(story->cluster, node->position, &command),
            from);
    }
    free(made);
}

void host_propose_many(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    craft_command commands[WORDS_MAX];
    const struct word *word;
    size_t len = 0;

    memset(commands, 0, sizeof commands);
    while ((word = words_next(words)) != NULL) {
        if (!word->quoted) {
            words_fault(words, "not a \"string\"", word->value);
        }
        commands[len].data = (const uint8_t *)word->value;
        commands[len].data_len = word->value_len;
        commands[len].token = 1;
        len++;
    }
    if (story_ready(story, words)) {
        size_t from = story->commands_len;

        note_commands(story, commands, len);
        commands_result(story, node->position,
                        cluster_propose_commands(story->cluster, node->position,
                                                 commands, len),
                        from);
    }
}

/* ------------------------------------------------------------ other inputs */

void host_campaign(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);

    if (story_ready(story, words)) {
        story_result(story, node->position,
                     cluster_campaign(story->cluster, node->position));
    }
}

void host_snapshot(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    uint64_t index = words_number(words, "index", 0);
    uint64_t keep = words_number(words, "keep", 0);

    if (story_ready(story, words)) {
        story_result(
            story, node->position,
            cluster_snapshot(story->cluster, node->position, index,
                             keep > SIZE_MAX ? SIZE_MAX : (size_t)keep));
    }
}

void host_read(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    craft_command name = {NULL, 0, 0};
    uint8_t *made = take_command(words, &name);

    if (story_ready(story, words)) {
        note_commands(story, &name, 1);
        story_result(story, node->position,
                     cluster_read(story->cluster, node->position));
    }
    free(made);
}

void host_read_lease(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    uint64_t now_ns = take_ms(words);
    craft_command name = {NULL, 0, 0};
    uint8_t *made = take_command(words, &name);

    if (story_ready(story, words)) {
        note_commands(story, &name, 1);
        story_result(
            story, node->position,
            cluster_read_lease(story->cluster, node->position, now_ns));
    }
    free(made);
}

void host_transfer(struct story *story, struct words *words)
{
    static const craft_command name = {(const uint8_t *)"transfer", 8, 1};
    struct cluster_node *node = story_up(story, words);
    const struct word *word = words_next(words);
    uint32_t target = 0;

    if (word != NULL && !story_position(story, word->value, &target)) {
        words_fault(words, "no such server", word->value);
    }
    if (story_ready(story, words)) {
        size_t from = story->commands_len;

        note_commands(story, &name, 1);
        commands_result(
            story, node->position,
            cluster_transfer(story->cluster, node->position, target), from);
    }
}

void host_hold(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);

    if (story_ready(story, words)) {
        cluster_hold(story->cluster, node->position);
    }
}

void host_release(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);

    if (story_ready(story, words)) {
        story_result(story, node->position,
                     cluster_release(story->cluster, node->position));
    }
}

static struct cluster_node *take_puller(struct story *story,
                                        struct words *words)
{
    struct cluster_node *node = story_up(story, words);

    if (!story->cluster->options.pull) {
        words_fault(words, "only in a cluster that says", "pull");
    }
    return node;
}

void host_lazy(struct story *story, struct words *words)
{
    struct cluster_node *node = take_puller(story, words);

    if (story_ready(story, words)) {
        node->lazy = true;
    }
}

void host_pull(struct story *story, struct words *words)
{
    struct cluster_node *node = take_puller(story, words);

    if (story_ready(story, words)) {
        cluster_pull(story->cluster, node->position);
    }
}

void host_eager(struct story *story, struct words *words)
{
    struct cluster_node *node = take_puller(story, words);

    if (story_ready(story, words)) {
        node->lazy = false;
        cluster_pull(story->cluster, node->position);
    }
}

void host_unreachable(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    uint32_t peer = story_server(story, words);

    if (story_ready(story, words)) {
        story_result(story, node->position,
                     cluster_unreachable(story->cluster, node->position, peer));
    }
}

void host_refuse(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    const struct word *word = words_next(words);
    uint64_t which = 1;

    if (word != NULL && !number_read(word->value, &which)) {
        words_fault(words, "not a number", word->value);
    }
    if (story_ready(story, words)) {
        node->refuse_in = (uint32_t)which;
        story->refusing = true;
    }
}

/* ------------------------------------------------------------ inside hooks */

static const char *const effect_names[] = {NULL,    "send", "persist", "fetch",
                                           "apply", "done", "event"};

static void run_inside(struct cluster_node *node, uint32_t effect)
{
    struct story *story = story_of(node->cluster);
    int result = story->result;
    char cannot[sizeof story->cannot];

    for (size_t i = 0; i < STORY_INSIDE_MAX; i++) {
        struct story_inside *inside = &story->inside[i];
        char *command = inside->command;

        if (inside->effect != effect || inside->position != node->position) {
            continue;
        }
        inside->effect = 0;
        inside->command = NULL;
        memcpy(cannot, story->cannot, sizeof cannot);
        story_tell(story, "%u inside %s: %s", node->position,
                   effect_names[effect], command);
        story_run(story, command);
        story->result = result;
        memcpy(story->cannot, cannot, sizeof cannot);
        free(command);
        return;
    }
}

void host_inside(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    const struct word *name = words_next(words);
    const struct word *command = words_next(words);
    uint32_t effect = CRAFT_EFFECT_EVENT;
    size_t at = 0;

    while (effect > 0 &&
           (name == NULL || strcmp(effect_names[effect], name->value) != 0)) {
        effect--;
    }
    while (at < STORY_INSIDE_MAX && story->inside[at].effect != 0) {
        at++;
    }
    if (effect == 0 || command == NULL || !command->quoted) {
        words_fault(words, "not a hook and a \"command\"",
                    name != NULL ? name->value : "");
    }
    if (at == STORY_INSIDE_MAX) {
        story_cannot(story, "too many wait for a hook");
    }
    if (!story_ready(story, words)) {
        return;
    }
    story->inside[at].position = node->position;
    story->inside[at].effect = effect;
    story->inside[at].command = strdup(command->value);
    story->cluster->inside = run_inside;
}
