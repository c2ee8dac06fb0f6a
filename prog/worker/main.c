/* greatseal-worker - one job on one hostile file, in a process that can do nothing else.
 *
 * Arguments name the job and descriptor numbers; the answer is one JSON object on stdout
 * (docs/protocol/worker.md). Before the first byte is read: descriptors checked, all others closed,
 * limits, Landlock without a path, seccomp with a short list.
 * Owns: the arguments, the sandbox, the answer's form. Must not own: what a job does (job_*.c). */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/base/sandbox.h"
#include "prog/worker/job.h"

#define MEMORY_MAX (512ULL << 20)
#define CPU_SECONDS_DEFAULT 120
#define OUTPUT_MIN (128ULL << 20) /* of one file, also of stdout where that is a file */
#define OUTPUT_MORE (1ULL << 20)  /* a signed file may be this much larger than its input */
#define OPEN_FILES 16

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 5 };

static const struct job jobs[] = {
	{"inspect", ARG_IN | ARG_NAME, 0, job_inspect},
	{"content", ARG_IN | ARG_DIGEST, ARG_FORMAT, job_content},
	{"insert", ARG_IN | ARG_OBJECT | ARG_OUT | ARG_FORMAT, 0, job_insert},
	{"verify", ARG_IN | ARG_FORMAT, ARG_OBJECT | ARG_ROOTS | ARG_AT, job_verify},
	{"diff", ARG_IN | ARG_OBJECT, 0, job_diff},
	{"signatures", ARG_IN, ARG_OBJECT | ARG_ROOTS | ARG_IMA, job_signatures},
	{"extract", ARG_IN | ARG_OUT | ARG_FORMAT, 0, job_extract},
	{"index", ARG_IN, 0, job_index},
};

static const struct job *job_find(const char *name)
{
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		if (strcmp(jobs[i].name, name) == 0)
			return &jobs[i];
	return NULL;
}

/* What the jobs need of the kernel, libarchive, jansson and libcrypto included. */
static const char *const allowed_calls[] = {
	"read",	       "write",		  "pread64",	  "pwrite64",	    "fadvise64",
	"lseek",       "fstat",		  "newfstatat",	  "close",	    "mmap",
	"munmap",      "mremap",	  "mprotect",	  "madvise",	    "brk",
	"futex",       "getrandom",	  "ftruncate",	  "fsync",	    "fdatasync",
	"getpid",      "gettid",	  "tgkill",	  "exit",	    "exit_group",
	"sched_yield", "restart_syscall", "rt_sigreturn", "rt_sigprocmask", "clock_gettime",
	"time",	       "gettimeofday",	  "sigaltstack",
};
/* Libraries look for files (gconv, openssl.cnf, /dev/urandom); they are told no and go on. */
static const char *const refused_calls[] = {
	"open",
	"openat",
	"openat2",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"stat",
	"lstat",
	"statx",
	"getcwd",
	"ioctl",
	"fcntl",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"prctl",
	"sysinfo",
	"uname",
	"rt_sigaction",
	"sched_getaffinity",
	"prlimit64",
	"getrusage",
};

struct options {
	struct job_args args;
	unsigned seen;
	uint64_t cpu_seconds;
};

static rc option_fd(const char *name, const char *value, int *ret, struct fault *f)
{
	uint64_t n;

	if (!rc_is_ok(num_parse_u64(value, strlen(value), 1023, &n)) || n < 3)
		return fault_set(f, RC_USAGE, 0, "%s: not a descriptor number >= 3", name);
	*ret = (int)n;
	return OK;
}

static rc option_digest(struct job_args *a, const char *value, struct fault *f)
{
	if (a->digest_count == JOB_DIGESTS_MAX)
		return fault_set(f, RC_USAGE, 0, "--digest: more than %d", JOB_DIGESTS_MAX);
	if (!rc_is_ok(hash_alg_parse(view_str(value), &a->digests[a->digest_count])))
		return fault_set(f, RC_USAGE, 0, "--digest: sha256, sha384 or sha512");
	for (size_t i = 0; i < a->digest_count; i++)
		if (a->digests[i] == a->digests[a->digest_count])
			return fault_set(f, RC_USAGE, 0, "--digest: %s twice", value);
	a->digest_count++;
	return OK;
}

static rc option_format(struct job_args *a, const char *value, struct fault *f)
{
	if (a->format_count == JOB_FORMATS_MAX)
		return fault_set(f, RC_USAGE, 0, "--format: more than %d", JOB_FORMATS_MAX);
	a->formats[a->format_count++] = value;
	return OK;
}

