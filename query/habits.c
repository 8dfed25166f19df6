#include "habits.h"

#include <stdio.h>
#include <stdlib.h>

#include "brief.h"
#include "clues.h"
#include "members.h"
#include "timestamp.h"

enum { NAMES_MAX = 32, NAME_BYTES_MAX = 64, FOLDER_DEPTH_MAX = 4, NS_PER_HOUR_S = 3600 };

static const struct {
	const char *name, *words;
} habits[] = {
#define HABIT(name, text, words) {text, words},
	HABITS(HABIT)
#undef HABIT
};

const char *habit_name(enum habit habit)
{
	return habits[habit].name;
}

const char *habit_words(enum habit habit)
{
	return habits[habit].words;
}

struct walk {
	const struct event *event;
	habits_take *take;
	void *context;
	struct arena *scratch;
	enum status status;
	char value[HABIT_BYTES_MAX]; /* being made */
	size_t len;
};

/* --- values being made --- */

static void put(struct walk *walk, struct text text)
{
	size_t room = sizeof(walk->value) - walk->len;
	size_t len = text.len < room ? text.len : room;
	if (len > 0 && text.at)
		memcpy(walk->value + walk->len, text.at, len);
	walk->len += len;
}

static void take(struct walk *walk, enum habit habit)
{
	if (walk->len > 0 && walk->status == STATUS_OK)
		walk->status = walk->take(walk->context, habit, (struct text){walk->value, walk->len});
	walk->len = 0;
}

static void take_text(struct walk *walk, enum habit habit, struct text text)
{
	put(walk, text);
	take(walk, habit);
}

static void take_field(struct walk *walk, enum habit habit, unsigned field)
{
	take_text(walk, habit, event_text(walk->event, field));
}

static void put_server(struct walk *walk)
{
	struct text server = event_text(walk->event, FIELD_SERVER_NAME);
	put(walk, server);
	if (server.len > 0)
		put(walk, TEXT(" · "));
}

/* --- what was called --- */

static bool is_call(const struct event *event)
{
	return text_equal(event_text(event, FIELD_KIND), TEXT("tool_call"));
}

static int by_text(const void *a, const void *b)
{
	const struct text *first = a;
	const struct text *second = b;
	size_t len = first->len < second->len ? first->len : second->len;
	int order = len > 0 ? memcmp(first->at, second->at, len) : 0;
	return order ? order : (first->len > second->len) - (first->len < second->len);
}

/* The names of the arguments, in order: `read_file(head, path)`. */
static void take_arguments(struct walk *walk, struct text tool)
{
	struct members members;
	struct text names[NAMES_MAX];
	struct text value;
	size_t count = 0;
	if (!members_begin(event_text(walk->event, FIELD_REQUEST), &members) || !members.object)
		return;
	while (count < NAMES_MAX && members_next(&members, &names[count], &value)) {
		if (text_equal(names[count], TEXT("_meta")))
			continue;
		names[count].len = names[count].len < NAME_BYTES_MAX ? names[count].len : NAME_BYTES_MAX;
		count++;
	}
	qsort(names, count, sizeof(names[0]), by_text);
	put_server(walk);
	put(walk, tool);
	put(walk, TEXT("("));
	for (size_t i = 0; i < count; i++) {
		put(walk, i ? TEXT(", ") : TEXT(""));
		put(walk, names[i]);
	}
	put(walk, TEXT(")"));
	take(walk, HABIT_ARGUMENTS);
}

static void take_call(struct walk *walk)
{
	struct text action = event_text(walk->event, FIELD_ACTION);
	struct text target = event_text(walk->event, FIELD_TARGET_NAME);
	bool calls_tool = action.len == 0 || text_equal(action, TEXT("tools/call"));
	take_text(walk, HABIT_EFFECT, calls_tool ? brief_effect(walk->event) : (struct text){NULL, 0});
	take_text(walk, HABIT_METHOD, action);
	if (target.len == 0)
		return;
	put_server(walk);
	take_text(walk, calls_tool ? HABIT_TOOL : HABIT_RESOURCE, target);
	if (calls_tool)
		take_arguments(walk, target);
}

/* --- where it reaches --- */

static bool ends_host(char c)
{
	return c == '/' || c == ':' || c == '?' || c == '#' || c == '\\';
}

static void take_host(struct walk *walk, struct text rest)
{
	const char *at = memchr(rest.at, '@', rest.len); /* a name before the host */
	const char *slash = memchr(rest.at, '/', rest.len);
	if (at && (slash == NULL || at < slash)) {
		rest.len -= (size_t)(at + 1 - rest.at);
		rest.at = at + 1;
	}
	size_t len = 0;
	while (len < rest.len && !ends_host(rest.at[len]))
		len++;
	take_text(walk, HABIT_HOST, (struct text){rest.at, len});
}

