#!/usr/bin/env bash
# consumer.sh CMAKE BUILD [LIBDIR]: installs the build into a prefix, moves the prefix elsewhere,
# and builds and runs programs outside the tree against it: in C, in C++ and with lode.hpp, by
# pkg-config and by find_package. With LIBDIR it builds the tree anew, for libraries that lie there.
# ctest: ci lib/x86_64-linux-gnu
set -euo pipefail
cmake=$1
build=$2
lib=${3:-lib}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

for program in g++ pkg-config; do
    if ! command -v $program >/dev/null; then
        echo "SKIPPED: no $program (tools/packages test installs it)"
        exit 77
    fi
done

. "$here/own_folders.sh"

if [ "$lib" != lib ]; then
    { "$cmake" -S "$here/../.." -B "$work/tree" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
        "-DCMAKE_INSTALL_LIBDIR=$lib" -DLODE_BUILD_TESTS=OFF &&
        "$cmake" --build "$work/tree"; } >"$work/log" || { cat "$work/log" >&2; exit 1; }
    build=$work/tree
fi
"$cmake" --install "$build" --prefix "$work/first" >"$work/log" || { cat "$work/log" >&2; exit 1; }
mv "$work/first" "$work/moved"
prefix=$work/moved
cp -r "$here/consumer" "$work/source"

for wanted in include/lode/lode.h include/lode/lode.hpp "$lib/liblode.so.0" "$lib/pkgconfig/lode.pc" \
    "$lib/liblode-blas.so" "$lib/cmake/lode/lodeConfig.cmake" bin/lode bin/lode-store \
    bin/lode-scheduler bin/lode-worker bin/storectl; do
    [ -e "$prefix/$wanted" ] || { echo "not installed: $wanted" >&2; exit 1; }
done
grep -qxF "ExecStart=\"$work/first/bin/lode\" start" "$prefix/lib/systemd/user/lode.service" ||
    { echo "the unit for systemd does not start what was installed" >&2; exit 1; }
if [ -e "$prefix/include/lode/actor.h" ]; then
    echo "actor.h is installed, and there are no actors yet" >&2
    exit 1
fi

export PKG_CONFIG_PATH=$prefix/$lib/pkgconfig
flags=(-Wall -Wextra -Wpedantic -Werror)
cxx=(-Wold-style-cast -Wzero-as-null-pointer-constant)
bare=(-fno-exceptions -fno-rtti)
# shellcheck disable=SC2046
gcc -std=c11 "${flags[@]}" "$work/source/consumer.c" -o "$work/by_pkg_config_c" \
    $(pkg-config --cflags --libs lode)
# shellcheck disable=SC2046
g++ -std=c++17 "${flags[@]}" "${cxx[@]}" "$work/source/consumer.cpp" -o "$work/by_pkg_config_cpp" \
    $(pkg-config --cflags --libs lode)
# Optimized: only so g++ sees a reference to what has ended.
# shellcheck disable=SC2046
g++ -O2 -std=c++17 "${flags[@]}" "${cxx[@]}" "${bare[@]}" "$work/source/objects.cpp" \
    -o "$work/objects_by_pkg_config" $(pkg-config --cflags --libs lode)
for std in c++17 c++20; do
    for way in "" "${bare[*]}"; do
        # shellcheck disable=SC2086
        g++ -std=$std $way "${flags[@]}" "${cxx[@]}" "-I$prefix/include" -fsyntax-only \
            "$work/source/objects.cpp"
    done
done
for header in "$prefix"/include/lode/*.h; do
    echo "#include <lode/$(basename "$header")>" |
        g++ -std=c++17 "${flags[@]}" "${cxx[@]}" "-I$prefix/include" -x c++ -fsyntax-only -
done

g++ -std=c++17 "${flags[@]}" "${cxx[@]}" "-I$prefix/include" -x c++ -fsyntax-only - <<'END'
#include <lode/lode.h>
static lode_err nothing(lode_task *task) { return lode_fail(task, LODE_EINVAL, "no"); }
static const lode_function functions[] = {{"nothing", "()", nothing, 0}, {nullptr, nullptr, nullptr, 0}};
LODE_LIBRARY("macros", functions, nullptr);
lode_err use(lode *db, lode_id *id)
{
    LODE_TRY(lode_call(db, "macros.nothing", LODE_NO_ARGS, nullptr, id));
    lode_call_options options{};
    options.struct_size = sizeof options;
    options.max_retries = LODE_ZERO;
    int64_t value = LODE_F64 == LODE_BF16;
    LODE_TRY(lode_call(db, "macros.nothing", LODE_ARGS(lode_i64(value)), &options, id));
    return lode_get_i64(db, *id, LODE_FOREVER, &value);
}
END

"$cmake" -S "$work/source" -B "$work/build" -G Ninja "-DCMAKE_PREFIX_PATH=$prefix" >"$work/log" &&
    "$cmake" --build "$work/build" >"$work/log" || { cat "$work/log" >&2; exit 1; }

version=$(pkg-config --modversion lode)
for program in "$work/by_pkg_config_c" "$work/by_pkg_config_cpp"; do
    LD_LIBRARY_PATH=$prefix/$lib "$program" >"$work/out"
    [ "$(cat "$work/out")" = "$version 10" ] || { cat "$work/out" >&2; exit 1; }
done
LD_LIBRARY_PATH=$prefix/$lib "$work/objects_by_pkg_config"
"$work/build/objects_by_find_package"
for program in "$work/build/by_find_package_c" "$work/build/by_find_package_cpp"; do
    "$program" >"$work/out"
    [ "$(cat "$work/out")" = "$version 10" ] || { cat "$work/out" >&2; exit 1; }
done
