#include "prog/cli/list_own.h"

#include <stddef.h>

const char *const own_programs[] = {
	GS_BINDIR "/greatseal",
	GS_BINDIR "/greatseal-agent",
	GS_BINDIR "/greatseal-keeper",
	GS_BINDIR "/greatseal-jwksd",
	GS_BINDIR "/greatseald",
	GS_SBINDIR "/greatseal-guard",
	GS_LIBEXECDIR "/greatseal-worker",
	NULL,
};
