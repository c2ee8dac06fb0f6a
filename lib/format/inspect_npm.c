/* npm packages: package.json one level down in a tar.gz, and the scripts that run on installation.
 * Owns: the few fields an approver asks about. Must not own: reading archives. */
#include <string.h>

#include "lib/format/inspect_tree.h"

#define PACKAGE_MAX 262144
#define SCRIPTS_MAX 100
#define VALUE_MAX 4096

/* tree.state: a package.json has been seen. npm takes off one component, whatever its name. */
static bool is_package_json(struct view path)
{
	const uint8_t *slash = path.len == 0 ? NULL : memchr(path.ptr, '/', path.len);

	return slash != NULL &&
	       view_is(view_of(slash + 1, path.len - 1 - (size_t)(slash - path.ptr)),
		       "package.json");
}

static size_t keep(const struct tree *t, struct view path)
{
	return t->state == 0 && is_package_json(path) ? PACKAGE_MAX : 0;
}

static struct view text_of(const json_t *v)
{
	return view_of(json_string_value(v), json_string_length(v));
}

static rc one_script(struct tree *t, const struct member *m, json_t *scripts, const char *name,
		     const json_t *value)
{
	static const char *const on_install[] = {"preinstall", "install", "postinstall"};
	char key[256];
	AUTO(buf) struct buf b = {0};

	buf_init_fixed(&b, key, sizeof(key));
	(void)clean_put(&b, view_str(name), CLEAN_LINE, sizeof(key) - 1);
	TRY(report_spend(t->in, json_string_length(value)));
	TRY(report_set_text(scripts, buf_cstr(&b), text_of(value), VALUE_MAX));
	for (size_t i = 0; i < sizeof(on_install) / sizeof(on_install[0]); i++)
		if (strcmp(name, on_install[i]) == 0)
			TRY(finding(t->in, SEVERITY_WARNING, "npm-install-script", m->path,
				    "%s runs when the package is installed", name));
	return OK;
}

static rc package(struct tree *t, const struct member *m, const json_t *root, json_t *o)
{
	json_t *from = json_object_get(root, "scripts");
	json_t *scripts = json_object();
	const char *name;
	json_t *value;
	size_t count = 0;

	TRY(report_set(o, "scripts", scripts));
	TRY(report_set_text(o, "name", text_of(json_object_get(root, "name")), 256));
	TRY(report_set_text(o, "version", text_of(json_object_get(root, "version")), 256));
	TRY(report_set_u64(o, "dependencies",
			   json_object_size(json_object_get(root, "dependencies"))));
	json_object_foreach(from, name, value)
	{
		if (!json_is_string(value))
			continue;
		if (count++ == SCRIPTS_MAX)
			return finding(t->in, SEVERITY_ERROR, "npm-package", m->path,
				       "more than %d scripts", SCRIPTS_MAX);
		TRY(one_script(t, m, scripts, name, value));
	}
	return OK;
}

static void json_release(json_t **j)
{
	json_decref(*j);
}
AUTO_DEFINE(json, json_t *, json_release)

static rc kept(struct tree *t, const struct member *m)
{
	AUTO(json) json_t *root = NULL;
	json_t *o = json_object();
	json_error_t e;

	t->state = 1;
	TRY(report_set(t->in->report, "npm", o));
	if (m->size > m->kept.len)
		return finding(t->in, SEVERITY_ERROR, "npm-package", m->path,
			       "longer than %d bytes", PACKAGE_MAX);
	root = json_loadb((const char *)m->kept.ptr, m->kept.len, JSON_REJECT_DUPLICATES, &e);
	if (!json_is_object(root))
		return finding(t->in, SEVERITY_WARNING, "npm-package", m->path,
			       "not a JSON object, or a name stands twice in it");
	return package(t, m, root, o);
}

const struct tree_kind tree_npm = {.keep = keep, .kept = kept};
