#include "presence.h"

#include <pthread.h>
#include <stdlib.h>

#include "crypto.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define LABELS_AGE_MAX (60 * 60 * NS_PER_S) /* of a label set where nobody is any more */
#define SKEW_WINDOW    (60 * NS_PER_S)

#define TOLD_OFFSET_STEP (NS_PER_S / 10)
#define TOLD_INTERVAL    (8 * NS_PER_S) /* a session or client that was told of is not told of again for so long */

enum tracked { SESSIONS, CONNECTIONS, CLIENTS, EMITTERS, TRACKED_COUNT };
enum { TOLD_SLOTS = 16384, TOLD_EMITTERS = 256 };

/* A session, connection or client. */
struct present {
	struct metric_series *active; /* it counts there; NULL: it is closed, or has no place */
	int64_t opened_at;            /* session: by its emitter's clock; 0: was not seen */
	bool is_closed;
};

/*
 * An event is received later than it ended by the skew and the way.  The way is never negative and sometimes short, so
 * the least offset of the last one to two windows shows the skew.
 */
struct emitter {
	struct metric_series *last_seen, *skew; /* skew: NULL until an event has a time */
	int64_t window_began;
	int64_t least[2]; /* of the window at hand and the one before it */
};

struct presence {
	pthread_mutex_t lock;
	struct roster *rosters[TRACKED_COUNT];
	uint64_t seed;
	struct metric_family *active[EMITTERS];
	struct metric_family *last_seen, *skew;
};

/* An emitter that was told of this second. */
struct told_emitter {
	uint64_t key;
	int64_t second;
	int64_t least_told, least_since; /* offsets told, and not told yet; INT64_MAX: none */
};

struct presence_worker {
	struct presence *presence;
	struct told_emitter emitters[TOLD_EMITTERS];
	uint64_t told[TOLD_SLOTS]; /* of a session, connection or client: its key, but for 16 bits that say when */
};

/* What an event is about; 0: nothing such. */
struct keys {
	uint64_t session, peer, epoch, client, emitter;
};

static const char *const server_labels[] = {"mcp_server_name", "tenant"};
static const char *const tenant_label[] = {"tenant"};
static const char *const emitter_labels[] = {
	"emitter", "observer_role", "observer_name", "observer_instance", "tenant"};

static struct metric_family *add_gauge(struct metric_registry *registry, const char *name, const char *help,
	const char *const *labels, size_t label_count)
{
	const struct metric_info info = {
		.type = METRIC_GAUGE,
		.name = name,
		.help = help,
		.labels = labels,
		.label_count = label_count,
		.from_events = true,
	};
	return metric_family_add(registry, &info);
}

static void add_families(struct presence *presence, struct metric_registry *registry)
{
	presence->active[SESSIONS] = add_gauge(registry, "mcpledger_sessions_active",
		"MCP sessions that were heard of in the last 30 minutes and not closed.", server_labels, 2);
	presence->active[CONNECTIONS] = add_gauge(registry, "mcpledger_connections_active",
		"Connections to MCP servers that were opened, not closed, and heard of in the last 30 minutes.",
		server_labels, 2);
	presence->active[CLIENTS] = add_gauge(registry, "mcpledger_clients_active",
		"Distinct clients (name, version, user, OAuth client, workload) of the last 5 minutes.", tenant_label,
		1);
	presence->last_seen = add_gauge(registry, "mcpledger_emitter_last_seen_timestamp_seconds",
		"When an event of this emitter was last received; known for a day.", emitter_labels, 5);
	presence->skew = add_gauge(registry, "mcpledger_emitter_clock_skew_seconds",
		"How far the emitter's clock is ahead of ours, by the freshest event of the last two minutes; "
		"negative: it "
		"is behind, or sends late.",
		emitter_labels, 5);
}

static void leave_present(void *context, void *entry, int64_t now)
{
	struct present *present = entry;
	(void)context;
	if (present->active == NULL)
		return;
	metric_change(present->active, -1);
	metric_series_release(present->active, now);
	present->active = NULL;
}

static void leave_emitter(void *context, void *entry, int64_t now)
{
	struct emitter *emitter = entry;
	(void)context;
	metric_series_release(emitter->last_seen, now);
	if (emitter->skew)
		metric_series_release(emitter->skew, now);
}

