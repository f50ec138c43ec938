#include "judge_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GROUP 7u

static bool is_up(const struct judge_play *play, uint32_t server)
{
    return play->status[server].flags == CRAFT_STATUS_STARTED;
}

/* ----------------------------------------------------------------- entries */

craft_id judge_play_id(uint32_t server)
{
    return server + 10;
}

static void entry_read(craft_entry *entry, const char *word)
{
    char *at = NULL;

    memset(entry, 0, sizeof *entry);
    entry->term = strtoull(word, &at, 10);
    entry->data = (const uint8_t *)at;
    while (*at != 0 && *at != ' ' && *at != '#') {
        at++;
    }
    entry->data_len = (size_t)(at - (const char *)entry->data);
    entry->kind = entry->data_len > 0 ? CRAFT_ENTRY_COMMAND : CRAFT_ENTRY_NOOP;
    if (*at == '#') {
        entry->token = strtoull(at + 1, NULL, 10);
    }
}

craft_entry *judge_play_entries(struct judge_play *play, craft_index first,
                                const char *text, size_t *len_out)
{
    craft_entry *entries = &play->pool[play->pool_len];
    size_t len = 0;

    while (text != NULL && *text != 0) {
        assert_true(play->pool_len < PLAY_POOL_MAX);
        entry_read(&entries[len], text);
        entries[len].index = first + len;
        len++;
        play->pool_len++;
        text = strchr(text, ' ');
        text = text != NULL ? text + 1 : NULL;
    }
    *len_out = len;
    return len > 0 ? entries : NULL;
}

/* ------------------------------------------------------------------- disks */

craft_persist judge_play_record(struct judge_play *play, uint32_t server,
                                struct judge_write write)
{
    craft_persist record = play->newest[server];

    record.flags = CRAFT_PERSIST_MUST_SYNC;
    record.ticket++;
    record.truncate_from = write.truncate_from;
    record.first_index = write.first;
    record.entries = judge_play_entries(play, write.first, write.entries,
                                        &record.entries_len);
    if (write.term != 0 && write.term != record.term) {
        record.term = write.term;
        record.voted_for = 0;
        record.flags |= CRAFT_PERSIST_HARD_STATE;
    }
    if (write.voted_for != 0) {
        record.voted_for = write.voted_for;
        record.flags |= CRAFT_PERSIST_HARD_STATE;
    }
    if (write.commit_hint != 0) {
        record.commit_hint = write.commit_hint;
        record.flags |= CRAFT_PERSIST_HARD_STATE;
    }
    if (write.truncate_from != 0) {
        record.flags |= CRAFT_PERSIST_TRUNCATE;
    }
    if (record.entries_len > 0) {
        record.flags |= CRAFT_PERSIST_ENTRIES;
    }
    return record;
}

uint64_t judge_play_write(struct judge_play *play, uint32_t server,
                          struct judge_write write)
{
    craft_persist record = judge_play_record(play, server, write);
    craft_status *status = &play->status[server];

    if (write.truncate_from != 0 &&
        write.truncate_from <= status->durable_index) {
        status->durable_index = write.truncate_from - 1;
    }
    craft_judge_persist(play->judge, server, &record);
    play->newest[server] = record;
    status->term = record.term;
    status->voted_for = record.voted_for;
    status->persists_open++;
    if (record.entries_len > 0) {
        status->last_index = record.first_index + record.entries_len - 1;
        status->last_term = record.entries[record.entries_len - 1].term;
    }
    return record.ticket;
}

static void disk_follow(struct judge_play *play, uint32_t server)
{
    play->status[server].durable_index =
        craft_judge_disk(play->judge, server)->log.len;
    play->status[server].persists_open =
        (uint32_t)craft_judge_records(play->judge, server);
}

void judge_play_wrote(struct judge_play *play, uint32_t server, uint64_t ticket)
{
    craft_judge_persisted(play->judge, server, ticket, CRAFT_ENDING_OK, 0);
    disk_follow(play, server);
}

void judge_play_save(struct judge_play *play, uint32_t server,
                     struct judge_write write)
{
    judge_play_wrote(play, server, judge_play_write(play, server, write));
}

void judge_play_crash(struct judge_play *play, uint32_t server, size_t survive)
{
    craft_judge_crash(play->judge, server, survive);
    play->status[server].flags = 0;
}

void judge_play_start(struct judge_play *play, uint32_t server,
                      craft_index applied)
{
    const struct craft_judge_disk *disk = craft_judge_disk(play->judge, server);
    const struct craft_judge_log *log = &disk->log;
    craft_status *status = &play->status[server];
    craft_persist *newest = &play->newest[server];

    memset(newest, 0, sizeof *newest);
    newest->struct_size = sizeof *newest;
    newest->term = disk->term;
    newest->voted_for = disk->voted_for;
    newest->commit_hint = disk->commit_hint;
    memset(status, 0, sizeof *status);
    status->struct_size = sizeof *status;
    status->flags = CRAFT_STATUS_STARTED;
    status->id = judge_play_id(server);
    status->group = GROUP;
    status->term = disk->term;
    status->voted_for = disk->voted_for;
    status->last_index = log->len;
    status->last_term = log->len > 0 ? log->entries[log->len - 1]->term : 0;
    status->durable_index = log->len;
    status->commit_index =
        applied > disk->commit_hint ? applied : disk->commit_hint;
    status->applied_index = applied;
    status->configuration_index = log->len > 0 ? 1 : 0;
    craft_judge_start(play->judge, server, NULL, applied);
}

