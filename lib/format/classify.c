#include "lib/format/classify.h"

#include "lib/model/contents.h"

#define PT_INTERP 3u
#define ET_REL 1u
#define ET_EXEC 2u
#define ET_DYN 3u

struct view classify_base(struct view path)
{
	for (size_t i = path.len; i > 0; i--)
		if (path.ptr[i - 1] == '/')
			return view_of(path.ptr + i, path.len - i);
	return path;
}

static bool ends(struct view v, const char *tail)
{
	size_t n = strlen(tail);

	return v.len > n && memcmp(v.ptr + v.len - n, tail, n) == 0;
}

static bool holds(struct view v, const char *part)
{
	return v.len > 0 && memmem(v.ptr, v.len, part, strlen(part)) != NULL;
}

/* ---- ELF (System V ABI, "Object files") -------------------------------------------------------*/

struct elf {
	struct view head;
	bool wide; /* ELFCLASS64 */
	bool big;  /* ELFDATA2MSB */
};

static uint64_t elf_number(const struct elf *e, uint64_t at, size_t size)
{
	struct view v;
	uint64_t n = 0;

	if (!rc_is_ok(view_slice(e->head, at, size, &v)))
		return 0;
	for (size_t i = 0; i < size; i++)
		n = n << 8 | v.ptr[e->big ? i : size - 1 - i];
	return n;
}

static bool elf_has_interp(const struct elf *e)
{
	uint64_t at = elf_number(e, e->wide ? 32 : 28, e->wide ? 8 : 4);
	uint64_t size = elf_number(e, e->wide ? 54 : 42, 2);
	uint64_t count = elf_number(e, e->wide ? 56 : 44, 2);

	/* Headers that lie beyond the first bytes read as 0. */
	for (uint64_t i = 0; i < count && at < CLASSIFY_HEAD; i++, at += size)
		if (elf_number(e, at, 4) == PT_INTERP)
			return true;
	return false;
}

static unsigned classify_elf(struct view head, struct view path, bool executable)
{
	const struct elf e = {.head = head, .wide = head.ptr[4] == 2, .big = head.ptr[5] == 2};
	const struct view base = classify_base(path);
	const bool named = holds(base, ".so");

	switch (elf_number(&e, 16, 2)) {
	case ET_EXEC:
		return LIST_PROGRAM;
	case ET_REL: /* what linkers read is data */
		return ends(base, ".ko") ? LIST_LIBRARY : 0;
	case ET_DYN:
		/* libc is run for its version; the loader is run by the kernel with each program.
		 */
		if (holds(base, "ld-") && named)
			return LIST_PROGRAM | LIST_LIBRARY;
		if (elf_has_interp(&e))
			return named ? LIST_PROGRAM | LIST_LIBRARY : LIST_PROGRAM;
		/* Without a loader: a library, or a static program that may lie anywhere. */
		return executable && !named ? LIST_PROGRAM | LIST_LIBRARY : LIST_LIBRARY;
	default:
		return 0;
	}
}

/* ---- Scripts --------------------------------------------------------------------------------*/

static const char *const endings[] = {".py",  ".pyc", ".pl", ".pm",  ".rb",  ".js",  ".mjs",
				      ".cjs", ".lua", ".sh", ".tcl", ".php", ".jar", ".awk"};

static const char *const interpreters[] = {
	"sh",	"bash", "dash", "zsh",	  "ksh",   "mksh",   "busybox", "python",
	"perl", "ruby", "node", "nodejs", "lua",   "tclsh",  "wish",	"awk",
	"mawk", "gawk", "php",	"java",	  "guile", "expect", "make",
};

/* The name, and a version behind it. */
static bool is_version_of(struct view base, const char *name)
{
	size_t n = strlen(name);

	if (base.len < n || memcmp(base.ptr, name, n) != 0)
		return false;
	for (size_t i = n; i < base.len; i++)
		if ((base.ptr[i] < '0' || base.ptr[i] > '9') && base.ptr[i] != '.')
			return false;
	return true;
}

bool classify_is_interpreter(struct view path)
{
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++)
		if (is_version_of(classify_base(path), interpreters[i]))
			return true;
	return false;
}

static struct view word(struct view *line)
{
	size_t n = 0;
	struct view w;

	while (line->len > 0 && (line->ptr[0] == ' ' || line->ptr[0] == '\t'))
		*line = view_of(line->ptr + 1, line->len - 1);
	while (n < line->len && line->ptr[n] != ' ' && line->ptr[n] != '\t')
		n++;
	w = view_of(line->ptr, n);
	*line = view_of(line->ptr + n, line->len - n);
	return w;
}

struct view classify_shebang(struct view head)
{
	struct view line;
	struct view w;

	if (head.len < 2 || memcmp(head.ptr, "#!", 2) != 0)
		return view_of(NULL, 0);
	head = view_of(head.ptr + 2, head.len - 2);
	if (!rc_is_ok(view_until(&head, '\n', &line)))
		line = head;
	w = word(&line);
	if (!view_is(classify_base(w), "env"))
		return w;
	do
		w = word(&line);
	while (w.len > 0 && w.ptr[0] == '-');
	return w;
}

unsigned classify(struct view head, struct view path, bool executable)
{
	unsigned classes = 0;

	if (head.len >= 20 && memcmp(head.ptr, "\177ELF", 4) == 0)
		classes = classify_elf(head, path, executable);
	else if (head.len >= 2 && memcmp(head.ptr, "#!", 2) == 0)
		return LIST_SCRIPT;
	else
		for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
			if (head.len > 0 && ends(classify_base(path), endings[i]))
				return LIST_SCRIPT;
	if ((classes & LIST_PROGRAM) != 0 && classify_is_interpreter(path))
		classes |= LIST_INTERPRETER;
	return classes;
}