enum status presence_create(
	struct presence **presence, struct metric_registry *registry, const struct roster_limits *limits)
{
	static const struct roster_options rosters[TRACKED_COUNT] = {
		[SESSIONS] = {"sessions", sizeof(struct present), SESSION_AGE_MAX, leave_present, NULL},
		[CONNECTIONS] = {"connections", sizeof(struct present), SESSION_AGE_MAX, leave_present, NULL},
		[CLIENTS] = {"clients", sizeof(struct present), CLIENT_AGE_MAX, leave_present, NULL},
		[EMITTERS] = {"emitters", sizeof(struct emitter), EMITTER_AGE_MAX, leave_emitter, NULL},
	};
	struct presence *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	pthread_mutex_init(&made->lock, NULL);
	enum status status = crypto_random(&made->seed, sizeof(made->seed));
	for (size_t i = 0; i < TRACKED_COUNT && status == STATUS_OK; i++)
		status = roster_create(&made->rosters[i], &rosters[i], limits);
	if (status != STATUS_OK) {
		presence_destroy(&made);
		return status;
	}
	add_families(made, registry);
	*presence = made;
	return STATUS_OK;
}

void presence_destroy(struct presence **presence)
{
	if (*presence == NULL)
		return;
	for (size_t i = 0; i < TRACKED_COUNT; i++)
		roster_destroy(&(*presence)->rosters[i]);
	pthread_mutex_destroy(&(*presence)->lock);
	free(*presence);
	*presence = NULL;
}

enum status presence_worker_create(struct presence_worker **worker, struct presence *presence)
{
	struct presence_worker *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->presence = presence;
	*worker = made;
	return STATUS_OK;
}

void presence_worker_destroy(struct presence_worker **worker)
{
	free(*worker);
	*worker = NULL;
}

/* --- keys --- */

static uint64_t hash_text(uint64_t hash, struct text text)
{
	return XXH3_64bits_withSeed(text.len ? text.at : "", text.len, hash);
}

/* 0: the event has none of the fields. */
static uint64_t hash_fields(uint64_t seed, const struct event *event, const uint8_t *fields, size_t count)
{
	uint64_t hash = seed;
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		struct text text = event_text(event, fields[i]);
		if (text.len == 0)
			continue;
		hash = hash_text(hash + fields[i], text);
		any = true;
	}
	return any ? hash : 0;
}

/* Of the tenant of an event. */
static uint64_t seed_of(const struct presence *presence, const struct event *event)
{
	return hash_text(presence->seed, event_tenant(event));
}

static uint64_t session_key(uint64_t seed, const struct event *event)
{
	static const uint8_t fields[] = {FIELD_SESSION_ID};
	return hash_fields(seed, event, fields, sizeof(fields));
}

static struct keys find_keys(const struct presence *presence, const struct sighting *sighting)
{
	static const uint8_t peer[] = {FIELD_NET_PEER};
	static const uint8_t epoch[] = {FIELD_OBSERVER_EPOCH};
	static const uint8_t client[] = {
		FIELD_CLIENT_NAME, FIELD_CLIENT_VERSION, FIELD_USER_ID, FIELD_OAUTH_CLIENT_ID, FIELD_WORKLOAD_ID};
	static const uint8_t emitter[] = {FIELD_OBSERVER_ROLE, FIELD_OBSERVER_NAME, FIELD_OBSERVER_INSTANCE};
	const struct event *event = sighting->event;
	uint64_t seed = seed_of(presence, event);
	struct keys keys = {
		.session = session_key(seed, event),
		.client = hash_fields(seed, event, client, sizeof(client)),
		.emitter = hash_fields(seed, event, emitter, sizeof(emitter)),
	};
	keys.emitter = hash_text(keys.emitter ? keys.emitter : seed, sighting->emitter);
	if (!event_has(event, FIELD_OBSERVER_NAME))
		keys.emitter = hash_text(keys.emitter, event_text(event, FIELD_SERVER_NAME));
	/* Addresses and epochs are unique with their server only. */
	if (event_has(event, FIELD_NET_PEER) || keys.session == 0) {
		uint64_t server = hash_text(seed, event_text(event, FIELD_SERVER_NAME));
		keys.peer = hash_fields(server, event, peer, sizeof(peer));
		keys.epoch = hash_fields(server, event, epoch, sizeof(epoch));
	}
	return keys;
}

/* --- sessions, connections, clients --- */

static void *enter(
	struct presence *presence, enum tracked tracked, uint64_t key, const struct sighting *sighting, bool *is_new)
{
	return roster_enter(presence->rosters[tracked], key, sighting->owner, sighting->elapsed, is_new);
}

