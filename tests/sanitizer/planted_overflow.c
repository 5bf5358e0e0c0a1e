/* SPDX-License-Identifier: MIT */
/* Signed overflow, and status 0 all the same. It must fail under the undefined
 * behaviour sanitizer. */
#include <limits.h>

int main(int argc, char **argv)
{
    volatile int sum = INT_MAX;
    (void)argv;
    sum += argc;
    return sum == 0;
}
