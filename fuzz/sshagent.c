/* Fuzz target: replies of an ssh-agent. What the visitor sees lies inside the reply. */
#include <assert.h>

#include "lib/net/sshagent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rc inside(void *ctx, struct view blob, struct view comment)
{
	const struct view *reply = (const struct view *)ctx;

	assert(blob.ptr >= reply->ptr && blob.len <= reply->len);
	assert(comment.ptr + comment.len <= reply->ptr + reply->len);
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view reply = view_of(data, size);
	const struct sshagent_visitor visitor = {.key = inside, .ctx = &reply};
	struct view signature;
	struct fault f;

	rc_ignore(sshagent_parse_list(reply, &visitor, &f), "any result but a crash");
	rc_ignore(sshagent_parse_sign(reply, &signature, &f), "any result but a crash");
	return 0;
}
