/* effect - what a call does to the world, as far as the event itself tells.  Any thread. */
#ifndef MCPLEDGER_EVENT_EFFECT_H
#define MCPLEDGER_EVENT_EFFECT_H

#include "event.h"

/* Sets FIELD_MARKS_EFFECT and _EFFECT_SOURCE of a tool call where something tells; absent means unknown. */
void event_judge_effect(struct event *event);

#endif
