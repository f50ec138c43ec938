#!/bin/sh
#
# Measures craft; does all of its own set-up. docs/benchmarks.md says what the
# figures mean.
#
#   sh tests/bench.sh core [--profile]   the core alone: instructions, times,
#                                        memory; --profile: instructions by
#                                        function, on stderr
#   sh tests/bench.sh server             craft-kv, three servers on loopback,
#                                        beside redis-server
#   sh tests/bench.sh                    both
#
# stdout is only lines `metric value unit`. CRAFT_BUILD_DIR (default build/) is
# where it builds.

set -u
CRAFT_ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$CRAFT_ROOT/tests/setup.sh"
. "$CRAFT_ROOT/tests/bench/lib.sh"

profile=
part=all
for word in "$@"; do
    case $word in
    core | server) part=$word ;;
    --profile) profile=1 ;;
    -h | --help)
        sed -n '3,16s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "bench.sh: no part '$word'; there are: core server" >&2
        exit 2
        ;;
    esac
done

if [ "$part" != server ]; then
    . "$CRAFT_ROOT/tests/bench/lib_core.sh"
    bench_core || exit 1
fi
if [ "$part" != core ] && [ -f "$CRAFT_ROOT/tests/bench/lib_server.sh" ]; then
    . "$CRAFT_ROOT/tests/bench/lib_server.sh"
    bench_server || exit 1
fi
