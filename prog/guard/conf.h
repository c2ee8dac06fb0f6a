/* conf - the settings of greatseal-guard. */
#ifndef GS_GUARD_CONF_H
#define GS_GUARD_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/settings.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/tlog/note.h"

#define CONF_GROUPS_MAX 64u
#define CONF_MOUNTS_MAX 64u
#define CONF_KEYS_MAX 8u
#define CONF_DATA_MAX 64u
#define CONF_ZONES_MAX 16u
#define CONF_WATCH_MAX 16u
#define CONF_CGROUP_MAX 512u
#define ZONE_SECONDS_MAX (UINT64_C(30) * 86400)

/* What is asked for (docs/guard.md). Each has all of the one before. */
enum guard_level {
	LEVEL_BASE,   /* what is executed */
	LEVEL_STRICT, /* and what a loader or an interpreter opens */
	LEVEL_KERNEL, /* and what is mapped, in the kernel (kernel.h) */
	LEVEL__COUNT
};

/* Where the outputs of producers run: whose, beneath which directory, for how long. */
struct zone {
	char cgroup[CONF_CGROUP_MAX]; /* "": uid counts */
	uint32_t uid;
	char dir[PATH_MAX];
	uint64_t seconds;
};

struct conf {
	char list[PATH_MAX];	/* its proof beside it: with ".greatseal" */
	char state[PATH_MAX];	/* directory: the last good list, the mode */
	char records[PATH_MAX]; /* directory of package records and their proofs */
	char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct vkey log;
	bool has_log;
	struct digest list_key; /* fingerprint of the key that signs lists */
	bool has_list_key;
	struct digest record_keys[CONF_KEYS_MAX]; /* beside it, of keys that sign package records */
	size_t record_key_count;
	struct digest token_key; /* of the key that signs guard tokens; else list_key */
	bool has_token_key;
	struct name host; /* who this is, for guard tokens; "": takes none */
	struct name name; /* of the list; "": any */
	struct name groups[CONF_GROUPS_MAX];
	size_t group_count;
	char mounts[CONF_MOUNTS_MAX][PATH_MAX];
	size_t mount_count;
	bool all; /* every local file system of the machine */
	enum guard_level level;
	char data[CONF_DATA_MAX][PATH_MAX]; /* interpreters read these unasked; none: the usual */
	size_t data_count;
	struct zone zones[CONF_ZONES_MAX];
	size_t zone_count;
	char certificates[PATH_MAX]; /* PEM file: whose signatures are looked for; "": none */
	char watch[CONF_WATCH_MAX][PATH_MAX]; /* directories to look through; none: the usual */
	size_t watch_count;
	uint64_t watch_every; /* seconds between walks */
	char reports_socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)]; /* "": none */
	char agent[sizeof(
		((struct sockaddr_un *)NULL)->sun_path)]; /* socket; "": fetches nothing */
	uint64_t fetch_interval;			  /* seconds */
	uint64_t fetch_max;				  /* bytes of a list that is fetched */
	char reader[64];   /* user that may fetch reports, beside root */
	uint64_t backlog;  /* bytes of reports that nobody has fetched */
	uint64_t files;	   /* most that are held */
	uint64_t grace;	   /* seconds that a record outlives its package */
	uint64_t patience; /* seconds before a worker that does not move is replaced */
};

extern const struct settings conf_settings;

const char *level_name(enum guard_level level);

/* RC_USAGE: what `run` cannot do without is missing. */
MUST rc conf_check(const struct conf *c, struct fault *f);

#endif
