/* elf - the little of an ELF file (System V ABI, "Object files" and "Program loading") that says
 * what else must be there for it to run. 32 and 64 bits, either byte order.
 *
 * Owns: reading within bounds. Must not own: where libraries lie. */
#ifndef GS_FORMAT_ELF_H
#define GS_FORMAT_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define ELF_HEADERS_MAX 128u
#define ELF_DYNAMIC_MAX 4096u
#define ELF_NEEDED_MAX 256u

enum elf_type { ELF_REL = 1, ELF_EXEC = 2, ELF_DYN = 3, ELF_CORE = 4 };

struct elf {
	struct view bytes; /* the file, or its first bytes; borrowed */
	bool wide;	   /* ELFCLASS64 */
	bool big;	   /* ELFDATA2MSB */
	uint64_t type;	   /* enum elf_type, or something else */
};

/* False if it does not begin like an ELF file. */
bool elf_open(struct view bytes, struct elf *ret);
/* Whether a program header names a loader; of first bytes, as far as they go. */
bool elf_has_interp(const struct elf *e);

/* Whether it was linked with glibc's start of programs, which leaves a note (NT_GNU_ABI_TAG) that
 * neither a library nor the dynamic loader has, but libc; of first bytes, as far as they go. */
bool elf_has_start(const struct elf *e);

/* Views of the file, without NUL. Empty: none. */
struct elf_needs {
	struct view interp;
	struct view runpath; /* DT_RUNPATH, else DT_RPATH */
	struct view needed[ELF_NEEDED_MAX];
	size_t needed_count;
};
/* Of a whole file. RC_TRUNCATED something lies outside of the file; RC_LIMIT; RC_SYNTAX a text
 * without end, or an address that no segment has. */
MUST rc elf_needs_read(const struct elf *e, struct elf_needs *ret, struct fault *f);

#endif
