/* What the collector adds to an event once its members were read; marks tell of everything it judged. */
#include "decoder.h"

#include <stdlib.h>

#include "effect.h"
#include "timestamp.h"

static struct text kept_text(const struct event_decoder *decoder, unsigned field)
{
	return event_text(decoder->event, field);
}

static enum status judge_kind(struct event_decoder *decoder)
{
	struct event *event = decoder->event;
	struct text kind = kept_text(decoder, FIELD_KIND);
	if (kind.len == 0)
		return decode_refuse(decoder, REASON_MISSING_FIELD, "kind");
	event->kind = kind_find(kind);
	if (event->kind == KIND_OTHER)
		event_set_number(event, FIELD_MARKS_KIND_UNKNOWN, 1);
	if (event->kind == KIND_LEDGER && !decoder->rules->may_write_ledger && !decoder->rules->from_export)
		return decode_refuse(decoder, REASON_KIND_RESERVED, "kind");
	struct text action = kept_text(decoder, FIELD_ACTION);
	bool calls_tool = event->kind == KIND_TOOL_CALL && (action.len == 0 || text_equal(action, TEXT("tools/call")));
	if (calls_tool && kept_text(decoder, FIELD_TARGET_NAME).len == 0)
		return decode_refuse(decoder, REASON_MISSING_FIELD, "target.name");
	return STATUS_OK;
}

static bool may_write(const struct event_rules *rules, struct text tenant)
{
	if (rules->tenants == NULL)
		return true;
	for (size_t i = 0; i < rules->tenant_count; i++)
		if (text_equal(rules->tenants[i], tenant))
			return true;
	return false;
}

/* A tenant that was not named is the origin's, the rules' or the only one that the credential has. */
static enum status judge_tenant(struct event_decoder *decoder)
{
	const struct event_rules *rules = decoder->rules;
	bool named = event_has(decoder->event, FIELD_TENANT);
	struct text tenant = named                        ? kept_text(decoder, FIELD_TENANT)
			     : decoder->origin_tenant.len ? decoder->origin_tenant
							  : rules->tenant;
	if (!named && !decoder->origin_tenant.len && rules->tenants && rules->tenant_count == 1)
		tenant = rules->tenants[0];
	if (!may_write(rules, tenant))
		return decode_refuse(decoder, REASON_TENANT_MISMATCH, "tenant");
	if (!named && tenant.len)
		event_set_text(decoder->event, FIELD_INGEST_TENANT, tenant);
	return STATUS_OK;
}

static void judge_time(struct event_decoder *decoder)
{
	struct event *event = decoder->event;
	if (!event_has(event, FIELD_TIME)) {
		event_set_text(event, FIELD_MARKS_TIME_SOURCE, TEXT("receive"));
		return;
	}
	int64_t apart;
	bool far = __builtin_sub_overflow(event->value[FIELD_TIME].number, decoder->rules->now_ns, &apart) ||
		   apart > NS_PER_DAY || apart < -NS_PER_DAY;
	if (far && !decoder->rules->own_clock)
		event_set_number(event, FIELD_MARKS_TIME_SUSPECT, 1);
}

/* A rate other than 1 says that events are missing. */
static void judge_sampling(struct event_decoder *decoder)
{
	char digits[32];
	struct text rate = kept_text(decoder, FIELD_SAMPLING_RATE);
	if (rate.len >= 2 && rate.at[0] == '"')
		rate = (struct text){rate.at + 1, rate.len - 2};
	if (rate.len == 0)
		return;
	size_t len = rate.len < sizeof(digits) - 1 ? rate.len : sizeof(digits) - 1;
	memcpy(digits, rate.at, len);
	digits[len] = 0;
	if (strtod(digits, NULL) < 1)
		event_set_number(decoder->event, FIELD_MARKS_SAMPLED, 1);
}

/* {"request":{"size":N},…} */
static enum status mark_cuts(struct event_decoder *decoder)
{
	if (decoder->cut_count == 0)
		return STATUS_OK;
	buf_clear(&decoder->text);
	for (size_t i = 0; i < decoder->cut_count; i++)
		buf_printf(&decoder->text, "%c\"%s\":{\"size\":%zu}", i ? ',' : '{',
			field_info(decoder->cuts[i].field)->path, decoder->cuts[i].size);
	buf_put_byte(&decoder->text, '}');
	return decode_keep_text(decoder, FIELD_MARKS_CUT);
}

/* {"jwt":2,…} */
static enum status mark_redaction(struct event_decoder *decoder)
{
	const struct redact_counts *counts = &decoder->counts;
	if (counts->total == 0)
		return STATUS_OK;
	event_set_number(decoder->event, FIELD_REDACTION_COUNT, counts->total);
	event_set_number(decoder->event, FIELD_REDACTION_VERSION, REDACT_VERSION);
	buf_clear(&decoder->text);
	char separator = '{';
	for (unsigned rule = 0; rule < REDACT_RULE_COUNT; rule++) {
		if (counts->rule[rule] == 0)
			continue;
		buf_printf(&decoder->text, "%c\"%s\":%u", separator, redact_rule_name((enum redact_rule)rule),
			counts->rule[rule]);
		separator = ',';
	}
	buf_put_byte(&decoder->text, '}');
	return decode_keep_text(decoder, FIELD_REDACTION_RULES);
}

/* Collector members of an exported line are kept as they were. */
static enum status keep_origin(struct event_decoder *decoder)
{
	if (decoder->origin.len == 0)
		return STATUS_OK;
	if (decoder->origin.len + 1 > field_info(FIELD_INGEST_ORIGIN)->limit_bytes)
		return decode_refuse(decoder, REASON_TOO_LONG, "ingest.origin");
	buf_clear(&decoder->text);
	buf_put_byte(&decoder->text, '{');
	buf_put(&decoder->text, decoder->origin.at, decoder->origin.len - 1);
	buf_put_byte(&decoder->text, '}');
	return decode_keep_text(decoder, FIELD_INGEST_ORIGIN);
}

enum status judge_event(struct event_decoder *decoder)
{
	struct event *event = decoder->event;
	enum status status = judge_kind(decoder);
	if (status == STATUS_OK)
		status = judge_tenant(decoder);
	if (status == STATUS_OK)
		status = keep_origin(decoder);
	if (status == STATUS_OK)
		status = mark_cuts(decoder);
	if (status == STATUS_OK)
		status = mark_redaction(decoder);
	if (status != STATUS_OK)
		return status;
	judge_time(decoder);
	judge_sampling(decoder);
	event_judge_effect(event);
	if (!event_has(event, FIELD_ID))
		event_set_number(event, FIELD_MARKS_ID_ASSIGNED, 1);
	if (decoder->duplicates)
		event_set_number(event, FIELD_MARKS_DUPLICATE_MEMBERS, 1);
	if (decoder->rules->may_assert_identity &&
		text_equal(kept_text(decoder, FIELD_USER_TRUST_CLAIMED), TEXT("verified")))
		event_set_text(event, FIELD_MARKS_USER_TRUST, TEXT("verified"));
	event->verdict = event_verdict(event);
	event_set_text(event, FIELD_VERDICT, text_of(verdict_name(event->verdict)));
	return STATUS_OK;
}
