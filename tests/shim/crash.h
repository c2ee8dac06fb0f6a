/* crash - what a test and the preloaded shim share: one mapped file, $GS_CRASH_FILE. */
#ifndef GS_TESTS_CRASH_H
#define GS_TESTS_CRASH_H

#include <stdint.h>

enum crash_mode {
	CRASH_PLAIN,   /* the process ends before the n-th call */
	CRASH_TORN,    /* as plain; if the call writes, its first half is written */
	CRASH_LOST,    /* power loss: what was written and not synced since is undone */
	CRASH_SCATTER, /* power loss: every second unsynced write is undone */
};

enum disk_fault {
	DISK_GOOD,
	DISK_FULL,   /* every write that makes a file longer fails with ENOSPC */
	DISK_BROKEN, /* every sync fails with EIO */
};

struct crash {
	_Atomic uint32_t at;	/* 0: not armed; UINT32_MAX: count only */
	_Atomic uint32_t count; /* calls since the test set it to 0 */
	_Atomic uint32_t mode;
	_Atomic uint32_t undone; /* writes undone by the last power loss */
	_Atomic uint32_t disk;	 /* enum disk_fault */
};

#endif
