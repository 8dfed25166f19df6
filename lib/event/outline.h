/*
 * outline - reads an event that looks like others before it: the same members in the same order, only other values.
 *
 * Emitters send the same few forms again and again.  What stands between two values (`","server":{"name":"`) is
 * remembered with what may follow on it; a new text is compared piece by piece, and only its values are looked at.  An
 * outline that is followed to the end gives the same tokens as the reader of JSON would, to the same functions; whatever
 * is not known, or not plain (escapes, control characters), is not followed, and the reader takes the whole text.
 *
 * It learns from events that were read and accepted, at most one in 16 after the first 256.  What it may hold is bounded:
 * bytes a piece, leaves a payload, pieces; when they are used up it begins anew.  A decoder's own; one thread.
 */
#ifndef MCPLEDGER_EVENT_OUTLINE_H
#define MCPLEDGER_EVENT_OUTLINE_H

#include "decoder.h"

enum status outline_create(struct outline **outline) MUST_CHECK;
void outline_destroy(struct outline **outline);

/*
 * Reads an event by outline, which sets its fields.  false: it cannot; the decoder has to begin anew.  The text was found
 * to hold nothing suspect, and the rules are not those of an exported line.
 */
bool outline_follow(struct outline *outline, struct event_decoder *decoder, struct text json);
/* Learns the event that was just read by the decoder, with its decoder->seen_values; what is too long is not learned. */
void outline_learn(struct outline *outline, const struct event_decoder *decoder, struct text json);

#endif
