# The core's part of tests/bench.sh.

bench_runs=25 # of each time, a median

# core_rounds WORKLOAD: of one timed run, some hundredths of a second.
core_rounds() {
    case $1 in
    w1l) echo 100000 ;;
    w2) echo 10000 ;;
    w3) echo 96 ;;
    esac
}

# core_value NAME: of the lines `name value` on stdin.
core_value() {
    sed -n "s/^$1 //p"
}

core_instructions() {
    rounds=$(($(core_rounds "$1") / 50 + 16))
    bench_instructions "$1" "$rounds" >"$bench_dir/$1.profile" || return 1
    echo "$1_core_ir $(bench_sum core "$bench_dir/$1.profile") instructions"
    echo "$1_codec_ir $(bench_sum codec "$bench_dir/$1.profile") instructions"
    if [ -n "$profile" ]; then
        echo "-- $1: instructions per entry, by function of the source" >&2
        bench_profile "$bench_dir/$1.profile" >&2
    fi
    copied=$("$bench_dir/bench_counted" craft "$1" "$rounds" |
        core_value copied_per_entry) || return 1
    echo "$1_copied_bytes $copied bytes"
}

# Both hosts in turn, so that what disturbs one disturbs the other.
core_times() {
    rounds=$(core_rounds "$1")
    : >"$bench_dir/craft.ns"
    : >"$bench_dir/null.ns"
    run=0
    while [ "$run" -lt "$bench_runs" ]; do
        for host in craft null; do
            "$bench_dir/bench_core" "$host" "$1" "$rounds" \
                >"$bench_dir/run.txt" || return 1
            core_value ns_per_entry <"$bench_dir/run.txt" \
                >>"$bench_dir/$host.ns"
        done
        run=$((run + 1))
    done
    ratio=$(paste "$bench_dir/craft.ns" "$bench_dir/null.ns" |
        awk '{ printf "%.3f\n", $1 / $2 }' | bench_median)
    echo "$1_ns $(bench_median <"$bench_dir/craft.ns") ns"
    echo "$1_null_ns $(bench_median <"$bench_dir/null.ns") ns"
    echo "$1_null_ratio $ratio ratio"
}

core_memory() {
    "$bench_dir/bench_core" idle >"$bench_dir/idle.txt" || return 1
    before=$(core_value before_1_bytes <"$bench_dir/idle.txt")
    after=$(core_value after_1_bytes <"$bench_dir/idle.txt")
    echo "w4_idle_bytes $before bytes"
    echo "w4_leader_bytes $after bytes"
    echo "w4_follower_bytes $(core_value after_2_bytes \
        <"$bench_dir/idle.txt") bytes"
    echo "w4_election_growth $((after - before)) bytes"
}

core_allocations() {
    for workload in w1l w2 w3; do
        "$bench_dir/bench_core" craft "$workload" \
            "$(core_rounds "$workload")" >"$bench_dir/run.txt" || return 1
        awk -v name="w7_${workload}_allocs" '
            $1 == "entries" { entries = $2 }
            $1 == "allocs" { allocs = $2 }
            END { printf "%s %g allocations\n", name, allocs / entries }
        ' "$bench_dir/run.txt"
        echo "${workload}_node_bytes $(core_value peak \
            <"$bench_dir/run.txt") bytes"
    done
}

bench_core() {
    need_tools cc binutils valgrind && bench_build_core || return 1
    for workload in w1l w2 w3; do
        core_instructions "$workload" || return 1
    done
    for workload in w1l w2 w3; do
        core_times "$workload" || return 1
    done
    core_memory && core_allocations || return 1
    echo "core_text_bytes $(size -A "$bench_dir/craft_all.o" |
        awk '$1 ~ /^\.text/ { sum += $2 } END { print sum }') bytes"
}
