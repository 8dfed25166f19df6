#include "ledger.h"

#include <pthread.h>
#include <stdlib.h>

#include "timestamp.h"

struct ledger {
	pthread_mutex_t lock;
	struct buf notes; /* NDJSON events; under lock */
	uint64_t lost;
};

enum status ledger_create(struct ledger **ledger)
{
	struct ledger *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	pthread_mutex_init(&made->lock, NULL);
	buf_init(&made->notes, LEDGER_NOTES_BYTES_MAX);
	*ledger = made;
	return STATUS_OK;
}

void ledger_destroy(struct ledger **ledger)
{
	if (*ledger == NULL)
		return;
	pthread_mutex_destroy(&(*ledger)->lock);
	buf_finish(&(*ledger)->notes);
	free(*ledger);
	*ledger = NULL;
}

static void put_event(struct buf *out, const char *op, struct text detail)
{
	buf_printf(out,
		"{\"kind\":\"ledger\",\"op\":\"%s\",\"time\":%lld,\"observer\":{\"role\":\"collector\","
		"\"name\":\"mcpledger\",\"version\":\"" MCPLEDGER_VERSION "\"},\"detail\":",
		op, (long long)timestamp_now());
	buf_put_text(out, detail);
	buf_put_string(out, "}\n");
}

/* Takes back what was appended behind len where there was no room for all of it; whether there was. */
static bool end_append(struct buf *buf, size_t len)
{
	if (buf_status(buf) == STATUS_OK)
		return true;
	buf->len = len;
	buf->failed = STATUS_OK;
	return false;
}

void ledger_note(struct ledger *ledger, const char *op, struct text detail)
{
	pthread_mutex_lock(&ledger->lock);
	size_t len = ledger->notes.len;
	put_event(&ledger->notes, op, detail);
	if (!end_append(&ledger->notes, len))
		ledger->lost++;
	pthread_mutex_unlock(&ledger->lock);
}

bool ledger_has_notes(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	bool has = ledger->notes.len > 0 || ledger->lost > 0;
	pthread_mutex_unlock(&ledger->lock);
	return has;
}

void ledger_take(struct ledger *ledger, struct buf *out)
{
	pthread_mutex_lock(&ledger->lock);
	size_t len = out->len;
	buf_put_text(out, buf_text(&ledger->notes));
	if (ledger->lost > 0) {
		char detail[80];
		struct buf text = {.at = detail, .capacity = sizeof(detail), .max = sizeof(detail)};
		buf_printf(&text, "{\"what\":\"ledger notes\",\"count\":%llu}", (unsigned long long)ledger->lost);
		put_event(out, "drop", buf_text(&text));
	}
	if (end_append(out, len)) {
		buf_clear(&ledger->notes);
		ledger->lost = 0;
	}
	pthread_mutex_unlock(&ledger->lock);
}
