#include "sim/seen.h"

#include <stdlib.h>
#include <string.h>

#include "craft.h"

#define BITS_MIN 10u
#define SETS_MIN 4096u

/* Where the mark is or would be. */
static struct craft_sim_place *place_of(struct craft_sim_place *places,
                                        uint32_t bits,
                                        struct craft_sim_mark mark)
{
    size_t mask = ((size_t)1 << bits) - 1;
    size_t i = (size_t)mark.a & mask;

    while (places[i].first != 0 &&
           (places[i].mark.a != mark.a || places[i].mark.b != mark.b)) {
        i = (i + 1) & mask;
    }
    return &places[i];
}

static int grow_places(struct craft_sim_seen *seen)
{
    uint32_t bits = seen->places ? seen->bits + 1 : BITS_MIN;
    size_t old = seen->places ? (size_t)1 << seen->bits : 0;
    struct craft_sim_place *places;

    if (((size_t)1 << bits) > SIZE_MAX / 2 / sizeof *places) {
        return CRAFT_ERR_NOMEM;
    }
    places = calloc((size_t)1 << bits, sizeof *places);
    if (!places) {
        return CRAFT_ERR_NOMEM;
    }
    for (size_t i = 0; i < old; i++) {
        if (seen->places[i].first != 0) {
            *place_of(places, bits, seen->places[i].mark) = seen->places[i];
        }
    }
    free(seen->places);
    seen->places = places;
    seen->bits = bits;
    return 0;
}

static int grow_sets(struct craft_sim_seen *seen, size_t wanted)
{
    size_t max = seen->sets_max > 0 ? 2 * seen->sets_max : SETS_MIN;
    uint64_t *sets;

    max = max > wanted ? max : wanted;
    if (max > SIZE_MAX / 2 / sizeof *sets) {
        return CRAFT_ERR_NOMEM;
    }
    sets = realloc(seen->sets, max * sizeof *sets);
    if (!sets) {
        return CRAFT_ERR_NOMEM;
    }
    seen->sets = sets;
    seen->sets_max = max;
    return 0;
}

static int is_within(const uint64_t *part, const uint64_t *whole, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((part[i] & ~whole[i]) != 0) {
            return 0;
        }
    }
    return 1;
}

/* Room for one more of both. */
static int reserve(struct craft_sim_seen *seen, size_t used_len)
{
    /* Place 0 means none. */
    size_t wanted = (seen->sets_len > 0 ? seen->sets_len : 1) + 1 + used_len;
    int rv = 0;

    /* Three quarters full at most. */
    if (!seen->places || seen->places_len >= ((size_t)3 << (seen->bits - 2))) {
        rv = grow_places(seen);
    }
    if (rv == 0 && wanted > seen->sets_max) {
        rv = grow_sets(seen, wanted);
    }
    if (rv == 0 && seen->sets_len == 0) {
        seen->sets_len = 1;
    }
    return rv;
}

int craft_sim_seen_add(struct craft_sim_seen *seen, struct craft_sim_mark mark,
                       const uint64_t *used, size_t used_len)
{
    struct craft_sim_place *place;
    size_t set;
    int rv = reserve(seen, used_len);

    if (rv < 0) {
        return rv;
    }
    place = place_of(seen->places, seen->bits, mark);
    for (set = place->first; set != 0; set = (size_t)seen->sets[set]) {
        if (is_within(&seen->sets[set + 1], used, used_len)) {
            return 0;
        }
    }
    seen->places_len += place->first == 0;
    set = seen->sets_len;
    seen->sets_len += 1 + used_len;
    seen->sets[set] = place->first;
    if (used_len > 0) {
        memcpy(&seen->sets[set + 1], used, used_len * sizeof *used);
    }
    place->mark = mark;
    place->first = set;
    return 1;
}

void craft_sim_seen_free(struct craft_sim_seen *seen)
{
    free(seen->places);
    free(seen->sets);
    memset(seen, 0, sizeof *seen);
}
