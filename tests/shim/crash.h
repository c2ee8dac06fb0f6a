/* crash - what a test and the preloaded shim share: one mapped file, $GS_CRASH_FILE. */
#ifndef GS_TESTS_CRASH_H
#define GS_TESTS_CRASH_H

#include <stdint.h>

enum crash_mode {
	CRASH_PLAIN,   /* the process ends before the n-th call */
	CRASH_TORN,    /* as plain; if the call writes, its first half is written */
	CRASH_LOST,    /* power loss: what was written and not synced since is undone */
	CRASH_SCATTER, /* power loss: every second unsynced write is undone */
	CRASH_NAMES,   /* as lost; and names made, moved or taken away since the last sync of their
			  directory are as they were */
	CRASH_MIXED,   /* as scatter; and the names of every second directory are as they were */
	CRASH__COUNT
};

enum disk_fault {
	DISK_GOOD,
	DISK_FULL,   /* every write that makes a file longer fails with ENOSPC */
	DISK_BROKEN, /* every sync fails with EIO */
};

/* What a process did to a name. The process only writes it down: it may be locked in, and a machine
 * without power does nothing either. The test takes it back (tests/lib/power.h). */
enum name_act {
	NAME_MADE,  /* `to` was created: a file or a directory */
	NAME_MOVED, /* `from` became `to` */
	NAME_TAKEN, /* `to` was unlinked; it is now `kept` */
	NAME_RMDIR, /* the empty directory `to` was removed */
};

#define NAME_OPS_MAX 8192
#define NAME_PATH 240

struct name_op {
	uint32_t act;
	uint32_t synced; /* the directory has been */
	uint64_t dev;	 /* of the directory */
	uint64_t ino;
	char from[NAME_PATH]; /* absolute */
	char to[NAME_PATH];
	char kept[NAME_PATH]; /* where the file is that had the name before; "": none had */
};

struct crash {
	char graves[NAME_PATH]; /* directory for files whose names are gone; on the same disk */
	_Atomic uint32_t at;	/* 0: not armed; UINT32_MAX: count only */
	_Atomic uint32_t count; /* calls since the test set it to 0 */
	_Atomic uint32_t mode;
	_Atomic uint32_t undone; /* writes undone by the last power loss */
	_Atomic uint32_t disk;	 /* enum disk_fault */
	_Atomic uint32_t wide;	 /* not 0: what is sent and what keys do counts too */
	_Atomic uint32_t signs;	 /* operations with private keys begun, the log's not among them */
	_Atomic uint32_t names;	 /* entries of name */
	_Atomic uint32_t buried; /* files in graves so far */
	struct name_op name[NAME_OPS_MAX];
};

#endif
