/* What a node says of itself is so, after every step. */
#include "cluster_parts.h"

#define LLU(x) ((unsigned long long)(x))

static craft_explanation explain(struct cluster_node *node, uint32_t question,
                                 uint64_t subject)
{
    craft_explanation told = {.struct_size = sizeof told};

    if (craft_explain(node->node, question, subject, &told) != 0) {
        cluster_fail(node->cluster, "%u does not answer question %u of %llu",
                     node->position, question, LLU(subject));
    }
    return told;
}

#if defined(__GNUC__)
__attribute__((noreturn))
#endif
static void
untrue(struct cluster_node *node, const craft_explanation *told,
       const char *what)
{
    char text[1024];

    (void)craft_describe_explanation(told, text, sizeof text);
    cluster_fail(node->cluster, "%u: %s: %s (%s)", node->position, what, text,
                 craft_why_name(told->code));
}

static bool is_one_of(const craft_explanation *told, uint32_t first,
                      uint32_t last)
{
    return told->code >= first && told->code <= last;
}

/* All is delivered, so nothing waits for that. */
static bool is_quiet(const struct cluster_node *node)
{
    return node->holds == 0 && !(node->cluster->options.pull && node->lazy);
}

static craft_explanation ask(struct cluster_node *node, uint32_t question,
                             uint64_t subject)
{
    craft_explanation told = explain(node, question, subject);

    if (told.code == CRAFT_WHY_OTHER ||
        (is_quiet(node) &&
         is_one_of(&told, CRAFT_WHY_UNSETTLED, CRAFT_WHY_DELIVERY))) {
        untrue(node, &told, "no cause");
    }
    if (told.needed > told.servers_len || told.refused > told.servers_len) {
        untrue(node, &told, "counts more than there are");
    }
    return told;
}

/* ------------------------------------------------------------------ leader */

static void leader_explained(struct cluster_node *node,
                             const craft_status *status)
{
    craft_explanation told = ask(node, CRAFT_QUESTION_LEADER, 0);
    bool leads = status->role == CRAFT_ROLE_LEADER;
    bool known =
        told.code == CRAFT_WHY_FOLLOWS || told.code == CRAFT_WHY_LEADER_SILENT;
    bool votes =
        told.code == CRAFT_WHY_VOTES || told.code == CRAFT_WHY_PRE_VOTES;

    if (told.code == CRAFT_WHY_UNSETTLED) {
        return;
    }
    if ((told.code == CRAFT_WHY_LEADS) != leads ||
        (known && told.id != status->leader) || (known && told.id == 0) ||
        (told.code == CRAFT_WHY_TIMER && status->leader != 0) ||
        (told.code == CRAFT_WHY_VOTES &&
         status->role != CRAFT_ROLE_CANDIDATE) ||
        (told.code == CRAFT_WHY_PRE_VOTES &&
         status->role != CRAFT_ROLE_PRE_CANDIDATE)) {
        untrue(node, &told, "who leads");
    }
    if (votes && told.needed == 0) {
        untrue(node, &told, "has won");
    }
    if (told.ticks != 0 && told.ticks < craft_ticks_until_due(node->node)) {
        untrue(node, &told, "is due later");
    }
}

/* ------------------------------------------------------------------ commit */

static bool takes_inputs(const craft_status *status)
{
    return (status->flags & (CRAFT_STATUS_HALTED | CRAFT_STATUS_STOPPED)) == 0;
}

/* Is it so that just these voters lack it? */
static void voters_counted(struct cluster_node *node,
                           const craft_status *status,
                           const craft_explanation *told)
{
    craft_peer_status peer = {.struct_size = sizeof peer};
    uint32_t voters = (status->flags & CRAFT_STATUS_VOTER) != 0;
    uint32_t have = voters != 0 && status->durable_index >= told->index;

    for (uint32_t i = 0; i < status->peers_len; i++) {
        peer.struct_size = sizeof peer;
        (void)craft_node_peer(node->node, i, &peer);
        if (peer.role == CRAFT_MEMBER_VOTER) {
            voters++;
            have += peer.match_index >= told->index;
        }
    }
    if (have + told->needed != voters / 2 + 1 ||
        have + told->servers_len != voters || told->needed == 0) {
        untrue(node, told, "counts other voters");
    }
}

