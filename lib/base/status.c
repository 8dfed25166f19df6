#include "status.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const texts[STATUS_COUNT] = {
#define STATUS(name, text) [STATUS_##name] = (text),
#include "tbl/status.h"
#undef STATUS
};

const char *status_text(enum status status)
{
	return (unsigned)status < STATUS_COUNT ? texts[status] : "unknown status";
}

enum status error_set(struct error *error, enum status status, const char *format, ...)
{
	if (error) {
		va_list arguments;
		va_start(arguments, format);
		error->status = status;
		error->line = 0;
		error->column = 0;
		error->nearest = NULL;
		(void)vsnprintf(error->text, sizeof(error->text), format, arguments);
		va_end(arguments);
	}
	return status;
}
