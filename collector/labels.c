#include "labels.h"

struct text label_transport(const struct event *event)
{
	struct text transport = event_text(event, FIELD_NET_TRANSPORT);
	static const struct {
		struct text sent, label;
	} transports[] = {
		{TEXT("stdio"), TEXT("pipe")},
		{TEXT("pipe"), TEXT("pipe")},
		{TEXT("http"), TEXT("tcp")},
		{TEXT("https"), TEXT("tcp")},
		{TEXT("streamable_http"), TEXT("tcp")},
		{TEXT("streamable-http"), TEXT("tcp")},
		{TEXT("sse"), TEXT("tcp")},
		{TEXT("websocket"), TEXT("tcp")},
		{TEXT("tcp"), TEXT("tcp")},
		{TEXT("quic"), TEXT("quic")},
	};
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
		if (text_equal(transport, transports[i].sent))
			return transports[i].label;
	}
	return (struct text){NULL, 0};
}

struct text label_error_type(const struct event *event, char code[24])
{
	struct text type = event_text(event, FIELD_ERROR_TYPE);
	if (type.len)
		return type;
	if (event->verdict == VERDICT_TOOL_ERROR)
		return TEXT("tool_error");
	if (event->verdict == VERDICT_OK || !event_has(event, FIELD_OUTCOME_RPC_CODE))
		return type;
	struct buf text = {.at = code, .capacity = 24, .max = 24};
	buf_put_int(&text, event->value[FIELD_OUTCOME_RPC_CODE].number);
	return buf_text(&text);
}

bool label_is_client_side(const struct event *event)
{
	return text_equal(event_text(event, FIELD_OBSERVER_ROLE), TEXT("client"));
}