static rc option_one(struct options *o, const char *name, const char *value, struct fault *f)
{
	static const struct {
		const char *name;
		unsigned bit;
		bool many;
	} table[] = {
		{"--in", ARG_IN, false},	{"--object", ARG_OBJECT, false},
		{"--out", ARG_OUT, false},	{"--roots", ARG_ROOTS, false},
		{"--name", ARG_NAME, false},	{"--format", ARG_FORMAT, true},
		{"--digest", ARG_DIGEST, true}, {"--at", ARG_AT, false},
		{"--ima", ARG_IMA, false},
	};
	unsigned bit = 0;

	if (strcmp(name, "--cpu-seconds") == 0)
		return num_parse_u64(value, strlen(value), 3600, &o->cpu_seconds);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(name, table[i].name) == 0)
			bit = (o->seen & table[i].bit) != 0 && !table[i].many ? 0 : table[i].bit;
	o->seen |= bit;
	switch (bit) {
	case ARG_IN:
		return option_fd(name, value, &o->args.in, f);
	case ARG_OBJECT:
		return option_fd(name, value, &o->args.object, f);
	case ARG_OUT:
		return option_fd(name, value, &o->args.out, f);
	case ARG_ROOTS:
		return option_fd(name, value, &o->args.roots, f);
	case ARG_IMA:
		return option_fd(name, value, &o->args.ima, f);
	case ARG_NAME:
		o->args.name = value;
		return OK;
	case ARG_FORMAT:
		return option_format(&o->args, value, f);
	case ARG_DIGEST:
		return option_digest(&o->args, value, f);
	case ARG_AT:
		o->args.has_time = true;
		return time_parse(view_str(value), &o->args.when);
	default:
		return fault_set(f, RC_USAGE, 0, "%s: unknown option, or twice", name);
	}
}

static rc options(int argc, char **argv, const struct job *job, struct options *o, struct fault *f)
{
	*o = (struct options){.args = {.in = -1, .object = -1, .out = -1, .roots = -1, .ima = -1},
			      .cpu_seconds = CPU_SECONDS_DEFAULT};
	for (int i = 2; i < argc; i += 2) {
		rc r;

		if (i + 1 == argc)
			return fault_set(f, RC_USAGE, 0, "%s: value missing", argv[i]);
		f->code = RC_OK;
		r = option_one(o, argv[i], argv[i + 1], f);
		if (!rc_is_ok(r) && f->code == RC_OK)
			return fault_set(f, RC_USAGE, 0, "%s: bad value", argv[i]);
		TRY(r);
	}
	if ((o->seen & job->needs) != job->needs)
		return fault_set(f, RC_USAGE, 0, "%s: an option is missing", job->name);
	if ((o->seen & ~(job->needs | job->may)) != 0)
		return fault_set(f, RC_USAGE, 0, "%s: an option that this job does not have",
				 job->name);
	return OK;
}

/* A regular file with the access that its use needs; anything else could block or talk back. */
static rc descriptor_check(int fd, bool write, uint64_t *ret_size, struct fault *f)
{
	int flags;

	if (fd < 0)
		return OK;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return fault_errno(f, errno, "descriptor %d", fd);
	flags &= O_ACCMODE;
	if (write ? flags != O_RDWR : flags == O_WRONLY)
		return fault_set(f, RC_USAGE, 0, "descriptor %d is not open for %s", fd,
				 write ? "reading and writing" : "reading");
	return fd_size(fd, ret_size, f);
}

static rc descriptors(const struct job_args *a, uint64_t *ret_in_size, struct fault *f)
{
	uint64_t size = 0;

	TRY(descriptor_check(a->object, false, &size, f));
	TRY(descriptor_check(a->roots, false, &size, f));
	TRY(descriptor_check(a->ima, false, &size, f));
	size = 0;
	TRY(descriptor_check(a->out, true, &size, f));
	if (size != 0)
		return fault_set(f, RC_USAGE, 0, "the output is not empty");
	return descriptor_check(a->in, false, ret_in_size, f);
}

/* What libraries would load from files later; the name says nothing about the input. */
static void warm_up(void)
{
	/* Keeps C.UTF-8 loaded, in which archive names are read. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	/* libcrypto reads its configuration and makes its first hash; jansson seeds its tables. */
	(void)hash_of(HASH_SHA512, view_str(""));
	json_object_seed(0);
}

