/*
 * Messages under way. They outlive crashes, restarts and roles of both ends,
 * as packets in the network of a datacentre do.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define SIZE_CLASS_MIN 9u /* 512 bytes */
#define STALE_MAX_US 2000000u
#define REORDER_TIMES 12u

void craft_sim_network_init(struct craft_sim *sim)
{
    struct craft_sim_network *network = &sim->network;

    for (uint32_t from = 1; from <= CRAFT_SIM_SERVERS_MAX; from++) {
        for (uint32_t to = 1; to <= CRAFT_SIM_SERVERS_MAX; to++) {
            struct craft_sim_link *link = &network->links[from][to];

            craft_sim_stream(&link->delays, sim->seed, CRAFT_SIM_FOR_LINK, from,
                             to);
            craft_sim_stream(&link->noise, sim->seed, CRAFT_SIM_FOR_NOISE, from,
                             to);
        }
    }
}

uint32_t craft_sim_position(const struct craft_sim *sim, craft_id id)
{
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        if (sim->servers[i].id == id) {
            return i;
        }
    }
    return 0;
}

/* ----------------------------------------------------------------- packets */

static struct craft_sim_packet *packet_new(struct craft_sim *sim, size_t more)
{
    size_t size = sizeof(struct craft_sim_packet) + more;
    uint32_t size_class = SIZE_CLASS_MIN;
    struct craft_sim_packet *packet;

    while (((size_t)1 << size_class) < size) {
        size_class++;
    }
    if (size_class - SIZE_CLASS_MIN >= CRAFT_SIM_SIZE_CLASSES) {
        return NULL;
    }
    packet = sim->network.pool[size_class - SIZE_CLASS_MIN];
    if (packet != NULL) {
        sim->network.pool[size_class - SIZE_CLASS_MIN] = packet->next;
    } else {
        packet = malloc((size_t)1 << size_class);
        if (packet == NULL) {
            return NULL;
        }
        packet->size_class = size_class;
    }
    packet->copies = 1; /* the sender's, until all are sent */
    packet->bytes = NULL;
    packet->bytes_len = 0;
    return packet;
}

void craft_sim_packet_drop(struct craft_sim *sim,
                           struct craft_sim_packet *packet)
{
    struct craft_sim_packet **pool =
        &sim->network.pool[packet->size_class - SIZE_CLASS_MIN];

    packet->copies--;
    if (packet->copies == 0) {
        packet->next = *pool;
        *pool = packet;
    }
}

/* Where the message says what entries it has, and how many; NULL: it does
 * not. */
static const craft_entry **entries_of(craft_message *message, size_t *len_out)
{
    switch (message->kind) {
    case CRAFT_MESSAGE_APPEND:
        *len_out = message->as.append.entries_len;
        return &message->as.append.entries;
    case CRAFT_MESSAGE_FORWARD:
        *len_out = message->as.forward.entries_len;
        return &message->as.forward.entries;
    default:
        *len_out = 0;
        return NULL;
    }
}

/* A copy of the message and of all it points to. */
static struct craft_sim_packet *packet_copy(struct craft_sim *sim,
                                            const craft_message *message)
{
    craft_message copy = *message;
    size_t len;
    const craft_entry **place = entries_of(&copy, &len);
    const craft_entry *from = len > 0 ? *place : NULL;
    size_t more = len * sizeof(craft_entry);
    struct craft_sim_packet *packet;
    craft_entry *entries;
    uint8_t *bytes;

    for (size_t i = 0; i < len; i++) {
        more += from[i].data_len;
    }
    packet = packet_new(sim, more);
    if (packet == NULL) {
        return NULL;
    }
    entries = (craft_entry *)(packet + 1);
    bytes = (uint8_t *)(entries + len);
    for (size_t i = 0; i < len; i++) {
        entries[i] = from[i];
        if (entries[i].data_len > 0) {
            memcpy(bytes, entries[i].data, entries[i].data_len);
            entries[i].data = bytes;
            bytes += entries[i].data_len;
        }
    }
    if (len > 0) {
        *place = entries;
    }
    packet->message = copy;
    return packet;
}

