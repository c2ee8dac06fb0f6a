#include "lib/model/change_life.h"

#include "lib/model/access.h"
#include "lib/model/change.h"
#include "lib/model/hostadmin.h"
#include "lib/model/objection.h"

_Static_assert(CHANGE_LIFE == UNLOCK_LIFE, "an unlock is made as the others are");

static bool is_document(enum statement_kind kind)
{
	return kind == STATEMENT_POLICY || kind == STATEMENT_ROSTER || kind == STATEMENT_RECOVERY;
}

unix_time change_expires(enum statement_kind kind, struct view statement)
{
	struct document_change document;
	struct access_change access;
	struct host_change host;
	struct objection objection;
	struct key_change key;

	if (kind == STATEMENT_OBJECTION && rc_is_ok(objection_parse(statement, &objection, NULL)))
		return objection.expires;
	if (kind == STATEMENT_ACCESS && rc_is_ok(access_change_parse(statement, &access, NULL)))
		return access.expires;
	if (kind == STATEMENT_HOSTADMIN && rc_is_ok(host_change_parse(statement, &host, NULL)))
		return host.expires;
	if (kind == STATEMENT_KEYADMIN && rc_is_ok(key_change_parse(statement, &key, NULL)))
		return key.expires;
	if (is_document(kind) && rc_is_ok(document_change_parse(kind, statement, &document, NULL)))
		return document.expires;
	return 0;
}

unix_time change_life(enum statement_kind kind)
{
	return kind == STATEMENT_ACCESS ? ACCESS_REQUEST_LIFE : CHANGE_LIFE;
}
