#include "lib/net/sshagent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/crypt/sshsig.h"

/* draft-miller-ssh-agent 6.1, 6.3 */
#define AGENT_FAILURE 5
#define AGENTC_REQUEST_IDENTITIES 11
#define AGENT_IDENTITIES_ANSWER 12
#define AGENTC_SIGN_REQUEST 13
#define AGENT_SIGN_RESPONSE 14
#define AGENT_RSA_SHA2_256 2
#define AGENT_RSA_SHA2_512 4

rc sshagent_connect(const char *path, int *ret_fd, struct fault *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO(fd) int fd = -1;

	if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path))
		return fault_set(f, RC_RANGE, 0, "ssh-agent: socket path of %zu bytes, 1..%zu",
				 strlen(path), sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fault_errno(f, errno, "ssh-agent: socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return fault_errno(f, errno, "ssh-agent: %s", path);
	*ret_fd = fd;
	fd = -1;
	return OK;
}

/* Without SIGPIPE, whatever the program does with that signal. */
static rc send_all(int fd, struct view bytes, struct fault *f)
{
	while (bytes.len != 0) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return fault_errno(f, errno, "ssh-agent");
		if (n > 0)
			bytes = view_of(bytes.ptr + n, bytes.len - (size_t)n);
	}
	return OK;
}

/* One request, one reply, each a string. */
static rc exchange(int fd, struct view request, struct buf *reply, struct fault *f)
{
	uint8_t head[4];
	struct view v = view_of(head, sizeof(head));
	uint32_t len;
	uint8_t *space;
	AUTO(buf) struct buf out = {0};
	rc r;

	buf_init(&out, request.len + 4);
	buf_put_string(&out, request);
	TRY(buf_done(&out));
	TRY(send_all(fd, buf_view(&out), f));
	r = fd_read_full(fd, head, sizeof(head), f);
	if (r.code == RC_TRUNCATED)
		return fault_set(f, RC_PEER, 0, "ssh-agent: went away without an answer");
	TRY(r);
	TRY(view_u32be(&v, &len));
	if (len == 0 || len > SSHAGENT_REPLY_MAX)
		return fault_set(f, RC_LIMIT, 0, "ssh-agent: reply of %u bytes, 1..%d", len,
				 SSHAGENT_REPLY_MAX);
	space = buf_space(reply, len);
	TRY(buf_done(reply));
	r = fd_read_full(fd, space, len, f);
	if (r.code == RC_TRUNCATED)
		return fault_set(f, RC_PEER, 0, "ssh-agent: reply ends early");
	return r;
}

/* Takes the type byte; the agent's refusal has no reason. */
static rc expect(struct view *v, uint8_t wanted, struct fault *f)
{
	uint8_t type;

	if (!rc_is_ok(view_u8(v, &type)))
		return fault_set(f, RC_PEER, 0, "ssh-agent: empty reply");
	if (type == AGENT_FAILURE && v->len == 0)
		return fault_set(f, RC_DENIED, 0, "ssh-agent: refuses");
	if (type != wanted)
		return fault_set(f, RC_PEER, 0, "ssh-agent: reply of type %u, not %u", type,
				 wanted);
	return OK;
}

rc sshagent_parse_list(struct view reply, const struct sshagent_visitor *visitor, struct fault *f)
{
	struct view v = reply;
	uint32_t count;

	TRY(expect(&v, AGENT_IDENTITIES_ANSWER, f));
	if (!rc_is_ok(view_u32be(&v, &count)))
		return fault_set(f, RC_PEER, 0, "ssh-agent: list ends in its length");
	if (count > SSHAGENT_KEYS_MAX)
		return fault_set(f, RC_LIMIT, 0, "ssh-agent: %u keys, at most %d", count,
				 SSHAGENT_KEYS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct view blob;
		struct view comment;

		if (!rc_is_ok(view_string(&v, SSHAGENT_REPLY_MAX, &blob)) ||
		    !rc_is_ok(view_string(&v, SSHAGENT_COMMENT_MAX, &comment)))
			return fault_set(
				f, RC_PEER, reply.len - v.len,
				"ssh-agent: key %u of %u is cut off or its comment too long", i + 1,
				count);
		TRY(visitor->key(visitor->ctx, blob, comment));
	}
	if (v.len != 0)
		return fault_set(f, RC_PEER, reply.len - v.len,
				 "ssh-agent: %zu bytes after the list of keys", v.len);
	return OK;
}

rc sshagent_list(int fd, const struct sshagent_visitor *visitor, struct fault *f)
{
	const uint8_t request = AGENTC_REQUEST_IDENTITIES;
	AUTO(buf) struct buf reply = {0};

	buf_init(&reply, SSHAGENT_REPLY_MAX);
	TRY(exchange(fd, view_of(&request, 1), &reply, f));
	return sshagent_parse_list(buf_view(&reply), visitor, f);
}

rc sshagent_parse_sign(struct view reply, struct view *ret_signature, struct fault *f)
{
	struct view v = reply;
	struct view signature;

	TRY(expect(&v, AGENT_SIGN_RESPONSE, f));
	if (!rc_is_ok(view_string(&v, SSHSIG_BLOB_MAX, &signature)) || v.len != 0)
		return fault_set(f, RC_PEER, 0, "ssh-agent: reply is not one signature");
	*ret_signature = signature;
	return OK;
}

static rc sign_with(int fd, const struct sshkey *key, struct view tbs, uint32_t rsa,
		    struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf request = {0};
	AUTO(buf) struct buf reply = {0};
	struct view signature;

	buf_init(&request, SSHAGENT_REPLY_MAX);
	buf_init(&reply, SSHAGENT_REPLY_MAX);
	buf_put_u8(&request, AGENTC_SIGN_REQUEST);
	buf_put_string(&request, sshkey_blob(key));
	buf_put_string(&request, tbs);
	buf_put_u32be(&request, sshkey_type(key) == SSHKEY_RSA ? rsa : 0);
	TRY(buf_done(&request));
	TRY(exchange(fd, buf_view(&request), &reply, f));
	TRY(sshagent_parse_sign(buf_view(&reply), &signature, f));
	buf_put_view(out, signature);
	return buf_done(out);
}

rc sshagent_sign(int fd, const struct sshkey *key, struct view tbs, struct buf *out,
		 struct fault *f)
{
	return sign_with(fd, key, tbs, AGENT_RSA_SHA2_512, out, f);
}

rc sshagent_sign_sha256(int fd, const struct sshkey *key, struct view tbs, struct buf *out,
			struct fault *f)
{
	return sign_with(fd, key, tbs, AGENT_RSA_SHA2_256, out, f);
}