/* -------------------------------------------------------------------- life */

static void server_found(struct judge_play *play, uint32_t server)
{
    craft_persist record;

    judge_play_start(play, server, 0);
    record = judge_play_record(
        play, server,
        (struct judge_write){
            .term = 1, .commit_hint = 1, .first = 1, .entries = "1members"});
    play->pool[play->pool_len - 1].kind = CRAFT_ENTRY_CONFIGURATION;
    craft_judge_persist(play->judge, server, &record);
    play->newest[server] = record;
    play->status[server].term = 1;
    play->status[server].last_index = 1;
    play->status[server].last_term = 1;
    play->status[server].commit_index = 1;
    play->status[server].configuration_index = 1;
    judge_play_wrote(play, server, record.ticket);
    play->status[server].applied_index = 1;
    judge_play_step(play, server);
}

/* Of a capital letter. */
static uint64_t token_of(const uint8_t *data, size_t data_len)
{
    return data_len == 1 && *data >= 'A' && *data <= 'Z' ? *data - 'A' + 1u : 0;
}

struct judge_play *judge_play_new(uint32_t servers)
{
    struct judge_play *play = calloc(1, sizeof *play);
    craft_id ids[CRAFT_SIM_SERVERS_MAX];
    craft_config configs[CRAFT_SIM_SERVERS_MAX];
    struct craft_judge_options options = {servers, ids, configs, true,
                                          token_of};

    assert_non_null(play);
    for (uint32_t i = 0; i < servers; i++) {
        ids[i] = judge_play_id(i + 1);
        craft_config_init(&configs[i], sizeof configs[i]);
        configs[i].group = GROUP;
        configs[i].persist_inflight_max = 2;
        configs[i].entry_bytes_max = 1024;
        configs[i].message_bytes_max = 4096;
        configs[i].log_cache_bytes_max = 4096;
    }
    play->servers = servers;
    play->judge = craft_judge_new(&options);
    assert_non_null(play->judge);
    for (uint32_t i = 1; i <= servers; i++) {
        server_found(play, i);
    }
    assert_null(craft_judge_broken(play->judge));
    return play;
}

static void play_end(struct judge_play *play)
{
    craft_judge_free(play->judge);
    free(play);
}

void judge_play_free(struct judge_play *play)
{
    if (craft_judge_broken(play->judge) != NULL) {
        print_error("%s\n", craft_judge_broken(play->judge));
    }
    assert_null(craft_judge_broken(play->judge));
    play_end(play);
}

void judge_play_convicted(struct judge_play *play, const char *words)
{
    const char *broken = craft_judge_broken(play->judge);

    if (broken == NULL || strstr(broken, words) == NULL) {
        print_error("not \"%s\" but: %s\n", words,
                    broken != NULL ? broken : "nothing");
        fail();
    }
    play_end(play);
}

/* ---------------------------------------------------------------- messages */

craft_message judge_play_message(struct judge_play *play, uint32_t kind,
                                 uint32_t from, uint32_t to)
{
    craft_message message;

    memset(&message, 0, sizeof message);
    message.struct_size = sizeof message;
    message.kind = kind;
    message.group = GROUP;
    message.from = judge_play_id(from);
    message.to = judge_play_id(to);
    message.term = play->status[from].term;
    return message;
}

void judge_play_grant(struct judge_play *play, uint32_t server, uint32_t to)
{
    craft_message message =
        judge_play_message(play, CRAFT_MESSAGE_VOTE_REPLY, server, to);

    message.as.vote_reply.granted = 1;
    craft_judge_send(play->judge, server, &message);
}

void judge_play_ask(struct judge_play *play, uint32_t server)
{
    craft_message message = judge_play_message(play, CRAFT_MESSAGE_VOTE, server,
                                               server == 1 ? 2 : 1);

    message.as.vote.last_index = play->status[server].last_index;
    message.as.vote.last_term = play->status[server].last_term;
    craft_judge_send(play->judge, server, &message);
}

void judge_play_match(struct judge_play *play, uint32_t from, uint32_t to,
                      craft_index match)
{
    craft_message message =
        judge_play_message(play, CRAFT_MESSAGE_APPEND_REPLY, from, to);

    message.as.append_reply.match_index = match;
    craft_judge_send(play->judge, from, &message);
}

void judge_play_append(struct judge_play *play, uint32_t from, uint32_t to,
                       struct judge_append append)
{
    craft_message message =
        judge_play_message(play, CRAFT_MESSAGE_APPEND, from, to);

