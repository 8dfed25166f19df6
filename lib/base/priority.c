#include "priority.h"

#include <errno.h>
#include <sys/resource.h>

enum { NICE = 10 };

void priority_give_way(void)
{
	/* To Linux, 0 is this thread.  -1 may be an answer: errno tells. */
	errno = 0;
	int now = getpriority(PRIO_PROCESS, 0);
	if (errno == 0 && now < NICE)
		(void)setpriority(PRIO_PROCESS, 0, NICE);
}
