#include "prog/server/later.h"

#include <stdlib.h>

#include "lib/crypt/jwt.h"
#include "prog/server/tasks.h"

struct later {
	struct keeper_post post; /* first: a post is its struct later */
	struct call_ctx *call;
	struct stage1_request request;
	struct stage2_authenticated authenticated;
	struct stage3_inspected inspected;
	struct stage4_kept kept;
};

void later_free(struct later *l)
{
	if (l == NULL)
		return;
	stage1_release(&l->request);
	keeper_reply_release(&l->kept.reply);
	free(l);
}

/* With a token's request the keeper is asked for the record of the token; files have to be looked
 * at; more than one use is committed by another call. */
bool later_may_leave(const struct call_ctx *c, const struct stage1_request *r)
{
	return !c->waits && r->sign && r->request.uses == 1 && !r->request.upload &&
	       !jwt_is_like(buf_view(&r->requester_sig)) && tasks_may_send(c->server);
}

rc later_begin(struct call_ctx *c, struct stage1_request *r)
{
	struct later *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return RC(RC_NOMEM);
	l->call = c;
	l->request = *r;
	*r = (struct stage1_request){0};
	l->authenticated.in = &l->request;
	l->inspected.in = &l->authenticated;
	l->kept.in = &l->inspected;
	c->later = l;
	c->leaves = true;
	return OK;
}

static rc finish(struct call_ctx *c, struct later *l)
{
	AUTO(stage5) struct stage5_projected projected = {0};

	TRY(stage5_project(c, &l->kept, &projected));
	return stage6_release(c, &projected);
}

/* In the reader's thread. False: a task has to do it. */
static bool finish_here(struct call_ctx *c, struct later *l)
{
	rc r;

	if (l->kept.reply.type != KEEPER_R_RESULT)
		return false;
	c->in_reader = true;
	r = finish(c, l);
	c->in_reader = false;
	if (rc_is_ok(r))
		return true;
	buf_clear(&c->out);
	c->status = 0;
	return false;
}

static void answered(struct keeper_post *post, rc r, struct keeper_reply *reply)
{
	struct later *l = (struct later *)post;
	struct call_ctx *c = l->call;
	bool done = false;

	if (rc_is_ok(r)) {
		l->kept.reply = *reply;
		done = finish_here(c, l);
	} else if (r.code != RC_PEER) {
		rc_ignore(call_keeper_away(c), "it is the answer");
		done = true;
	}
	if (rc_is_ok(r) && !done) {
		tasks_return(c);
		return;
	}
	/* The same bytes again have the same effect: a task says them to the next connection. */
	later_free(l);
	c->later = NULL;
	c->waits = true;
	if (done)
		tasks_answer(c);
	else
		tasks_return(c);
}

void later_send(struct call_ctx *c)
{
	struct later *l = c->later;
	uint64_t id = keeper_client_id(c->server->keeper);
	AUTO(buf) struct buf frame = {0};
	rc r;

	c->leaves = false;
	l->post.done = answered;
	submit_frame(&l->request, id, KEEPER_SUBMIT, &frame);
	r = keeper_client_post(c->server->keeper, id, &frame, &l->post);
	if (!rc_is_ok(r))
		answered(&l->post, r, NULL);
}

rc later_go_on(struct call_ctx *c)
{
	struct later *l = c->later;
	rc r = call_keeper_reply(c, &l->kept.reply, KEEPER_R_STATUS, KEEPER_R_RESULT);

	if (rc_is_ok(r))
		r = finish(c, l);
	c->later = NULL;
	later_free(l);
	return r;
}