    message.as.append.prev_index = append.prev;
    message.as.append.prev_term = append.prev_term;
    message.as.append.commit = append.commit;
    message.as.append.entries = judge_play_entries(
        play, append.prev + 1, append.entries, &message.as.append.entries_len);
    craft_judge_send(play->judge, from, &message);
}

void judge_play_forward(struct judge_play *play, uint32_t from, uint32_t to,
                        const char *commands)
{
    craft_message message =
        judge_play_message(play, CRAFT_MESSAGE_FORWARD, from, to);

    message.as.forward.session = 1;
    message.as.forward.number = 100;
    message.as.forward.entries =
        judge_play_entries(play, 0, commands, &message.as.forward.entries_len);
    craft_judge_send(play->judge, from, &message);
}

void judge_play_taken(struct judge_play *play, uint32_t from, uint32_t to,
                      craft_index index, uint32_t count)
{
    craft_message message =
        judge_play_message(play, CRAFT_MESSAGE_FORWARD_REPLY, from, to);

    message.as.forward_reply.verdict = CRAFT_FORWARD_TAKEN;
    message.as.forward_reply.count = count;
    message.as.forward_reply.session = 1;
    message.as.forward_reply.number = 100;
    message.as.forward_reply.index = index;
    craft_judge_send(play->judge, from, &message);
}

/* ----------------------------------------------------------------- stories */

void judge_play_step(struct judge_play *play, uint32_t server)
{
    craft_judge_step_status(play->judge, server, &play->status[server],
                            play->memory);
}

void judge_play_step_all(struct judge_play *play)
{
    for (uint32_t i = 1; i <= play->servers; i++) {
        if (is_up(play, i)) {
            judge_play_step(play, i);
        }
    }
}

void judge_play_elect(struct judge_play *play, uint32_t server, craft_term term)
{
    craft_id id = judge_play_id(server);

    judge_play_save(play, server,
                    (struct judge_write){.term = term, .voted_for = id});
    if (play->servers > 1) {
        judge_play_ask(play, server);
    }
    for (uint32_t i = 1; i <= play->servers; i++) {
        if (i != server && is_up(play, i)) {
            judge_play_save(
                play, i, (struct judge_write){.term = term, .voted_for = id});
            play->status[i].role = CRAFT_ROLE_FOLLOWER;
            judge_play_grant(play, i, server);
            play->status[i].leader = id;
        }
    }
    play->status[server].role = CRAFT_ROLE_LEADER;
    play->status[server].leader = id;
    judge_play_step_all(play);
}

void judge_play_take(struct judge_play *play, uint32_t leader, uint32_t to,
                     const char *entries)
{
    craft_status *status = &play->status[to];
    struct judge_append append = {.prev = status->last_index,
                                  .prev_term = status->last_term,
                                  .entries = entries,
                                  .commit = play->status[leader].commit_index};

    judge_play_append(play, leader, to, append);
    judge_play_save(play, to,
                    (struct judge_write){.term = play->status[leader].term,
                                         .first = status->last_index + 1,
                                         .entries = entries});
    judge_play_match(play, to, leader, status->last_index);
}

void judge_play_replicate(struct judge_play *play, uint32_t leader,
                          const char *entries)
{
    craft_index last;

    for (uint32_t i = 1; i <= play->servers; i++) {
        if (i != leader && is_up(play, i)) {
            judge_play_take(play, leader, i, entries);
        }
    }
    judge_play_save(
        play, leader,
        (struct judge_write){.first = play->status[leader].last_index + 1,
                             .entries = entries});
    last = play->status[leader].last_index;
    play->status[leader].commit_index = last;
    judge_play_step(play, leader);
    for (uint32_t i = 1; i <= play->servers; i++) {
        if (is_up(play, i)) {
            play->status[i].commit_index = last;
        }
    }
    judge_play_step_all(play);
}

void judge_play_apply(struct judge_play *play, uint32_t server,
                      craft_index first, const char *entries)
{
    size_t len = 0;
    const craft_entry *batch = judge_play_entries(play, first, entries, &len);

    craft_judge_apply(play->judge, server, batch, len);
    craft_judge_applied(play->judge, server, first + len - 1, CRAFT_ENDING_OK);
    play->status[server].applied_index = first + len - 1;
    judge_play_step(play, server);
}

uint64_t judge_play_propose(struct judge_play *play, uint32_t server)
{
    play->tokens++;
    craft_judge_propose(play->judge, server, play->tokens);
    if (play->status[server].role == CRAFT_ROLE_LEADER) {
        play->status[server].tokens_open++;
    } else {
        play->status[server].forwards_open++;
        play->forwarded |= (uint64_t)1 << play->tokens;
    }
    return play->tokens;
}

void judge_play_done(struct judge_play *play, uint32_t server, uint64_t token,
                     int result, craft_index index)
{
    craft_judge_done(play->judge, server, token, result, index);
    if ((play->forwarded >> token & 1) != 0) {
        play->status[server].forwards_open--;
    } else {
        play->status[server].tokens_open--;
    }
}
