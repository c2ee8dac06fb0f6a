#include "prog/cli/deb822.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- Packages --------------------------------------------------------------------------------*/

static void take_field(struct view line, const char *name, char *out, size_t cap)
{
	size_t n = strlen(name);

	if (line.len <= n || memcmp(line.ptr, name, n) != 0 || line.ptr[n] != ':')
		return;
	line = view_of(line.ptr + n + 1, line.len - n - 1);
	while (line.len > 0 && line.ptr[0] == ' ')
		line = view_of(line.ptr + 1, line.len - 1);
	/* One that does not fit is none: the stanza is then refused or passed over. */
	if (line.len >= cap)
		return;
	memcpy(out, line.ptr, line.len);
	out[line.len] = '\0';
}

bool stanza_next(struct view *rest, struct stanza *s)
{
	bool any = false;

	memset(s, 0, sizeof(*s));
	while (rest->len > 0) {
		struct view line;

		if (!rc_is_ok(view_until(rest, '\n', &line))) {
			line = *rest;
			*rest = view_of(NULL, 0);
		}
		if (line.len == 0 && any)
			return true;
		any |= line.len > 0;
		take_field(line, "Package", s->package, sizeof(s->package));
		take_field(line, "Version", s->version, sizeof(s->version));
		take_field(line, "Architecture", s->architecture, sizeof(s->architecture));
		take_field(line, "Multi-Arch", s->multi, sizeof(s->multi));
		take_field(line, "Status", s->status, sizeof(s->status));
		take_field(line, "Filename", s->filename, sizeof(s->filename));
		take_field(line, "SHA256", s->sha256, sizeof(s->sha256));
	}
	return any;
}

/* ---- Release ---------------------------------------------------------------------------------*/

static bool begins(struct view line, const char *head)
{
	size_t n = strlen(head);

	return line.len >= n && memcmp(line.ptr, head, n) == 0;
}

/* "Valid-Until: Sat, 28 Nov 2026 09:00:00 UTC" */
static rc check_valid_until(struct view line, unix_time now, struct fault *f)
{
	char text[64];
	struct tm when = {0};
	const char *end;

	(void)snprintf(text, sizeof(text), "%.*s", (int)(line.len < 60 ? line.len : 60),
		       (const char *)line.ptr);
	end = strptime(text, "Valid-Until: %a, %d %b %Y %H:%M:%S", &when);
	if (end == NULL ||
	    (strcmp(end, " UTC") != 0 && strcmp(end, " GMT") != 0 && strcmp(end, " +0000") != 0))
		return fault_set(f, RC_SYNTAX, 0, "%s", text);
	return timegm(&when) >= now ? OK : fault_set(f, RC_EXPIRED, 0, "%s", text);
}

/* " HEX SIZE main/binary-amd64/Packages" */
static bool names_index(struct view line, const char *hex)
{
	const char *name = "Packages";

	return line.len > 64 + 2 + strlen(name) && line.ptr[0] == ' ' &&
	       memcmp(line.ptr + 1, hex, 64) == 0 && line.ptr[65] == ' ' &&
	       memcmp(line.ptr + line.len - strlen(name), name, strlen(name)) == 0;
}

rc release_names(struct view text, const struct digest *index, unix_time now, struct fault *f)
{
	char hex[DIGEST_HEX];
	bool sha256 = false;
	bool found = false;
	struct view line;

	digest_hex(index, hex);
	while (rc_is_ok(view_until(&text, '\n', &line))) {
		if (begins(line, "Valid-Until:"))
			TRY(check_valid_until(line, now, f));
		/* Lines that begin with a space belong to the field before them. */
		if (line.len > 0 && line.ptr[0] != ' ')
			sha256 = view_is(line, "SHA256:");
		found |= sha256 && names_index(line, hex);
	}
	return found ? OK : fault_set(f, RC_MISMATCH, 0, "it names no index of that digest");
}
