/* list_own - Great Seal's own programs, where this installation has put them: they belong to no
 * package where they came by `meson install`, and a host that cannot run them is lost. */
#ifndef GS_CLI_LIST_OWN_H
#define GS_CLI_LIST_OWN_H

static const char *const own_programs[] = {
	GS_BINDIR "/greatseal",
	GS_BINDIR "/greatseal-agent",
	GS_BINDIR "/greatseal-keeper",
	GS_BINDIR "/greatseal-jwksd",
	GS_BINDIR "/greatseald",
	GS_SBINDIR "/greatseal-guard",
	GS_LIBEXECDIR "/greatseal-worker",
};

#endif
