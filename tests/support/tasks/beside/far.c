/* Lies in a folder beside libneighbour.so. */
int far_value(void);

__attribute__((visibility("default"))) int
far_value(void)
{
    return 2;
}
