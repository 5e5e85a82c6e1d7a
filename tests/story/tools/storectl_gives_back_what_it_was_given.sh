#!/usr/bin/env bash
# What storectl puts, it lists, describes, waits for, and gives back byte for byte.
. "$(dirname "${BASH_SOURCE[0]}")/../../support/storectl.sh"

cd "$here"
store_start --capacity 64M

head -c 96 /dev/urandom | npy x.npy '<f8' False '(3, 4)'
head -c 48 /dev/urandom | npy f.npy '<f4' True '(3, 4)'
head -c 4 /dev/urandom | npy scalar.npy '<i4' False '()'
: | npy none.npy '<c16' False '(3, 0)'
head -c 20000000 /dev/urandom | npy large.npy '|u1' False '(20000, 1000)'
head -c 100000 /dev/urandom >blob.bin
: >empty.bin

# Files, small and large, are named after their stems.
status 0 storectl put x.npy f.npy scalar.npy none.npy large.npy blob.bin empty.bin
prints '^[0-9a-f]\{32\}$'
[ "$(wc -l <out)" = 7 ] || give_up "put printed other than 7 ids"
id=$(head -n 1 out)
for name in x f scalar none large; do
    status 0 storectl get $name -o $name.back
    same $name.npy $name.back
    status 0 storectl get $name
    same $name.npy out
done
for name in blob empty; do
    status 0 storectl get $name -o - --timeout 1
    same $name.bin out
done
status 0 storectl get "$id" -o by_id
same x.npy by_id

# Raw: an array's memory; and a .npy file as the bytes that it is.
status 0 storectl get x --raw
tail -c 96 x.npy | cmp - out || give_up "the raw bytes differ"
status 0 storectl put x.npy --raw --name file
status 0 storectl get file
same x.npy out
status 0 storectl stat file
prints '^kind: *blob'

# Pipes, both ways; a whole array through two of them.
status 0 bash -c 'cat large.npy | storectl put - --name piped'
status 0 bash -c 'storectl get piped | cmp - large.npy'
status 0 bash -c 'cat blob.bin | storectl put - --name piped --replace'
status 0 bash -c 'storectl get piped | cmp - blob.bin'
status 0 bash -c 'printf "" | storectl put - --name nothing'
status 0 storectl get nothing
same out /dev/null

# The existing file is replaced as a whole; a device is written to.
status 0 storectl get blob -o x.back
same blob.bin x.back
status 0 storectl get blob -o /dev/null
[ -c /dev/null ] || give_up "/dev/null was replaced"

# Lists and descriptions.
status 0 storectl ls
prints "^$id  sealed  array *96 B .* f64 3 x 4 *x\$"
prints 'u1\|u8 20000 x 1000'
status 0 storectl ls 'f*'
[ "$(wc -l <out)" = 3 ] || give_up "the pattern f* shows other than f and file"
status 0 storectl ls --json
prints '"schema": "storectl.ls/1"'
prints '"size_bytes": 20000000'
status 0 storectl ls --jsonl --sort size
head -n 1 out | grep -q '"names":\["large"\]' || give_up "--sort size does not begin with the largest"
status 0 storectl stat x
prints "^id: *$id\$"
prints '^references: *1$'
prints '^pins: *0$'
prints '^size: *96 B (96 bytes)$'
status 0 storectl stat x f --json
prints '"schema": "storectl.stat/1"'
prints '"dtype": "f32"'
status 0 storectl stat
prints '^capacity: *64.0 MiB$'
status 0 storectl stat --json
prints '"capacity_bytes": 67108864'

# Namespaces.
status 0 storectl put x.npy --space other
status 0 storectl get other/x
same x.npy out
status 0 storectl put f.npy --name third/x
status 0 storectl ls 'third/*' --jsonl
prints '"names":\["third/x"\]'
status 0 storectl rm other/x
status 3 storectl get other/x
status 0 storectl get x
same x.npy out

# A name is rebound only when asked; the old object then goes.
status 1 storectl put f.npy --name x
says "name 'x' is taken: --replace"
status 0 storectl put f.npy --name x --replace
status 0 storectl get x
same f.npy out
status 3 storectl stat "$id"

# How often a name was bound is its version.
status 0 storectl stat x
prints '^names: *x (version [0-9]*)$'
status 0 storectl ls x --jsonl
before=$(sed 's/.*"name_versions":\["\([0-9]*\)"\].*/\1/' out)
status 0 storectl put f.npy --name x --replace
status 0 storectl ls x --jsonl
prints '"names":\["x"\],"name_versions":\["'"$((before + 1))"'"\]'
status 0 storectl stat x
prints "^names: *x (version $((before + 1)))\$"
status 0 storectl ls x
prints ' x$'

# Removing names and objects gives the room back.
status 0 storectl rm large scalar none
status 3 storectl rm large
says "there is no object 'large'"
status 0 storectl rm -f large
status 0 bash -c 'storectl ls f --jsonl'
id=$(sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' out)
status 0 storectl rm "$id"
status 3 storectl get "$id"
says 'gone'
status 0 storectl stat --json
used=$(sed -n 's/.*"used_bytes": \([0-9]*\).*/\1/p' out)
[ "$used" -lt 20000000 ] || give_up "20 MB were removed, and $used bytes are used"

# Waiting: for what is there, and for what comes.
status 0 storectl wait x blob --timeout 5
[ "$(wc -l <out)" = 2 ] || give_up "wait printed other than 2 ids"
timeout 60 storectl wait later x --json >later.out &
waiter=$!
status 0 storectl put x.npy --name later
wait "$waiter" || give_up "the waiter ended with status $?"
grep -q '"word": "later"' later.out || give_up "the waiter does not name what it waited for"

store_stop
