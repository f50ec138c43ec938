#!/bin/sh
# What is installed can be used: builds craft static and shared, installs it,
# and builds a small program against each with find_package and pkg-config.

set -eu
CRAFT_ROOT=${CRAFT_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$CRAFT_ROOT/tests/setup.sh"

work=$CRAFT_BUILD_DIR/install
rm -rf "$work"
mkdir -p "$work/consumer"

cat >"$work/consumer/main.c" <<'END'
#include <craft.h>
#include <stdio.h>

int main(void)
{
    craft_config config;

    craft_config_init(&config, sizeof config);
    (void)printf("consumer: %s\n", craft_error_name(CRAFT_ERR_INVALID));
    return config.struct_size == sizeof config ? 0 : 1;
}
END
cat >"$work/consumer/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES C)
find_package(craft 0.1 CONFIG REQUIRED)
add_executable(consumer main.c)
target_link_libraries(consumer PRIVATE craft::craft_posix craft::craft)
END

if ! nm -g --defined-only "$CRAFT_BUILD_DIR/libcraft.a" |
    grep -q ' T craft_config_init$'; then
    echo "craft_config_init is not there yet"
    exit 77
fi

# As the build itself: a fresh machine may have ninja and no make.
if have ninja; then
    CMAKE_GENERATOR=Ninja
    export CMAKE_GENERATOR
fi

skipped=
for shared in OFF ON; do
    build=$work/build-$shared
    prefix=$work/prefix-$shared
    craft_configure "$build" -DBUILD_SHARED_LIBS=$shared \
        -DCRAFT_BUILD_TESTS=OFF -DCRAFT_BUILD_EXAMPLES=ON \
        -DCMAKE_BUILD_TYPE=Debug
    craft_build "$build"
    cmake --install "$build" --prefix "$prefix" >"$build/install.log"

    echo "find_package, shared $shared"
    cmake -S "$work/consumer" -B "$work/cmake-$shared" \
        -DCMAKE_PREFIX_PATH="$prefix" >"$build/consumer.log"
    cmake --build "$work/cmake-$shared" >>"$build/consumer.log"
    "$work/cmake-$shared/consumer"

    if ! tool_present pkg-config; then
        skipped=1
        continue
    fi
    echo "pkg-config, shared $shared"
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name craft.pc)")
    export PKG_CONFIG_PATH
    [ "$(pkg-config --modversion craft)" = 0.1.0 ]
    libdir=$(dirname "$PKG_CONFIG_PATH")
    # shellcheck disable=SC2046
    "${CC:-cc}" "$work/consumer/main.c" -o "$work/pc-$shared" \
        $(pkg-config --cflags --libs craft_posix)
    LD_LIBRARY_PATH=$libdir "$work/pc-$shared"
    # The core alone, without the POSIX parts.
    # shellcheck disable=SC2046
    "${CC:-cc}" "$work/consumer/main.c" -o "$work/pc-core-$shared" \
        $(pkg-config --cflags --libs craft)
    LD_LIBRARY_PATH=$libdir "$work/pc-core-$shared"
done

if [ -n "$skipped" ]; then
    echo "no pkg-config: only find_package was tried"
    exit 77
fi
