#include <lode/cluster.h>

const char *
lode_version(void)
{
    return LODE_VERSION;
}
