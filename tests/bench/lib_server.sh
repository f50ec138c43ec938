# The server's part of tests/bench.sh: craft-kv, three servers with a durable
# log each, beside one redis-server that syncs every write, in turn.

server_rounds=7
server_run_s=0.9 # of one measurement, about
server_all_s=120 # of all rounds: the rest is left out, after three

# Names, clients, pipeline.
server_loads="c1:1:1 c16:16:1 c64:64:1 c256:256:1 p16c1:1:16 p16c64:64:16"

server_build() {
    mkdir -p "$bench_dir" || return 1
    craft_configure "$CRAFT_BUILD_DIR" -DCRAFT_BUILD_EXAMPLES=ON &&
        craft_build "$CRAFT_BUILD_DIR" craft-kv || return 1
    # shellcheck disable=SC2086
    "${CC:-cc}" $bench_flags -o "$bench_dir/bench_machine" \
        "$CRAFT_ROOT/tests/bench/bench_machine.c" >&2
}

redis_start() {
    mkdir -p "$DIR/redis"
    redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --dir "$DIR/redis" \
        --save '' --appendonly yes --appendfsync always \
        --auto-aof-rewrite-percentage 0 --daemonize no \
        >"$DIR/redis.out" 2>&1 &
    REDIS_PID=$!
    wait_for 20 redis-server redis-cli -p "$REDIS_PORT" ping >/dev/null
}

# Called by cleanup of the end-to-end tests.
at_end() {
    if [ -n "${REDIS_PID:-}" ]; then
        kill -9 "$REDIS_PID" 2>/dev/null
        wait "$REDIS_PID" 2>/dev/null
    fi
}

# server_load PORT CLIENTS PIPELINE REQUESTS [set|get]: `rps p50 p99`, in
# milliseconds.
server_load() {
    server_command=${5:-set}
    timeout 60 redis-benchmark -h 127.0.0.1 -p "$1" -c "$2" -P "$3" -n "$4" \
        -d 128 -t "$server_command" -r 100000 --csv --precision 3 \
        >"$DIR/load.csv" 2>"$DIR/load.err" || {
        cat "$DIR/load.csv" "$DIR/load.err" >&2
        return 1
    }
    tr -d '"' <"$DIR/load.csv" |
        awk -F, -v command="$server_command" '
            tolower($1) == command { print $2, $5, $7; found = 1 }
            END { exit !found }' || {
        cat "$DIR/load.csv" "$DIR/load.err" >&2
        return 1
    }
}

# Of both, in its own time: as many requests as fill server_run_s.
server_calibrate() {
    for system in kv redis; do
        port=$REDIS_PORT
        [ $system = kv ] && port=$(client_port "$(leader)")
        for load in $server_loads; do
            clients=$(echo "$load" | cut -d: -f2)
            pipeline=$(echo "$load" | cut -d: -f3)
            server_load "$port" "$clients" "$pipeline" \
                $((clients * pipeline * 8 + 400)) >"$DIR/load.txt" || return 1
            awk -v s="$server_run_s" -v least=$((clients * pipeline * 4)) '{
                n = int($1 * s)
                print (n > least ? n : least)
            }' "$DIR/load.txt" >"$DIR/$system.${load%%:*}.requests"
        done
    done
}

# Reads of 64 clients: the leader, a follower, redis-server.
server_reads() {
    for place in leader follower redis; do
        port=$REDIS_PORT
        [ $place = redis ] || port=$(client_port "$($place)")
        [ -s "$DIR/$place.requests" ] ||
            server_load "$port" 64 1 3000 get | awk -v s="$server_run_s" \
                '{ print int($1 * s) + 64 }' >"$DIR/$place.requests"
        server_load "$port" 64 1 "$(cat "$DIR/$place.requests")" get \
            >>"$DIR/$place.g64.txt" || return 1
    done
}

server_round() {
    "$bench_dir/bench_machine" sync "$DIR/sync" >>"$DIR/sync.us" || return 1
    "$bench_dir/bench_machine" loopback >>"$DIR/loopback.us" || return 1
    for load in $server_loads; do
        name=${load%%:*}
        clients=$(echo "$load" | cut -d: -f2)
        pipeline=$(echo "$load" | cut -d: -f3)
        for system in kv redis; do
            port=$REDIS_PORT
            [ $system = kv ] && port=$(client_port "$(leader)")
            server_load "$port" "$clients" "$pipeline" \
                "$(cat "$DIR/$system.$name.requests")" \
                >>"$DIR/$system.$name.txt" || return 1
        done
    done
    server_reads
}

# server_column SYSTEM LOAD COLUMN: its median.
server_column() {
    cut -d' ' -f"$3" "$DIR/$1.$2.txt" | bench_median
}

# server_ratio LOAD COLUMN [SYSTEM SYSTEM]: craft-kv's to redis-server's, or of
# those, round by round.
server_ratio() {
    paste -d' ' "$DIR/${3:-kv}.$1.txt" "$DIR/${4:-redis}.$1.txt" |
        awk -v column="$2" '{ printf "%.3f\n", $column / $(column + 3) }' |
        bench_median
}

server_print_reads() {
    for place in leader follower redis; do
        echo "get_c64_${place}_rps $(server_column $place g64 1) requests/s"
        echo "get_c64_${place}_p50 $(server_column $place g64 2) ms"
        echo "get_c64_${place}_p99 $(server_column $place g64 3) ms"
    done
    echo "get_c64_follower_ratio $(server_ratio g64 1 follower leader) ratio"
    echo "get_c64_ratio $(server_ratio g64 1 leader redis) ratio"
}

server_print() {
    for load in $server_loads; do
        name=${load%%:*}
        for system in kv redis; do
            prefix=server
            [ $system = redis ] && prefix=redis
            echo "${prefix}_${name}_rps $(server_column $system "$name" 1)" \
                "requests/s"
            echo "${prefix}_${name}_p50 $(server_column $system "$name" 2) ms"
            echo "${prefix}_${name}_p99 $(server_column $system "$name" 3) ms"
        done
        echo "server_${name}_ratio $(server_ratio "$name" 1) ratio"
        echo "server_${name}_p50_ratio $(server_ratio "$name" 2) ratio"
    done
    server_print_reads
    echo "fdatasync_us $(bench_median <"$DIR/sync.us") us"
    echo "loopback_us $(bench_median <"$DIR/loopback.us") us"
}

bench_server() {
    need_tools cc cmake build-tool redis-cli redis-benchmark redis-server ||
        return 1
    server_build || return 1
    # The logs belong on a disk, where the build is; /tmp may be in memory.
    TMPDIR=$bench_dir
    . "$CRAFT_ROOT/tests/e2e/lib.sh"
    note() {
        printf '%s\n' "$*" >&2
    }
    begin 3
    case $(stat -f -c %T "$DIR" 2>/dev/null) in
    tmpfs | ramfs) say "$DIR is in memory: syncs cost nothing there" ;;
    esac
    REDIS_PORT=$((BASE + 5))
    redis_start
    start_all
    leader >/dev/null || return 1
    server_calibrate || return 1
    round=0
    server_end=$(($(date +%s) + server_all_s))
    while [ "$round" -lt "$server_rounds" ]; do
        if [ "$round" -ge 3 ] && [ "$(date +%s)" -ge "$server_end" ]; then
            say "a slow machine: $round rounds instead of $server_rounds"
            break
        fi
        server_round || return 1
        round=$((round + 1))
    done
    server_print
}
