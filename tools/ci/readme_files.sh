#!/usr/bin/env bash
# readme_files.sh: every file and folder that a README names in backticks exists: below the README's
# folder, or from the root, from api/ or from api/include/lode/. A name with capitals is no file's.
# And its prose is wrapped at 100 columns; tables and drawings may be wider.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export LC_ALL=C.UTF-8 # columns are characters

bad=0
words=0

exists() { # folder of the README, name
    local place
    for place in "$1/$2" "$2" "api/$2" "api/include/lode/$2"; do
        [ ! -e "$place" ] || return 0
    done
    [ -n "$(find "$1" -path "*/$2" -print -quit)" ]
}

while read -r readme; do
    folder=$(dirname "$readme")
    while IFS= read -r line; do
        [ ${#line} -le 100 ] && continue
        echo "$readme has a line of ${#line} columns: $line" >&2
        bad=1
    done < <(sed '/^```/,/^```/d; /^|/d' "$readme")
    while read -r word; do
        [[ $word =~ ^[a-z0-9_./-]+\.(c|h|sh|md)$ || $word =~ ^[a-z0-9_-]+(/[a-z0-9_-]+)*/$ ]] ||
            continue
        words=$((words + 1))
        exists "$folder" "${word%/}" && continue
        echo "$readme names $word, which does not exist" >&2
        bad=1
    done < <(sed '/^```/,/^```/d' "$readme" | grep -oE '`[^`]+`' | tr -d '`' | tr ' ' '\n' | sort -u)
done < <(git ls-files '*README.md' 2>/dev/null || find . -name README.md -not -path './build/*')
[ "$words" -gt 50 ] || { echo "only $words names were found: the check is blind" >&2; exit 1; }
exit $bad