static void count_in(
	struct presence *presence, enum tracked tracked, struct present *present, const struct sighting *sighting)
{
	const struct event *event = sighting->event;
	struct text tenant = event_tenant(event);
	const struct text by_server[] = {event_text(event, FIELD_SERVER_NAME), tenant};
	const struct text *values = tracked == CLIENTS ? &tenant : by_server;
	present->active = metric_series_hold(presence->active[tracked], sighting->owner, values);
	metric_change(present->active, 1);
}

/* Such a request may name any session. */
static bool is_refused(const struct event *event)
{
	return event->verdict == VERDICT_DENIED || event->verdict == VERDICT_REJECTED;
}

/* false: the session is closed. */
static bool see_session(
	struct presence *presence, const struct sighting *sighting, const struct keys *keys, struct text phase)
{
	const struct event *event = sighting->event;
	bool is_new = false;
	if (keys->session == 0)
		return true;
	struct present *session = is_refused(event)
					  ? roster_find(presence->rosters[SESSIONS], keys->session, sighting->elapsed)
					  : enter(presence, SESSIONS, keys->session, sighting, &is_new);
	if (session == NULL)
		return true;
	if (text_equal(phase, TEXT("close"))) {
		leave_present(NULL, session, sighting->elapsed);
		session->is_closed = true;
	} else if (is_new) {
		count_in(presence, SESSIONS, session, sighting);
	}
	bool opens = text_equal(phase, TEXT("open")) || text_equal(phase, TEXT("initialize"));
	if (opens && event_has(event, FIELD_TIME) && session->opened_at == 0)
		session->opened_at = event->value[FIELD_TIME].number;
	return !session->is_closed;
}

static void see_connection(struct presence *presence, const struct sighting *sighting, const struct keys *keys,
	struct text phase, bool may_open)
{
	struct roster *roster = presence->rosters[CONNECTIONS];
	uint64_t key = keys->session ? keys->session : keys->peer ? keys->peer : keys->epoch;
	bool is_new = false;
	bool opens = may_open && (text_equal(phase, TEXT("open")) || text_equal(phase, TEXT("initialize")));
	if (key == 0)
		return;
	struct present *connection = opens ? enter(presence, CONNECTIONS, key, sighting, &is_new)
					   : roster_find(roster, key, sighting->elapsed);
	if (connection && is_new)
		count_in(presence, CONNECTIONS, connection, sighting);
	/* One that was opened before its session had an id is the session's from now on. */
	if (keys->session && keys->peer)
		roster_leave(roster, keys->peer, sighting->elapsed);
	if (text_equal(phase, TEXT("close")) || text_equal(phase, TEXT("reject")))
		roster_leave(roster, key, sighting->elapsed);
}

static void see_client(struct presence *presence, const struct sighting *sighting, const struct keys *keys)
{
	bool is_new = false;
	if (keys->client == 0)
		return;
	struct present *client = enter(presence, CLIENTS, keys->client, sighting, &is_new);
	if (client && is_new)
		count_in(presence, CLIENTS, client, sighting);
}

/* --- emitters --- */

static void see_offset(struct presence *presence, struct emitter *emitter, const struct sighting *sighting,
	int64_t least_offset, const struct text *labels)
{
	if (emitter->skew == NULL) {
		emitter->skew = metric_series_hold(presence->skew, sighting->owner, labels);
		emitter->least[0] = emitter->least[1] = INT64_MAX;
		emitter->window_began = sighting->elapsed;
	}
	if (sighting->elapsed - emitter->window_began >= SKEW_WINDOW) {
		emitter->least[1] = emitter->least[0];
		emitter->least[0] = INT64_MAX;
		emitter->window_began = sighting->elapsed;
	}
	if (least_offset < emitter->least[0])
		emitter->least[0] = least_offset;
	int64_t least = emitter->least[0] < emitter->least[1] ? emitter->least[0] : emitter->least[1];
	metric_set(emitter->skew, -(double)least / 1e9);
}

