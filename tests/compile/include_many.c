/* Included four times for the declarations, then twice for the implementation. */
#include "d1target.h"
#include "d1target.h"
#include "d1target.h"
#include "d1target.h"
#define D1TARGET_IMPLEMENTATION
#include "d1target.h"
#include "d1target.h"
int main(void) { return d1t_result_name(D1T_OK) == NULL; }
