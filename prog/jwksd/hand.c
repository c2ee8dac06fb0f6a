#include "prog/jwksd/hand.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "lib/base/fd.h"
#include "lib/proto/keeper_jwks.h"

#define REPLY_MAX 65536u
#define CORRELATION 1

static rc dial(const char *path, int *ret, struct fault *f)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const struct timeval limit = {.tv_sec = HAND_SECONDS};
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fault_errno(f, errno, "socket");
	if (strlen(path) >= sizeof(at.sun_path))
		return fault_set(f, RC_LIMIT, 0, "keeper-socket: the path is too long");
	memcpy(at.sun_path, path, strlen(path));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0)
		return fault_set(f, RC_IO, 0, "the keeper at %s: %s", path, strerror(errno));
	*ret = fd;
	fd = -1;
	return OK;
}

static rc take_reply(int fd, struct keeper_header *h, struct buf *body, struct fault *f)
{
	uint8_t head[KEEPER_HEADER];
	uint8_t *at;

	TRY(fd_read_full(fd, head, sizeof(head), f));
	if (!rc_is_ok(keeper_header_parse(view_of(head, sizeof(head)), h)) ||
	    h->body_len > REPLY_MAX || h->correlation != CORRELATION)
		return fault_set(f, RC_PEER, 0, "the keeper's answer is none");
	at = buf_space(body, h->body_len);
	if (at == NULL)
		return RC(RC_NOMEM);
	return fd_read_full(fd, at, h->body_len, f);
}

/* {"issuer","leaf","set","state"} */
static rc read_state(struct view body, bool *ret_changed, struct fault *f)
{
	json_t *root = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const char *state = json_string_value(json_object_get(root, "state"));
	bool known =
		state != NULL && (strcmp(state, "changed") == 0 || strcmp(state, "confirmed") == 0);

	if (known)
		*ret_changed = strcmp(state, "changed") == 0;
	json_decref(root);
	return known ? OK : fault_set(f, RC_PEER, 0, "the keeper's answer has no state");
}

static rc read_refusal(struct view body, struct fault *f)
{
	struct keeper_error e;

	if (!rc_is_ok(keeper_get_error(body, &e)))
		return fault_set(f, RC_PEER, 0, "the keeper's refusal cannot be read");
	return fault_set(f, reason_is_wait(e.reason) ? RC_WAIT : RC_DENIED, 0, "%s: %s",
			 reason_id(e.reason), e.text);
}

rc hand_over(const char *socket_path, struct view issuer, struct view set, bool *ret_changed,
	     struct fault *f)
{
	const struct keeper_jwks m = {.issuer = issuer, .set = set};
	AUTO(buf) struct buf frame = {0};
	AUTO(buf) struct buf body = {0};
	AUTO(fd) int fd = -1;
	struct keeper_header h;

	buf_init(&frame, KEEPER_HEADER + KEEPER_JWKS_MAX + 1024);
	buf_init(&body, REPLY_MAX);
	keeper_put_jwks(&frame, CORRELATION, &m);
	TRY(buf_done(&frame));
	TRY(dial(socket_path, &fd, f));
	TRY(fd_write_full(fd, frame.ptr, frame.len, f));
	TRY(take_reply(fd, &h, &body, f));
	if (h.type == KEEPER_R_ERROR)
		return read_refusal(buf_view(&body), f);
	if (h.type != KEEPER_R_JSON)
		return fault_set(f, RC_PEER, 0, "the keeper's answer is of another kind");
	return read_state(buf_view(&body), ret_changed, f);
}
