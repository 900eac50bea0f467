/* What every program has once. */
#define D1TARGET_IMPLEMENTATION
#include "d1target.h"
