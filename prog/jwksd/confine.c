#include "prog/jwksd/confine.h"

#include <unistd.h>

#include "lib/base/sandbox.h"

/* Beside what all networked programs may, for libcurl's resolver. Nothing here writes a file,
 * listens, or starts a program. In the alphabet's order. */
static const char *const calls[] = {
	"bind",
	"recvmmsg",
	"sendmmsg",
};

rc confine_calls(struct fault *f)
{
	const struct sandbox_calls list = {.allow = calls,
					   .allow_count = sizeof(calls) / sizeof(calls[0]),
					   .networked = true,
					   .soft = true};

	return sandbox_filter(&list, f);
}

rc confine_paths(const struct conf *c, int *ret_abi, struct fault *f)
{
	static const char *const readable[] = {"/etc",
					       "/run/systemd/resolve",
					       "/usr/share/zoneinfo",
					       "/usr/share/ca-certificates",
					       "/usr/local/share/ca-certificates",
					       "/dev/urandom",
					       "/proc/self"};
	/* Name service modules are loaded when a name is looked up. */
	static const char *const loader[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64"};
	struct sandbox_path paths[16];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (access(readable[i], R_OK) == 0)
			paths[n++] = (struct sandbox_path){.path = readable[i]};
	for (size_t i = 0; i < sizeof(loader) / sizeof(loader[0]); i++)
		if (access(loader[i], F_OK) == 0)
			paths[n++] = (struct sandbox_path){.path = loader[i], .execute = true};
	if (c->ca_file[0] != '\0')
		paths[n++] = (struct sandbox_path){.path = c->ca_file};
	return sandbox_paths_online(paths, n, ret_abi, f);
}
