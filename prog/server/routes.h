/* routes - the table of what greatseald answers; docs/api.md describes each row. */
#ifndef GS_SERVER_ROUTES_H
#define GS_SERVER_ROUTES_H

#include "prog/server/server.h"

enum route_flag {
	ROUTE_OPEN = 1,	  /* unsigned: health, the log, what init-client needs */
	ROUTE_UPLOAD = 2, /* the body is streamed and named by the path */
	ROUTE_HOST = 4,	  /* hosts may call, too; it changes nothing */
};

struct route {
	const char *method;
	const char *path; /* segments; "*" stands for one of any text; "**" for the rest */
	unsigned flags;
	size_t body_max;
	rc (*run)(struct call_ctx *c);
};

extern const struct route route_table[];
/* The row for the method and target. Without one, allow holds the methods of this path as the
 * header of that name has them (RFC 9110 10.2.1), or "" if there is no such path; else "". */
const struct route *route_find(const char *method, const struct http_target *t,
			       char allow[ALLOW_TEXT]);

/* Handlers, by file. */
rc get_healthz(struct call_ctx *c); /* info.c */
rc get_readyz(struct call_ctx *c);
rc get_info(struct call_ctx *c);
rc get_log_file(struct call_ctx *c);
rc get_log_proof(struct call_ctx *c);
rc get_policy(struct call_ctx *c);
rc get_roster(struct call_ctx *c);
rc get_statement(struct call_ctx *c);
rc get_keys(struct call_ctx *c); /* keys.c */
rc get_key(struct call_ctx *c);
rc get_key_csr(struct call_ctx *c);
rc get_key_certificates(struct call_ctx *c);
rc get_access(struct call_ctx *c);  /* access.c */
rc get_reviews(struct call_ctx *c); /* reviews.c */
rc get_hosts(struct call_ctx *c);   /* hosts.c */
rc get_host(struct call_ctx *c);
rc get_host_ca(struct call_ctx *c);
rc post_host_challenge(struct call_ctx *c);
rc post_host_enrol(struct call_ctx *c);
rc post_host_renew(struct call_ctx *c);
rc post_recovery(struct call_ctx *c);
/* hosts.c: {"ca"?,"hosts",..} from the keeper; name, after: empty for none. Refuses with who.host.
 */
MUST rc hosts_ask(struct call_ctx *c, struct view name, struct view after, json_t **ret);
/* acts.c: {"leaf","proof"}: with it the caller can convict us if we hide the act later. */
MUST rc receipt_of(struct call_ctx *c, uint64_t leaf, json_t **ret);

rc post_change(struct call_ctx *c); /* changes.c */
rc get_changes(struct call_ctx *c);
rc get_change(struct call_ctx *c);
rc post_change_signatures(struct call_ctx *c);
rc post_upload(struct call_ctx *c); /* uploads.c */
rc get_upload(struct call_ctx *c);
rc patch_upload(struct call_ctx *c);
rc post_request(struct call_ctx *c); /* pipeline.c */
rc post_explain(struct call_ctx *c);
rc get_history(struct call_ctx *c);  /* history.c */
rc get_requests(struct call_ctx *c); /* requests.c */
rc get_search(struct call_ctx *c);
rc get_request(struct call_ctx *c);
rc get_request_wait(struct call_ctx *c);
rc post_act(struct call_ctx *c); /* acts.c */
rc post_sign(struct call_ctx *c);
rc get_result(struct call_ctx *c); /* results.c */
rc get_signed(struct call_ctx *c);
rc get_artifact(struct call_ctx *c);
rc get_item_artifact(struct call_ctx *c);
rc get_report(struct call_ctx *c);
rc post_evidence(struct call_ctx *c); /* evidence.c */
rc get_evidence(struct call_ctx *c);
rc get_counted(struct call_ctx *c);
rc post_preapproval(struct call_ctx *c);
rc post_signatures_seen(struct call_ctx *c); /* sightings.c */
rc get_alarms(struct call_ctx *c);	     /* alarms.c */
rc get_alarm(struct call_ctx *c);
rc post_alarm_close(struct call_ctx *c);
/* keys.c: what the keeper says of its keys, or (name not empty) of one. Refuses like call_keeper.
 */
MUST rc keys_json(struct call_ctx *c, struct view name, json_t **ret);
/* A key's certificates, leaf first; views into *reply, which is the caller's. Refuses like
 * call_keeper. */
struct keeper_reply;
MUST rc keys_certificates(struct call_ctx *c, struct view name, struct keeper_reply *reply,
			  struct keeper_certs *ret);
rc post_guard_events(struct call_ctx *c); /* guard.c */
rc get_guard_hosts(struct call_ctx *c);	  /* guard_view.c */
rc get_guard_digest(struct call_ctx *c);
rc get_guard_events(struct call_ctx *c);
rc get_guard_list(struct call_ctx *c); /* guard_lists.c */
rc get_guard_list_file(struct call_ctx *c);
rc get_guard_records(struct call_ctx *c);
rc get_guard_certificates(struct call_ctx *c);

#endif
