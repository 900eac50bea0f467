/* After the macros of <windows.h>, X11 and BSD that break headers. */
#define ERROR 0
#define DELETE (0x00010000L)
#define IN
#define OUT
#define OPTIONAL
#define CONST const
#define VOID void
#define TRUE 1
#define FALSE 0
#define BOOL int
#define TEXT(quote) L##quote
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define interface struct
#define near
#define far
#define small char
#define hyper long
#define Status int
#define None 0L
#define Success 0
#define major(dev) ((dev) >> 8)
#define minor(dev) ((dev) & 255)
#define unix 1
#define linux 1
#define D1TARGET_IMPLEMENTATION
#include "d1target.h"
