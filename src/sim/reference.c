/*
 * The state machine that follows what is committed. Every server's gives the
 * same answers, and where its state is looked at, the same digest.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define DIGEST_EVERY 16u /* digests may cost as much as the state is large */

bool craft_sim_reference_init(struct craft_sim *sim)
{
    const craft_sim_machine *machine = sim->machine;

    sim->reference.instance = machine->open(machine->ctx, 0);
    return sim->reference.instance != NULL;
}

void craft_sim_reference_free(struct craft_sim *sim)
{
    const craft_sim_machine *machine = sim->machine;

    if (sim->reference.instance != NULL) {
        machine->close(machine->ctx, sim->reference.instance);
    }
    free(sim->reference.answers);
}

/* Without its name. */
static size_t machine_apply(const struct craft_sim *sim, void *instance,
                            const uint8_t *data, size_t data_len,
                            uint8_t *reply)
{
    const craft_sim_machine *machine = sim->machine;

    if (data_len < CRAFT_SIM_NAME_LEN) {
        return 0; /* which the judge has seen */
    }
    return machine->apply(machine->ctx, instance, data + CRAFT_SIM_NAME_LEN,
                          data_len - CRAFT_SIM_NAME_LEN, reply,
                          CRAFT_SIM_REPLY_LEN_MAX);
}

static bool answer_make(struct craft_sim *sim,
                        const struct craft_judge_entry *entry,
                        struct craft_sim_answer *answer)
{
    const craft_sim_machine *machine = sim->machine;
    void *instance = sim->reference.instance;
    uint8_t reply[CRAFT_SIM_REPLY_LEN_MAX];

    memset(answer, 0, sizeof *answer);
    if (entry->kind != CRAFT_ENTRY_COMMAND) {
        return true;
    }
    answer->when = sim->steps;
    answer->reply_len =
        machine_apply(sim, instance, entry->data, entry->data_len, reply);
    if (answer->reply_len > sizeof reply) {
        craft_judge_convict(sim->judge, "machine: a reply of %zu bytes",
                            answer->reply_len);
        return false;
    }
    answer->reply = craft_sim_arena_copy(&sim->arena, reply, answer->reply_len);
    if (entry->index % DIGEST_EVERY == 0) {
        answer->digest = machine->digest(machine->ctx, instance);
    }
    return answer->reply != NULL;
}

/* Take what is committed, up to index. */
static bool reference_follow(struct craft_sim *sim, craft_index index)
{
    const struct craft_judge_log *log = craft_judge_committed(sim->judge);
    struct craft_sim_reference *reference = &sim->reference;
    struct craft_sim_answer *answers;

    if (index > log->len) {
        return false; /* which is the judge's to say */
    }
    answers = craft_sim_grow(reference->answers, &reference->max, (size_t)index,
                             sizeof *answers);
    if (answers == NULL) {
        craft_sim_out_of_memory(sim);
        return false;
    }
    reference->answers = answers;
    while (reference->index < index) {
        if (!answer_make(sim, log->entries[reference->index],
                         &answers[reference->index])) {
            craft_sim_out_of_memory(sim);
            return false;
        }
        reference->index++;
    }
    return true;
}

void craft_sim_machine_take(struct craft_sim_server *server,
                            const craft_entry *entry)
{
    struct craft_sim *sim = server->sim;
    const craft_sim_machine *machine = sim->machine;
    const struct craft_sim_answer *answer;
    uint8_t reply[CRAFT_SIM_REPLY_LEN_MAX];
    size_t len;

    if (entry->index > sim->reference.index &&
        !reference_follow(sim, entry->index)) {
        return;
    }
    answer = &sim->reference.answers[entry->index - 1];
    len = machine_apply(sim, server->instance, entry->data, entry->data_len,
                        reply);
    server->applied = entry->index;
    if (len != answer->reply_len || memcmp(reply, answer->reply, len) != 0) {
        craft_judge_convict(
            sim->judge,
            "machine: %u answers %llu otherwise than the log has it",
            server->position, (unsigned long long)entry->index);
    }
    if (entry->index % DIGEST_EVERY == 0 &&
        machine->digest(machine->ctx, server->instance) != answer->digest) {
        craft_judge_convict(sim->judge,
                            "machine: %u differs after %llu from the log",
                            server->position, (unsigned long long)entry->index);
    }
}
