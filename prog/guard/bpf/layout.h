/* layout - what the programs in the kernel and the guard both read and write. */
#ifndef GS_GUARD_BPF_LAYOUT_H
#define GS_GUARD_BPF_LAYOUT_H

#include <stdint.h>

#define KERNEL_EVENTS_BYTES (256u * 1024u) /* of the ring of reports; a power of two */
#define KERNEL_NAME 64u

enum kernel_mode { KERNEL_OBSERVE, KERNEL_ENFORCE };

/* What was refused, or would be. */
enum kernel_act {
	KERNEL_EXEC,	/* a program was started */
	KERNEL_MAP,	/* a file was mapped executable */
	KERNEL_PROTECT, /* a mapping of a file was made executable */
	KERNEL_WRITE,	/* an approved file was opened for writing */
	KERNEL_TRACE,	/* another process was opened to be written into */
	KERNEL_MODULE,	/* code came into the kernel itself */
	KERNEL__COUNT
};

/* The one row of the map "ages", which the worker writes; that of the map "mode", which the
 * supervisor writes, is an enum kernel_mode. */
struct kernel_ages {
	uint32_t now;	 /* the number that is put on an inode that is approved */
	uint32_t oldest; /* the lowest number that counts; never 0 */
};

/* The one row of the map "counts". */
struct kernel_counts {
	uint64_t refused[KERNEL__COUNT];
	uint64_t would_refuse[KERNEL__COUNT];
	uint64_t dropped; /* reports that found no room */
};

/* A row of the ring "events". */
struct kernel_event {
	uint32_t act;	  /* enum kernel_act */
	uint32_t refused; /* 0: would have been */
	uint32_t pid;
	uint32_t uid;
	uint64_t dev; /* as the kernel counts them; 0: there is no file */
	uint64_t ino;
	uint8_t name[KERNEL_NAME]; /* of the file, without its directory; or of the other process */
	uint8_t by[16];		   /* of the process that acts */
};

#endif
