/* artifact_impl - what artifact.c and evaluate_artifact.c share. Private to these. */
#ifndef GS_POLICY_ARTIFACT_IMPL_H
#define GS_POLICY_ARTIFACT_IMPL_H

#include "lib/codec/jcan.h"
#include "lib/policy/artifact.h"

bool artifact_lists(const struct artifact_list *l, const struct name *n);
/* An empty list asks for nothing. */
bool artifact_list_matches(const struct artifact_list *l, struct view text);
/* Those about one artifact. */
struct evidence_facts artifact_facts(const struct evidence_facts *all, const struct digest *sha256);
/* Whether this speaks for the file under the rule. */
bool artifact_counts(const struct artifact_rule *r, const struct evidence_fact *e, unix_time now);

#endif
