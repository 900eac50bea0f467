/* One of two files of a program: the declarations only. */
#include "d1target.h"
int main(void) { return d1t_cstr("two").n != 3; }
