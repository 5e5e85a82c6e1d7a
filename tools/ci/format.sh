#!/usr/bin/env bash
# Every C file is as clang-format 14 would write it, with the .clang-format of the tree. Examples
# are laid out by hand, for the page.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if ! command -v clang-format-14 >/dev/null; then
    echo "SKIPPED: no clang-format-14 (tools/packages test installs it)"
    exit 77
fi
find api store scheduler worker tools tests -name '*.[ch]' -not -path 'api/examples/*' -print0 |
    xargs -0 clang-format-14 --dry-run -Werror --ferror-limit=1
