#!/usr/bin/env bash
# Prints the name of every function that the installed headers declare with LODE_API.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../api/include/lode"

for header in *.h; do
    [ "$header" = actor.h ] && continue # installed when actors are built
    # One declaration a line, comments and macros gone.
    sed -E 's@/\*([^*]|\*+[^*/])*\*+/@@g' "$header" | tr '\n' ' ' |
        sed -E 's@/\*([^*]|\*+[^*/])*\*+/@@g; s/;/;\n/g' |
        grep -E '(^|[ }])LODE_API ' |
        grep -oE '\blode_[a-z0-9_]+ *\(' | grep -oE 'lode_[a-z0-9_]+' || true
done | sort -u
