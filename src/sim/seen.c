#include "sim/seen.h"

#include <stdlib.h>

#include "craft.h"

#define BITS_MIN 10u

/* Where the mark is or would be. */
static struct craft_sim_mark *place_of(struct craft_sim_mark *marks,
                                       uint32_t bits,
                                       struct craft_sim_mark mark)
{
    size_t mask = ((size_t)1 << bits) - 1;
    size_t i = (size_t)mark.a & mask;

    while ((marks[i].a | marks[i].b) != 0 &&
           (marks[i].a != mark.a || marks[i].b != mark.b)) {
        i = (i + 1) & mask;
    }
    return &marks[i];
}

static int grow(struct craft_sim_seen *seen)
{
    uint32_t bits = seen->marks ? seen->bits + 1 : BITS_MIN;
    size_t old = seen->marks ? (size_t)1 << seen->bits : 0;
    struct craft_sim_mark *marks;

    if (((size_t)1 << bits) > SIZE_MAX / 2 / sizeof *marks) {
        return CRAFT_ERR_NOMEM;
    }
    marks = calloc((size_t)1 << bits, sizeof *marks);
    if (!marks) {
        return CRAFT_ERR_NOMEM;
    }
    for (size_t i = 0; i < old; i++) {
        if ((seen->marks[i].a | seen->marks[i].b) != 0) {
            *place_of(marks, bits, seen->marks[i]) = seen->marks[i];
        }
    }
    free(seen->marks);
    seen->marks = marks;
    seen->bits = bits;
    return 0;
}

int craft_sim_seen_add(struct craft_sim_seen *seen, struct craft_sim_mark mark)
{
    struct craft_sim_mark *place;

    /* Three quarters full at most. */
    if (!seen->marks || seen->len >= ((size_t)3 << (seen->bits - 2))) {
        int rv = grow(seen);

        if (rv < 0) {
            return rv;
        }
    }
    mark.b |= (mark.a | mark.b) == 0;
    place = place_of(seen->marks, seen->bits, mark);
    if ((place->a | place->b) != 0) {
        return 0;
    }
    *place = mark;
    seen->len++;
    return 1;
}

void craft_sim_seen_free(struct craft_sim_seen *seen)
{
    free(seen->marks);
    seen->marks = NULL;
    seen->bits = 0;
    seen->len = 0;
}
