#include "prog/guard/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/view.h"

#define LINE_BYTES 256u
#define AUXV_BYTES 1024u
#define TRIES 50u /* it is on its way to sleep when it is not asleep yet */

/* Number of arguments that proc(5) "syscall" shows behind the number. */
#define ARGUMENTS 6

static enum opener_call call_of(uint64_t nr, const uint64_t arg[ARGUMENTS])
{
	uint64_t flags = 0;

	switch (nr) {
	case SYS_execve:
	case SYS_execveat:
		return OPENER_EXECS;
#ifdef SYS_open
	case SYS_creat:
		return OPENER_WRITES;
	case SYS_open:
		flags = arg[1];
		break;
#endif
	case SYS_openat:
	case SYS_open_by_handle_at:
		flags = arg[2];
		break;
	default: /* openat2 has its flags in memory, which others can change */
		return OPENER_READS;
	}
	return (flags & O_ACCMODE) == O_WRONLY ? OPENER_WRITES : OPENER_READS;
}

/* "NR 0xARG*6 0xSP 0xPC" */
struct opener_line opener_parse(const char *line)
{
	const struct opener_line unknown = {OPENER_READS, 0};
	uint64_t nr, arg[ARGUMENTS], rest[2];
	char *end;

	if (*line < '0' || *line > '9')
		return unknown;
	nr = strtoull(line, &end, 10);
	for (size_t i = 0; i < ARGUMENTS + 2; i++) {
		uint64_t *to = i < ARGUMENTS ? &arg[i] : &rest[i - ARGUMENTS];

		if (strncmp(end, " 0x", 3) != 0)
			return unknown;
		*to = strtoull(end + 1, &end, 16);
	}
	if (*end != '\n')
		return unknown;
	return (struct opener_line){call_of(nr, arg), rest[1]};
}

static uint64_t word_at(const uint8_t *at, size_t width)
{
	uint64_t long_word;
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	if (width == sizeof(word))
		return word;
	memcpy(&long_word, at, sizeof(long_word));
	return long_word;
}

/* Pairs of such words up to AT_NULL. False: they are not. */
static bool base_of(struct view auxv, size_t width, uint64_t page, uint64_t *ret)
{
	bool is_auxv = false;

	*ret = 0;
	for (size_t at = 0; at + 2 * width <= auxv.len; at += 2 * width) {
		uint64_t type = word_at(auxv.ptr + at, width);
		uint64_t value = word_at(auxv.ptr + at + width, width);

		if (type == AT_NULL)
			break;
		is_auxv = is_auxv || (type == AT_PAGESZ && value == page);
		if (type == AT_BASE)
			*ret = value;
	}
	return is_auxv;
}

enum opener_base opener_base(const uint8_t *auxv, size_t len, uint64_t *ret)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), base;

	if (!base_of(view_of(auxv, len), sizeof(uint64_t), page, &base) &&
	    !base_of(view_of(auxv, len), sizeof(uint32_t), page, &base))
		return BASE_UNKNOWN;
	if (base == 0)
		return BASE_NONE;
	*ret = base;
	return BASE_THERE;
}

static size_t read_proc(int32_t tid, const char *name, void *out, size_t cap)
{
	char path[48];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	n = read(fd, out, cap);
	(void)close(fd);
	return n > 0 ? (size_t)n : 0;
}

void opener_exe(int32_t tid, struct opener *o)
{
	char path[40];
	struct statx x;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)tid);
	/* What the kernel knows: a file system in user space, or of a server that is gone, is not
	 * asked. It would hold us up. */
	o->has_exe = tid > 0 && statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &x) == 0;
	o->dev = o->has_exe ? makedev(x.stx_dev_major, x.stx_dev_minor) : 0;
	o->ino = o->has_exe ? x.stx_ino : 0;
}

bool opener_look(int32_t tid, struct opener *o)
{
	char text[LINE_BYTES];
	uint8_t auxv[AUXV_BYTES];
	struct opener_line line = {OPENER_READS, 0};
	uint64_t base = 0;
	size_t n;

	o->call = OPENER_READS;
	o->loader = true;
	if (tid <= 0)
		return true;
	for (unsigned i = 0;; i++) {
		n = read_proc(tid, "syscall", text, sizeof(text) - 1);
		text[n] = '\0';
		if (strncmp(text, "running", 7) != 0)
			break;
		if (i == TRIES)
			return false;
		(void)sched_yield();
	}
	line = opener_parse(text);
	o->call = line.call;
	if (line.pc == 0 || line.call != OPENER_READS)
		return true;
	n = read_proc(tid, "auxv", auxv, sizeof(auxv));
	switch (opener_base(auxv, n, &base)) {
	case BASE_UNKNOWN:
		break;
	case BASE_NONE:
		/* All code is the program's: it may be the loader itself, started by its name
		 * (opens.h). */
		o->loader = false;
		break;
	case BASE_THERE:
		o->loader = line.pc >= base && line.pc - base < OPENER_LOADER_SPAN;
		break;
	}
	return true;
}
