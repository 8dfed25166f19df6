/* priority - how much of the processors a thread gets beside others. */
#ifndef MCPLEDGER_PRIORITY_H
#define MCPLEDGER_PRIORITY_H

/*
 * The calling thread, and those it starts from now on, take about a tenth of a processor that others want too, and all
 * of one that is free; where Linux knows how (6.12 and later), others need not wait for it to end its turn.  Who reads
 * must not slow down who writes.  A thread that is nicer already stays so.
 */
void priority_give_way(void);

#endif
