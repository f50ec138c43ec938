/* A way as a scenario: docs/scenario-language.md. */
#include <stdio.h>
#include <stdlib.h>

#include "explore.h"

static FILE *file; /* or NULL */
static unsigned labels[BAG_MAX];
static unsigned labels_len;

static void servers_begin(void)
{
    for (unsigned i = 1; i <= options.servers; i++) {
        fprintf(file, "stall %u disk%s%s\n", i,
                options.slow_apply ? " apply" : "",
                options.fetch ? " fetch" : "");
        if (options.lazy) {
            fprintf(file, "lazy %u\n", i);
        }
        if (options.held) {
            fprintf(file, "hold %u\n", i);
        }
    }
}

void script_begin(const char *rule)
{
    unsigned entry = (unsigned)command_len();

    labels_len = 0;
    file = options.script != NULL ? fopen(options.script, "w") : NULL;
    if (file == NULL) {
        if (options.script != NULL) {
            perror(options.script);
        }
        return;
    }
    fprintf(file, "# Found by exploration: %s.\n", rule);
    fprintf(file, "cluster %u pull persists=%u", options.servers,
            options.budget.open);
    if (options.small_messages) {
        fprintf(file, " entry-bytes=%u message-bytes=%u", entry,
                entry + CRAFT_ENTRY_OVERHEAD);
    }
    fprintf(file, "%s%s%s%s\nonly-invariants\nquiet\n",
            options.fetch ? " cache-bytes=0" : "",
            options.steady ? " stable" : "", options.forward ? " forward" : "",
            options.founding ? " stalled" : "");
    servers_begin();
}

void script_end(void)
{
    if (file != NULL) {
        fprintf(file, "----\nok\n");
        if (fclose(file) != 0) {
            perror(options.script);
        }
        file = NULL;
    }
}

/* Each message moves by its name; what finds no room is lost at once. */
void script_sent(const struct letter *letter, uint8_t place, bool kept)
{
    if (file == NULL) {
        return;
    }
    if (!kept) {
        fprintf(file, "drop %u->%u at=1\n", letter->from, letter->to);
        return;
    }
    labels_len++;
    labels[place] = labels_len;
    fprintf(file, "label m%u %u->%u at=1\n", labels_len, letter->from,
            letter->to);
}

void script_removed(uint8_t place, uint8_t last)
{
    labels[place] = labels[last];
}

static void put_command(uint8_t what)
{
    const uint8_t *bytes = command_of(what);

    fprintf(file, "\"%.*s\"", (int)command_len(), (const char *)bytes);
}

static void put_entry(const char *before, craft_index index,
                      const struct thing *thing)
{
    fprintf(file, "%s%llu@%u:", before, (unsigned long long)index, thing->term);
    if (thing->what >= WHAT_COMMAND) {
        put_command(thing->what);
    } else {
        fputs(thing->what == WHAT_NOOP ? "noop" : "configuration", file);
    }
}

static void put_fetched(const struct step *step, const struct server *server)
{
    const struct fetch *fetch = &server->fetches[step->other];
    const struct thing *things = step->kind == STEP_FETCHED_LATE
                                     ? fetch->things
                                     : &server->disk.log[fetch->first - 1];

    if (step->kind == STEP_FETCHED && step->number == host_has(server, fetch)) {
        fprintf(file, "fetched %u\n", step->server + 1u);
        return;
    }
    fprintf(file, "fetched %u entries=(", step->server + 1u);
    for (uint8_t i = 0; i < step->number; i++) {
        put_entry(i > 0 ? ", " : "", (craft_index)fetch->first + i, &things[i]);
    }
    fprintf(file, ")\n");
}

static void put_persisted(const struct step *step, const struct server *server,
                          uint8_t keep)
{
    static const char *const endings[] = {"", " nospace", " error"};
    uint8_t place = step->number;
    const craft_node *node = image_load(step->server, server->image);
    unsigned ending = step->kind == STEP_FULL ? 1u : 2u;

    if (step->kind == STEP_WRITTEN) {
        ending = 0;
        place--;
    }
    fprintf(file, "persisted %u%s ticket=%llu", step->server + 1u,
            endings[ending], (unsigned long long)ticket_at(node, place));
    if (ending == 2) {
        fprintf(file, " keep=%u", keep);
    }
    fprintf(file, "\n");
}

static void put_time(const struct step *step, const struct server *server)
{
    bool leads = image_of(server->image)->role == CRAFT_ROLE_LEADER;
    unsigned ticks = 1;

    if (step->kind == STEP_TIMEOUT) {
        ticks = 20;
    } else if (step->kind == STEP_SILENCE) {
        ticks = leads ? 10 / SILENCES : 10;
    }
    fprintf(file, "tick %u %u\n", step->server + 1u, ticks);
}

static void put_crash(const struct step *step)
{
    unsigned server = step->server + 1u;

    fprintf(file, "crash %u survive=%u\nrestart %u applied=%u\n", server,
            step->number, server, step->other);
    if (options.held) {
        fprintf(file, "hold %u\n", server);
    }
}

static void put_pull(unsigned server)
{
    if (options.held) {
        fprintf(file, "release %u\nhold %u\n", server, server);
    } else {
        fprintf(file, "pull %u\n", server);
    }
}

static void put_propose(const struct world *world, unsigned server)
{
    uint8_t what = (uint8_t)(WHAT_COMMAND + options.budget.proposals -
                             world->budget.proposals);

    fprintf(file, "propose %u ", server);
    put_command(what);
    fprintf(file, "\n");
}

void script_step(const struct world *world, const struct step *step,
                 uint8_t keep)
{
    const struct server *at = &world->servers[step->server];
    unsigned server = step->server + 1u;

    if (file == NULL) {
        return;
    }
    switch (step->kind) {
    case STEP_DELIVER:
    case STEP_DELIVER_COPY:
        fprintf(file, "deliver m%u%s\n", labels[step->number],
                step->kind == STEP_DELIVER ? "" : " keep");
        break;
    case STEP_DROP:
        fprintf(file, "drop m%u\n", labels[step->number]);
        break;
    case STEP_PROPOSE:
        put_propose(world, server);
        break;
    case STEP_BREAK:
        fprintf(file, "unreachable %u %u\n", server, step->number);
        break;
    case STEP_TRANSFER:
        fprintf(file, "transfer %u %u\n", server, step->number);
        break;
    case STEP_WRITTEN:
    case STEP_FULL:
    case STEP_ERROR:
        put_persisted(step, at, keep);
        break;
    case STEP_APPLIED:
    case STEP_APPLY_ERROR:
        fprintf(file, "applied %u %s index=%u\n", server,
                step->kind == STEP_APPLIED ? "ok" : "error", step->number);
        break;
    case STEP_FETCHED:
    case STEP_FETCHED_LATE:
        put_fetched(step, at);
        break;
    case STEP_FETCH_ERROR:
        fprintf(file, "fetched %u error\n", server);
        break;
    case STEP_CRASH:
        put_crash(step);
        break;
    case STEP_PULL:
        put_pull(server);
        break;
    default:
        put_time(step, at);
        break;
    }
}
