/* Lies beside libneighbour.so, and has no SONAME. */
int near_value(void);

__attribute__((visibility("default"))) int
near_value(void)
{
    return 40;
}
