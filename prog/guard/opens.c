#include "prog/guard/opens.h"

#include <elf.h>
#include <string.h>

#include "lib/model/contents.h"

enum open_kind opens_kind(const uint8_t *head, size_t n)
{
	if (n == 0)
		return OPEN_EMPTY;
	if (n < OPEN_HEAD_BYTES || memcmp(head, ELFMAG, SELFMAG) != 0)
		return OPEN_OTHER;
	/* e_type behind the 16 bytes of e_ident, in the file's own byte order. */
	if (head[EI_DATA] == ELFDATA2MSB ? head[17] == ET_REL : head[16] == ET_REL)
		return OPEN_OTHER;
	return OPEN_ELF;
}

enum open_rule opens_judge(const struct open_facts *o)
{
	bool approved = (o->classes & LIST_CLASS_RUNS) != 0 && (o->classes & LIST_REVOKED) == 0;
	/* A loader that was started by its name has no loader of its own. */
	bool is_loader = (o->classes & LIST_LIBRARY) != 0;
	bool interprets = (o->classes & LIST_INTERPRETER) != 0;

	if (o->call != OPENER_READS)
		return OPEN_FREE;
	if (approved && !o->loader && !is_loader) {
		if (!interprets || o->kind == OPEN_EMPTY)
			return OPEN_FREE;
	}
	return o->kind == OPEN_ELF ? OPEN_APPROVED : OPEN_DATA;
}
