/*
 * `lode matmul` and `lode run` on .npy files, in a cluster that stays and in a private one. Every
 * element is as we compute it ourselves. Files are whole or not there. Errors name the file. An
 * interrupt ends the command even while it waits for nothing.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/leftovers.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 8192, M = 37, K = 53, YS = 24, HEADER = 128 };

/* In one of 64 buffers, taken in turn: enough for every argument of one command. */
static const char *
path_of(const char *name)
{
    static char paths[64][512];
    static int next;
    char *path = paths[next++ % 64];
    snprintf(path, sizeof paths[0], "%s/%s", story_files(), name);
    return path;
}

/* Element (i, j) of matrix `number`: small, so that sums are exact in f32 too. */
static double
element(int number, int i, int j)
{
    return (double)((i * 7 + j * 13 + number * 5) % 11 - 5);
}

static void
write_npy(const char *path, bool f32, bool fortran, int number, int rows, int columns)
{
    char header[HEADER + 1], dict[HEADER];
    FILE *file = fopen(path, "w");
    expect(file != NULL);
    int length =
        snprintf(dict, sizeof dict, "{'descr': '<f%d', 'fortran_order': %s, 'shape': (%d, %d), }",
                 f32 ? 4 : 8, fortran ? "True" : "False", rows, columns);
    memset(header, ' ', HEADER);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10); /* 0x76 = 128 - 10 */
    memcpy(header + 10, dict, (size_t)length);
    header[HEADER - 1] = '\n';
    fwrite(header, 1, HEADER, file);
    for (int at = 0; at < rows * columns; at++) {
        int i = fortran ? at % rows : at / columns;
        int j = fortran ? at / rows : at % columns;
        double value = element(number, i, j);
        float small = (float)value;
        fwrite(f32 ? (void *)&small : (void *)&value, f32 ? 4 : 8, 1, file);
    }
    expect_eq(fclose(file), 0);
}

static double
product(int x, int y, int i, int j)
{
    double sum = 0;
    for (int k = 0; k < K; k++) {
        sum += element(x, i, k) * element(y, k, j);
    }
    return sum;
}

