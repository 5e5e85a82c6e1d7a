/*
 * namespaces.h: processes in a pid namespace of their own, as in a container.
 *
 *     namespaces_need();            in the story, before it starts anything
 *     namespaces_leave();           in a child of the story; itself stays where it is
 *     if (fork() == 0) {
 *         namespaces_settle();      process 1 of the new namespace, with a /proc of its own
 *         …
 */
#ifndef TESTS_SUPPORT_NAMESPACES_H
#define TESTS_SUPPORT_NAMESPACES_H

/*
 * Skips the test where no such namespace can be had. A child could not: the story would wait for
 * it.
 */
void namespaces_need(void);

void namespaces_leave(void);
void namespaces_settle(void);

#endif
