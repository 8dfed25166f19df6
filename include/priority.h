/* priority - how much of the processors a thread gets beside others. */
#ifndef MCPLEDGER_PRIORITY_H
#define MCPLEDGER_PRIORITY_H

/*
 * The calling thread, and those it starts from now on, take about a tenth of a processor that others want too, and all
 * of one that is free: who reads must not slow down who writes.  A thread that gives way already stays as it is.
 */
void priority_give_way(void);

#endif
