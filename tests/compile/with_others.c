/* Between other popular headers. */
#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#define D1TARGET_IMPLEMENTATION
#include "d1target.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
int main(void) { return D1T_OK; }
