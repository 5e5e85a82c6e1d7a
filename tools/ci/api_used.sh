#!/usr/bin/env bash
# Every public function, and every public macro that takes arguments, is used by at least one test;
# and what every public function does when the system refuses it something is looked at, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

macros=$(grep -hoE '^#define LODE_[A-Z0-9_]+\(' api/include/lode/*.h | grep -oE 'LODE_[A-Z0-9_]+')
missing=0
for name in $(tools/ci/api_names.sh) $macros; do
    case $name in LODE_PRINTF | LODE_ERR_ENUM | LODE_U32_) continue ;; esac # the headers alone use them
    if ! grep -rqwF --include='*.c' --include='*.cpp' --include='*.h' -- "$name" tests tools/ci; then
        echo "no test uses $name" >&2
        missing=$((missing + 1))
    fi
done
for name in $(tools/ci/api_names.sh); do
    if ! grep -qwF -- "$name" tests/starve/*.c tests/support/tasks/starving.c; then
        echo "no case of tests/starve calls $name" >&2
        missing=$((missing + 1))
    fi
done
exit $((missing > 0))
