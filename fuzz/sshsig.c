/* Fuzz target: signature blobs, verified with the key that they name, and client data. */
#include <assert.h>

#include "lib/crypt/sshsig.h"
#include "lib/crypt/webauthn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view origin = view_str("http://localhost:36691");
	const struct sshsig_rules rules = {.origins = &origin, .origin_count = 1};
	AUTO(sshkey) struct sshkey *key = NULL;
	AUTO(buf) struct buf again;
	struct view blob = view_of(data, size);
	struct webauthn_client_data client;
	struct sshsig s;
	struct fault f;
	char ns[SSHSIG_NAMESPACE_MAX + 1];

	buf_init(&again, SSHSIG_BLOB_MAX);
	rc_ignore(webauthn_parse_client_data(blob, &client, &f), "any result but a crash");
	if (!rc_is_ok(sshsig_parse(blob, &s, &f)) ||
	    !rc_is_ok(sshkey_parse_blob(s.key_blob, &key, &f)))
		return 0;
	memcpy(ns, s.ns.ptr, s.ns.len);
	ns[s.ns.len] = '\0';
	sshsig_wrap(key, ns, s.hash, s.signature, &again);
	assert(view_is_equal(buf_view(&again), blob));
	rc_ignore(sshsig_verify(key, ns, view_str("the message\n"), blob, &rules, NULL, &f),
		  "same");
	return 0;
}
