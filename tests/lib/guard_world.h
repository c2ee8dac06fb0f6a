/* guard_world - a real greatseal-guard over a file system of the test's own.
 *
 * Safe by construction: a private mount namespace, a tmpfs in it, and the guard is given that mount
 * alone (it refuses the root's). The test ends itself by SIGALRM, and the guard ends with the test,
 * so nothing that waits for an answer waits for ever. Failures end the test program (fx_check).
 * Owns: the namespace, directories, lists, the guard's process. */
#ifndef GS_TESTS_GUARD_WORLD_H
#define GS_TESTS_GUARD_WORLD_H

#include <sys/types.h>

#include "tests/support/list_maker.h"

#define GW_RECORDS 4096u
#define GW_HOSTILE 1024u
#define GW_ALARM_SECONDS 800u
/* What gw_run gives where execve(2) failed: this and its errno. */
#define GW_REFUSED 1000
#define GW_UNAPPROVED 77 /* an unapproved program ran */

struct guard_world {
	char top[64];
	char mount[80]; /* what is guarded */
	char list[80];
	char state[80];
	char records[80];
	char socket[80];
	char log[80];
	bool all; /* gw_new_root */
	char guard_path[400];
	char prog_path[400];
	char log_key[512];
	char list_key[DIGEST_HEX];
	pid_t guard;
	struct list_maker maker;
	uint64_t serial;
	struct content record[GW_RECORDS];
	size_t count;
	struct digest hostile[GW_HOSTILE]; /* were met where gw_learn takes nothing from */
	size_t hostile_count;
};

/* First thing in main(): false, with the reason printed, where this machine does not permit it. */
bool gw_possible(void);
void gw_new(struct guard_world *w);
/* The same on an image of that type: ext4, xfs, btrfs. False, with the reason printed: not to be
 * had here. */
bool gw_new_image(struct guard_world *w, const char *type);
/* The machine's own files in memory (an overlay over its root) become the root of this process, for
 * good, with nothing else mounted but /proc, and no processes but its own: for programs that need
 * more than themselves, and a guard of all file systems. False, with the reason printed: not to be
 * had here. */
bool gw_enter_root(void);
/* In there. Paths are from the root: mount is "". */
void gw_new_root(struct guard_world *w);
/* Whether we are in one (guard_kernel.sh), and what is in it but the programs of tests: approved.
 */
bool gw_is_machine(void);
void gw_approve_machine(struct guard_world *w);
void gw_free(struct guard_world *w);

/* The guard, with "--NAME", "VALUE", ... of the test; returns when it is ready. */
void gw_start(struct guard_world *w, const char *const *more);
void gw_stop(struct guard_world *w);
/* From here on the test is process 1 of its own, and what it leaves behind ends with it: for guards
 * that are nobody's children (upgrades). After gw_possible. */
void gw_own_processes(void);
/* The program, w->guard_path, takes over, with settings like gw_start's; the verb's exit status. */
int gw_upgrade(struct guard_world *w, const char *const *more);
/* A verb of the command; its exit status. */
int gw_verb(const struct guard_world *w, const char *verb);
/* The same with words; what it prints is in out (out_cap bytes). */
int gw_words(const struct guard_world *w, const char *const *words, char *out, size_t out_cap);
/* A number or, for text, whether it is `text`, of the guard's status. */
uint64_t gw_number(const struct guard_world *w, const char *name);
bool gw_status_has(const struct guard_world *w, const char *text);
/* How many reports hold all of these texts. Waits until there are as many as least. */
size_t gw_reports(const struct guard_world *w, const char *a, const char *b, size_t least);

/* mount/name: a copy of guard_prog with this letter, the tail behind it, filled up to size. */
void gw_program(const struct guard_world *w, const char *name, char letter, const char *tail,
		size_t size);
void gw_path(const struct guard_world *w, const char *name, char out[200]);
/* The content of the file is approved by the next list. */
void gw_approve(struct guard_world *w, const char *path, unsigned classes);
/* A package record in `dir`, signed by m: of this archive, and with the content of a file. The
 * record's path. */
void gw_record(struct list_maker *m, const char *dir, const char *archive, const char *path,
	       unsigned classes, char out[200]);
/* Writes the next list and has the guard take it. */
void gw_publish(struct guard_world *w);
/* What the guard would have refused so far is approved by the next list, but no content that was
 * met beneath `not`: wherever else it was met, for a path is looked up late, and then its mount may
 * be gone. Programs with the classes that their names tell; only_exec: those that were executed.
 * Returns how many are new. */
size_t gw_learn(struct guard_world *w, const char * not, bool only_exec);
/* What `check` finds missing: the machine's own programs, and what runs on it; published. */
void gw_learn_needed(struct guard_world *w);
void gw_enforce(const struct guard_world *w);

/* Runs path in a child: its exit status, or GW_REFUSED + errno. */
int gw_run(const char *path);
/* The same for a name in the guarded mount. */
int gw_run_name(const struct guard_world *w, const char *name);
/* Execs of that name, or each time of a new file with its content, in a process of its own: its
 * exit status is 0 if all had the result `want`. */
struct gw_runner {
	const struct guard_world *w;
	const char *name;
	int want;
	int rounds; /* 0: until it is told to end, by SIGTERM */
	bool fresh; /* a new file each time: of the approved program if want is 0 */
};
pid_t gw_start_runner(const struct gw_runner *r);
/* Any code in a child; 200: it was ended by a signal. */
int gw_child(int (*fn)(void *ctx), void *ctx);

#endif
