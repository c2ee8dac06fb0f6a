/* rpm_script - the scripts in the main header of an rpm package: each with what runs it and how.
 *
 * Most are written into a file and given to a program, which a guard sees. Two are not: Lua runs
 * inside rpm, and what rpm expands on the host (`%post -e`, `-q`) is another text than the header's
 * when it runs. Allocates nothing. Owns: which tags are scripts, how rpm would take them. Must not
 * own: what is approved. */
#ifndef GS_CODEC_RPM_SCRIPT_H
#define GS_CODEC_RPM_SCRIPT_H

#include <stdbool.h>

#include "lib/codec/rpm.h"

#define RPM_SCRIPTS_EACH 1000u /* of a kind of which there may be several */
#define RPM_SCRIPT_NAME 40u

/* A script that rpm expands stands in records and lists with this before its text, so that nothing
 * that is approved as it is approves what it becomes. */
#define RPM_EXPANDED_HEAD "# greatseal: rpm expands this on the host\n"

struct rpm_script {
	char name[RPM_SCRIPT_NAME]; /* "postin", "trigger.0" */
	size_t kind;		    /* a row of the table of kinds */
	struct view text;	    /* may be empty: the program is run alone */
	struct view program;	    /* its first word; /bin/sh if none is named */
	bool lua;		    /* runs inside rpm */
	bool expanded;		    /* macros, or a query format, are put in before it runs */
};

/* Where the next one is looked for; zero: at the first. */
struct rpm_scripts {
	size_t kind;
	size_t number;
};

/* The next script of the header. RC_NOTFOUND: no more; RC_SYNTAX, RC_DUPLICATE its tags are of
 * other types, or stand twice, RC_LIMIT more than RPM_SCRIPTS_EACH: then the kind it is of is in
 * ret->name, and the next call goes on behind that. Views are into the header. */
MUST rc rpm_script_next(const struct rpm_header *h, struct rpm_scripts *at, struct rpm_script *ret);
/* The i-th word of the script's program, from 0. RC_NOTFOUND: no more, or none is named. */
MUST rc rpm_script_word(const struct rpm_header *h, const struct rpm_script *s, size_t i,
			struct view *ret);

#endif
