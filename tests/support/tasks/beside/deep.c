/* Lies deeper. */
int deep_value(void);

__attribute__((visibility("default"))) int
deep_value(void)
{
    return 1;
}
