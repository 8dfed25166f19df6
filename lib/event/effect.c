/*
 * The first that tells, and where it was told (marks.effect_source):
 *   hints      read_only true: read.  destructive true: what the tool's name says of update, delete and execute, else
 *              delete, the worst it may be.
 *   tool_name  the first word of the name that is in `words`; words end at _ - . / : and before a capital.
 *   emitter    the `effect` it sent, if it is one of ours.
 * All of them are claims.  An absent hint tells nothing: it never makes a call safe.  An operator's word and definitions
 * stand above these and are not known here.
 */
#include "effect.h"

enum { WORD_BYTES_MAX = 8 };

/* Padded with zeros, so that a word is compared as one number; none is longer. */
static const struct {
	char word[WORD_BYTES_MAX];
	struct text effect;
} words[] = {
	{"read", TEXT("read")},
	{"get", TEXT("read")},
	{"list", TEXT("read")},
	{"search", TEXT("read")},
	{"find", TEXT("read")},
	{"fetch", TEXT("read")},
	{"query", TEXT("read")},
	{"view", TEXT("read")},
	{"show", TEXT("read")},
	{"describe", TEXT("read")},
	{"lookup", TEXT("read")},
	{"count", TEXT("read")},
	{"create", TEXT("create")},
	{"add", TEXT("create")},
	{"insert", TEXT("create")},
	{"new", TEXT("create")},
	{"post", TEXT("create")},
	{"send", TEXT("create")},
	{"upload", TEXT("create")},
	{"update", TEXT("update")},
	{"edit", TEXT("update")},
	{"write", TEXT("update")},
	{"set", TEXT("update")},
	{"modify", TEXT("update")},
	{"patch", TEXT("update")},
	{"put", TEXT("update")},
	{"move", TEXT("update")},
	{"rename", TEXT("update")},
	{"merge", TEXT("update")},
	{"replace", TEXT("update")},
	{"delete", TEXT("delete")},
	{"remove", TEXT("delete")},
	{"drop", TEXT("delete")},
	{"destroy", TEXT("delete")},
	{"purge", TEXT("delete")},
	{"truncate", TEXT("delete")},
	{"run", TEXT("execute")},
	{"exec", TEXT("execute")},
	{"execute", TEXT("execute")},
	{"invoke", TEXT("execute")},
	{"eval", TEXT("execute")},
	{"shell", TEXT("execute")},
};

static bool is_capital(char byte)
{
	return byte >= 'A' && byte <= 'Z';
}

static bool ends_word(char byte)
{
	return byte == '_' || byte == '-' || byte == '.' || byte == '/' || byte == ':' || byte == ' ';
}

/* Takes the next word, in lower case, from name as a number; 0 for one longer than any of ours. */
static uint64_t take_word(struct text *name)
{
	char word[WORD_BYTES_MAX] = {0};
	uint64_t number;
	size_t len = 0;
	bool after_lower = false;
	while (name->len && !ends_word(*name->at) && !(after_lower && is_capital(*name->at))) {
		char byte = *name->at;
		after_lower = !is_capital(byte);
		if (len < WORD_BYTES_MAX)
			word[len] = is_capital(byte) ? (char)(byte | 0x20) : byte;
		len++;
		name->at++;
		name->len--;
	}
	while (name->len && ends_word(*name->at)) {
		name->at++;
		name->len--;
	}
	memcpy(&number, word, sizeof(number));
	return len <= WORD_BYTES_MAX ? number : 0;
}

static struct text effect_of_name(struct text name)
{
	while (name.len) {
		uint64_t word = take_word(&name);
		for (size_t i = 0; word && i < sizeof(words) / sizeof(*words); i++) {
			uint64_t ours;
			memcpy(&ours, words[i].word, sizeof(ours));
			if (word == ours)
				return words[i].effect;
		}
	}
	return (struct text){NULL, 0};
}

static bool is_ours(struct text effect)
{
	static const char *const effects[] = {"read", "create", "update", "delete", "execute"};
	for (size_t i = 0; i < sizeof(effects) / sizeof(*effects); i++)
		if (text_equal(effect, text_of(effects[i])))
			return true;
	return false;
}

static bool is_true(const struct event *event, unsigned field)
{
	return event_has(event, field) && event->value[field].number;
}

static void set(struct event *event, struct text effect, struct text source)
{
	event_set_text(event, FIELD_MARKS_EFFECT, effect);
	event_set_text(event, FIELD_MARKS_EFFECT_SOURCE, source);
}

void event_judge_effect(struct event *event)
{
	if (!event_has(event, FIELD_TARGET_NAME) || event->kind != KIND_TOOL_CALL)
		return;
	struct text named = effect_of_name(event->value[FIELD_TARGET_NAME].text);
	if (is_true(event, FIELD_TARGET_HINTS_DESTRUCTIVE)) {
		bool changes = text_equal(named, TEXT("update")) || text_equal(named, TEXT("delete")) ||
			       text_equal(named, TEXT("execute"));
		set(event, changes ? named : TEXT("delete"), TEXT("hints"));
	} else if (is_true(event, FIELD_TARGET_HINTS_READ_ONLY)) {
		set(event, TEXT("read"), TEXT("hints"));
	} else if (named.len) {
		set(event, named, TEXT("tool_name"));
	} else if (is_ours(event_text(event, FIELD_EFFECT))) {
		set(event, event->value[FIELD_EFFECT].text, TEXT("emitter"));
	}
}
