/* Symbols of the same names on purpose. */
extern int d1t_cstr, d1t_open_, d1t_write, d1t__strlen;
int d1t_cstr, d1t_open_, d1t_write, d1t__strlen;
