# The findings of structure.sh, from lines "KIND FILE NAME".

function stem(path) { sub(/\.[ch]$/, "", path); return path }
function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
function base(path) { sub(/.*\//, "", path); return path }
function part(path,    words) { split(path, words, "/"); return words[1] }

# An arrow between two nodes of a group. Arrows between groups are the business of layers.sh.
function arrow(kind, group, from, to) {
    if (from == to) { return }
    arrows[kind, group, from, to] = 1
    nodes[kind SUBSEP group] = nodes[kind SUBSEP group] " " from " " to
}

# Where the function is that a file means by a name: programs have names in common. "": elsewhere.
function resolve(name, from,    i, n, files, best, rank, best_rank) {
    best = ""
    best_rank = -1
    n = (name in files_of) ? split(files_of[name], files, " ") : 0
    for (i = 1; i <= n; i++) {
        rank = (part(files[i]) == part(from)) + (folder(files[i]) == folder(from)) + \
               (files[i] == from)
        if (rank > best_rank) { best = files[i]; best_rank = rank }
    }
    return best
}

# Prints each set of nodes that reach each other.
function print_circles(kind, group,    n, i, j, k, names, seen, list, id, reach, count, line, done) {
    n = split(nodes[kind SUBSEP group], names, " ")
    count = 0
    for (i = 1; i <= n; i++) { if (!(names[i] in seen)) { seen[names[i]] = 1; list[++count] = names[i] } }
    for (i = 1; i <= count; i++) {
        for (j = i; j > 1 && list[j - 1] > list[j]; j--) { k = list[j]; list[j] = list[j - 1]; list[j - 1] = k }
    }
    for (i = 1; i <= count; i++) {
        for (j = 1; j <= count; j++) { reach[i, j] = (kind, group, list[i], list[j]) in arrows }
    }
    for (k = 1; k <= count; k++) {
        for (i = 1; i <= count; i++) {
            if (reach[i, k]) { for (j = 1; j <= count; j++) { if (reach[k, j]) { reach[i, j] = 1 } } }
        }
    }
    for (i = 1; i <= count; i++) {
        if (!reach[i, i] || i in done) { continue }
        line = kind " " group ":"
        for (j = i; j <= count; j++) {
            if (reach[i, j] && reach[j, i]) { line = line " " list[j]; done[j] = 1 }
        }
        print line
    }
}

$1 == "source" { is_source[$2] = 1 }
$1 == "public" { is_public[$3] = 1 }
$1 == "tests" { in_tests[$3] = 1 }
$1 == "def" && $3 != "main" && $3 !~ /^lode_library_v/ { # dlopen() finds these
    files_of[$3] = files_of[$3] " " $2
}
$1 == "use" { uses[++use_count] = $2 " " $3 }
$1 == "declared" { declared[++declared_count] = $2 " " $3 }
$1 == "include" && folder($2) == folder($3) {
    arrow("includes", folder($2), base(stem($2)), base(stem($3)))
}
$1 == "struct" {
    places[$3] = places[$3] " " $2
    if ($2 ~ /\.h$/) { header_of[$3] = $2 }
}

END {
    for (name in header_of) { # a name of one .c alone may come again in another program's .c
        n = split(places[name], files, " ")
        for (i = 1; i <= n; i++) {
            if (files[i] != header_of[name]) { print "twice " name ": " files[i] " " header_of[name] }
        }
    }
    for (i = 1; i <= use_count; i++) {
        split(uses[i], use, " ")
        to = resolve(use[2], use[1])
        if (to == "" || to == use[1]) { continue }
        used[use[2], to] = 1
        if (folder(to) == folder(use[1])) {
            arrow("circle", folder(to), base(stem(use[1])), base(stem(to)))
        } else if (part(to) == part(use[1])) {
            arrow("circle", part(to), folder(use[1]), folder(to))
        }
    }
    for (group in nodes) { split(group, words, SUBSEP); print_circles(words[1], words[2]) }

    for (i = 1; i <= declared_count; i++) {
        split(declared[i], words, " ")
        header = words[1]; name = words[2]
        source = resolve(name, header)
        if (header ~ /^api\/include\//) { continue }
        if (source == "") {
            print "undefined " name ": " header
        } else if (stem(header) != stem(source) &&
                   ((stem(header) ".c") in is_source || folder(header) != folder(source))) {
            print "elsewhere " name ": " header " " source
        }
    }
    for (name in files_of) {
        n = (name in is_public) ? 0 : split(files_of[name], files, " ")
        for (i = 1; i <= n; i++) {
            if ((name, files[i]) in used) { continue }
            print ((name in in_tests) ? "tests " : "unused ") name ": " files[i]
        }
    }
}
