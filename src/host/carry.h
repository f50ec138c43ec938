/*
 * carry: the thread that reads parts of states for other servers, and writes
 * those that arrive.
 *
 * One part of each kind is under way at a time, as the core asks for them.
 * What it is given stays where it is until its ending was taken, and the core
 * was told.
 */
#ifndef CRAFT_HOST_CARRY_H
#define CRAFT_HOST_CARRY_H

#include "host/snapshots.h"
#include "host/wake.h"

struct craft_carrier;

/* Tickets: 0 = none of this kind. */
struct craft_carried {
    uint64_t read_ticket;
    int read_rv;         /* 0, or a negative errno */
    const uint8_t *data; /* [data_len], until the next craft_carrier_read() */
    size_t data_len;
    uint64_t write_ticket;
    int write_rv;
    uint64_t offset; /* all bytes before it are written */
};

/* own and wake are borrowed. Returns 0, CRAFT_ERR_NOMEM. */
int craft_carrier_new(const struct craft_snapshots *own,
                      struct craft_wake *wake,
                      struct craft_carrier **carrier_out);
int craft_carrier_start(struct craft_carrier *carrier);
/* Ends the thread. NULL is allowed. */
void craft_carrier_free(struct craft_carrier *carrier);

void craft_carrier_read(struct craft_carrier *carrier,
                        const craft_snapshot_read *read);
void craft_carrier_write(struct craft_carrier *carrier,
                         const craft_snapshot_write *write);
/* Files that were removed are not held any longer. */
void craft_carrier_let_go(struct craft_carrier *carrier);
/* 1 filled in, 0 nothing new. */
int craft_carrier_take(struct craft_carrier *carrier,
                       struct craft_carried *carried);

#endif
