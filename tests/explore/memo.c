/*
 * Equal facts and an equal input give equal facts and equal effects: else the
 * fingerprint forgets a fact, and the search would take for one what is two.
 */
#include <stdio.h>
#include <stdlib.h>

#include "explore.h"

struct memo {
    uint64_t before; /* facts and input; 0 = free */
    uint64_t after;  /* facts and effects */
};

static struct memo *memos;
static size_t memos_mask;
static size_t memos_len;

static struct memo *memo_at(struct memo *table, size_t mask, uint64_t before)
{
    size_t at = (size_t)before & mask;

    while (table[at].before != 0 && table[at].before != before) {
        at = (at + 1) & mask;
    }
    return &table[at];
}

static void memos_grow(void)
{
    size_t mask = memos == NULL ? 4095 : memos_mask * 2 + 1;
    struct memo *table = calloc(mask + 1, sizeof *table);

    if (table == NULL) {
        fprintf(stderr, "explore: out of memory: lower the bounds\n");
        exit(1);
    }
    for (size_t i = 0; memos != NULL && i <= memos_mask; i++) {
        if (memos[i].before != 0) {
            *memo_at(table, mask, memos[i].before) = memos[i];
        }
    }
    free(memos);
    memos = table;
    memos_mask = mask;
}

bool memo_check(uint64_t before, uint64_t after)
{
    struct memo *memo;

    before += before == 0;
    if (memos_len * 2 >= memos_mask) {
        memos_grow();
    }
    memo = memo_at(memos, memos_mask, before);
    if (memo->before == 0) {
        memo->before = before;
        memo->after = after;
        memos_len++;
        return true;
    }
    if (memo->after != after) {
        explore_break("explore: the fingerprint forgets a fact of a node");
    }
    return false;
}

void memos_free(void)
{
    free(memos);
}
