/* Lies beside libneighbour.so, and has no SONAME. Another one of that name lies elsewhere. */
#ifndef VALUE
#define VALUE 40
#endif

int near_value(void);

__attribute__((visibility("default"))) int
near_value(void)
{
    return VALUE;
}
