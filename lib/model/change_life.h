/* change_life - for how long statements that several people sign are good.
 *
 * What a statement says is its maker's word. The bound is in the hands of those who put their names
 * under it: their program signs none that is good for longer, so that nobody who carries it can
 * keep it for years. */
#ifndef GS_MODEL_CHANGE_LIFE_H
#define GS_MODEL_CHANGE_LIFE_H

#include "lib/base/clock.h"
#include "lib/base/view.h"
#include "lib/model/statement.h"

#define CHANGE_LIFE ((unix_time)7 * 86400)
#define ACCESS_REQUEST_LIFE ((unix_time)14 * 86400)

/* When a statement of one of the kinds that change the keeper expires; 0: it is none, or does not
 * parse. */
unix_time change_expires(enum statement_kind kind, struct view statement);
/* How long one of this kind is good when it is made. */
unix_time change_life(enum statement_kind kind);

#endif
