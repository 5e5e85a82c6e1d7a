#!/usr/bin/env bash
# exports.sh LIBLODE: the library exports exactly what the public headers declare.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

declared=$(tools/ci/api_names.sh | sort -u)
exported=$(nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u)
difference=$(diff <(echo "$declared") <(echo "$exported") || true)
if [ "$(wc -l <<<"$declared")" -lt 50 ]; then
    echo "only $(wc -l <<<"$declared") declarations were found: the check does not see them" >&2
    exit 1
fi
if [ -n "$difference" ]; then
    echo "declared in api/include/lode (<), exported by $1 (>):" >&2
    grep '^[<>]' <<<"$difference" >&2
    exit 1
fi
