#!/bin/sh
#
# A seed is one run: in another process, with other jobs beside it, from the
# plan that it printed, and built without optimization.

set -u
CRAFT_SOURCE_DIR=${CRAFT_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
CRAFT_BUILD_DIR=${CRAFT_BUILD_DIR:-$CRAFT_SOURCE_DIR/build}
sim=$CRAFT_BUILD_DIR/craft-sim
src=$CRAFT_SOURCE_DIR/src
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0

# same WHAT FILE FILE
same() {
    if ! [ -s "$2" ] || ! cmp "$2" "$3"; then
        echo "FAILED: $1"
        failed=1
    fi
}

for seed in 1 2 3 4 5 6 7 8; do
    "$sim" --seed "$seed" --trace "$scratch/one" >"$scratch/one.out"
    "$sim" --seed "$seed" --trace "$scratch/two" >"$scratch/two.out"
    same "the trace of seed $seed, twice" "$scratch/one" "$scratch/two"
    same "the report of seed $seed, twice" "$scratch/one.out" \
        "$scratch/two.out"
done

"$sim" --seeds 1..100 --jobs 1 >"$scratch/one" 2>/dev/null
"$sim" --seeds 1..100 --jobs 3 >"$scratch/two" 2>/dev/null
same "seeds 1..100 with one job and with three" "$scratch/one" "$scratch/two"
case $(cat "$scratch/one") in
"100 seeds passed, 0 failed: "*) ;;
*)
    echo "FAILED: $(cat "$scratch/one")"
    failed=1
    ;;
esac

${CC:-cc} -std=c11 -D_GNU_SOURCE -O0 -I"$CRAFT_SOURCE_DIR/include" -I"$src" \
    -o "$scratch/craft-sim" "$src"/base/*.c "$src"/quorum/*.c \
    "$src"/members/*.c "$src"/log/*.c "$src"/peers/*.c "$src"/core/*.c \
    "$src"/engine/*.c "$src"/codec/*.c "$src"/api/*.c "$src"/session/*.c \
    "$src"/sim/*.c "$src"/sim/program/*.c || exit 1
"$scratch/craft-sim" --seeds 1..100 >"$scratch/two" 2>/dev/null
same "seeds 1..100 built without optimization" "$scratch/one" "$scratch/two"
"$scratch/craft-sim" --seed 9 --trace "$scratch/two" >/dev/null
"$sim" --seed 9 --trace "$scratch/one" >/dev/null
same "the trace of seed 9 built without optimization" "$scratch/one" \
    "$scratch/two"
exit "$failed"
