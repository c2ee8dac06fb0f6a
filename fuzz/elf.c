/* ELF files: what is read lies in the file, whatever the headers say. */
#include <stdlib.h>

#include "lib/format/classify.h"
#include "lib/format/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct view v, const uint8_t *data, size_t size)
{
	if (v.len > 0 && (v.ptr < data || v.len > size || v.ptr + v.len >= data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct elf_needs n;
	struct elf e;

	(void)classify(view_of(data, size), view_str("/lib/a.so"), true);
	(void)classify(view_of(data, size), view_str("/bin/a"), true);
	check_inside(classify_shebang(view_of(data, size)), data, size + 1);
	if (!elf_open(view_of(data, size), &e) || !rc_is_ok(elf_needs_read(&e, &n, NULL)))
		return 0;
	check_inside(n.interp, data, size);
	check_inside(n.runpath, data, size);
	for (size_t i = 0; i < n.needed_count; i++)
		check_inside(n.needed[i], data, size);
	return 0;
}
