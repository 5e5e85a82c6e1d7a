#include "tools/cli/exit_code.h"

int
exit_code_of(lode_err err)
{
    switch (err) {
    case LODE_OK:
        return EXIT_OK;
    case LODE_EINVAL:
        return EXIT_USAGE;
    case LODE_EGONE:
    case LODE_ENOTFOUND:
        return EXIT_NOT_FOUND;
    case LODE_ETIMEDOUT:
        return EXIT_TIMEOUT;
    case LODE_EDOWN:
        return EXIT_NO_CLUSTER;
    case LODE_EFULL:
    case LODE_ETOOBIG:
        return EXIT_FULL;
    case LODE_ECORRUPT:
        return EXIT_CORRUPT;
    case LODE_EDENIED:
        return EXIT_DENIED;
    default:
        return EXIT_FAILED;
    }
}
