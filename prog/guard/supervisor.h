/* supervisor - keeps what must not be lost (the fanotify group, the shared memory, all descriptors)
 * and the processes that do the work. It decides nothing and reads nothing but commands of root.
 *
 * Owns: children, list and mode in force. control.c has its connections. */
#ifndef GS_GUARD_SUPERVISOR_H
#define GS_GUARD_SUPERVISOR_H

#include <sys/types.h>

#include "lib/base/fault.h"
#include "prog/guard/approved.h"
#include "prog/guard/fetching.h"
#include "prog/guard/guard.h"
#include "prog/guard/handover.h"
#include "prog/guard/load.h"
#include "prog/guard/mark.h"

#define CLIENTS_MAX 8u
#define COMMAND_MAX (PATH_MAX + 8u) /* "met PATH" is the longest */
#define REPLY_MAX 4096u

struct client {
	int fd;		 /* -1: free */
	uint64_t number; /* of this connection, in their order */
	size_t len;
	char command[COMMAND_MAX];
	int given;  /* a descriptor that came with it; -1: none */
	bool saves; /* waits for the mode to be on the disk */
	bool waits; /* for the worker to have applied: */
	uint32_t wanted;
	uint32_t loads;	  /* for the load of this number to end; 0: none */
	bool records;	  /* of it, for the package records */
	bool glass;	  /* of it, for the token */
	uint32_t fetches; /* for the fetch of this number; 0: none */
	uint64_t since;
};

struct supervisor {
	struct guard g;
	pid_t worker, reporter, loader, saver, lookout; /* 0: none */
	bool save_enforce;				/* what the saver writes down */
	uint64_t worker_since, reporter_since, lookout_since;
	uint64_t starts; /* of workers */
	uint64_t beat, beat_at;
	/* A list and the package records that are being looked at. */
	int load_memory[2], load_pipe;
	enum load_source load_source;
	bool load_again; /* somebody came while this was under way */
	uint32_t load_number;
	/* The one in force. */
	struct load_result list;
	bool has_list;
	struct records_result records;
	struct approved approved; /* both, for those who ask by command */
	int old_memory[2];	  /* the ones before, until the worker has let go of them */
	uint32_t old_wanted;
	bool enforcing;	       /* the mode that root has set, which a token suspends */
	bool glass;	       /* one is in force ... */
	unix_time glass_until; /* ... until then by the clock, */
	uint64_t glass_end;    /* and this by a clock that nobody sets (ms) */
	uint64_t checked;      /* serial that `check` found good here */
	bool marked;
	uint64_t marked_at;
	size_t marks, marks_failed;
	struct mark_spaces spaces;
	bool passed_told; /* that some are not gone through */
	uint64_t events;  /* what is asked for, or told, of what is marked */
	struct fetching fetching;
	char notify[HANDOVER_TEXT]; /* socket of systemd's; "": none */
	struct client *heir;	    /* wants to be the guard */
	bool over;		    /* it is */
	uint64_t connections;	    /* that were accepted */
	struct {
		pid_t pid;
		int pidfd;	 /* -1: none */
		uint64_t number; /* of the last connection before it was looked at */
	} shown;		 /* ran a guard that may take over */
	int signals, listener, mountinfo;
	struct client client[CLIENTS_MAX];
};

/* ---- Start (starting.c) ---------------------------------------------------------------------*/

/* The shared memory, as large as the descriptors permit. RC_LIMIT, RC_NOMEM. */
MUST rc starting_share(struct supervisor *s, struct fault *f);
/* All of a guard that begins anew, up to its locks: nothing is marked, and no process started. As
 * supervisor_run. */
MUST rc starting_make(struct supervisor *s, struct fault *f);

/* The same for one that takes over, up to its locks: s has what handover_take brought. RC_STATE: a
 * setting has changed that needs a restart. */
MUST rc starting_inherit(struct supervisor *s, const struct handover *h, struct fault *f);

/* ---- For handover.c -------------------------------------------------------------------------*/

/* Ends worker, reporter and lookout. supervisor_run's loop starts them again. */
void supervisor_pause(struct supervisor *s);
/* sd_notify(3). */
void supervisor_notify(const struct supervisor *s, const char *line);

/* ---- For control.c --------------------------------------------------------------------------*/

/* The worker is told; a client may wait for ret to be applied. */
uint32_t supervisor_want(struct supervisor *s);
/* Begins to: control_saved follows. RC_STATE: no list, an empty one, or one that `check` has not
 * looked at. RC_BUSY. */
MUST rc supervisor_set_mode(struct supervisor *s, bool enforce, uint64_t checked, struct fault *f);
/* Looks at list and records, after the look that is under way if there is one, which is then one at
 * the files. *ret_number: whose end to wait for. */
MUST rc supervisor_load(struct supervisor *s, enum load_source source, uint32_t *ret_number,
			struct fault *f);
void supervisor_tell(struct supervisor *s, const struct news *n);

MUST rc control_listen(struct supervisor *s, struct fault *f);
void control_accept(struct supervisor *s);
/* All that wait now. */
void control_accept_all(struct supervisor *s);
/* Bytes of a client; an answer, if it is due. */
void control_read(struct supervisor *s, struct client *c);
/* Answers those whose wish has been fulfilled. r: of the loader, for those who wait for it. */
void control_applied(struct supervisor *s);
/* The mode was written down, or could not be. */
void control_saved(struct supervisor *s, bool saved);
void control_loaded(struct supervisor *s, const struct load_result *r);
/* A fetch has ended with nothing to be loaded. */
struct fetch_result;
void control_fetched(struct supervisor *s, uint32_t number, const struct fetch_result *r);
/* What it has brought is looked at: those who wait for it wait for this load. */
void control_fetch_loads(struct supervisor *s, uint32_t number, uint32_t load);
/* For a string of JSON: quotes and backslashes are taken out, and what is not printable ASCII, for
 * some texts come from a child that reads what others send. */
void control_printable(char *out, size_t cap, const char *text);
/* Who says nothing for this long is let go. */
#define CLIENT_MS 10000u
void control_tick(struct supervisor *s, uint64_t now);

/* Answers what has not become anything. */
void control_refuse(struct client *c, rc r, const struct fault *f);

/* ---- The other end, for the commands --------------------------------------------------------*/

#define ASK_SECONDS 60
/* RC_NOTFOUND: no guard runs; RC_IO, RC_LIMIT. *ret_fd is the caller's. */
MUST rc control_connect(const char *path, int *ret_fd, struct fault *f);
/* Sends a line, appends the answer. RC_NOTFOUND: no guard runs; RC_IO; RC_LIMIT. */
MUST rc control_ask(const char *path, const char *line, struct buf *out, struct fault *f);
/* RC_DENIED: an answer of control_ask says no; *f has its code and text. */
MUST rc control_agreed(const char *answer, struct fault *f);

#endif
