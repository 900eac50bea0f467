/* The sizes of the public structs: no D1T_NO_ macro may change them. */
#include <stdio.h>
#include "d1target.h"
#define SIZE(type) printf(#type " %zu\n", sizeof(type))
int main(void) {
    SIZE(d1t_client), SIZE(d1t_config), SIZE(d1t_error), SIZE(d1t_stats), SIZE(d1t_event), SIZE(d1t_op), SIZE(d1t_plan);
    SIZE(d1t_value), SIZE(d1t_table), SIZE(d1t_column), SIZE(d1t_transport), SIZE(d1t_request), SIZE(d1t_reply);
    return 0;
}