/* The folder that a path lies in, its first parts. */
static void take_folder(struct walk *walk, struct text path)
{
	size_t end = 0;
	unsigned depth = 0;
	for (size_t i = 0; i < path.len && depth < FOLDER_DEPTH_MAX; i++) {
		if (path.at[i] != '/' && path.at[i] != '\\')
			continue;
		end = i + 1;
		depth += i > 0;
	}
	take_text(walk, HABIT_FOLDER, (struct text){path.at, end});
}

static enum status take_clue(void *context, struct text clue)
{
	struct walk *walk = context;
	const char *scheme = memmem(clue.at, clue.len, "://", 3);
	const char *at = memchr(clue.at, '@', clue.len);
	if (memchr(clue.at, ' ', clue.len))
		return walk->status; /* a line; its tokens come by themselves */
	if (scheme)
		take_host(walk, (struct text){scheme + 3, clue.len - (size_t)(scheme + 3 - clue.at)});
	else if (at && at > clue.at && at + 1 < clue.at + clue.len && !memchr(clue.at, '/', clue.len))
		take_text(walk, HABIT_ADDRESS, clue);
	else if (memchr(clue.at, '/', clue.len) || memchr(clue.at, '\\', clue.len))
		take_folder(walk, clue);
	return walk->status;
}

/* --- how it ended, who, when --- */

static void take_failure(struct walk *walk)
{
	static const char *const harmless[] = {"", "ok", "pending", "unknown"};
	struct text verdict = event_text(walk->event, FIELD_VERDICT);
	struct text type = event_text(walk->event, FIELD_ERROR_TYPE);
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (text_equal(verdict, text_of(harmless[i])))
			return;
	put_server(walk);
	put(walk, verdict);
	if (type.len > 0 && !text_equal(type, verdict)) {
		put(walk, TEXT(": "));
		put(walk, type);
	}
	take(walk, HABIT_FAILURE);
}

static void take_auth(struct walk *walk)
{
	static const uint8_t fields[] = {FIELD_STEP, FIELD_METHOD, FIELD_RESULT};
	if (!text_equal(event_text(walk->event, FIELD_KIND), TEXT("auth")))
		return;
	for (size_t i = 0; i < sizeof(fields); i++) {
		struct text text = event_text(walk->event, fields[i]);
		put(walk, walk->len > 0 && text.len > 0 ? TEXT(" ") : TEXT(""));
		put(walk, text);
	}
	take(walk, HABIT_AUTH);
}

static void take_scopes(struct walk *walk, unsigned field)
{
	struct text leaf;
	struct text scopes = event_text(walk->event, field);
	for (size_t at = 0; leaves_next(scopes, &at, &leaf);) {
		arena_clear(walk->scratch);
		take_text(walk, HABIT_SCOPE, leaf_text(leaf, walk->scratch));
	}
}

/* Its address without the port, which is another one for each connection. */
static void take_peer(struct walk *walk)
{
	struct text peer = event_text(walk->event, FIELD_NET_PEER);
	if (peer.at == NULL)
		return;
	const char *bracket = memrchr(peer.at, ']', peer.len);
	const char *colon = memrchr(peer.at, ':', peer.len);
	if (bracket)
		peer.len = (size_t)(bracket + 1 - peer.at);
	else if (colon && memchr(peer.at, ':', peer.len) == colon)
		peer.len = (size_t)(colon - peer.at);
	take_text(walk, HABIT_PEER, peer);
}

static void take_hour(struct walk *walk)
{
	char hour[16];
	int64_t second = event_time(walk->event) / NS_PER_S;
	int64_t of_day = ((second / NS_PER_HOUR_S) % 24 + 24) % 24;
	int len = snprintf(hour, sizeof(hour), "%02d:00", (int)of_day);
	take_text(walk, HABIT_HOUR, (struct text){hour, (size_t)len});
}

enum status habits_walk(const struct event *event, habits_take *take_habit, void *context, struct arena *scratch)
{
	struct walk walk = {.event = event, .take = take_habit, .context = context, .scratch = scratch};
	if (is_call(event)) {
		take_call(&walk);
		if (walk.status == STATUS_OK)
			walk.status = clues_walk(event_text(event, FIELD_REQUEST), take_clue, &walk, walk.scratch);
	}
	take_field(&walk, HABIT_SERVER, FIELD_SERVER_NAME);
	take_failure(&walk);
	take_auth(&walk);
	take_scopes(&walk, FIELD_OAUTH_SCOPES);
	take_scopes(&walk, FIELD_SCOPES_REQUESTED);
	take_field(&walk, HABIT_USER, FIELD_USER_ID);
	take_field(&walk, HABIT_CLIENT, FIELD_CLIENT_NAME);
	take_field(&walk, HABIT_AGENT, FIELD_AGENT_NAME);
	take_field(&walk, HABIT_MODEL, FIELD_AGENT_MODEL);
	take_peer(&walk);
	take_hour(&walk);
	return walk.status;
}
