/* When nothing goes wrong any more: all agree, and nobody saw otherwise. */
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define UNKNOWN_OF_KEY_MAX 64u /* many more could leave it undecided */
#define KEYS 64u

static struct craft_sim_server *leader_of(struct craft_sim *sim)
{
    struct craft_sim_server *leader = NULL;
    craft_term term = 0;

    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        craft_status status = craft_sim_server_status(&sim->servers[i]);

        if (status.role == CRAFT_ROLE_LEADER && status.term > term) {
            term = status.term;
            leader = &sim->servers[i];
        }
    }
    return leader;
}

static bool server_agrees(const struct craft_sim_server *server,
                          const craft_status *lead)
{
    craft_status status = craft_sim_server_status(server);

    return craft_sim_server_is_up(server) && status.term == lead->term &&
           status.leader == lead->id && status.last_index == lead->last_index &&
           status.commit_index == lead->commit_index &&
           status.applied_index == lead->commit_index &&
           status.tokens_open == 0 && status.forwards_open == 0 &&
           status.reads_open == 0 && status.transfer_target == 0 &&
           status.persists_open == 0 &&
           (status.flags & CRAFT_STATUS_DISK_FULL) == 0;
}

/* None of those that may be preferred to it is. */
static bool leader_is_preferred(const struct craft_sim *sim,
                                const struct craft_sim_server *leader)
{
    uint32_t voters = sim->plan.servers - sim->plan.learners;

    for (uint32_t i = 1; i <= voters; i++) {
        if (sim->servers[i].priority > leader->priority) {
            return false;
        }
    }
    return true;
}

bool craft_sim_agrees(struct craft_sim *sim)
{
    const struct craft_sim_server *leader = leader_of(sim);
    craft_status lead;

    if (leader == NULL || !leader_is_preferred(sim, leader)) {
        return false;
    }
    lead = craft_sim_server_status(leader);
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        if (!server_agrees(&sim->servers[i], &lead)) {
            return false;
        }
    }
    return lead.commit_index == lead.last_index;
}

/* -------------------------------------------------------------- at the end */

static void machines_compare(struct craft_sim *sim)
{
    const craft_sim_machine *machine = sim->machine;
    const struct craft_sim_reference *reference = &sim->reference;
    uint64_t digest = machine->digest(machine->ctx, reference->instance);

    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        struct craft_sim_server *server = &sim->servers[i];

        if (machine->digest(machine->ctx, server->instance) != digest) {
            craft_judge_convict(sim->judge, "machine: %u differs in the end",
                                i);
        }
    }
}

/* What became of a request whose client was not told. */
static void request_resolve(struct craft_sim *sim, size_t at)
{
    const struct craft_judge_log *log = craft_judge_committed(sim->judge);
    const struct craft_judge_entry *entry =
        craft_judge_proposed(sim->judge, at + 1);
    struct craft_sim_request *request = &sim->requests[at];
    const struct craft_sim_answer *answer;

    if (entry == NULL || entry->index > log->len ||
        log->entries[entry->index - 1] != entry) {
        request->state = CRAFT_SIM_OPERATION_NEVER;
        return;
    }
    answer = &sim->reference.answers[entry->index - 1];
    request->state = CRAFT_SIM_OPERATION_ANSWERED;
    request->operation.reply = answer->reply;
    request->operation.reply_len = answer->reply_len;
    request->operation.end = answer->when;
}

/* What the client wanted and saw, without its session. */
static void bare_operation(const struct craft_sim *sim,
                           craft_sim_operation *operation)
{
    if (!sim->sessions) {
        return;
    }
    operation->command += CRAFT_SIM_SESSION_HEAD;
    operation->command_len -= CRAFT_SIM_SESSION_HEAD;
    if (operation->reply_len > 0) {
        operation->reply++;
        operation->reply_len--;
    }
}

/*
 * Of each key a few operations stay unknown, as they are to their clients; of
 * the others the log tells the outcome.
 */
static size_t operations_collect(struct craft_sim *sim,
                                 craft_sim_operation *operations)
{
    uint32_t unknown[KEYS] = {0};
    size_t len = 0;

    for (size_t i = 0; i < sim->requests_len; i++) {
        struct craft_sim_request *request = &sim->requests[i];
        uint32_t *count = &unknown[request->operation.key % KEYS];

        if (request->state == CRAFT_SIM_OPERATION_OPEN ||
            request->state == CRAFT_SIM_OPERATION_UNKNOWN) {
            if (*count == UNKNOWN_OF_KEY_MAX && !sim->sessions) {
                request_resolve(sim, i);
            } else {
                ++*count;
            }
        }
        if (request->state != CRAFT_SIM_OPERATION_NEVER &&
            request->state < CRAFT_SIM_OPERATION_READ && request->first == i) {
            operations[len] = request->operation;
            bare_operation(sim, &operations[len]);
            len++;
        }
    }
    return len;
}

static void linearizability_check(struct craft_sim *sim)
{
    craft_sim_operation *operations;
    uint64_t key = 0;
    size_t len;
    int verdict;

    if (sim->bare->copy == NULL || sim->requests_len == 0) {
        return;
    }
    operations = calloc(sim->requests_len, sizeof *operations);
    if (operations == NULL) {
        craft_sim_out_of_memory(sim);
        return;
    }
    len = operations_collect(sim, operations);
    verdict = craft_sim_linearizable(sim->bare, operations, len, 0, &key);
    free(operations);
    if (verdict == CRAFT_SIM_NOT_LINEARIZABLE) {
        craft_judge_convict(sim->judge,
                            "linearizability: what clients saw of key %llu "
                            "happened in no order",
                            (unsigned long long)key);
    } else if (verdict == CRAFT_ERR_NOMEM) {
        craft_sim_out_of_memory(sim);
    } else if (verdict != CRAFT_SIM_LINEARIZABLE) {
        sim->undecided++;
    }
}

/* All agree. */
void craft_sim_finish(struct craft_sim *sim)
{
    craft_judge_converged(sim->judge);
    machines_compare(sim);
    linearizability_check(sim);
}
