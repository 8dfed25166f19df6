#include "priority.h"

#include <errno.h>
#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NICE = 10 };

#define LONG_SLICE_NS UINT64_C(100000000) /* the longest that Linux grants */

/*
 * Whoever wakes up with a shorter slice runs at once (Linux 6.12 and later; before, nothing changes): a nice
 * thread that is not interrupted keeps others waiting all the same.  glibc has no name for these calls before 2.41.
 */
static void take_long_slices(void)
{
	struct sched_attr attributes = {.size = sizeof(attributes)};
	if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0)
		return;
	attributes.sched_runtime = LONG_SLICE_NS;
	(void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void priority_give_way(void)
{
	/* To Linux, 0 is this thread.  -1 may be an answer: errno tells. */
	errno = 0;
	int now = getpriority(PRIO_PROCESS, 0);
	if (errno == 0 && now < NICE)
		(void)setpriority(PRIO_PROCESS, 0, NICE);
	take_long_slices();
}
