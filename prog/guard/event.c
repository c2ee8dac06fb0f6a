#include "prog/guard/event.h"

#include <string.h>
#include <sys/fanotify.h>

rc event_next(struct view *v, struct event *ret, struct fault *f)
{
	struct fanotify_event_metadata head;
	struct view whole = *v, body;

	if (!rc_is_ok(view_copy(&whole, &head, sizeof(head))))
		return fault_set(f, RC_TRUNCATED, 0, "event: %zu bytes left, a head has %zu",
				 v->len, sizeof(head));
	if (head.vers != FANOTIFY_METADATA_VERSION)
		return fault_set(f, RC_UNSUPPORTED, 0, "event: version %u, not %u", head.vers,
				 FANOTIFY_METADATA_VERSION);
	if (head.metadata_len != sizeof(head) || head.event_len < sizeof(head))
		return fault_set(f, RC_SYNTAX, 0, "event: %u bytes with a head of %u",
				 head.event_len, head.metadata_len);
	if (!rc_is_ok(view_take(v, head.event_len, &body)))
		return fault_set(f, RC_TRUNCATED, 0, "event: %u bytes, %zu are left",
				 head.event_len, v->len);
	*ret = (struct event){
		.kind = EVENT_OTHER, .fd = head.fd < 0 ? -1 : head.fd, .pid = head.pid};
	if ((head.mask & FAN_Q_OVERFLOW) != 0)
		ret->kind = EVENT_OVERFLOW;
	else if ((head.mask & FAN_OPEN_EXEC_PERM) != 0)
		ret->kind = EVENT_ASK;
	else if ((head.mask & FAN_OPEN_PERM) != 0)
		ret->kind = EVENT_ASK_OPEN;
	else if ((head.mask & (FAN_OPEN | FAN_CLOSE_WRITE)) != 0 && head.fd >= 0)
		ret->kind = EVENT_USED;
	ret->opened = ret->kind == EVENT_USED && (head.mask & FAN_OPEN) != 0;
	ret->closed = ret->kind == EVENT_USED && (head.mask & FAN_CLOSE_WRITE) != 0;
	if ((ret->kind == EVENT_ASK || ret->kind == EVENT_ASK_OPEN) && ret->fd < 0)
		return fault_set(f, RC_SYNTAX, 0, "event: a question without a file");
	return OK;
}
