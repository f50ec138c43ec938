#include "story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

/* ------------------------------------------------------------------- texts */

static void text_add_list(struct text *text, const char *format, va_list args)
{
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len < 0) {
        abort();
    }
    if (text->len + (size_t)len + 1 > text->max) {
        text->max = (text->len + (size_t)len + 1) * 2;
        text->bytes = realloc(text->bytes, text->max);
        if (text->bytes == NULL) {
            abort();
        }
    }
    (void)vsnprintf(text->bytes + text->len, (size_t)len + 1, format, again);
    va_end(again);
    text->len += (size_t)len;
}

void text_add(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_add_list(text, format, args);
    va_end(args);
}

const char *text_of(const struct text *text)
{
    return text->len > 0 ? text->bytes : "";
}

void text_free(struct text *text)
{
    free(text->bytes);
    memset(text, 0, sizeof *text);
}

/* ----------------------------------------------------------------- telling */

void story_tell(struct story *story, const char *format, ...)
{
    va_list args;

    if (story->quiet) {
        return;
    }
    va_start(args, format);
    text_add_list(&story->out, format, args);
    va_end(args);
    text_add(&story->out, "\n");
}

void story_wrong(struct story *story, const char *format, ...)
{
    char text[512];
    va_list args;

    if (story->lenient) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fprintf(stderr, "%s:%zu: assertion failed: %s\n", story->path,
                  story->line, text);
    story->wrong = true;
}

void story_result(struct story *story, uint32_t position, int rv)
{
    story->result = rv;
    if (rv != 0) {
        story_tell(story, "%u says %s", position, tell_error(rv));
    }
}

static void look_standing(struct story *story, uint32_t position,
                          const craft_status *status)
{
    const struct story_seen *seen = &story->seen[position];
    uint32_t leader = cluster_position(story->cluster, status->leader);

    if (status->role == seen->role && status->term == seen->term &&
        status->leader == seen->leader) {
        return;
    }
    if (status->role == CRAFT_ROLE_FOLLOWER && status->leader != 0) {
        story_tell(story, "%u follower t%llu of %u", position,
                   (unsigned long long)status->term, leader);
    } else {
        story_tell(story, "%u %s t%llu", position, tell_role(status->role),
                   (unsigned long long)status->term);
    }
}

static void look_indexes(struct story *story, const struct cluster_node *node,
                         const craft_status *status)
{
    const struct story_seen *seen = &story->seen[node->position];

    if (status->durable_index != seen->durable &&
        node->persist_ends == CLUSTER_ENDS_WHEN_TOLD) {
        story_tell(story, "%u durable %llu", node->position,
                   (unsigned long long)status->durable_index);
    }
    if (status->commit_index != seen->commit) {
        story_tell(story, "%u commit %llu", node->position,
                   (unsigned long long)status->commit_index);
    }
    if (status->applied_index != seen->applied &&
        node->apply_ends == CLUSTER_ENDS_WHEN_TOLD) {
        story_tell(story, "%u applied %llu", node->position,
                   (unsigned long long)status->applied_index);
    }
}

static void look_flags(struct story *story, uint32_t position, uint32_t flags)
{
    uint32_t changed = flags ^ story->seen[position].flags;

    if ((changed & CRAFT_STATUS_HALTED) != 0) {
        story_tell(story, "%u halted", position);
    }
    if ((changed & CRAFT_STATUS_STOPPED) != 0) {
        story_tell(story, "%u stopped", position);
    }
    if ((changed & CRAFT_STATUS_DISK_FULL) != 0) {
        story_tell(story, "%u disk %s", position,
                   (flags & CRAFT_STATUS_DISK_FULL) != 0 ? "full" : "has room");
    }
}

