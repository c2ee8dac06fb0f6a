#include "lib/base/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void printable(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			*s = '?';
}

rc fault_set(struct fault *f, enum rc_code code, uint64_t offset, const char *fmt, ...)
{
	va_list ap;

	if (f == NULL)
		return RC(code);
	f->code = code;
	f->offset = offset;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	printable(f->text);
	return RC(code);
}

rc fault_wrap(struct fault *f, rc inner, const char *fmt, ...)
{
	char text[FAULT_TEXT];
	size_t len;
	va_list ap;

	if (f == NULL)
		return inner;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = strlen(text);
	(void)snprintf(text + len, sizeof(text) - len, ": %s", f->text);
	memcpy(f->text, text, sizeof(text));
	printable(f->text);
	f->code = inner.code;
	return inner;
}

rc fault_errno(struct fault *f, int e, const char *fmt, ...)
{
	enum rc_code code = RC_IO;
	char text[FAULT_TEXT];
	va_list ap;

	if (e == ENOSPC || e == EDQUOT)
		code = RC_NOSPACE;
	else if (e == ENOMEM)
		code = RC_NOMEM;
	else if (e == ENOENT)
		code = RC_NOTFOUND;
	else if (e == EEXIST)
		code = RC_EXISTS;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fault_set(f, code, 0, "%s: %s", text, strerror(e));
}
