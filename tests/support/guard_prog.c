/* guard_prog - a small static program to be let run or not. Tests copy it, and change the letter
 * behind the marker: A ends with 0, any other with 77. "wait" waits for the end of its input first.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef GUARD_LETTER
#define GUARD_LETTER "A"
#endif
static const volatile char guard_prog_marker[] = "GREATSEAL-LETTER:" GUARD_LETTER;

#ifdef GUARD_NEEDS_LIB
unsigned la_version(unsigned version); /* of guard_lib.c */
#else
#define la_version(version) (version)
#endif

int main(int argc, char **argv)
{
	char c;

	(void)la_version(1);
	if (argc > 1 && strcmp(argv[1], "wait") == 0)
		while (read(0, &c, 1) > 0)
			;
	if (guard_prog_marker[sizeof(guard_prog_marker) - 2] == 'A')
		return 0;
	if (getenv("GUARD_RAN") != NULL)
		(void)!open(getenv("GUARD_RAN"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return 77;
}