/* The file is an array M x columns, in whichever order, and equals x @ y. */
static void
expect_product(const char *name, bool f32, int y, int columns)
{
    static char bytes[1 << 20];
    char shape[64];
    FILE *file = fopen(path_of(name), "r");
    if (file == NULL) {
        give_up("there is no %s", name);
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    size_t header = 10 + (size_t)(unsigned char)bytes[8] + 256 * (size_t)(unsigned char)bytes[9];
    expect(size > 10 && memcmp(bytes, "\x93NUMPY", 6) == 0);
    expect_eq(size, header + (size_t)M * (size_t)columns * (f32 ? 4 : 8));
    snprintf(shape, sizeof shape, "(%d, %d)", M, columns);
    bytes[header - 1] = '\0';
    expect_text(bytes + 10, shape);
    expect_text(bytes + 10, f32 ? "<f4" : "<f8");
    bool fortran = strstr(bytes + 10, "'fortran_order': True") != NULL;
    for (int at = 0; at < M * columns; at++) {
        int i = fortran ? at % M : at / columns;
        int j = fortran ? at / M : at % columns;
        float small;
        double value;
        memcpy(&small, bytes + header + 4 * (size_t)at, 4);
        memcpy(&value, bytes + header + (f32 ? 4 : 8) * (size_t)at, f32 ? 4 : 8);
        double got = f32 ? (double)small : value;
        if (fabs(got - product(0, y, i, j)) > 1e-9) {
            give_up("%s: element %d, %d is %g, not %g", name, i, j, got, product(0, y, i, j));
        }
    }
}

static int
columns_of(int y)
{
    return 1 + y * 3;
}

static const char *
y_name(int y)
{
    static char names[YS + 1][32];
    snprintf(names[y], sizeof names[y], "y%d.npy", y);
    return names[y];
}

/* More Ys than are in flight at a time, some in Fortran order. */
static void
multiply_many(bool f32)
{
    const char *argv[YS + 8] = {"lode", "matmul"};
    char out[ROOM], err[ROOM], name[64];
    int at = 2;
    write_npy(path_of("x.npy"), f32, false, 0, M, K);
    argv[at++] = path_of("x.npy");
    for (int y = 1; y <= YS; y++) {
        const char *path = path_of(y_name(y));
        write_npy(path, f32, y % 3 == 0, y, K, columns_of(y));
        argv[at++] = path;
    }
    argv[at++] = "--out";
    argv[at++] = path_of("out");
    if (program_run(argv, out, err, ROOM) != 0) {
        give_up("lode matmul: %s", err);
    }
    expect_text(out, "out/y1.npy");
    for (int y = 1; y <= YS; y++) {
        snprintf(name, sizeof name, "out/%s", y_name(y));
        expect_product(name, f32, y, columns_of(y));
    }
    expect_eq(story_count_files(path_of("out")), YS); /* and nothing half-written beside them */
}

static void
refuse(int exit_code, const char *x, const char *y, const char *out_dir, const char *sentence)
{
    const char *argv[] = {"lode",  "matmul",         path_of(x), path_of(y),
                          "--out", path_of(out_dir), NULL};
    char out[ROOM], err[ROOM];
    expect_eq(program_run(argv, out, err, ROOM), exit_code);
    expect_text(err, sentence);
    expect_eq(strlen(out), 0);
}

static void
refuse_what_does_not_fit(void)
{
    write_npy(path_of("long.npy"), false, false, 1, K + 1, 2);
    write_npy(path_of("other.npy"), true, false, 1, K, 2);
    write_npy(path_of("x.npy"), false, false, 0, M, K);
    refuse(2, "x.npy", "long.npy", "refused", "long.npy is 54 x 2");
    refuse(2, "x.npy", "other.npy", "refused", "other.npy is of type f32");
    refuse(3, "x.npy", "none.npy", "refused", "none.npy: there is no such file");
    refuse(2, "x.npy", "y1.npy", ".", "is an input");
    expect_eq(truncate(path_of("y1.npy"), HEADER + 5), 0);
    refuse(7, "x.npy", "y1.npy", "refused", "y1.npy: ");
    expect_eq(access(path_of("refused"), F_OK), -1);
}

static void
run_with_files(void)
{
    char out[ROOM], err[ROOM];
    const char *argv[] = {
        "lode", "run", "-o", path_of("z.npy"), "blas.matmul", path_of("x.npy"), path_of("y2.npy"),
        NULL};
    write_npy(path_of("x.npy"), false, false, 0, M, K);
    write_npy(path_of("y2.npy"), false, true, 2, K, columns_of(2));
    if (program_run(argv, out, err, ROOM) != 0) {
        give_up("lode run: %s", err);
    }
    expect_text(out, "f64[37, 7]");
    expect_product("z.npy", false, 2, columns_of(2));
}

struct multiplier {
    const char *const *argv;
    int stdout_fd;
};

static void
exec_multiplier(struct child *parent, void *arg)
{
    const struct multiplier *m = arg;
    (void)parent;
    signal(SIGINT, SIG_DFL); /* a shell's background jobs are born with it ignored */
    expect(dup2(m->stdout_fd, STDOUT_FILENO) == STDOUT_FILENO);
    execv(story_program("lode"), (char *const *)m->argv);
    give_up("cannot start lode");
}

/*
 * Every product is there as soon as it is asked for, so the command never waits for one. It cannot
 * finish either: it says which files it has written, and the pipe that it says it to has no room
 * for half of them.
 */
static void
an_interrupt_ends_it_although_results_come(void)
{
    enum { PIPE_BYTES = 4096, LONG_NAME = 200 };
    const char *argv[YS + 6] = {"lode", "matmul", path_of("x.npy")};
    char long_name[LONG_NAME + 1], name[LONG_NAME + 16], byte;
    int ends[2], at = 3;
    struct child child;
    memset(long_name, 'y', LONG_NAME);
    long_name[LONG_NAME] = '\0';
    for (int y = 1; y <= YS; y++) {
        snprintf(name, sizeof name, "%s%d.npy", long_name, y);
        argv[at] = path_of(name);
        write_npy(argv[at++], false, false, y, K, 1);
    }
    argv[at++] = "--out";
    argv[at++] = path_of("interrupted");
    expect_eq(pipe2(ends, O_CLOEXEC), 0);
    expect_eq(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES), PIPE_BYTES);
    expect_lt(PIPE_BYTES, YS * LONG_NAME);
    struct multiplier m = {argv, ends[1]};
    child_start(&child, exec_multiplier, &m);
    close(ends[1]);
    expect_eq(read(ends[0], &byte, 1), 1); /* the first product is written */
    kill(child.pid, SIGINT);
    int status = child_join(&child, false);
    expect(WIFEXITED(status));
    expect_eq(WEXITSTATUS(status), 128 + SIGINT);
    expect_lt(story_count_files(path_of("interrupted")), YS);
    close(ends[0]);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(2, 64 << 20);
    multiply_many(false);
    run_with_files();
    refuse_what_does_not_fit();
    an_interrupt_ends_it_although_results_come();
    cluster_stop(supervisor);
    remove_tree(path_of("out"));
    multiply_many(true); /* nothing runs: in a cluster of its own, which ends with it */
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
