#include "lib/format/classify.h"

#include "lib/format/elf.h"
#include "lib/model/contents.h"

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

static unsigned classify_elf(const struct elf *e, struct view path, bool executable)
{
	const struct view base = classify_base(path);
	const bool named = holds(base, ".so");

	switch (e->type) {
	case ELF_EXEC:
		return LIST_PROGRAM;
	case ELF_REL: /* what linkers read is data */
		return ends(base, ".ko") ? LIST_LIBRARY : 0;
	case ELF_DYN:
		/* libc is run for its version; the loader is run by the kernel with each program.
		 */
		if (holds(base, "ld-") && named)
			return LIST_PROGRAM | LIST_LIBRARY;
		if (elf_has_interp(e))
			return named ? LIST_PROGRAM | LIST_LIBRARY : LIST_PROGRAM;
		/* Without a loader: a library, or a static program that may lie anywhere. What
		 * begins like a program is one. A loader of somebody's own may do so, too: whoever
		 * approves that approves a program that maps files itself, whatever its class. */
		if (executable && !named && elf_has_start(e))
			return LIST_PROGRAM;
		return executable && !named ? LIST_PROGRAM | LIST_LIBRARY : LIST_LIBRARY;
	default:
		return 0;
	}
}

/* ---- Scripts --------------------------------------------------------------------------------*/

static const char *const endings[] = {".py",  ".pyc", ".pl", ".pm",  ".rb",  ".js",  ".mjs",
				      ".cjs", ".lua", ".sh", ".tcl", ".php", ".jar", ".awk"};

/* Editors and debuggers are not among them, though they run scripts: as interpreters they could not
 * open what they are for. */
static const char *const interpreters[] = {
	"sh",	  "bash",    "dash",	   "zsh",	   "ksh",      "mksh",	  "lksh",
	"rksh",	  "csh",     "tcsh",	   "ash",	   "fish",     "yash",	  "busybox",
	"python", "pypy",    "perl",	   "ruby",	   "node",     "nodejs",  "deno",
	"bun",	  "qjs",     "gjs",	   "lua",	   "luajit",   "texlua",  "tclsh",
	"wish",	  "jimsh",   "awk",	   "mawk",	   "gawk",     "nawk",	  "php",
	"phpdbg", "java",    "javaw",	   "jshell",	   "guile",    "expect",  "make",
	"gmake",  "bmake",   "mono",	   "dotnet",	   "pwsh",     "Rscript", "octave",
	"julia",  "escript", "erl",	   "beam.smp",	   "ocaml",    "racket",  "sbcl",
	"clisp",  "swipl",   "jrunscript", "original-awk", "ocamlrun", "lli",	  "R"};

/* They run programs by loaders of their own: of other processors, of other systems, and step by
 * step (valgrind's tools). */
static const char *const emulators[] = {"wine",		"wine64",	  "box64",
					"box86",	"FEXInterpreter", "qemu-x86_64",
					"qemu-i386",	"qemu-aarch64",	  "qemu-aarch64_be",
					"qemu-arm",	"qemu-armeb",	  "qemu-alpha",
					"qemu-hexagon", "qemu-hppa",	  "qemu-loongarch64",
					"qemu-m68k",	"qemu-mips",	  "qemu-mipsel",
					"qemu-mips64",	"qemu-mips64el",  "qemu-microblaze",
					"qemu-or1k",	"qemu-ppc",	  "qemu-ppc64",
					"qemu-ppc64le", "qemu-riscv32",	  "qemu-riscv64",
					"qemu-s390x",	"qemu-sh4",	  "qemu-sparc",
					"qemu-sparc64", "qemu-xtensa",	  "memcheck",
					"cachegrind",	"callgrind",	  "helgrind",
					"drd",		"massif",	  "dhat",
					"lackey",	"none",		  "exp-bbv"};

/* The name, and a version behind it; or what kind of it this is ("bash-static",
 * "perl5.36-x86_64-linux-gnu"). */
static bool is_version_of(struct view base, const char *name)
{
	size_t n = strlen(name);

	if (base.len < n || memcmp(base.ptr, name, n) != 0)
		return false;
	for (size_t i = n; i < base.len && base.ptr[i] != '-'; i++)
		if ((base.ptr[i] < '0' || base.ptr[i] > '9') && base.ptr[i] != '.')
			return false;
	return true;
}

static bool is_one_of(struct view base, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_version_of(base, names[i]))
			return true;
	return false;
}

bool classify_is_interpreter(struct view path)
{
	struct view base = classify_base(path);

	return is_one_of(base, interpreters, sizeof(interpreters) / sizeof(interpreters[0])) ||
	       is_one_of(base, emulators, sizeof(emulators) / sizeof(emulators[0]));
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
	struct elf e;

	if (elf_open(head, &e))
		classes = classify_elf(&e, path, executable);
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
