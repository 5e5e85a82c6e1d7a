/*
 * scratch.h: a directory for one test, which is gone when the test's process has ended, however it
 * ended. The teardown of a test that fails does not run. So a second process waits for the end, and
 * removes what is left.
 */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

/* mkdtemp() of a path that ends with XXXXXX; a failure fails the test. */
void scratch_dir(char *path);

#endif
