#include "prog/server/routes.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/model/guard_batch.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"

#define SMALL 65536u
#define BASE64_OF(n) ((n) / 3 * 4 + 8)
#define REQUEST_BODY_MAX (BASE64_OF(REQUEST_BYTES_MAX) + 2 * SMALL)
#define EVIDENCE_BODY_MAX (BASE64_OF(EVIDENCE_BYTES_MAX) + SMALL)
#define GUARD_BODY_MAX (BASE64_OF(GUARD_BATCH_MAX) + SMALL)
#define CHANGE_BODY_MAX (BASE64_OF(DOCUMENT_BYTES_MAX) + 16 * SMALL)
#define SEEN_BODY_MAX (32 * SMALL)

const struct route route_table[] = {
	{"GET", "healthz", ROUTE_OPEN, 0, get_healthz},
	{"GET", "readyz", ROUTE_OPEN, 0, get_readyz},
	{"GET", "v1/info", ROUTE_OPEN, 0, get_info},
	{"GET", "v1/log/proof", ROUTE_OPEN, 0, get_log_proof},
	{"GET", "v1/log/**", ROUTE_OPEN, 0, get_log_file},
	{"GET", "v1/policy", 0, 0, get_policy},
	{"GET", "v1/roster", 0, 0, get_roster},
	{"GET", "v1/statements/*", 0, 0, get_statement},
	{"GET", "v1/keys", 0, 0, get_keys},
	{"GET", "v1/keys/*", 0, 0, get_key},
	{"GET", "v1/keys/*/csr", 0, 0, get_key_csr},
	{"GET", "v1/keys/*/certificates", 0, 0, get_key_certificates},
	{"GET", "v1/hosts", 0, 0, get_hosts},
	{"GET", "v1/hosts/ca", ROUTE_OPEN, 0, get_host_ca},
	{"GET", "v1/hosts/*", 0, 0, get_host},
	{"POST", "v1/hosts/challenge", ROUTE_OPEN, SMALL, post_host_challenge},
	{"POST", "v1/hosts/enrol", ROUTE_OPEN, SMALL, post_host_enrol},
	{"POST", "v1/hosts/renew", ROUTE_OPEN, SMALL, post_host_renew},
	{"GET", "v1/access", 0, 0, get_access},
	{"POST", "v1/changes", 0, CHANGE_BODY_MAX, post_change},
	{"GET", "v1/changes", 0, 0, get_changes},
	{"GET", "v1/changes/*", 0, 0, get_change},
	{"POST", "v1/recovery", ROUTE_OPEN, CHANGE_BODY_MAX, post_recovery},
	{"POST", "v1/changes/*/signatures", 0, BASE64_OF(16 * SMALL), post_change_signatures},
	{"POST", "v1/uploads", 0, SMALL, post_upload},
	{"GET", "v1/uploads/*", 0, 0, get_upload},
	{"PATCH", "v1/uploads/*", ROUTE_UPLOAD, 0, patch_upload},
	{"POST", "v1/requests", 0, REQUEST_BODY_MAX, post_request},
	{"POST", "v1/explain", 0, REQUEST_BODY_MAX, post_explain},
	{"GET", "v1/requests", 0, 0, get_requests},
	{"GET", "v1/reviews", 0, 0, get_reviews},
	{"GET", "v1/search", 0, 0, get_search},
	{"GET", "v1/history", 0, 0, get_history},
	{"GET", "v1/requests/*", 0, 0, get_request},
	{"GET", "v1/requests/*/wait", 0, 0, get_request_wait},
	{"POST", "v1/requests/*/acts", 0, SMALL, post_act},
	{"POST", "v1/requests/*/sign", 0, SMALL, post_sign},
	{"GET", "v1/requests/*/result", 0, 0, get_result},
	{"GET", "v1/requests/*/items/*/signed", 0, 0, get_signed},
	{"GET", "v1/requests/*/items/*/artifact", 0, 0, get_item_artifact},
	{"GET", "v1/artifacts/*", 0, 0, get_artifact},
	{"GET", "v1/reports/*", 0, 0, get_report},
	{"POST", "v1/evidence", 0, EVIDENCE_BODY_MAX, post_evidence},
	{"GET", "v1/evidence", 0, 0, get_evidence},
	{"GET", "v1/counted/*", 0, 0, get_counted},
	{"POST", "v1/signatures/seen", 0, SEEN_BODY_MAX, post_signatures_seen},
	{"GET", "v1/alarms", 0, 0, get_alarms},
	{"GET", "v1/alarms/*", 0, 0, get_alarm},
	{"POST", "v1/alarms/*/close", 0, SMALL, post_alarm_close},
	{"POST", "v1/preapprovals", 0, EVIDENCE_BODY_MAX, post_preapproval},
	{"POST", "v1/guard/events", ROUTE_OPEN, GUARD_BODY_MAX, post_guard_events},
	{"GET", "v1/guard/events", 0, 0, get_guard_events},
	{"GET", "v1/guard/list", ROUTE_HOST, 0, get_guard_list},
	{"GET", "v1/guard/list/*", ROUTE_HOST, 0, get_guard_list_file},
	{"GET", "v1/guard/records", ROUTE_HOST, 0, get_guard_records},
	{"GET", "v1/guard/certificates", ROUTE_HOST, 0, get_guard_certificates},
	{"GET", "v1/guard/hosts", 0, 0, get_guard_hosts},
	{"GET", "v1/guard/digests/*", 0, 0, get_guard_digest},
	{0},
};

static bool matches(const char *path, const struct http_target *t)
{
	for (size_t i = 0;; i++) {
		size_t len = strcspn(path, "/");

		if (len == 2 && memcmp(path, "**", 2) == 0)
			return i < t->segment_count;
		if (i == t->segment_count)
			return false;
		if (!(len == 1 && path[0] == '*') &&
		    !view_is_equal(t->segments[i], view_of(path, len)))
			return false;
		if (path[len] == '\0')
			return i + 1 == t->segment_count;
		path += len + 1;
	}
}

const struct route *route_find(const char *method, const struct http_target *t,
			       char allow[ALLOW_TEXT])
{
	size_t len = 0;

	allow[0] = '\0';
	for (const struct route *r = route_table; r->method != NULL; r++) {
		if (!matches(r->path, t))
			continue;
		if (strcmp(r->method, method) == 0) {
			allow[0] = '\0';
			return r;
		}
		len += (size_t)snprintf(allow + len, ALLOW_TEXT - len, "%s%s", len > 0 ? ", " : "",
					r->method);
		assert(len < ALLOW_TEXT);
	}
	return NULL;
}
