#include "sim/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/judge_parts.h"

struct craft_judge *craft_judge_new(const struct craft_judge_options *options)
{
    struct craft_judge *judge = calloc(1, sizeof *judge);

    if (judge == NULL) {
        return NULL;
    }
    CRAFT_ASSERT(options->servers > 0);
    CRAFT_ASSERT(options->servers <= CRAFT_SIM_SERVERS_MAX);
    judge->servers_len = options->servers;
    judge->fetch = options->fetch;
    judge->token_of = options->token_of;
    for (uint32_t i = 1; i <= options->servers; i++) {
        judge->servers[i].id = options->ids[i - 1];
        judge->servers[i].config = options->config[i - 1];
    }
    return judge;
}

void craft_judge_free(struct craft_judge *judge)
{
    if (judge == NULL) {
        return;
    }
    while (judge->chunks != NULL) {
        struct craft_judge_chunk *next = judge->chunks->next;

        free(judge->chunks);
        judge->chunks = next;
    }
    for (uint32_t i = 1; i <= judge->servers_len; i++) {
        free(judge->servers[i].disk.log.entries);
    }
    free(judge->entries);
    free(judge->terms);
    free(judge->committed.entries);
    free(judge->tokens);
    free(judge);
}

/* --------------------------------------------------------------- judgement */

const char *craft_judge_broken(const struct craft_judge *judge)
{
    return judge->broken ? judge->text : NULL;
}

void craft_judge_convict(struct craft_judge *judge, const char *format, ...)
{
    va_list args;

    if (judge->broken) {
        return;
    }
    judge->broken = true;
    va_start(args, format);
    (void)vsnprintf(judge->text, sizeof judge->text, format, args);
    va_end(args);
}

bool craft_judge_grow(struct craft_judge *judge, void **array, size_t *max,
                      size_t wanted, size_t size)
{
    size_t more = *max > 0 ? *max : 16;
    void *grown = NULL;

    if (wanted <= *max) {
        return true;
    }
    while (more < wanted && more <= SIZE_MAX / 2 / size) {
        more *= 2;
    }
    if (more >= wanted) {
        grown = realloc(*array, more * size);
    }
    if (grown == NULL) {
        craft_judge_convict(judge, "out of memory");
        return false;
    }
    *array = grown;
    *max = more;
    return true;
}

/* ----------------------------------------------------------------- servers */

struct craft_judge_server *craft_judge_server_of(struct craft_judge *judge,
                                                 uint32_t server)
{
    CRAFT_ASSERT(server > 0);
    CRAFT_ASSERT(server <= judge->servers_len);
    return judge->broken ? NULL : &judge->servers[server];
}

struct craft_judge_server *craft_judge_actor(struct craft_judge *judge,
                                             uint32_t server, const char *what)
{
    struct craft_judge_server *of = craft_judge_server_of(judge, server);

    if (of == NULL) {
        return NULL;
    }
    if (!of->up || of->ended) {
        craft_judge_convict(judge, "%u %s after it has come to its end", server,
                            what);
        return NULL;
    }
    return of;
}

craft_status craft_judge_look(const struct craft_judge_server *of)
{
    craft_status status = of->seen;

    if (of->node != NULL) {
        status.struct_size = sizeof status;
        (void)craft_node_status(of->node, &status);
    }
    return status;
}

uint32_t craft_judge_position(const struct craft_judge *judge, craft_id id)
{
    for (uint32_t i = 1; i <= judge->servers_len; i++) {
        if (judge->servers[i].id == id) {
            return i;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------- lives */

void craft_judge_start(struct craft_judge *judge, uint32_t server,
                       const craft_node *node, craft_index applied)
{
    struct craft_judge_server *of = craft_judge_server_of(judge, server);

    if (of == NULL) {
        return;
    }
    CRAFT_ASSERT(!of->up);
    CRAFT_ASSERT(of->records_len == 0);
    of->node = node;
    of->up = true;
    of->ended = false;
    of->life++;
    of->next_ticket = 1;
    of->next_fetch = 1;
    of->applied = applied;
    of->tokens_open = 0;
    of->forwards_open = 0;
    of->others_open = 0;
    of->entered = 0;
    of->entered_last = 0;
    of->entered_term = 0;
    of->refused = 0;
    of->refused_to = 0;
    of->term = of->disk.term;
    of->commit_told = 0;
    of->log_bytes_most = 0;
    of->check_credit = 0;
    /* What it must not fall behind: the store's, at the least. */
    memset(&of->seen, 0, sizeof of->seen);
    of->seen.term = of->disk.term;
    of->seen.voted_for = of->disk.voted_for;
    of->seen.commit_index = of->disk.commit_hint;
    of->seen.applied_index = applied;
    if (applied > judge->committed.len || applied > of->disk.log.len) {
        craft_judge_convict(judge,
                            "%u begins with %llu applied, its disk has "
                            "%zu of %zu committed",
                            server, LLU(applied), of->disk.log.len,
                            judge->committed.len);
    }
}

void craft_judge_crash(struct craft_judge *judge, uint32_t server,
                       size_t survive)
{
    struct craft_judge_server *of = craft_judge_server_of(judge, server);

    if (of == NULL || !of->up) {
        return;
    }
    craft_judge_check(judge, server);
    craft_judge_batch_end(judge, server);
    craft_judge_records_end(judge, server, survive);
    of->node = NULL;
    of->up = false;
}

/* ----------------------------------------------------------------- looking */

size_t craft_judge_records(const struct craft_judge *judge, uint32_t server)
{
    CRAFT_ASSERT(server > 0);
    CRAFT_ASSERT(server <= judge->servers_len);
    return judge->servers[server].records_len;
}

const struct craft_judge_disk *craft_judge_disk(const struct craft_judge *judge,
                                                uint32_t server)
{
    CRAFT_ASSERT(server > 0);
    CRAFT_ASSERT(server <= judge->servers_len);
    return &judge->servers[server].disk;
}

const struct craft_judge_log *
craft_judge_committed(const struct craft_judge *judge)
{
    return &judge->committed;
}

uint64_t craft_judge_elections(const struct craft_judge *judge)
{
    return judge->elections;
}
