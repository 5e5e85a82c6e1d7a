#!/usr/bin/env bash
# readme.sh CMAKE BUILD: the program of README.md does what README.md says: installed to a prefix
# with spaces, built and run with the very lines that stand there. It has no warning in C nor C++.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cmake=$1
build=$2

if ! command -v pkg-config >/dev/null || ! command -v g++ >/dev/null; then
    echo "SKIPPED: no pkg-config or no g++ (tools/packages test installs it)"
    exit 77
fi

. tools/ci/own_folders.sh

sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' >"$work/sum.c"
# The lines of the shell, from where the installation is used, and what they print.
sed -n '/^    \$ export PKG_CONFIG_PATH=/,/^$/p' README.md | sed '/^$/d; s/^    //' >"$work/lines"
sed -n 's/^\$ //p' "$work/lines" >"$work/commands"
grep -v '^\$ ' "$work/lines" >"$work/wanted"
[ -s "$work/sum.c" ] && [ -s "$work/commands" ] && [ -s "$work/wanted" ] ||
    { echo "README.md has no program" >&2; exit 1; }

export DIR="$work/a prefix/of mine"
"$cmake" --install "$build" --prefix "$DIR" >"$work/log" || { cat "$work/log" >&2; exit 1; }
(cd "$work" && bash -e commands) >"$work/got"
diff "$work/wanted" "$work/got"

warnings=(-Wall -Wextra -Wpedantic -Werror "-I$DIR/include")
gcc -std=c11 "${warnings[@]}" -fsyntax-only "$work/sum.c"
for standard in c++17 c++20; do
    g++ -std=$standard "${warnings[@]}" -Wold-style-cast -fsyntax-only -x c++ "$work/sum.c"
done
