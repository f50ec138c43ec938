#!/bin/sh
#
# Fuzzes: every target of tests/fuzz in turn, with libFuzzer,
# AddressSanitizer and UndefinedBehaviorSanitizer; does all of its own set-up.
#
#   sh tests/fuzz.sh SECONDS [TARGET...]
#
#   SECONDS   for each target
#   TARGET    decode receive api wal resp; none = all of them
#
# Each begins with the inputs of tests/fuzz/corpus/TARGET. What it finds of
# interest stays in BUILD/fuzz/corpus/TARGET for the next run. A finding is
# printed as the path of its input; exit code 1. CRAFT_FUZZ_MERGE=1: reduce
# both to what is worth keeping in tests/fuzz/corpus, instead.

set -u
CRAFT_ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$CRAFT_ROOT/tests/setup.sh"

usage() {
    sed -n '3,17s/^# \{0,1\}//p' "$0"
}

case ${1:-} in
-h | --help)
    usage
    exit 0
    ;;
'' | *[!0-9]*)
    usage >&2
    exit 2
    ;;
esac
seconds=$1
shift

kept=$CRAFT_ROOT/tests/fuzz/corpus
dir=$CRAFT_BUILD_DIR/fuzz
all_targets=
for source in "$CRAFT_ROOT"/tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    all_targets="$all_targets ${name#fuzz_}"
done
targets=${*:-$all_targets}
for target in $targets; do
    if [ ! -f "$CRAFT_ROOT/tests/fuzz/fuzz_$target.c" ]; then
        echo "fuzz.sh: no target '$target'; there are:$all_targets" >&2
        exit 2
    fi
done

need_tools clang cmake build-tool cmocka || exit 1
CC=clang-14
export CC
craft_configure "$dir" -DCRAFT_WERROR=ON -DCRAFT_BUILD_TESTS=ON \
    -DCRAFT_BUILD_EXAMPLES=OFF \
    -DCRAFT_SANITIZE=address,undefined,fuzzer-no-link \
    -DCMAKE_BUILD_TYPE=Sanitize -DCMAKE_C_FLAGS_SANITIZE="-O1 -g" &&
    craft_build "$dir" tests_fuzz || exit 1

# Abort, so that libFuzzer keeps the input of a sanitizer's finding too.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:quarantine_size_mb=8:malloc_context_size=8}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"

max_len() {
    case $1 in
    decode | resp) echo 4096 ;;
    *) echo 512 ;;
    esac
}

# merge TARGET: few files that cover the same. Those with a name of their own in
# tests/fuzz/corpus found something, or find a check that is missing: they stay.
merge() {
    merged=$dir/merged/$1
    rm -rf "$merged"
    mkdir -p "$merged" "$kept/$1"
    "$dir/tests/fuzz_$1" -set_cover_merge=1 -use_counters=0 \
        -timeout=30 "$merged" "$kept/$1" \
        "$dir/corpus/$1" >"$dir/$1.log" 2>&1 || return 1
    echo "fuzz: $1: $(find "$merged" -type f | wc -l) inputs in $merged"
}

# fuzz TARGET: 1 with a finding.
fuzz() {
    mkdir -p "$dir/corpus/$1" "$dir/findings"
    echo "fuzz: $1, $seconds seconds"
    "$dir/tests/fuzz_$1" -max_total_time="$seconds" -timeout=30 \
        -rss_limit_mb=2048 -use_value_profile=1 -len_control=0 -print_final_stats=1 \
        -max_len="$(max_len "$1")" -artifact_prefix="$dir/findings/$1-" \
        "$dir/corpus/$1" "$kept/$1" >"$dir/$1.log" 2>&1
    rv=$?
    sed -n 's/^stat::\(number_of_executed_units\|average_exec_per_sec\): */  \1 /p' \
        "$dir/$1.log"
    [ "$rv" -eq 0 ] && return 0
    tail -n 40 "$dir/$1.log"
    finding=$(sed -n 's/^.*Test unit written to //p' "$dir/$1.log" | tail -n 1)
    echo "fuzz: $1 found: ${finding:-see $dir/$1.log}"
    echo "fuzz: again with $dir/tests/fuzz_$1 ${finding:-}"
    return 1
}

failed=0
for target in $targets; do
    if [ -n "${CRAFT_FUZZ_MERGE:-}" ]; then
        merge "$target" || failed=1
    else
        fuzz "$target" || failed=1
    fi
done
[ "$failed" -eq 0 ] && echo "fuzz: ok"
exit "$failed"