static rc lock_in(const struct options *o, uint64_t in_size, struct fault *f)
{
	const int keep[] = {o->args.in, o->args.object, o->args.out, o->args.roots, o->args.ima};
	const uint64_t more = in_size < INT64_MAX - OUTPUT_MORE ? in_size + OUTPUT_MORE : INT64_MAX;
	const struct sandbox_limits limits = {
		.address_space = MEMORY_MAX,
		.cpu_seconds = o->cpu_seconds,
		.file_size = more > OUTPUT_MIN ? more : OUTPUT_MIN,
		.open_files = OPEN_FILES,
		.processes = 1,
	};
	const struct sandbox_calls calls = {
		.allow = allowed_calls,
		.allow_count = sizeof(allowed_calls) / sizeof(allowed_calls[0]),
		.refuse = refused_calls,
		.refuse_count = sizeof(refused_calls) / sizeof(refused_calls[0]),
		.no_exec_memory = true,
	};
	int abi;

	TRY(sandbox_harden(f));
	/* The parent's thread waits for us; when it is gone, nobody reads the answer. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return fault_errno(f, errno, "PR_SET_PDEATHSIG");
	TRY(sandbox_close_others(keep, sizeof(keep) / sizeof(keep[0]), f));
	warm_up();
	TRY(sandbox_limit(&limits, f));
	/* A kernel without Landlock leaves the rest to seccomp, which opens no file either. */
	TRY(sandbox_paths(NULL, 0, &abi, f));
	return sandbox_filter(&calls, f);
}

static int write_out(const char *p, size_t n, void *ctx)
{
	struct buf *b = (struct buf *)ctx;

	/* jansson writes in crumbs; they are gathered and go out in large pieces. */
	if (b->len + n > b->max || n == 0) {
		if (!rc_is_ok(fd_write_full(STDOUT_FILENO, b->ptr, b->len, NULL)))
			return -1;
		buf_clear(b);
		if (n > b->max)
			return rc_is_ok(fd_write_full(STDOUT_FILENO, p, n, NULL)) ? 0 : -1;
	}
	buf_put(b, p, n);
	return rc_is_ok(buf_done(b)) ? 0 : -1;
}

static bool answer(const json_t *j)
{
	uint8_t gathered[65536];
	struct buf b;

	buf_init_fixed(&b, gathered, sizeof(gathered));
	return json_dump_callback(j, write_out, &b,
				  JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) == 0 &&
	       write_out("", 0, &b) == 0;
}

/* Tells what went wrong without a tree: memory may be what is missing. */
static void answer_error(rc r, const struct fault *f)
{
	char text[3 * FAULT_TEXT];
	struct buf b;

	buf_init_fixed(&b, text, sizeof(text));
	buf_printf(&b, "{\"error\":{\"code\":\"%s\",\"offset\":%llu,\"text\":\"", rc_name(r),
		   (unsigned long long)(f->offset >> 53 != 0 ? 0 : f->offset));
	for (const char *p = f->text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buf_put_u8(&b, '\\');
		buf_put_u8(&b, (uint8_t)*p);
	}
	buf_put_str(&b, "\"}}");
	rc_ignore(fd_write_full(STDOUT_FILENO, b.ptr, b.len, NULL), "nobody left to tell");
}

int main(int argc, char **argv)
{
	const struct job *job = argc < 2 ? NULL : job_find(argv[1]);
	struct fault f = {.code = RC_OK};
	struct options o;
	uint64_t in_size = 0;
	json_t *result = NULL;
	bool refused = false;
	int status = EXIT_USAGE;
	rc r;

	if (job == NULL) {
		answer_error(fault_set(&f, RC_USAGE, 0,
				       "usage: greatseal-worker inspect|content|insert|verify|diff|"
				       "signatures|extract|index --in FD ..."),
			     &f);
		return EXIT_USAGE;
	}
	r = options(argc, argv, job, &o, &f);
	if (rc_is_ok(r))
		r = descriptors(&o.args, &in_size, &f);
	if (rc_is_ok(r)) {
		status = EXIT_FAILED;
		r = lock_in(&o, in_size, &f);
	}
	if (rc_is_ok(r))
		r = job->run(&o.args, &result, &refused, &f);
	if (!rc_is_ok(r) && f.code != r.code)
		(void)fault_set(&f, r.code, 0, "%s: %s", job->name, rc_name(r));
	if (!rc_is_ok(r))
		answer_error(r, &f);
	else
		status = answer(result) ? EXIT_DONE : EXIT_FAILED;
	/* Not exit(): nothing is to be run on the way out that the sandbox would end. */
	_exit(refused ? EXIT_REFUSED : status);
}
