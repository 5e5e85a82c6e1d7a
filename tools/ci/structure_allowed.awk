# Compares what structure.sh found (the second file) with what is allowed (the first): exit status 1, and
# the lines that differ. With shrink=1 prints the list anew: what is in both.

# Two lines speak of the same thing: one name, or a circle and what is left of it.
function covers(old, new,    i, n, words) {
    n = split(new, words, " ")
    if (index(old, words[1] " " words[2] " ") != 1) { return 0 }
    if (words[1] != "circle" && words[1] != "includes") { return 1 }
    for (i = 3; i <= n; i++) { if (index(old " ", " " words[i] " ") == 0) { return 0 } }
    return 1
}

function is_same(old, new) {
    return old == new || (covers(old, new) && new !~ /^(circle|includes) /)
}

FNR == NR && /^(#|$)/ { head = head $0 "\n" }
FNR == NR && !/^(#|$)/ { allowed[$0] = 1 }
FNR != NR { found[$0] = 1 }

END {
    if (shrink) { printf "%s", head }
    for (line in found) {
        has = exact = 0
        for (old in allowed) {
            if (covers(old, line)) { has = 1 }
            if (is_same(old, line)) { exact = 1; is_true[old] = 1 }
        }
        if (shrink) {
            if (has) { print line | "sort" }
        } else if (!has) {
            print "not allowed: " line > "/dev/stderr"
            bad = 1
        } else if (!exact) {
            print "a circle has shrunk to: " line > "/dev/stderr"
            mended = 1
        }
    }
    for (old in allowed) {
        if (!shrink && !(old in is_true)) {
            print "no longer so: " old > "/dev/stderr"
            mended = 1
        }
    }
    if (mended) {
        print "mended: tools/ci/structure.sh --shrink takes it out of the list" > "/dev/stderr"
    }
    exit bad || mended
}
