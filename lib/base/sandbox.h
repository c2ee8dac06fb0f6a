/* sandbox - what a process gives up before it reads the first byte from outside.
 *
 * Owns: no_new_privs, rlimits, dumpable, Landlock rules and seccomp filters, as lists the caller
 * hands in. Must not own: who needs what (each program's main.c says so in one table). */
#ifndef GS_BASE_SANDBOX_H
#define GS_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"

/* No core files, no ptrace by equals: RLIMIT_CORE 0, PR_SET_DUMPABLE 0, no_new_privs. */
MUST rc sandbox_harden(struct fault *f);

/* Resource limits; 0 leaves a limit as it is. */
struct sandbox_limits {
	uint64_t address_space; /* bytes */
	uint64_t cpu_seconds;
	uint64_t file_size; /* bytes written to one file */
	uint64_t open_files;
	uint64_t processes;
};
MUST rc sandbox_limit(const struct sandbox_limits *l, struct fault *f);

/* One directory or file the process may still use by path. */
struct sandbox_path {
	const char *path;
	bool write; /* else read only (and execute never) */
	bool execute;
};
/* Landlock: everything else in the file system is refused from here on. With an older kernel the
 * rules of its ABI are applied; *ret_abi is 0 where the kernel has no Landlock (not an error; the
 * caller logs it). A path that does not exist is RC_NOTFOUND. */
MUST rc sandbox_paths(const struct sandbox_path *paths, size_t count, int *ret_abi, struct fault *f);

/* seccomp: only the named system calls ("read", "write", ...); others end the process (SIGSYS), or
 * fail with EPERM if soft. Names that this architecture lacks are skipped. */
MUST rc sandbox_syscalls(const char *const *names, size_t count, bool soft, struct fault *f);

#endif
