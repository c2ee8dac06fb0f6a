/* artifact - what a rule demands of each file: its name and size, and what machines say of it.
 *
 * rules[].artifact, all optional: {"max_size":BYTES,"names":[GLOB..],"products":[GLOB..],
 *  "provenance":{"builder":[GLOB..]?,"by":[NAME..],"source":[GLOB..]?},
 *  "rebuild":{"agree":K,"of":[BUILDER..]},"scan":{"by":[NAME..],"max_age":SECONDS?}}
 * by: hosts, services or builders whose word counts; of: builders, K of whom must have made the
 * very same file. A verdict of one of the scanners named that is not clean stops the request,
 * whatever the others say. Owns: reading it, the checks. Must not own: who signed the evidence (the
 * facts are verified). */
#ifndef GS_POLICY_ARTIFACT_H
#define GS_POLICY_ARTIFACT_H

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/request.h"

#define ARTIFACT_LIST_MAX 32u
#define ARTIFACT_GLOB_MAX 255u

enum evidence_kind { EVIDENCE_SCAN, EVIDENCE_PROVENANCE, EVIDENCE_REBUILD };

/* One thing that a machine said of one artifact, whose signature the caller has verified and who is
 * still in the roster. */
struct evidence_fact {
	enum evidence_kind kind;
	struct digest sha256; /* of the artifact */
	struct digest statement;
	struct name by;
	unix_time given;
	bool clean;	     /* scan */
	struct view builder; /* provenance */
	struct view source;  /* provenance, rebuild */
	struct view version; /* rebuild */
	struct view name;    /* rebuild: of the artifact */
};

struct artifact_list {
	struct view entry[ARTIFACT_LIST_MAX]; /* into the document */
	size_t count;
};

struct artifact_rule {
	struct artifact_list names;
	struct artifact_list products;
	uint64_t max_size; /* 0: any */
	struct artifact_list scan_by;
	uint64_t scan_max_age; /* seconds; 0: any age */
	struct artifact_list provenance_by;
	struct artifact_list provenance_builder;
	struct artifact_list provenance_source;
	struct artifact_list rebuild_of;
	uint64_t rebuild_agree; /* 0: none is asked for */
};

struct jcan;
/* Reads the object. Form as jcan.h; RC_RANGE an empty list or object, agree 0 or over the number of
 * builders; RC_LIMIT over the maxima; RC_DUPLICATE an entry twice; RC_SYNTAX a glob that is not
 * printable ASCII, or a name. */
MUST rc artifact_rule_read(struct jcan *j, struct artifact_rule *ret);
/* The same of bytes that have been read before; never fails on those. */
void artifact_rule_of(struct view json, struct artifact_rule *ret);

/* The field in which a rule demands less than its tier; NULL if in none. */
const char *artifact_undercuts(const struct artifact_rule *rule, const struct artifact_rule *tier);

/* Whether the rule asks what this machine says. */
bool artifact_asks(const struct artifact_rule *r, enum evidence_kind kind, const struct name *by);

/* What is known of the artifacts of a request, sorted by sha256. */
struct evidence_facts {
	const struct evidence_fact *list;
	size_t count;
};
/* Sets marks[i] for each fact that the rule counted for an item of the request: that let it pass.
 */
void artifact_mark(const struct artifact_rule *r, const struct request *q,
		   const struct evidence_facts *facts, unix_time now, bool *marks);

#endif
