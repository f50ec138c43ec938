/* craft-sim: the simulator around the built-in key-value store. */
#include "craft/sim.h"

int main(int argc, char **argv)
{
    return craft_sim_main(argc, argv, NULL);
}
