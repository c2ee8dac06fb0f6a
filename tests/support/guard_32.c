/* guard_32 - what guard_prog and guard_lib are, for 32 bits: leaves a trace when it runs or is
 * loaded. It has no C library, so that this machine needs none for 32 bits to build it. */
#ifdef APPROVED
#define STATUS 0
#else
#define STATUS 77
#endif

#define SYS_EXIT 1 /* of this processor for 32 bits */
#define SYS_OPEN 5
#define WRONLY_CREAT 0101

__attribute__((visibility("hidden"))) void begin(char **stack);

static long call(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}

static void trace(char *const *environment)
{
	static const char name[] = "GUARD_RAN=";
	unsigned i;

	for (; *environment != 0; environment++) {
		for (i = 0; name[i] != 0 && (*environment)[i] == name[i];)
			i++;
		if (name[i] == 0)
			(void)call(SYS_OPEN, (long)(*environment + i), WRONLY_CREAT, 0644);
	}
}

/* As a library: the loader gives these to each of its initialisers. */
__attribute__((constructor)) static void loaded(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	if (STATUS != 0 && environment != 0)
		trace(environment);
}

/* As a program: the stack begins with the count of arguments, these, 0, the environment. */
void begin(char **stack)
{
	if (STATUS != 0)
		trace(stack + (long)stack[0] + 2);
	(void)call(SYS_EXIT, STATUS, 0, 0);
}

__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tpush %eax\n\tcall begin\n");
