/* Purpose: see file.h. */
#include "lib/format/file.h"

#include "lib/format/cms_file.h"
#include "lib/format/list_file.h"
#include "lib/format/pe_file.h"
#include "lib/format/token_file.h"

const struct format_file *const format_file_table[] = {
	&format_pe_file,	  &format_allowlist_file, &format_package_record_file,
	&format_guard_token_file, &format_cms_file,	  NULL,
};

const struct format_file *format_file_find(struct view name)
{
	for (size_t i = 0; format_file_table[i] != NULL; i++)
		if (view_is(name, format_file_table[i]->name))
			return format_file_table[i];
	return NULL;
}
