#include "prog/jwksd/address.h"

#include <jansson.h>
#include <string.h>

#define SCHEME "https://"
#define HOST_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]"

static bool is_target(struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] <= 0x20 || v.ptr[i] > 0x7e || memchr("#\\\"<>", v.ptr[i], 5) != NULL)
			return false;
	return true;
}

rc address_parse(struct view text, struct address *ret, struct fault *f)
{
	const size_t scheme = strlen(SCHEME);
	struct address a = {0};
	size_t host = 0;

	if (text.len >= ADDRESS_MAX)
		return fault_set(f, RC_LIMIT, 0, "an address of %zu bytes", text.len);
	if (text.len <= scheme || memcmp(text.ptr, SCHEME, scheme) != 0)
		return fault_set(f, RC_SYNTAX, 0, "not an https:// address");
	while (scheme + host < text.len &&
	       memchr(HOST_BYTES, text.ptr[scheme + host], strlen(HOST_BYTES)) != NULL)
		host++;
	memcpy(a.base, text.ptr, scheme + host);
	text = view_of(text.ptr + scheme + host, text.len - scheme - host);
	if (host == 0 || (text.len > 0 && text.ptr[0] != '/') || !is_target(text))
		return fault_set(f, RC_SYNTAX, scheme + host, "not an address of host and path");
	a.target[0] = '/';
	if (text.len > 0)
		memcpy(a.target, text.ptr, text.len);
	*ret = a;
	return OK;
}

rc discovery_parse(struct view document, const char *issuer, struct address *ret, struct fault *f)
{
	json_t *root;
	const char *says;
	const char *uri;
	rc r;

	if (document.len > ANSWER_MAX)
		return fault_set(f, RC_LIMIT, 0, "discovery of %zu bytes", document.len);
	root = json_loadb((const char *)document.ptr, document.len, JSON_REJECT_DUPLICATES, NULL);
	says = json_string_value(json_object_get(root, "issuer"));
	uri = json_string_value(json_object_get(root, "jwks_uri"));
	if (says == NULL || uri == NULL)
		r = fault_set(f, RC_SYNTAX, 0,
			      "discovery is not a JSON object with issuer and jwks_uri");
	else if (strcmp(says, issuer) != 0)
		r = fault_set(f, RC_MISMATCH, 0, "discovery is of another issuer");
	else
		r = address_parse(view_str(uri), ret, f);
	json_decref(root);
	return r;
}
