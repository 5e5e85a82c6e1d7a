#!/usr/bin/env bash
# columns.sh: no comment, and no text of a README but a table, is wider than 100 columns.
# clang-format leaves comments as they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

columns=100
LC_ALL=C.UTF-8
export LC_ALL
wide=$(
    wider=".{$((columns + 1)),}"
    find api store scheduler worker tools tests .ci CMakeLists.txt -type f -print0 |
        xargs -0 grep -IHnE "^$wider" |
        grep -E '^[^:]*\.[ch]:[0-9]+: *(/\*|\*|//)|^[^:]*(\.sh|\.awk|\.txt|/test|/demo|/packages|/run):[0-9]+: *# ' ||
        true
    find . -name '*.md' -not -path './build/*' -print0 | xargs -0 grep -HnE "^[^|]$wider" || true
)
[ -z "$wide" ] || {
    echo "wider than $columns columns:" >&2
    echo "$wide" >&2
    exit 1
}
