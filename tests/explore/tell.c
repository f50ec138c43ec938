/* A way in words. */
#include <stdio.h>

#include "explore.h"

bool telling;

static void tell_letter(const struct letter *letter)
{
    craft_entry entries[LOG_MAX];
    craft_message message;
    char text[512];

    letter_open(letter, &message, entries);
    (void)craft_describe_message(&message, text, sizeof text);
    printf(" %s\n", text);
}

void tell_step(const struct world *world, const struct step *step)
{
    static const char *const names[STEP_KIND_END] = {"election time-out",
                                                     "heartbeat is due",
                                                     "propose",
                                                     "receives",
                                                     "receives a copy of",
                                                     "loses",
                                                     "tick",
                                                     "hears nobody",
                                                     "link broke",
                                                     "hands over",
                                                     "written",
                                                     "disk full at",
                                                     "disk fails at",
                                                     "applied",
                                                     "fails to apply",
                                                     "fetched",
                                                     "fetched late",
                                                     "cannot fetch",
                                                     "crash and restart",
                                                     "delivers"};

    unsigned open = world->servers[step->server].open_len;

    printf("server %u: %s", step->server + 1u, names[step->kind]);
    switch (step->kind) {
    case STEP_DELIVER:
    case STEP_DELIVER_COPY:
    case STEP_DROP:
        tell_letter(&world->flight[step->number]);
        break;
    case STEP_CRASH:
        printf(", applied %u, %u of %u open records\n", step->other,
               step->number, open);
        break;
    case STEP_WRITTEN:
        printf(", %u of %u open records\n", step->number, open);
        break;
    case STEP_FULL:
    case STEP_ERROR:
        printf(" record %u of %u open\n", step->number + 1u, open);
        break;
    case STEP_BREAK:
    case STEP_TRANSFER:
        printf(" to %u\n", step->number);
        break;
    case STEP_APPLIED:
    case STEP_APPLY_ERROR:
        printf(" up to %u\n", step->number);
        break;
    case STEP_FETCHED:
    case STEP_FETCHED_LATE:
    case STEP_FETCH_ERROR:
        printf(", %u entries for %s\n", step->number,
               step->other == CRAFT_FETCH_APPLY ? "itself" : "others");
        break;
    default:
        printf("\n");
        break;
    }
}

void tell_effect(uint8_t server, const craft_effect *effect)
{
    char text[512];

    if (effect->kind != CRAFT_EFFECT_EVENT) {
        (void)craft_describe_effect(effect, text, sizeof text);
        printf("    %u> %s\n", server + 1u, text);
    }
}

static void tell_log(const struct thing *log, uint8_t len)
{
    for (uint8_t i = 0; i < len; i++) {
        printf(" %u", log[i].term);
        if (log[i].what == WHAT_EVICTED) {
            printf("-");
        } else if (log[i].what >= WHAT_COMMAND) {
            printf("%c", 'a' + log[i].what - WHAT_COMMAND);
        }
    }
}

/* Logs as terms of their entries, with a letter for a command, or a dash for
 * what has left memory. */
void tell_world(const struct world *world)
{
    static const char *const roles[] = {"follower", "candidate", "leader",
                                        "pre-candidate"};

    for (uint8_t i = 0; i < options.servers; i++) {
        const struct image *image = image_of(world->servers[i].image);
        const struct disk *disk = &world->servers[i].disk;

        printf("    %u: %s, term %u, commit %u, log", i + 1u,
               roles[image->role], image->term, image->commit);
        tell_log(image->log, image->log_len);
        printf("; disk: term %u, vote %u, log", disk->term, disk->voted_for);
        tell_log(disk->log, disk->len);
        printf("; %u open\n", world->servers[i].open_len);
    }
}
