/* guard_lib - a library that leaves a trace when it is loaded, however that comes about. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

unsigned la_version(unsigned version);

__attribute__((constructor)) static void loaded(void)
{
	const char *path = getenv("GUARD_RAN");
	int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : -1;

	if (fd >= 0)
		(void)close(fd);
}

/* For LD_AUDIT (rtld-audit(7)). */
unsigned la_version(unsigned version)
{
	return version;
}
