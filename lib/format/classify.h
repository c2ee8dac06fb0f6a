/* classify - what a file would be on an allowlist, from its first bytes, its name and its mode.
 *
 * Owns: that guess, for whoever makes lists; the guard goes by the list alone. Must not own: files,
 * which programs are interpreters beyond their usual names. */
#ifndef GS_FORMAT_CLASSIFY_H
#define GS_FORMAT_CLASSIFY_H

#include <stdbool.h>

#include "lib/base/view.h"

#define CLASSIFY_HEAD 4096u /* first bytes that are looked at */

/* Class bits (lib/model/contents.h), 0 if it is nothing that runs. ELF: programs, libraries, those
 * that are both (the dynamic loader, libc), kernel modules. Scripts: by "#!", and by endings that
 * interpreters look for. */
unsigned classify(struct view head, struct view path, bool executable);

/* Whether programs of this name run other files: shells, python3.11, perl, ... */
bool classify_is_interpreter(struct view path);
/* What the first line of a script names: "/bin/sh", or what /usr/bin/env is told. Empty: none. */
struct view classify_shebang(struct view head);
/* What is behind the last slash. */
struct view classify_base(struct view path);

#endif
