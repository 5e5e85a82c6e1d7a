#include "tools/cli/interrupts.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static const int NUMBERS[] = {SIGINT, SIGTERM, SIGHUP};
enum { COUNT = sizeof NUMBERS / sizeof NUMBERS[0] };

static const char *volatile temporary;
static volatile sig_atomic_t is_deferred, came;

static void
on_interrupt(int number)
{
    if (is_deferred && !came) {
        came = number;
        return;
    }
    if (temporary != NULL) {
        unlink(temporary);
    }
    _exit(128 + number);
}

void
interrupts_catch(void)
{
    for (size_t i = 0; i < COUNT; i++) {
        struct sigaction action = {.sa_handler = on_interrupt}, old;
        if (sigaction(NUMBERS[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(NUMBERS[i], &action, NULL);
        }
    }
}

void
interrupts_defer(bool on)
{
    is_deferred = on;
}

int
interrupts_came(void)
{
    return came;
}

void
interrupts_hold(bool on)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNT; i++) {
        sigaddset(&set, NUMBERS[i]);
    }
    sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

void
interrupts_temporary(const char *path)
{
    temporary = path;
}
