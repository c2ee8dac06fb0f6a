/* gate - what a test and the preloaded shim share: one mapped file, $GS_GATE_FILE. */
#ifndef GS_TESTS_GATE_H
#define GS_TESTS_GATE_H

#include <stdint.h>

struct gate {
	_Atomic uint32_t begun; /* operations with private keys, the log's not among them */
	_Atomic uint32_t held;	/* the operation of this number waits; UINT32_MAX: none */
	_Atomic uint32_t
		still; /* not 0: the monotonic clock stands; another number, another stop */
};

#endif
