/*
 * ledger - notes of the collector about itself, on their way to the writer, who stores them as events of kind `ledger`.
 *
 * Notes wait in a list with a limit; those beyond it are counted, and the next `drop` note tells how many.
 * ledger_note: any thread; the others: the writer's thread.
 */
#ifndef MCPLEDGER_LEDGER_H
#define MCPLEDGER_LEDGER_H

#include <stdbool.h>

#include "buf.h"

enum { LEDGER_NOTES_BYTES_MAX = 1024 * 1024 };

struct ledger;

enum status ledger_create(struct ledger **ledger) MUST_CHECK;
void ledger_destroy(struct ledger **ledger);
/* Notes a happening of now: op is one of EVENTS' list, detail a JSON object.  Wakes nobody: the writer looks each second. */
void ledger_note(struct ledger *ledger, const char *op, struct text detail);
bool ledger_has_notes(struct ledger *ledger); /* or to tell of some that were lost */
/* Appends the waiting notes to out as NDJSON events, and forgets them; where they do not fit, out is as before. */
void ledger_take(struct ledger *ledger, struct buf *out);

#endif
