#!/usr/bin/env bash
# hazards.sh: every file, function and test that store/HAZARDS.md names exists, and no number is
# left out. A row is: number, hazard, what is done, where, test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
table=store/HAZARDS.md

bad=0
complain() {
    echo "$table: $1" >&2
    bad=1
}

# The words in backticks of a text, one a line.
quoted() { grep -oE '`[^`]+`' <<<"$1" | tr -d '`' || true; }

# A path from the root or from store/.
file_of() {
    if [ -e "store/$1" ]; then
        echo "store/$1"
    elif [ -e "$1" ]; then
        echo "$1"
    fi
}

check_where() { # number, cell
    local word file function=
    while read -r word; do
        case $word in
        '') continue ;;
        *'()') function=${word%'()'} && continue ;;
        esac
        file=$(file_of "$word")
        if [ -z "$file" ]; then
            complain "$1: there is no file $word"
        elif [ -n "$function" ] && ! grep -qE "^([a-z].*[ *])?$function\(" "$file"; then
            complain "$1: $file does not define $function()"
        fi
        function=
    done < <(quoted "$2")
    [ -n "$(quoted "$2")" ] || complain "$1 says no place"
}

check_test() { # number, cell
    local word
    while read -r word; do
        case $word in
        '') ;;
        *': '*)
            grep -rqE "^(Parameterized)?Test\(${word%%: *}, ${word#*: }[,)]" tests/unit ||
                complain "$1: there is no unit test $word"
            ;;
        *)
            # story/NAME: the files of a kind may lie in subfolders.
            [ -n "$(find "tests/${word%%/*}" -name "${word##*/}.c" -o -name "${word##*/}.sh")" ] ||
                complain "$1: there is no test $word"
            ;;
        esac
    done < <(quoted "$2")
    [ -n "$(quoted "$2")" ] || [[ $2 == *'not met yet'* || $2 == *'not tested alone'* ||
        $2 == *'by hand'* ]] || complain "$1 says no test"
}

rows=0
next_h=1 next_s=1
while IFS='|' read -r _ number _ _ where test _; do
    number=${number// /}
    case $number in
    H*) [ "$number" = "H$next_h" ] || complain "$number follows H$((next_h - 1))"
        next_h=$((next_h + 1)) ;;
    S*) [ "$number" = "S$next_s" ] || complain "$number follows S$((next_s - 1))"
        next_s=$((next_s + 1)) ;;
    esac
    rows=$((rows + 1))
    check_where "$number" "$where"
    check_test "$number" "$test"
done < <(grep -E '^\| [HS][0-9]+ ' $table)
[ "$rows" -ge 25 ] || complain "only $rows rows were found"
exit $bad
