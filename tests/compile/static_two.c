#define D1T_STATIC
#define D1TARGET_IMPLEMENTATION
#include "d1target.h"
extern size_t static_two(void);
size_t static_two(void) { return d1t_cstr("four").n; }
