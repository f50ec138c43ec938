#!/bin/sh
#
# A fixed set of seeds of every profile, and of clients that repeat commands
# within sessions. CRAFT_HEAVY=1: many more.

set -u
CRAFT_BUILD_DIR=${CRAFT_BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}
sim=$CRAFT_BUILD_DIR/craft-sim

# How many of swarm; a twentieth as many of each other profile.
seeds=8000
case $CRAFT_BUILD_DIR in
*/sanitize) seeds=1000 ;;
esac
[ -n "${CRAFT_HEAVY:-}" ] && seeds=$((seeds * 10))

failed=0
profiles=$("$sim" --help | sed -n '/^Profiles:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$profiles" ] || exit 1
for profile in $profiles; do
    count=$((seeds / 20))
    [ "$profile" = swarm ] && count=$seeds
    printf '%s: ' "$profile"
    "$sim" --seeds "1..$count" --profile "$profile" || failed=1
done
printf 'sessions: '
"$sim" --seeds "1..$((seeds / 4))" --sessions 1 || failed=1
exit "$failed"
