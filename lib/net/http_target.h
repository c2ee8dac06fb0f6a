/* http_target - the request target of HTTP/1.1 (RFC 9112 3.2.1, origin-form), read strictly.
 *
 * Paths are plain: no percent-encoding, no empty, "." or ".." segment, no trailing slash, so that a
 * path means the same to us, to a proxy in front and in a log. Owns: that form and the query.
 * Must not own: which paths exist (the program's route table). */
#ifndef GS_NET_HTTP_TARGET_H
#define GS_NET_HTTP_TARGET_H

#include <stddef.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define HTTP_TARGET_MAX 2047u /* bytes of path and query */
#define HTTP_SEGMENTS_MAX 12u
#define HTTP_PARAMS_MAX 8u
#define HTTP_PARAM_NAME_MAX 24u

struct http_param {
	struct view name;
	struct view value; /* percent-decoded; no control characters */
};

struct http_target {
	struct view path; /* as sent, with its first '/' */
	struct view segments[HTTP_SEGMENTS_MAX];
	size_t segment_count; /* 0 for "/" */
	struct http_param params[HTTP_PARAMS_MAX];
	size_t param_count;
	char decoded[HTTP_TARGET_MAX]; /* behind the params' values */
};

/* Reads "/path?name=value&..". The views of *ret point into raw and into ret itself: do not copy
 * it. Path segments are of [A-Za-z0-9._~-], names of [a-z_]; '+' in a query is refused (it means
 * two things), as are names without '='. RC_SYNTAX, RC_LIMIT (length or counts), RC_DUPLICATE. */
MUST rc http_target_parse(struct view raw, struct http_target *ret, struct fault *f);

/* The value of a parameter; ptr NULL if it is not there. */
struct view http_target_param(const struct http_target *t, const char *name);

#endif