void story_see(struct story *story, uint32_t position,
               const craft_status *status)
{
    struct story_seen *seen = &story->seen[position];

    seen->term = status->term;
    seen->leader = status->leader;
    seen->role = status->role;
    seen->commit = status->commit_index;
    seen->durable = status->durable_index;
    seen->applied = status->applied_index;
    seen->flags = status->flags;
}

void story_look(struct story *story, uint32_t position)
{
    const struct cluster_node *node = &story->cluster->nodes[position];
    craft_status status;

    if (node->node == NULL) {
        return;
    }
    status = cluster_status(story->cluster, position);
    look_standing(story, position, &status);
    look_flags(story, position, status.flags);
    look_indexes(story, node, &status);
    story_see(story, position, &status);
}

void story_look_all(struct story *story)
{
    for (uint32_t i = 1;
         story->cluster != NULL && i <= story->cluster->options.nodes; i++) {
        story_look(story, i);
    }
}

/* ----------------------------------------------------------------- parsing */

void story_cannot(struct story *story, const char *format, ...)
{
    va_list args;

    if (story->cannot[0] != '\0') {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(story->cannot, sizeof story->cannot, format, args);
    va_end(args);
}

bool story_ready(struct story *story, struct words *words)
{
    const struct word *left = words_left(words);

    if (left != NULL) {
        words_fault(words, "not understood here",
                    left->key[0] != '\0' ? left->key : left->value);
    }
    return words->fault[0] == '\0' && story->cannot[0] == '\0';
}

bool story_position(const struct story *story, const char *text,
                    uint32_t *position)
{
    uint64_t number = 0;

    if (!number_read(text, &number) || number == 0 ||
        number > story->cluster->options.nodes) {
        return false;
    }
    *position = (uint32_t)number;
    return true;
}

uint32_t story_server(struct story *story, struct words *words)
{
    const struct word *word = words_next(words);
    uint32_t position = 0;

    if (word == NULL || !story_position(story, word->value, &position)) {
        words_fault(words, "there is no server",
                    word != NULL ? word->value : "");
    }
    return position;
}

struct cluster_node *story_up(struct story *story, struct words *words)
{
    uint32_t position = story_server(story, words);

    if (position != 0 && story->cluster->nodes[position].node == NULL) {
        story_cannot(story, "server %u is not up", position);
    }
    return &story->cluster->nodes[position];
}

uint32_t story_servers(struct story *story, struct words *words)
{
    struct word *word = words_next(words);
    char *items[WORD_ITEMS_MAX];
    size_t len;
    uint32_t mask = 0;

    if (word == NULL || strcmp(word->value, "all") == 0) {
        for (uint32_t i = 1; i <= story->cluster->options.nodes; i++) {
            if (story->cluster->nodes[i].node != NULL) {
                mask |= 1u << i;
            }
        }
        return mask;
    }
    len = word_items(words, word, items);
    for (size_t i = 0; i < len; i++) {
        uint32_t position = 0;

        if (!story_position(story, items[i], &position)) {
            words_fault(words, "there is no server", items[i]);
        } else if (story->cluster->nodes[position].node == NULL) {
            story_cannot(story, "server %u is not up", position);
        }
        mask |= 1u << position;
    }
    return mask;
}

/* ----------------------------------------------------------------- running */

#if defined(__GNUC__)
__attribute__((noreturn))
#endif
static void
malformed(const struct story *story, const char *text)
{
    (void)fprintf(stderr, "%s:%zu: %s\n", story->path, story->line, text);
    exit(1);
}

/* What the script says that the command returns, else STORY_NO_RESULT. */
static int must_read(struct words *words)
{
    const struct word *word = words_key(words, "must");

    if (word == NULL) {
        return STORY_NO_RESULT;
    }
    if (strcmp(word->value, "ok") == 0) {
        return 0;
    }
    for (int error = -1; error > -1000; error--) {
        if (strcmp(tell_error(error), word->value) == 0) {
            return error;
        }
    }
    words_fault(words, "no error has this name", word->value);
    return STORY_NO_RESULT;
}

static void must_judge(struct story *story, struct words *words, int must)
{
    if (must == STORY_NO_RESULT || story->cannot[0] != '\0') {
        return;
    }
    if (story->result == STORY_NO_RESULT) {
        words_fault(words, "this command returns nothing", "must");
    } else if (story->result != must) {
        story_wrong(story, "%s, not %s", tell_error(story->result),
                    tell_error(must));
    }
}

/*
 * An allocation was refused. Only a call that has said so and was repeated
 * leaves the story as it is without that.
 */
static void relent(struct story *story)
{
    const struct cluster_refusal *refusal = story->refusal;

    if (refusal != NULL && refusal->refused &&
        (!refusal->repeat || !refusal->told || story->refusing)) {
        story->lenient = true;
    }
}

void story_run(struct story *story, const char *line)
{
    struct words words;
    const struct command *command;
    const struct word *name;
    int must;

    words_cut(&words, line);
    story->result = STORY_NO_RESULT;
    story->cannot[0] = '\0';
    name = words_next(&words);
    command = name != NULL ? command_find(name->value) : NULL;
    if (words.fault[0] == '\0' && command == NULL) {
        words_fault(&words, "there is no command",
                    name != NULL ? name->value : line);
    }
    if (words.fault[0] == '\0' && command->needs_cluster &&
        story->cluster == NULL) {
        words_fault(&words, "the first command is", "cluster");
    }
    must = must_read(&words);
    if (words.fault[0] == '\0') {
        command->run(story, &words);
        relent(story);
        story_look_all(story);
        must_judge(story, &words, must);
    }
    if (words.fault[0] != '\0') {
        malformed(story, words.fault);
    }
    if (story->cannot[0] != '\0' && !story->lenient) {
        malformed(story, story->cannot);
    }
    words_free(&words);
}

/* ------------------------------------------------------------ begin and end */

void story_broken(const struct story *story, const char *text)
{
    if (story->out.len > 0) {
        (void)fprintf(stderr, "%s", story->out.bytes);
    }
    if (story->refusal != NULL && story->refusal->at > 0) {
        (void)fprintf(stderr, "allocation %llu refused, the call %s\n",
                      (unsigned long long)story->refusal->at,
                      story->refusal->repeat ? "repeated" : "not repeated");
    }
    (void)fprintf(stderr, "%s:%zu: broken: %s\n", story->path, story->line,
                  text);
    exit(1);
}

/* An assertion of the library has nothing but this to tell where it stands. */
static const struct story *running;

static void assertion_failed(const char *expression, const char *file, int line)
{
    char text[512];

    (void)snprintf(text, sizeof text, "assertion %s, %s:%d", expression, file,
                   line);
    story_broken(running, text);
}

struct cluster *story_found(const struct cluster_options *options)
{
    struct cluster *cluster = cluster_new(options);
    struct story *story = options->data;

    running = story;
    craft_set_assert_handler(assertion_failed);
    for (uint32_t i = 1; i <= options->nodes; i++) {
        craft_status status = cluster_status(cluster, i);

        story_see(story, i, &status);
    }
    return cluster;
}

void story_forget(struct story *story)
{
    if (story->cluster != NULL) {
        cluster_free(story->cluster);
        story->cluster = NULL;
    }
    for (size_t i = 0; i < story->commands_len; i++) {
        free(story->commands[i]);
    }
    free(story->commands);
    story->commands = NULL;
    story->commands_len = 0;
    for (size_t i = 0; i < STORY_INSIDE_MAX; i++) {
        free(story->inside[i].command);
    }
    memset(story->inside, 0, sizeof story->inside);
    memset(story->seen, 0, sizeof story->seen);
    memset(story->rounds, 0, sizeof story->rounds);
    memset(story->questions, 0, sizeof story->questions);
}

void story_end(struct story *story)
{
    story_forget(story);
    text_free(&story->out);
}