static void see_emitter(
	struct presence *presence, const struct sighting *sighting, const struct keys *keys, int64_t least_offset)
{
	const struct event *event = sighting->event;
	struct text name = event_text(event, FIELD_OBSERVER_NAME);
	const struct text labels[] = {sighting->emitter, event_text(event, FIELD_OBSERVER_ROLE),
		name.len ? name : event_text(event, FIELD_SERVER_NAME), event_text(event, FIELD_OBSERVER_INSTANCE),
		event_tenant(event)};
	bool is_new = false;
	struct emitter *emitter = enter(presence, EMITTERS, keys->emitter, sighting, &is_new);
	if (emitter == NULL)
		return;
	if (is_new)
		emitter->last_seen = metric_series_hold(presence->last_seen, sighting->owner, labels);
	metric_set(emitter->last_seen, (double)sighting->now / 1e9);
	if (least_offset != INT64_MAX)
		see_offset(presence, emitter, sighting, least_offset, labels);
}

/* --- all of it --- */

/* Whether it was told of lately; if not, it is now. */
static bool is_told(struct presence_worker *worker, uint64_t key, int64_t elapsed)
{
	uint64_t *told = &worker->told[key % TOLD_SLOTS];
	uint64_t now = (key & ~UINT64_C(0xffff)) | ((uint64_t)(elapsed / TOLD_INTERVAL) & 0xffff);
	bool is_same = *told == now;
	*told = now;
	return is_same;
}

/* The same for an emitter; *least_offset is that of all since it was told of before. */
static bool is_emitter_told(
	struct presence_worker *worker, uint64_t key, const struct sighting *sighting, int64_t *least_offset)
{
	struct told_emitter *told = &worker->emitters[key % TOLD_EMITTERS];
	int64_t second = sighting->elapsed / NS_PER_S;
	int64_t least = sighting->has_offset ? sighting->offset : INT64_MAX;
	if (told->key == key && told->least_since < least)
		least = told->least_since;
	*least_offset = least;
	/* A batch begins with its oldest event: fresher ones tell more. */
	if (told->key == key && told->second == second && least >= told->least_told - TOLD_OFFSET_STEP) {
		told->least_since = least;
		return true;
	}
	*told = (struct told_emitter){key, second, least, INT64_MAX};
	return false;
}

void presence_see(struct presence_worker *worker, const struct sighting *sighting)
{
	struct presence *presence = worker->presence;
	bool is_connection = sighting->event->kind == KIND_CONNECTION;
	struct text phase = is_connection ? event_text(sighting->event, FIELD_PHASE) : (struct text){NULL, 0};
	struct keys keys = find_keys(presence, sighting);
	uint64_t place = keys.session ? keys.session : keys.peer ? keys.peer : keys.epoch;
	int64_t least_offset = INT64_MAX;
	bool is_late = sighting->has_offset && sighting->offset >= SESSION_AGE_MAX;
	bool tells_emitter = !is_emitter_told(worker, keys.emitter, sighting, &least_offset);
	bool may_tell_place = !is_late && place && !is_refused(sighting->event);
	bool tells_place =
		(may_tell_place && !is_told(worker, place, sighting->elapsed)) || (is_connection && !is_late);
	bool tells_client = !is_late && keys.client && !is_told(worker, keys.client, sighting->elapsed);
	if (!tells_emitter && !tells_place && !tells_client)
		return;
	pthread_mutex_lock(&presence->lock);
	if (tells_emitter)
		see_emitter(presence, sighting, &keys, least_offset);
	if (tells_place) {
		bool may_open = see_session(presence, sighting, &keys, phase);
		see_connection(presence, sighting, &keys, phase, may_open);
	}
	if (tells_client)
		see_client(presence, sighting, &keys);
	pthread_mutex_unlock(&presence->lock);
}

int64_t presence_opened_at(struct presence *presence, const struct event *event, int64_t elapsed)
{
	uint64_t key = session_key(seed_of(presence, event), event);
	pthread_mutex_lock(&presence->lock);
	const struct present *session = roster_find(presence->rosters[SESSIONS], key, elapsed);
	int64_t opened_at = session ? session->opened_at : 0;
	pthread_mutex_unlock(&presence->lock);
	return opened_at;
}

void presence_expire(struct presence *presence, int64_t elapsed)
{
	pthread_mutex_lock(&presence->lock);
	for (size_t i = 0; i < TRACKED_COUNT; i++)
		roster_expire(presence->rosters[i], elapsed);
	pthread_mutex_unlock(&presence->lock);
	for (size_t i = 0; i < EMITTERS; i++)
		metric_family_expire(presence->active[i], elapsed - LABELS_AGE_MAX);
	metric_family_expire(presence->last_seen, elapsed + 1);
	metric_family_expire(presence->skew, elapsed + 1);
}
