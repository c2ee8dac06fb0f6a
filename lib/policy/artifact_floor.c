/* What a tier demands of files and evidence, and whether a rule demands as much. */
#include "lib/policy/artifact.h"

static bool has(const struct artifact_list *l, struct view entry)
{
	for (size_t i = 0; i < l->count; i++)
		if (view_is_equal(l->entry[i], entry))
			return true;
	return false;
}

static bool is_part(const struct artifact_list *part, const struct artifact_list *of)
{
	for (size_t i = 0; i < part->count; i++)
		if (!has(of, part->entry[i]))
			return false;
	return true;
}

/* The rule has a list, and nothing in it that the tier's lacks; by text, so a narrower pattern has
 * to stand in the tier's list, too. */
static bool keeps_list(const struct artifact_list *rule, const struct artifact_list *tier)
{
	return tier->count == 0 || (rule->count > 0 && is_part(rule, tier));
}

static bool keeps_number(uint64_t rule, uint64_t tier)
{
	return tier == 0 || (rule != 0 && rule <= tier);
}

const char *artifact_undercuts(const struct artifact_rule *rule, const struct artifact_rule *tier)
{
	if (!keeps_list(&rule->names, &tier->names))
		return "names";
	if (!keeps_list(&rule->products, &tier->products))
		return "products";
	if (!keeps_number(rule->max_size, tier->max_size))
		return "max_size";
	/* All of the tier's scanners, since each of them can stop a file. */
	if (tier->scan_by.count > 0 && (!keeps_list(&rule->scan_by, &tier->scan_by) ||
					!is_part(&tier->scan_by, &rule->scan_by) ||
					!keeps_number(rule->scan_max_age, tier->scan_max_age)))
		return "scan";
	if (tier->provenance_by.count > 0 &&
	    (!keeps_list(&rule->provenance_by, &tier->provenance_by) ||
	     !keeps_list(&rule->provenance_builder, &tier->provenance_builder) ||
	     !keeps_list(&rule->provenance_source, &tier->provenance_source)))
		return "provenance";
	if (tier->rebuild_agree > 0 && (!keeps_list(&rule->rebuild_of, &tier->rebuild_of) ||
					rule->rebuild_agree < tier->rebuild_agree))
		return "rebuild";
	return NULL;
}
