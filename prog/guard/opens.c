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
		return OPEN_OBJECT;
	return OPEN_ELF;
}

/* Its own code is an approved program's. A loader that was started by its name has no loader of its
 * own. */
static bool is_program(const struct open_facts *o)
{
	return (o->classes & LIST_CLASS_RUNS) != 0 && (o->classes & LIST_REVOKED) == 0 &&
	       !o->loader && (o->classes & LIST_LIBRARY) == 0;
}

bool opens_reads_all(const struct open_facts *o)
{
	return o->call != OPENER_READS || (is_program(o) && (o->classes & LIST_INTERPRETER) == 0);
}

enum open_rule opens_judge(const struct open_facts *o)
{
	if (opens_reads_all(o) || (is_program(o) && o->kind == OPEN_EMPTY))
		return OPEN_FREE;
	return o->kind == OPEN_ELF ? OPEN_APPROVED : OPEN_DATA;
}
