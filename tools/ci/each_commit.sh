#!/usr/bin/env bash
# each_commit.sh [RANGE]: builds every commit of a range on its own, warnings as errors. Without a
# range: what the branch has over its upstream, or the last five commits.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "SKIPPED: this is no git work tree"
    exit 77
fi
range=${1:-}
if [ -z "$range" ]; then
    if git rev-parse -q --verify '@{upstream}' >/dev/null 2>&1; then
        range='@{upstream}..HEAD'
    else
        range=$(git rev-list --max-count=6 HEAD | tail -1)..HEAD
    fi
fi

work=$(mktemp -d)
trap 'git worktree remove --force "$work/tree" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
git worktree add --detach "$work/tree" HEAD >/dev/null 2>&1
for commit in $(git rev-list --reverse "$range"); do
    echo "== $(git log -1 --format='%h %s' "$commit")"
    git -C "$work/tree" checkout -q "$commit"
    cmake -S "$work/tree" -B "$work/build" -G Ninja -DLODE_WERROR=ON >"$work/log" 2>&1 &&
        cmake --build "$work/build" >"$work/log" 2>&1 || {
        cat "$work/log"
        exit 1
    }
done
