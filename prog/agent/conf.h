/* conf - the settings of greatseal-agent. */
#ifndef GS_AGENT_CONF_H
#define GS_AGENT_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/settings.h"
#include "lib/model/name.h"
#include "lib/model/request.h"

#define CONF_WHO_MAX 64u /* users, or groups, that may be named */

struct conf {
	char socket[108];
	uint64_t socket_mode; /* written in octal */
	char state[PATH_MAX];
	char server[512];
	char pin[80];
	char host[NAME_MAX_LEN + 1];
	char origin[ORIGIN_MAX + 1];
	char key_file[PATH_MAX];
	char svid_dir[PATH_MAX];
	char builder_id[512]; /* PROVENANCE_URI_MAX and NUL */
	char tpm[512];	      /* device:PATH or swtpm:CONFIGURATION */
	char allow_users[1024];
	char allow_groups[1024];
	uint64_t connections;
	uint64_t connections_user;
	char guard[108];	  /* socket of the guard's reports; "": none are fetched */
	uint64_t guard_interval;  /* seconds */
	uint64_t guard_heartbeat; /* seconds */
	uint64_t program_max;	  /* bytes of a program that is hashed */
	/* From allow_users and allow_groups. */
	uid_t users[CONF_WHO_MAX];
	size_t user_count;
	gid_t groups[CONF_WHO_MAX];
	size_t group_count;
};

extern const struct settings conf_settings;

/* Where things are of a system's agent, or of one user's (from XDG_RUNTIME_DIR, XDG_STATE_HOME).
 * RC_USAGE: these are not set. */
MUST rc conf_defaults(struct conf *c, bool user, struct fault *f);
/* Whether what must be there is there; looks names of users and groups up. */
MUST rc conf_check(struct conf *c, struct fault *f);
/* Whether the host's key is from enrolment, and not the roster's or an SVID's. */
bool conf_is_enrolled(const struct conf *c);

#endif
