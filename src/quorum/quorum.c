#include "quorum/quorum.h"

CRAFT_INTERNAL uint64_t craft_majority_reached(uint64_t *values,
                                               size_t values_len)
{
    CRAFT_ASSERT(values_len > 0);
    /* Descending: the value at place n/2 is reached by n/2 + 1 of them. */
    for (size_t i = 1; i < values_len; i++) {
        uint64_t value = values[i];
        size_t at = i;

        while (at > 0 && values[at - 1] < value) {
            values[at] = values[at - 1];
            at--;
        }
        values[at] = value;
    }
    return values[values_len / 2];
}

CRAFT_INTERNAL unsigned craft_majority_missing(unsigned have, unsigned voters)
{
    unsigned majority = voters / 2 + 1;

    CRAFT_ASSERT(voters > 0);
    CRAFT_ASSERT(have <= voters);
    return have < majority ? majority - have : 0;
}

CRAFT_INTERNAL enum craft_tally
craft_majority_tally(unsigned granted, unsigned refused, unsigned voters)
{
    CRAFT_ASSERT(voters > 0);
    CRAFT_ASSERT(granted + refused <= voters);
    if (craft_majority_missing(granted, voters) == 0) {
        return CRAFT_TALLY_WON;
    }
    if (craft_majority_missing(voters - refused, voters) > 0) {
        return CRAFT_TALLY_LOST;
    }
    return CRAFT_TALLY_OPEN;
}
