/* empty_main.c - does nothing; linked with one whole layer to see that the layer calls nothing above it */

int main(void)
{
    return 0;
}
