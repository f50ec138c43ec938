/*
 * judge_play: histories made by hand, told to the judge of the simulator.
 * There are no nodes: what they would do and say is what the test tells. A
 * helper tells what a correct server would, and keeps its status; a test
 * changes the rest itself.
 *
 * Entries are words of a text: the term, the command if it is one, the token
 * behind '#'. "2 2a 3b#1": a no-op and a command of term 2, then a command of
 * term 3 with token 1. A capital letter is the command that was proposed under
 * the first token, the second, ...: "3B".
 */
#ifndef JUDGE_PLAY_H
#define JUDGE_PLAY_H

#include "sim/judge.h"

#define PLAY_POOL_MAX 512u

struct judge_play {
    struct craft_judge *judge;
    uint32_t servers;
    uint64_t tokens;
    uint64_t forwarded; /* a bit for each that was */
    craft_status status[CRAFT_SIM_SERVERS_MAX + 1];
    craft_persist newest[CRAFT_SIM_SERVERS_MAX + 1]; /* that was written */
    size_t memory;

    craft_entry pool[PLAY_POOL_MAX]; /* what is lent */
    size_t pool_len;
};

/* A founded group: entry 1@1 is durable everywhere and committed; ids are 11,
 * 12, ...; two records may be open. */
struct judge_play *judge_play_new(uint32_t servers);
/* Fails unless nothing was broken. */
void judge_play_free(struct judge_play *play);
/* The same of a history that was to be broken, in these words. */
void judge_play_convicted(struct judge_play *play, const char *words);

craft_id judge_play_id(uint32_t server);
/* Entries from index on, as the text says; valid until the end. */
craft_entry *judge_play_entries(struct judge_play *play, craft_index first,
                                const char *text, size_t *len_out);

/* ------------------------------------------------------------------- disks */

/* A record; what is 0 is as in the one before. */
struct judge_write {
    craft_term term;
    craft_id voted_for;
    craft_index commit_hint;
    craft_index truncate_from;
    craft_index first;
    const char *entries; /* NULL: none */
};

/* Told later by craft_judge_persist(). */
craft_persist judge_play_record(struct judge_play *play, uint32_t server,
                                struct judge_write write);
/* Written; the ticket. */
uint64_t judge_play_write(struct judge_play *play, uint32_t server,
                          struct judge_write write);
/* Durable, all up to that ticket. */
void judge_play_wrote(struct judge_play *play, uint32_t server,
                      uint64_t ticket);
/* Both. */
void judge_play_save(struct judge_play *play, uint32_t server,
                     struct judge_write write);
void judge_play_crash(struct judge_play *play, uint32_t server, size_t survive);
void judge_play_start(struct judge_play *play, uint32_t server,
                      craft_index applied);

/* ---------------------------------------------------------------- messages */

craft_message judge_play_message(struct judge_play *play, uint32_t kind,
                                 uint32_t from, uint32_t to);
/* A granted vote leaves. */
void judge_play_grant(struct judge_play *play, uint32_t server, uint32_t to);
/* A vote request leaves, with the log on the disk. */
void judge_play_ask(struct judge_play *play, uint32_t server);
void judge_play_match(struct judge_play *play, uint32_t from, uint32_t to,
                      craft_index match);

struct judge_append {
    craft_index prev;
    craft_term prev_term;
    const char *entries; /* NULL: none */
    craft_index commit;
};

void judge_play_append(struct judge_play *play, uint32_t from, uint32_t to,
                       struct judge_append append);

/* ----------------------------------------------------------------- stories */

/* What the server says of itself. */
void judge_play_step(struct judge_play *play, uint32_t server);
void judge_play_step_all(struct judge_play *play);
/* The server asks in that term, all that are up grant, it leads. */
void judge_play_elect(struct judge_play *play, uint32_t server,
                      craft_term term);
/* The leader appends these; all that are up save and commit them. */
void judge_play_replicate(struct judge_play *play, uint32_t leader,
                          const char *entries);
/* Only this follower takes entries of the leader behind its own log. */
void judge_play_take(struct judge_play *play, uint32_t leader, uint32_t to,
                     const char *entries);
/* The state machine takes the commands from `first` on. */
void judge_play_apply(struct judge_play *play, uint32_t server,
                      craft_index first, const char *entries);
/* A proposal, forwarded where it does not lead: its token. */
uint64_t judge_play_propose(struct judge_play *play, uint32_t server);
/* Commands leave a follower for the server; an answer of the leader. */
void judge_play_forward(struct judge_play *play, uint32_t from, uint32_t to,
                        const char *commands);
void judge_play_taken(struct judge_play *play, uint32_t from, uint32_t to,
                      craft_index index, uint32_t count);
/* It ends. */
void judge_play_done(struct judge_play *play, uint32_t server, uint64_t token,
                     int result, craft_index index);

#endif
