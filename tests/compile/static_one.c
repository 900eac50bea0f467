/* A private copy, next to another private copy and to foreign functions of the same names. */
#define D1T_STATIC
#define D1TARGET_IMPLEMENTATION
#include "d1target.h"
extern size_t static_two(void);
int main(void) { return d1t_cstr("one").n + static_two() != 3 + 4; }
