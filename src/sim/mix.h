/*
 * sim/mix: scatters the bits of a number (the finalizer of SplitMix64: Steele,
 * Lea and Flood 2014). One to one, so different numbers stay different.
 */
#ifndef CRAFT_SIM_MIX_H
#define CRAFT_SIM_MIX_H

#include <stdint.h>

static inline uint64_t craft_sim_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

#endif
