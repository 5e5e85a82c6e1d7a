#include "tools/cli/interrupts.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static const char *volatile temporary;
static volatile sig_atomic_t is_waited_for, came;

static void
on_interrupt(int number)
{
    if (is_waited_for && !came) {
        came = 1;
        return;
    }
    if (temporary != NULL) {
        unlink(temporary);
    }
    _exit(128 + number);
}

void
interrupts_catch(bool wait_for_us)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    is_waited_for = wait_for_us;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action = {.sa_handler = on_interrupt}, old;
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

bool
interrupts_came(void)
{
    return came != 0;
}

void
interrupts_temporary(const char *path)
{
    temporary = path;
}
