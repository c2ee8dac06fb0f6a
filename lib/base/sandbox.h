/* sandbox - what a process gives up before it reads the first byte from outside.
 *
 * Owns: no_new_privs, rlimits, dumpable, Landlock rules and seccomp filters, as lists the caller
 * hands in. Must not own: who needs what (each program's main.c says so in one table).
 * A library of its own (dep_sandbox), so that only sandboxed programs link libseccomp. */
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
	uint64_t address_space; /* bytes; not applied in builds with AddressSanitizer */
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
 * caller logs it). A path that does not exist is RC_NOTFOUND. With no paths at all nothing can be
 * opened any more. Applies to the calling thread and its later children: call it before threads
 * are made. Also refuses TCP bind and connect, and signals and abstract sockets that leave the
 * process, where the kernel can (ABI 4, 6). */
MUST rc sandbox_paths(const struct sandbox_path *paths, size_t count, int *ret_abi,
		      struct fault *f);
/* The same for a program that calls others over the network: TCP connections may be made. */
MUST rc sandbox_paths_online(const struct sandbox_path *paths, size_t count, int *ret_abi,
			     struct fault *f);

/* What the system-call filter lets through. Everything else ends the process (SIGSYS), or fails
 * with EPERM if soft. Names that this architecture or libseccomp lacks are skipped. */
struct sandbox_calls {
	const char *const *allow;
	size_t allow_count;
	bool networked; /* also what threads, TLS and its libraries ask for in each program that
			   speaks to a network: no files are made, no program is started */
	const char *const *refuse; /* fail with EPERM, never end the process: for library probes */
	size_t refuse_count;
	bool soft; /* builds with AddressSanitizer then also allow ptrace, for its search for leaks
		    */
	bool no_exec_memory; /* mmap and mprotect, if allowed, only without PROT_EXEC */
	bool unix_sockets;   /* socket, if allowed, only for AF_UNIX */
	bool bpf_maps; /* bpf, if allowed, only to look into maps that are open, and to change them
			*/
};
/* Takes effect for every thread of the process. A name in both lists is RC_DUPLICATE, nothing
 * to allow RC_USAGE, RC_IO where the kernel has no seccomp. */
MUST rc sandbox_filter(const struct sandbox_calls *calls, struct fault *f);

/* sandbox_filter() with an allow list alone. */
MUST rc sandbox_syscalls(const char *const *names, size_t count, bool soft, struct fault *f);

/* Closes every descriptor >= 3 that is not in keep (count numbers, in any order; -1 is skipped). */
MUST rc sandbox_close_others(const int *keep, size_t count, struct fault *f);

#endif
