/* What a Python program says to callgrind, in which it runs: count from here on; write down what was counted. */
#include <valgrind/callgrind.h>

void begin(void) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void end(const char *work) {
    CALLGRIND_DUMP_STATS_AT(work);
    CALLGRIND_STOP_INSTRUMENTATION;
}
