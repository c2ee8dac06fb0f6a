#include "lib/format/seen_near.h"

#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "lib/base/fd.h"

/* Linux, scripts/sign-file.c */
#define APPENDED "~Module signature appended~\n"
#define IMA_DIGSIG 3 /* Linux, security/integrity/integrity.h: EVM_IMA_XATTR_DIGSIG */

static const char *const ends[] = {".p7s", ".p7b", ".p7", ".sig", ".cms"};
#define ENDS (sizeof(ends) / sizeof(ends[0]))

bool seen_may_carry(int fd, uint64_t size)
{
	char tail[sizeof(APPENDED) - 1];
	char head[2];

	if (rc_is_ok(fd_pread_full(fd, head, sizeof(head), 0, NULL)) && memcmp(head, "MZ", 2) == 0)
		return true;
	return size > sizeof(tail) &&
	       rc_is_ok(fd_pread_full(fd, tail, sizeof(tail), size - sizeof(tail), NULL)) &&
	       memcmp(tail, APPENDED, sizeof(tail)) == 0;
}

size_t seen_read_ima(int fd, uint8_t out[SEEN_IMA_MAX])
{
	ssize_t n = fgetxattr(fd, "security.ima", out, SEEN_IMA_MAX);

	return n > 0 && out[0] == IMA_DIGSIG ? (size_t)n : 0;
}

bool seen_beside_name(const char *file, size_t *at, char *out, size_t cap)
{
	int n;

	if (*at >= ENDS)
		return false;
	n = snprintf(out, cap, "%s%s", file, ends[(*at)++]);
	return n > 0 && (size_t)n < cap;
}

bool seen_is_beside(const char *path, char *out, size_t cap)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < ENDS; i++) {
		size_t n = strlen(ends[i]);

		if (len <= n || strcmp(path + len - n, ends[i]) != 0 || path[len - n - 1] == '/' ||
		    len - n >= cap)
			continue;
		memcpy(out, path, len - n);
		out[len - n] = '\0';
		return true;
	}
	return false;
}
