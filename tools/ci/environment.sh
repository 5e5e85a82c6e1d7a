#!/usr/bin/env bash
# Every environment variable that the code asks for stands in README.md's table.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Variables are asked for by getenv("X") or through a wrapper with one string argument.
asked=$(grep -rhoE '\b(secure_getenv|getenv|env_path|setenv|unsetenv)\("[A-Z_]+"' --include='*.[ch]' \
    api store scheduler worker tools | sed -E 's/.*"([A-Z_]+)"/\1/' | sort -u)
[ -n "$asked" ] || { echo "no variable was found: the check does not see the code" >&2; exit 1; }
bad=0
for name in $asked; do
    case $name in OPENBLAS_* | OMP_NUM_THREADS) name=OPENBLAS_ ;; esac
    if ! sed -n '/^## Environment/,/^## /p' README.md | grep -qF "\`$name"; then
        echo "README.md's table has no $name" >&2
        bad=1
    fi
done
# A name that is no literal cannot be checked: only the wrappers may pass one.
others=$(grep -rnE '\b(secure_)?getenv\([^"]' --include='*.[ch]' api store scheduler worker tools |
    grep -v 'getenv(name)' || true)
if [ -n "$others" ]; then
    echo "not a literal name: $others" >&2
    bad=1
fi
exit $bad
