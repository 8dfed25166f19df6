/*
 * The record of a query: an event of kind ledger, op query.
 *
 *   verb, path      what was asked for
 *   filter          the search or id, redacted, at most FILTER_BYTES_MAX of it; filter_bytes: how long it is
 *   match_bytes     how long a list of indicators was asked for
 *   parameters      the others, as name=value, likewise (since, until, tenant, limit, …)
 *   principal, peer who
 *   phase           of a tail: begin or end; a begin has no figures yet
 *   outcome         ok; refused (nothing was read); limit (`limit` names the setting); failed; cut (broken off)
 *   status, rows, bytes, duration_ns
 *
 * What somebody searches for can be a secret: texts are redacted before they are cut, so that no half of one stays.  The
 * funnel redacts once more, as it does with every event.
 */
#include "http_job.h"

#include "redact.h"
#include "timestamp.h"

enum { FILTER_BYTES_MAX = 1024, REDACTED_BYTES_MAX = 64 * 1024, DETAIL_BYTES_MAX = 64 * 1024 };

/* The longest beginning of at most `max` bytes that does not end within a character. */
static struct text cut_text(struct text text, size_t max)
{
	if (text.len <= max)
		return text;
	while (max > 0 && ((uint8_t)text.at[max] & 0xc0) == 0x80)
		max--;
	return (struct text){text.at, max};
}

/* Fails closed: what can't be redacted is not shown. */
static void put_redacted(struct buf *out, struct text text)
{
	struct arena arena;
	struct redact_counts counts = {.total = 0};
	struct text clean = {NULL, 0};
	bool changed = false;
	arena_init(&arena, 16 * REDACTED_BYTES_MAX);
	if (redact_text(cut_text(text, REDACTED_BYTES_MAX), &arena, &counts, &clean, &changed) != STATUS_OK)
		clean = TEXT("[redacted:unreadable]");
	json_put_string(out, cut_text(clean, FILTER_BYTES_MAX));
	arena_finish(&arena);
}

static bool is_words(struct text name)
{
	return text_equal(name, TEXT("q")) || text_equal(name, TEXT("id")) || text_equal(name, TEXT("words"));
}

static void put_parameters(struct buf *out, const struct http_job *job)
{
	struct buf parameters;
	buf_init(&parameters, REDACTED_BYTES_MAX);
	for (size_t i = 0; i < job->parameter_count; i++) {
		const struct http_field *one = &job->parameters[i];
		if (is_words(one->name) || text_equal(one->name, TEXT("match")))
			continue;
		buf_put_string(&parameters, parameters.len ? " " : "");
		buf_put_text(&parameters, cut_text(one->name, FILTER_BYTES_MAX));
		buf_put_byte(&parameters, '=');
		buf_put_text(&parameters, cut_text(one->value, FILTER_BYTES_MAX));
	}
	put_redacted(out, buf_text(&parameters));
	buf_finish(&parameters);
}

static const char *outcome(const struct http_job *job)
{
	if (job->account.limit)
		return "limit";
	if (job->failed || job->cancelled)
		return "cut";
	return job->status < 400 ? "ok" : job->status < 500 ? "refused" : "failed";
}

static void put_figures(struct buf *out, const struct http_job *job)
{
	buf_printf(out, ",\"status\":%u,\"outcome\":\"%s\"", job->status, outcome(job));
	if (job->account.limit)
		buf_printf(out, ",\"limit\":\"%s\"", job->account.limit);
	buf_printf(out, ",\"rows\":%llu,\"bytes\":%llu,\"duration_ns\":%lld", (unsigned long long)job->account.rows,
		(unsigned long long)job->total, (long long)(timestamp_elapsed() - job->began));
}

static void put_detail(struct buf *out, const struct http_job *job, enum http_phase phase)
{
	static const char *const phases[] = {[HTTP_PHASE_BEGIN] = "begin", [HTTP_PHASE_END] = "end"};
	const struct http_account *account = &job->account;
	buf_put_string(out, "{\"path\":");
	put_redacted(out, job->path);
	if (account->verb)
		buf_printf(out, ",\"verb\":\"%s\"", account->verb);
	buf_put_string(out, ",\"filter\":");
	put_redacted(out, account->words);
	if (account->words.len > FILTER_BYTES_MAX)
		buf_printf(out, ",\"filter_bytes\":%zu", account->words.len);
	if (account->match_bytes > 0)
		buf_printf(out, ",\"match_bytes\":%llu", (unsigned long long)account->match_bytes);
	buf_put_string(out, ",\"parameters\":");
	put_parameters(out, job);
	buf_put_string(out, ",\"principal\":");
	json_put_string(out, http_request_principal(&job->request));
	buf_put_string(out, ",\"peer\":");
	json_put_string(out, job->peer);
	if (phase != HTTP_PHASE_WHOLE)
		buf_printf(out, ",\"phase\":\"%s\"", phases[phase]);
	if (phase != HTTP_PHASE_BEGIN)
		put_figures(out, job);
	buf_put_byte(out, '}');
}

void http_note_query(const struct http_job *job, enum http_phase phase)
{
	struct buf detail;
	buf_init(&detail, DETAIL_BYTES_MAX);
	put_detail(&detail, job, phase);
	if (buf_status(&detail) == STATUS_OK)
		ingest_note(job->server->options.ingest, "query", buf_text(&detail));
	buf_finish(&detail);
}