static void commit_explained(struct cluster_node *node,
                             const craft_status *status, craft_index index)
{
    craft_explanation told = ask(node, CRAFT_QUESTION_COMMIT, index);
    bool counted = told.code == CRAFT_WHY_VOTERS ||
                   told.code == CRAFT_WHY_OLD_TERM ||
                   told.code == CRAFT_WHY_OWN_DISK;

    if ((told.code == CRAFT_WHY_COMMITTED) != (index <= status->commit_index)) {
        untrue(node, &told, "what is committed");
    }
    if (!takes_inputs(status)) {
        return;
    }
    if ((told.code == CRAFT_WHY_BEYOND_LOG) != (index > status->last_index)) {
        untrue(node, &told, "what the log has");
    }
    if (counted) {
        if (status->role != CRAFT_ROLE_LEADER) {
            untrue(node, &told, "counts as no leader");
        }
        voters_counted(node, status, &told);
    }
}

/* ------------------------------------------------------------------- peers */

static void peer_explained(struct cluster_node *node,
                           const craft_status *status, uint32_t position)
{
    craft_peer_status peer = {.struct_size = sizeof peer};
    craft_explanation told;

    (void)craft_node_peer(node->node, position, &peer);
    told = ask(node, CRAFT_QUESTION_PEER, peer.id);
    if (told.code == CRAFT_WHY_UNSETTLED) {
        return;
    }
    if (status->role != CRAFT_ROLE_LEADER) {
        if (told.code != (status->leader != 0
                              ? (uint32_t)CRAFT_WHY_ASK_LEADER
                              : (uint32_t)CRAFT_WHY_NO_LEADER)) {
            untrue(node, &told, "sends and does not lead");
        }
        return;
    }
    if ((told.code == CRAFT_WHY_UP_TO_DATE) !=
            (peer.match_index == status->last_index) ||
        (told.code == CRAFT_WHY_PROBING &&
         peer.progress != CRAFT_PROGRESS_PROBE) ||
        (told.code == CRAFT_WHY_IN_FLIGHT &&
         (peer.next_index <= status->last_index ||
          told.amount != peer.inflight)) ||
        (told.code == CRAFT_WHY_WINDOW_MESSAGES &&
         told.amount != peer.inflight) ||
        (told.code == CRAFT_WHY_WINDOW_BYTES &&
         told.amount != peer.inflight_bytes) ||
        (is_one_of(&told, CRAFT_WHY_WINDOW_MESSAGES, CRAFT_WHY_WINDOW_BYTES) &&
         told.amount < told.limit)) {
        untrue(node, &told, "what is sent");
    }
}

/* ---------------------------------------------------------------- requests */

#define TOKENS_ASKED 8u

static void reads_explained(struct cluster_node *node)
{
    const struct cluster *cluster = node->cluster;

    for (size_t i = cluster->tokens_len;
         i > 0 && i + TOKENS_ASKED > cluster->tokens_len; i--) {
        const struct cluster_token *token = &cluster->tokens[i - 1];
        craft_explanation told;

        if (!token->is_read || token->position != node->position ||
            token->life != node->life) {
            continue;
        }
        told = ask(node, CRAFT_QUESTION_READ, i);
        if ((told.code == CRAFT_WHY_UNKNOWN_READ) !=
            (token->state != CLUSTER_TOKEN_OPEN)) {
            untrue(node, &told, "which reads are open");
        }
    }
}

/* Before an input: what would it return? */
craft_explanation cluster_foretell(struct cluster_node *node, uint32_t question,
                                   uint64_t subject)
{
    if (node->node == NULL) {
        return (craft_explanation){.code = CRAFT_WHY_UNSETTLED};
    }
    return explain(node, question, subject);
}

/* After it. */
void cluster_foretold(struct cluster_node *node, const craft_explanation *told,
                      int rv)
{
    if (told->code != CRAFT_WHY_UNSETTLED && rv != CRAFT_ERR_NOMEM &&
        (told->error != rv || (told->code == CRAFT_WHY_NOTHING) != (rv == 0))) {
        untrue(node, told, craft_error_name(rv));
    }
}

/* After an input: of the node that took it. */
void cluster_explained(struct cluster_node *node)
{
    craft_status status = cluster_look(node);
    craft_index indexes[4] = {status.commit_index, status.commit_index + 1,
                              status.last_index, status.last_index + 1};

    for (size_t i = 0; i < 4 && node->node != NULL; i++) {
        if (indexes[i] > 0) {
            commit_explained(node, &status, indexes[i]);
        }
    }
    if (node->node == NULL || !takes_inputs(&status)) {
        return;
    }
    leader_explained(node, &status);
    for (uint32_t i = 0; i < status.peers_len; i++) {
        peer_explained(node, &status, i);
    }
    reads_explained(node);
}
