/* list - making and reading allowlists and package records: `greatseal list ...`. No server is
 * asked. */
#ifndef GS_CLI_LIST_H
#define GS_CLI_LIST_H

#include "lib/format/list_file.h"
#include "lib/model/list.h"
#include "lib/model/package_record.h"
#include "prog/cli/cli.h"

rc cmd_list_build(struct cli *c, const struct args *a);
rc cmd_list_from_vendor(struct cli *c, const struct args *a);
rc cmd_list_record(struct cli *c, const struct args *a);
rc cmd_list_show(struct cli *c, const struct args *a);
rc cmd_list_diff(struct cli *c, const struct args *a);
rc cmd_list_lint(struct cli *c, const struct args *a);

/* Appends the record of a package; *ret is its header. */
MUST rc list_record_of(struct cli *c, const char *package, struct package_record_header *ret,
		       struct buf *out);

/* A list or a record, mapped. */
struct list_input {
	struct file_map map;
	bool is_list;
	struct list list;
	struct package_record record;
	const struct contents *contents; /* of the one that it is */
};
MUST rc list_input_open(struct cli *c, const char *path, struct list_input *ret);
static inline void list_input_release(struct list_input *in)
{
	file_map_release(&in->map);
}
AUTO_DEFINE(list_input, struct list_input, list_input_release)

#endif
