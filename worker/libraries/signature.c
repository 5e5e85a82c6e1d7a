#include "worker/libraries/signature.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool
begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static bool
is_variadic(const char *parameter)
{
    return parameter[0] == '*' || begins_with(parameter, "...") || begins_with(parameter, "…");
}

/* Behind one parameter: at the comma or the bracket that ends it; NULL: nothing ends it. */
static const char *
skip_parameter(const char *at)
{
    int depth = 0;
    for (; *at != '\0'; at++) {
        if (depth == 0 && (*at == ',' || *at == ')')) {
            return at;
        }
        depth += strchr("([{", *at) != NULL;
        depth -= strchr(")]}", *at) != NULL;
    }
    return NULL;
}

int32_t
signature_arguments(const char *signature)
{
    const char *at = signature != NULL ? strchr(signature, '(') : NULL;
    int32_t count = 0;
    while (at != NULL && *at != ')') {
        at += 1 + strspn(at + 1, " ");
        if (count == 0 && *at == ')') {
            return 0;
        }
        if (is_variadic(at)) {
            return SIGNATURE_ANY;
        }
        count++;
        at = skip_parameter(at);
    }
    return at != NULL ? count : SIGNATURE_ANY;
}
