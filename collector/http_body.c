/*
 * Bodies are collected under the byte budget that queues share: it is taken step by step as bytes arrive, so that who
 * announces much and sends little holds little.
 */
#include "http_core.h"

#include <stdlib.h>

#include "codec.h"

enum {
	STEP_BYTES_MIN = 16 * 1024,
	/* A gzip member's last four bytes: the length of what it holds, modulo 2^32 (RFC 1952). */
	GZIP_LENGTH_BYTES = 4,
	LIKELY_RATIO_MAX = 16,
};

static void fail(struct http_exchange *exchange, enum status status)
{
	http_body_release(exchange);
	exchange->body.failed = status;
}

static bool take(struct http_exchange *exchange, uint64_t bytes)
{
	if (!budget_take(exchange->server->options.budget, bytes))
		return false;
	exchange->body.taken += bytes;
	return true;
}

void http_body_append(struct http_exchange *exchange, struct text piece)
{
	struct http_body *body = &exchange->body;
	if (body->failed != STATUS_OK)
		return;
	if (piece.len > body->bytes.max - body->bytes.len) {
		fail(exchange, STATUS_TOO_LARGE);
		return;
	}
	size_t need = body->bytes.len + piece.len;
	if (need > body->taken) {
		size_t step = body->taken ? body->taken * 2 : STEP_BYTES_MIN;
		size_t most = exchange->framing.has_length ? exchange->framing.length : body->bytes.max;
		if (step < need)
			step = need;
		if (step > most)
			step = most;
		if (!take(exchange, step - body->taken)) {
			fail(exchange, STATUS_BUSY);
			return;
		}
		(void)buf_reserve(&body->bytes, step - body->bytes.len);
	}
	buf_put_text(&body->bytes, piece);
	if (buf_status(&body->bytes) != STATUS_OK)
		fail(exchange, STATUS_NO_MEMORY);
}

void http_body_release(struct http_exchange *exchange)
{
	struct http_body *body = &exchange->body;
	buf_finish(&body->bytes);
	if (body->taken)
		budget_give(exchange->server->options.budget, body->taken);
	body->taken = 0;
}

/* What the end of a gzip text claims to unpack to: a hint, never believed. */
static size_t claimed_length(struct text packed)
{
	uint8_t last[GZIP_LENGTH_BYTES] = {0};
	if (packed.len > sizeof(last))
		memcpy(last, packed.at + packed.len - sizeof(last), sizeof(last));
	return (size_t)last[0] | (size_t)last[1] << 8 | (size_t)last[2] << 16 | (size_t)last[3] << 24;
}

/*
 * The budget for what comes out is taken before it is there: first what is claimed, if that is not unlikely for JSON,
 * then the most that is allowed.  So a small body that claims much does not take the budget from others.
 */
static enum status unpack(struct http_exchange *exchange)
{
	struct http_body *body = &exchange->body;
	size_t limit = exchange->server->body_bytes_max;
	size_t allowed = claimed_length(buf_text(&body->bytes));
	if (allowed > body->bytes.len * LIKELY_RATIO_MAX)
		allowed = body->bytes.len * LIKELY_RATIO_MAX;
	if (allowed < STEP_BYTES_MIN)
		allowed = STEP_BYTES_MIN;
	if (allowed > limit)
		allowed = limit;
	if (!take(exchange, allowed))
		return STATUS_BUSY;
	struct buf plain;
	buf_init(&plain, limit);
	enum status status = codec_unpack(buf_text(&body->bytes), CODEC_GZIP, allowed, &plain);
	if (status == STATUS_TOO_LARGE && allowed < limit) {
		status = take(exchange, limit - allowed) ? STATUS_OK : STATUS_BUSY;
		if (status == STATUS_OK)
			status = codec_unpack(buf_text(&body->bytes), CODEC_GZIP, limit, &plain);
	}
	if (status != STATUS_OK) {
		buf_finish(&plain);
		return status;
	}
	buf_finish(&body->bytes);
	body->bytes = plain;
	budget_give(exchange->server->options.budget, body->taken - plain.len);
	body->taken = plain.len;
	return STATUS_OK;
}

enum status http_body_end(struct http_exchange *exchange)
{
	struct text coding = http_head_field(&exchange->head, "Content-Encoding", NULL);
	if (exchange->body.failed != STATUS_OK || coding.len == 0 || http_text_same(coding, TEXT("identity")))
		return exchange->body.failed;
	return unpack(exchange);
}
