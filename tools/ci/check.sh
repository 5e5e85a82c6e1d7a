#!/usr/bin/env bash
# The checks of the tree that need no build: before a commit.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for check in layers format columns api_used environment limits hazards readme_files packages structure; do
    echo "== $check"
    bash "$here/$check.sh" || [ $? -eq 77 ]
done
