/* list_own - Great Seal's own programs, where this installation has put them: they belong to no
 * package where they came by `meson install`, and a host that cannot run them is lost. */
#ifndef GS_CLI_LIST_OWN_H
#define GS_CLI_LIST_OWN_H

/* Absolute paths, not all of which need be there; ended by NULL. */
extern const char *const own_programs[];

#endif
