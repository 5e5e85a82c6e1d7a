/* Lies in a folder beside libneighbour.so, and needs another one, which lies deeper. */
int far_value(void);
int deep_value(void);

__attribute__((visibility("default"))) int
far_value(void)
{
    return deep_value() + 1;
}
