#include "prog/cli/zones.h"

#include "lib/base/fd.h"

#define ZONES_DIR "/usr/share/zoneinfo"

static rc zone_read(void *ctx, const char *name, struct buf *out, struct fault *f)
{
	AUTO(fd) int fd = -1;

	(void)ctx;
	TRY(dir_open(ZONES_DIR, &fd, f));
	return file_read_at(fd, name, out, f);
}

const struct zone_source zones_system = {.read = zone_read};