static struct craft_sim_packet *packet_encode(struct craft_sim *sim,
                                              const craft_message *message)
{
    size_t len = craft_message_encoded_len(message);
    struct craft_sim_packet *packet = packet_new(sim, len);
    const craft_entry **place;
    size_t entries_len;
    int rv;

    if (packet == NULL) {
        return NULL;
    }
    packet->bytes = (uint8_t *)(packet + 1);
    rv = craft_message_encode(message, packet->bytes, len, &packet->bytes_len);
    if (rv != 0 || packet->bytes_len != len) {
        craft_judge_convict(sim->judge, "codec: a message is not encoded: %s",
                            craft_error_name(rv));
    }
    packet->message = *message; /* without what it points to */
    place = entries_of(&packet->message, &entries_len);
    if (place != NULL) {
        *place = NULL;
    }
    return packet;
}

/* ------------------------------------------------------------------- links */

/* Between nothing and the spread, rarely much more. */
static uint32_t delay_draw(const struct craft_sim *sim,
                           struct craft_sim_link *link)
{
    uint32_t x = craft_random_below(&link->delays, sim->network.spread_us * 16);
    uint32_t delay = x / 16;

    if (x % 16 == 0) {
        delay *= 4;
    }
    delay += sim->network.delay_us;
    return link->slow > 0 ? delay * link->slow : delay;
}

static void packet_send(struct craft_sim *sim, struct craft_sim_packet *packet,
                        uint64_t when)
{
    struct craft_sim_event event = {.time = when, .kind = CRAFT_SIM_MESSAGE};

    event.server = (uint16_t)packet->to;
    event.as.packet = packet;
    packet->copies++;
    craft_sim_at(sim, event);
}

static void packet_route(struct craft_sim *sim, struct craft_sim_link *link,
                         struct craft_sim_packet *packet)
{
    uint64_t when = sim->now_us + delay_draw(sim, link);

    if (craft_sim_chance(&link->noise, link->reorder)) {
        when += craft_random_below(&link->noise,
                                   sim->network.spread_us * REORDER_TIMES);
    } else {
        if (when < link->last_us) {
            when = link->last_us;
        }
        link->last_us = when;
    }
    packet_send(sim, packet, when);
    if (craft_sim_chance(&link->noise, link->duplicate)) {
        when += craft_random_below(&link->noise,
                                   sim->network.spread_us * REORDER_TIMES);
        packet_send(sim, packet, when);
    }
    if (craft_sim_chance(&link->noise, link->stale)) {
        when += craft_random_below(&link->noise, STALE_MAX_US);
        packet_send(sim, packet, when);
    }
}

void craft_sim_network_send(struct craft_sim *sim, const craft_message *message)
{
    uint32_t from = craft_sim_position(sim, message->from);
    uint32_t to = craft_sim_position(sim, message->to);
    struct craft_sim_link *link = &sim->network.links[from][to];
    struct craft_sim_packet *packet;

    sim->messages++;
    if (from == 0 || to == 0) {
        craft_judge_convict(sim->judge, "a message of %llu to %llu",
                            (unsigned long long)message->from,
                            (unsigned long long)message->to);
        return;
    }
    if (link->cut || craft_sim_chance(&link->noise, link->loss)) {
        craft_sim_tell(sim, from, "  lost");
        return;
    }
    packet = sim->network.encode ? packet_encode(sim, message)
                                 : packet_copy(sim, message);
    if (packet == NULL) {
        craft_sim_out_of_memory(sim);
        return;
    }
    packet->from = from;
    packet->to = to;
    packet_route(sim, link, packet);
    craft_sim_packet_drop(sim, packet);
}

void craft_sim_network_arrive(struct craft_sim *sim,
                              struct craft_sim_packet *packet)
{
    const struct craft_sim_link *link =
        &sim->network.links[packet->from][packet->to];

    if (!link->cut) {
        craft_sim_server_receive(&sim->servers[packet->to], packet);
    }
    craft_sim_packet_drop(sim, packet);
}

void craft_sim_network_free(struct craft_sim *sim)
{
    for (size_t i = 0; i < CRAFT_SIM_SIZE_CLASSES; i++) {
        while (sim->network.pool[i] != NULL) {
            struct craft_sim_packet *packet = sim->network.pool[i];

            sim->network.pool[i] = packet->next;
            free(packet);
        }
    }
}
