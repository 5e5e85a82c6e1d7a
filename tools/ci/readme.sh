#!/usr/bin/env bash
# readme.sh CMAKE BUILD: the program and the task library of README.md do what README.md says:
# installed to a prefix with spaces, built and run with the very lines that stand there. They have
# no warning in C nor C++, nor have the examples that are installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cmake=$1
build=$2

if ! command -v pkg-config >/dev/null || ! command -v g++ >/dev/null; then
    echo "SKIPPED: no pkg-config or no g++ (tools/packages test installs it)"
    exit 77
fi

. tools/ci/own_folders.sh

c_of() { # the heading
    sed -n "/^## $1\$/,/^## /p" README.md | sed -n '/^```c$/,/^```$/p' | sed '/^```/d'
}
c_of "A program" >"$work/sum.c"
c_of "A task library" >"$work/mine.c"
# The lines of the shell, from where the installation is used, and what they print.
sed -n '/^    \$ export PKG_CONFIG_PATH=/,/^$/p; /^    \$ eval "cc -shared/,/^$/p' README.md |
    sed '/^$/d; s/^    //' >"$work/lines"
sed -n 's/^\$ //p' "$work/lines" >"$work/commands"
grep -v '^\$ ' "$work/lines" >"$work/wanted"
[ -s "$work/sum.c" ] && [ -s "$work/mine.c" ] && [ "$(wc -l <"$work/wanted")" -eq 2 ] ||
    { echo "README.md has no program, or no task library" >&2; exit 1; }

export DIR="$work/a prefix/of mine"
"$cmake" --install "$build" --prefix "$DIR" >"$work/log" || { cat "$work/log" >&2; exit 1; }
(cd "$work" && bash -e commands) >"$work/got"
diff "$work/wanted" "$work/got"

warnings=(-Wall -Wextra -Wpedantic -Werror "-I$DIR/include")
gcc -std=c11 "${warnings[@]}" -fsyntax-only "$work/sum.c" "$work/mine.c"
for standard in c++17 c++20; do
    g++ -std=$standard "${warnings[@]}" -Wold-style-cast -fsyntax-only -x c++ "$work/sum.c"
    g++ -std=$standard "${warnings[@]}" -fsyntax-only -x c++ "$work/mine.c" # it casts as C does
done
for example in "$DIR/share/doc/lode/examples"/{matmul_fanout,tasks}.c; do
    gcc -Wall -Werror "-I$DIR/include" -fsyntax-only "$example"
done
