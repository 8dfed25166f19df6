/*
 * tail - one who follows events over HTTP: its question, its place in the store, and the server-sent events it is written.
 *
 *   id: CURSOR      with each of them: where to go on, as Last-Event-ID or as the parameter cursor
 *   event: event    data: the event, as one line of the output that was asked for
 *   event: gap      data: {"first_seq":…,"last_seq":…,"reason":"missing" | "damaged" | "too_large"}: not to be had
 *   event: coverage data: what was lost or can't be known, as in every answer: once when the tail has caught up, then
 *                   whenever there is something to tell
 *   event: error    data: {"detail":…}: it ends here, by its own fault
 *
 * All of it belongs to the thread that feeds tails, once it was added (tails.h).
 */
#ifndef MCPLEDGER_QUERY_TAIL_H
#define MCPLEDGER_QUERY_TAIL_H

#include "cursor.h"
#include "http_api.h"
#include "output.h"
#include "scan.h"
#include "search.h"

/* What is asked for.  All is copied but the response. */
struct tail_question {
	struct http_response *response;
	struct text words, indicators;
	const struct text *tenants; /* NULL: all */
	size_t tenant_count;
	bool by_recv_time;
	struct cursor cursor; /* where to begin */
	struct cursor_key key;
	enum output_format format;
	unsigned width;
	bool color;
	bool tells_text; /* coverage as lines for people */
	bool quiet;      /* no coverage */
};

struct tail {
	struct tail *next;
	struct tail_question asked;
	struct arena arena;
	struct filter filter;
	struct scan scan; /* its stores are set when it is used */
	struct scan_conditions conditions;
	struct scan_meter meter;
	struct cursor cursor; /* its seq: of the next event to look at */
	bool started;         /* its first bytes were written */
	bool live;            /* it has all there was when the others were fed last */
	bool told;            /* its first coverage was written */
	bool has_pending;
	struct coverage pending;      /* still to be written */
	size_t need;                  /* bytes of what did not fit */
	int64_t put_at;               /* elapsed: of the last bytes */
	uint64_t rows[ROW_WORDS_MAX]; /* of the block in hand */
};

/* Where events become text; one for all tails. */
struct tail_press {
	struct search_lines *lines[OUTPUT_CSV + 1];
	struct output line;
	struct buf frame;
};
enum status tail_press_init(struct tail_press *press) MUST_CHECK;
void tail_press_finish(struct tail_press *press);

/* STATUS_INVALID: the words can't be read; STATUS_NO_MEMORY. */
enum status tail_create(struct tail **tail, const struct tail_question *question, struct error *error) MUST_CHECK;
void tail_destroy(struct tail **tail);

/* Each is written whole or not at all.  STATUS_BUSY: there is no room, tail->need says for how much; STATUS_CANCELLED: over. */
enum status tail_put_start(struct tail *tail, struct tail_press *press) MUST_CHECK;
/* The event's line must be in press->line; the cursor goes behind it.  One too large for any tail becomes a gap. */
enum status tail_put_event(struct tail *tail, struct tail_press *press, uint64_t seq) MUST_CHECK;
/* Writes tail->pending, where that tells anything, and forgets it. */
enum status tail_put_pending(struct tail *tail, struct tail_press *press) MUST_CHECK;
/* Tells that it still is there, and how far. */
enum status tail_put_heartbeat(struct tail *tail, struct tail_press *press) MUST_CHECK;
/* Why it ends. */
void tail_put_error(struct tail *tail, struct tail_press *press, const struct error *error);

/* Renders an event into press->line as this tail wants it. */
void tail_render(const struct tail *tail, struct tail_press *press, const struct event *event, struct text store_id);

#endif
