#!/bin/sh
#
# The core's instructions per entry stay within a tenth of bounds.txt, and
# steady state allocates nothing.

set -u
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/setup.sh"
. "$CRAFT_ROOT/tests/bench/lib.sh"

for tool in valgrind objcopy; do
    if ! have "$tool"; then
        echo "$tool is missing"
        exit 77
    fi
done
compiler=$("${CC:-cc}" -dumpversion | cut -d. -f1) || exit 77
if [ "$(uname -m)" != x86_64 ] || [ "$compiler" != 12 ] ||
    ! "${CC:-cc}" --version | grep -q 'Free Software Foundation'; then
    echo "the bounds are those of gcc 12 on x86-64"
    exit 77
fi

bench_dir=$CRAFT_BUILD_DIR/bench_check
failed=0
bench_build_core || exit 1
for workload in w1l w2; do
    rounds=$((3200 / $(bench_entries "$workload")))
    bench_instructions "$workload" "$rounds" >"$bench_dir/$workload.profile" ||
        exit 1
    for room in core codec; do
        bound=$(sed -n "s/^${workload}_${room}_ir //p" \
            "$CRAFT_ROOT/tests/bench/bounds.txt")
        sum=$(bench_sum "$room" "$bench_dir/$workload.profile")
        echo "${workload}_${room}_ir $sum instructions, bound $bound"
        if ! awk -v sum="$sum" -v bound="$bound" \
            'BEGIN { exit !(sum > 0 && sum <= bound * 1.1) }'; then
            echo "FAILED: more than a tenth above tests/bench/bounds.txt"
            failed=1
        fi
    done
    allocs=$("$bench_dir/bench_core" craft "$workload" "$rounds" |
        sed -n 's/^allocs //p')
    if [ "$allocs" != 0 ]; then
        echo "FAILED: $workload allocates: $allocs"
        failed=1
    fi
done
exit "$failed"
