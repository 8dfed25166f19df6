/* presence and usage: who is there and what their processes use, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decoding.h"
#include "presence.h"
#include "usage.h"

enum { TRACKED_MAX = 100, SERIES_MAX = 40 };

static struct metric_registry *registry;
static struct presence *presence;
static struct presence_worker *worker;
static struct usage *usage;
static int64_t elapsed; /* ns; at 0 it is DECODING_NOW */
static uint64_t owner;

static int setup(void **state)
{
	elapsed = NS_PER_DAY;
	owner = 1;
	if (metric_registry_create(&registry, SERIES_MAX) != STATUS_OK)
		return -1;
	const struct roster_limits limits = {TRACKED_MAX, roster_add_family(registry)};
	if (presence_create(&presence, registry, &limits) != STATUS_OK ||
		presence_worker_create(&worker, presence) != STATUS_OK ||
		usage_create(&usage, registry, &limits) != STATUS_OK)
		return -1;
	return decoding_setup(state);
}

static int teardown(void **state)
{
	presence_worker_destroy(&worker);
	presence_destroy(&presence);
	usage_destroy(&usage);
	metric_registry_destroy(&registry);
	return decoding_teardown(state);
}

static void pass(int64_t seconds)
{
	elapsed += seconds * NS_PER_S;
	presence_expire(presence, elapsed);
	usage_expire(usage, elapsed);
}

/* An event that is received now and ended late_ms before that, by its emitter; without a time where that is negative. */
static void see_late(int64_t late_ms, const char *json)
{
	decode_ok(json);
	int64_t now = DECODING_NOW + elapsed;
	if (late_ms >= 0)
		event_set_number(&decoding.event, FIELD_TIME, now - late_ms * NS_PER_MS);
	struct sighting sighting = {
		.event = &decoding.event,
		.emitter = TEXT("gw"),
		.owner = owner,
		.now = now,
		.elapsed = elapsed,
		.has_offset = late_ms >= 0,
		.offset = late_ms * NS_PER_MS,
	};
	presence_see(worker, &sighting);
	if (decoding.event.kind == KIND_RESOURCE_USAGE || decoding.event.kind == KIND_LIFECYCLE)
		usage_see(usage, &sighting);
}

static void see(const char *json)
{
	see_late(0, json);
}

/* The sum of a family's samples whose line has the text; -1 where there is none. */
static double value_of(const char *name, const char *with)
{
	struct buf out;
	buf_init(&out, 1 << 24);
	metric_expose(registry, METRIC_TEXT, &out);
	buf_put_byte(&out, 0);
	double sum = -1;
	size_t len = strlen(name);
	for (char *line = out.at; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char *end = strchr(line, '\n');
		*end = 0;
		if (strncmp(line, name, len) == 0 && (line[len] == '{' || line[len] == ' ') && strstr(line, with))
			sum = (sum < 0 ? 0 : sum) + strtod(strrchr(line, ' '), NULL);
		*end = '\n';
	}
	buf_finish(&out);
	return sum;
}

#define ASSERT_VALUE(name, with, wanted)                                                                               \
	do {                                                                                                           \
		double value_is = value_of(name, with);                                                                \
		if (value_is < (wanted)-1e-6 || value_is > (wanted) + 1e-6)                                            \
			fail_msg("%s %s is %.9g, not %.9g", name, with, value_is, (double)(wanted));                   \
	} while (0)

#define SESSIONS_ACTIVE    "mcpledger_sessions_active"
#define CONNECTIONS_ACTIVE "mcpledger_connections_active"
#define CLIENTS_ACTIVE     "mcpledger_clients_active"
#define CALL               "\"kind\":\"tool_call\",\"target\":{\"name\":\"t\"},\"server\":{\"name\":\"fs\"}"
#define CLOSE(session)                                                                                                 \
	"{\"kind\":\"connection\",\"phase\":\"close\",\"server\":{\"name\":\"fs\"},\"session_id\":\"" session "\"}"

/* --- sessions --- */

static void a_session_is_active_from_its_first_event_to_its_close(void **state)
{
	(void)state;
	ASSERT_VALUE(SESSIONS_ACTIVE, "", -1);
	see("{" CALL ",\"session_id\":\"a\"}");
	see("{" CALL ",\"session_id\":\"a\"}");
	see("{" CALL ",\"session_id\":\"b\"}");
	see("{" CALL "}");
	ASSERT_VALUE(SESSIONS_ACTIVE, "mcp_server_name=\"fs\"", 2);
	see(CLOSE("a"));
	see(CLOSE("a"));
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 1);
	see(CLOSE("b"));
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 0);
}

static void sessions_of_two_tenants_differ(void **state)
{
	(void)state;
	see("{" CALL ",\"session_id\":\"a\",\"tenant\":\"x\"}");
	see("{" CALL ",\"session_id\":\"a\",\"tenant\":\"y\"}");
	ASSERT_VALUE(SESSIONS_ACTIVE, "tenant=\"x\"", 1);
	ASSERT_VALUE(SESSIONS_ACTIVE, "tenant=\"y\"", 1);
}

static void a_session_expires_when_it_is_idle_and_its_labels_later(void **state)
{
	(void)state;
	see("{" CALL ",\"session_id\":\"a\"}");
	pass(29 * 60);
	see("{" CALL ",\"session_id\":\"a\"}");
	pass(29 * 60);
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 1);
	pass(61);
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 0);
	pass(61 * 60);
	ASSERT_VALUE(SESSIONS_ACTIVE, "", -1);
}

static void a_closed_session_is_not_opened_by_events_that_come_late(void **state)
{
	(void)state;
	see(CLOSE("a"));
	pass(60);
	see("{" CALL ",\"session_id\":\"a\"}");
	see("{\"kind\":\"connection\",\"phase\":\"initialize\",\"server\":{\"name\":\"fs\"},\"session_id\":\"a\"}");
	ASSERT_VALUE(SESSIONS_ACTIVE, "", -1);
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "", -1);
}

static void refused_requests_and_late_events_make_no_session(void **state)
{
	(void)state;
	see("{" CALL ",\"session_id\":\"a\",\"outcome\":{\"http_status\":401}}");
	see_late(31 * 60 * 1000, "{" CALL ",\"session_id\":\"b\",\"client\":{\"name\":\"c\"}}");
	ASSERT_VALUE(SESSIONS_ACTIVE, "", -1);
	ASSERT_VALUE(CLIENTS_ACTIVE, "", -1);
	ASSERT_VALUE("mcpledger_emitter_last_seen_timestamp_seconds", "", (double)(DECODING_NOW + elapsed) / 1e9);
	see("{" CALL ",\"session_id\":\"a\",\"outcome\":{\"http_status\":200}}");
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 1);
}

static void when_a_session_was_opened_is_known(void **state)
{
	(void)state;
	const char *open = "{\"kind\":\"connection\",\"phase\":\"initialize\",\"session_id\":\"a\"}";
	see("{" CALL ",\"session_id\":\"a\"}");
	assert_int_equal(presence_opened_at(presence, &decoding.event, elapsed), 0);
	see_late(500, open);
	int64_t opened_at = DECODING_NOW + elapsed - 500 * NS_PER_MS;
	pass(10);
	see(CLOSE("a"));
	assert_int_equal(presence_opened_at(presence, &decoding.event, elapsed), opened_at);
	decode_ok(CLOSE("b"));
	assert_int_equal(presence_opened_at(presence, &decoding.event, elapsed), 0);
	decode_ok("{\"kind\":\"connection\",\"phase\":\"close\"}");
	assert_int_equal(presence_opened_at(presence, &decoding.event, elapsed), 0);
}

/* --- connections --- */

#define CONNECTION(phase, rest) "{\"kind\":\"connection\",\"phase\":\"" phase "\",\"server\":{\"name\":\"fs\"}" rest "}"

static void connections_count_from_open_to_close(void **state)
{
	(void)state;
	see("{" CALL ",\"net\":{\"peer\":\"10.0.0.1:5\"}}");
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "", -1);
	see(CONNECTION("open", ",\"net\":{\"peer\":\"10.0.0.1:1\"}"));
	see(CONNECTION("open", ",\"net\":{\"peer\":\"10.0.0.1:2\"}"));
	see(CONNECTION("initialize", ",\"observer\":{\"epoch\":\"e\"}"));
	see(CONNECTION("open", ""));
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "mcp_server_name=\"fs\"", 3);
	see(CONNECTION("close", ",\"net\":{\"peer\":\"10.0.0.1:1\"}"));
	see(CONNECTION("close", ",\"net\":{\"peer\":\"10.0.0.1:1\"}"));
	see(CONNECTION("reject", ",\"net\":{\"peer\":\"10.0.0.1:2\"}"));
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "", 1);
	see(CONNECTION("close", ",\"observer\":{\"epoch\":\"e\"}"));
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "", 0);
}

static void a_connection_that_becomes_a_session_counts_once(void **state)
{
	(void)state;
	see(CONNECTION("open", ",\"net\":{\"peer\":\"10.0.0.1:1\"}"));
	see(CONNECTION("initialize", ",\"session_id\":\"a\",\"net\":{\"peer\":\"10.0.0.1:1\"}"));
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "", 1);
	see(CONNECTION("close", ",\"session_id\":\"a\",\"net\":{\"peer\":\"10.0.0.1:99\"}"));
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "", 0);
}

static void calls_keep_a_connection_and_silence_ends_it(void **state)
{
	(void)state;
	see(CONNECTION("initialize", ",\"session_id\":\"a\""));
	for (int i = 0; i < 5; i++) {
		pass(20 * 60);
		see("{" CALL ",\"session_id\":\"a\"}");
	}
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "", 1);
	pass(30 * 60);
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "", 0);
}

/* --- clients and emitters --- */

static void clients_are_distinct_and_leave_after_five_minutes(void **state)
{
	(void)state;
	see("{" CALL ",\"client\":{\"name\":\"c\"},\"user\":{\"id\":\"u\"}}");
	see("{" CALL ",\"client\":{\"name\":\"c\"},\"user\":{\"id\":\"u\"},\"session_id\":\"s\"}");
	see("{" CALL ",\"client\":{\"name\":\"c\"},\"user\":{\"id\":\"v\"}}");
	see("{" CALL ",\"client\":{\"name\":\"c\",\"version\":\"2\"},\"user\":{\"id\":\"u\"}}");
	see("{" CALL "}");
	ASSERT_VALUE(CLIENTS_ACTIVE, "", 3);
	pass(4 * 60);
	see("{" CALL ",\"client\":{\"name\":\"c\"},\"user\":{\"id\":\"v\"}}");
	pass(2 * 60);
	ASSERT_VALUE(CLIENTS_ACTIVE, "", 1);
	pass(5 * 60);
	ASSERT_VALUE(CLIENTS_ACTIVE, "", 0);
}

#define HEARTBEAT "{\"kind\":\"heartbeat\",\"observer\":{\"role\":\"server\",\"name\":\"fs\",\"instance\":\"pod-7\"}}"
#define LAST_SEEN "mcpledger_emitter_last_seen_timestamp_seconds"
#define SKEW      "mcpledger_emitter_clock_skew_seconds"

static void an_emitter_is_remembered_for_a_day(void **state)
{
	(void)state;
	see(HEARTBEAT);
	double seen = (double)(DECODING_NOW + elapsed) / 1e9;
	pass(23 * 3600);
	ASSERT_VALUE(LAST_SEEN,
		"{emitter=\"gw\",observer_role=\"server\",observer_name=\"fs\",observer_instance=\"pod-7\"}", seen);
	pass(3600);
	ASSERT_VALUE(LAST_SEEN, "", -1);
	ASSERT_VALUE(SKEW, "", -1);
}

static void the_freshest_event_shows_the_skew(void **state)
{
	(void)state;
	see_late(-1, HEARTBEAT);
	ASSERT_VALUE(SKEW, "", -1);
	see_late(9000, HEARTBEAT);
	ASSERT_VALUE(SKEW, "", -9);
	see_late(4000, HEARTBEAT); /* of the same second, and fresher */
	ASSERT_VALUE(SKEW, "", -4);
	see_late(3990, HEARTBEAT); /* by too little to be told at once */
	pass(2);
	see_late(7000, HEARTBEAT);
	ASSERT_VALUE(SKEW, "", -3.99);
	/* The clock is set: when the window before is over too, that shows. */
	pass(61);
	see_late(5000, HEARTBEAT);
	ASSERT_VALUE(SKEW, "", -3.99);
	pass(61);
	see_late(5000, HEARTBEAT);
	ASSERT_VALUE(SKEW, "", -5);
}

static void a_clock_that_is_ahead_shows_as_positive(void **state)
{
	(void)state;
	decode_ok(HEARTBEAT);
	struct sighting sighting = {
		.event = &decoding.event, .elapsed = elapsed, .has_offset = true, .offset = -90 * NS_PER_S};
	presence_see(worker, &sighting);
	ASSERT_VALUE(SKEW, "", 90);
}

/* --- usage --- */

#define CPU      "mcp_server_process_cpu_seconds_total"
#define RESIDENT "mcp_server_process_resident_memory_bytes"
#define RECEIVED "mcp_server_process_network_receive_bytes_total"
#define SENT     "mcp_server_process_network_transmit_bytes_total"
#define REPORT(pid, cpu, rss)                                                                                          \
	"{\"kind\":\"resource_usage\",\"server\":{\"name\":\"fs\"},\"pid\":" #pid ",\"cpu_ns\":" #cpu                  \
	",\"rss_bytes\":" #rss "}"
#define LIFECYCLE(phase, pid, name)                                                                                    \
	"{\"kind\":\"lifecycle\",\"phase\":\"" phase "\",\"server\":{\"name\":\"" name "\"},\"pid\":" #pid "}"

static void a_process_found_running_counts_from_its_first_report(void **state)
{
	(void)state;
	see(REPORT(1, 900000000000, 100));
	ASSERT_VALUE(CPU, "mcp_server_name=\"fs\"", 0);
	ASSERT_VALUE(RESIDENT, "", 100);
	ASSERT_VALUE(RECEIVED, "", -1);
	see(REPORT(1, 902500000000, 80));
	see(REPORT(1, 902500000000, 80));
	ASSERT_VALUE(CPU, "", 2.5);
	ASSERT_VALUE(RESIDENT, "", 80);
}

static void a_process_whose_start_was_seen_counts_in_full(void **state)
{
	(void)state;
	see(LIFECYCLE("start", 7, "not known yet"));
	ASSERT_VALUE(CPU, "", -1);
	see(REPORT(7, 1500000000, 10));
	ASSERT_VALUE(CPU, "", 1.5);
}

static void processes_of_a_server_are_summed_up_and_leave(void **state)
{
	(void)state;
	see(LIFECYCLE("start", 1, "fs"));
	see(LIFECYCLE("start", 2, "fs"));
	see(REPORT(1, 1000000000, 10));
	see(REPORT(2, 2000000000, 20));
	ASSERT_VALUE(CPU, "", 3);
	ASSERT_VALUE(RESIDENT, "", 30);
	see(LIFECYCLE("stop", 1, "fs"));
	ASSERT_VALUE(CPU, "", 3);
	ASSERT_VALUE(RESIDENT, "", 20);
	pass(5 * 60);
	ASSERT_VALUE(CPU, "", 3);
	ASSERT_VALUE(RESIDENT, "", -1); /* no data is not 0 */
	pass(61 * 60);
	ASSERT_VALUE(CPU, "", -1);
}

static void a_new_process_under_the_same_pid_adds_its_own(void **state)
{
	(void)state;
	see(REPORT(1, 50000000000, 10));
	see(REPORT(1, 51000000000, 10));
	see(REPORT(1, 500000000, 10));
	see(REPORT(1, 600000000, 10));
	ASSERT_VALUE(CPU, "", 1.6);
}

static void late_reports_are_passed_over_but_a_clock_set_back_is_not(void **state)
{
	(void)state;
	see(REPORT(1, 10000000000, 10));
	pass(10);
	see(REPORT(1, 12000000000, 20));
	see_late(5000, REPORT(1, 11000000000, 15));
	ASSERT_VALUE(CPU, "", 2);
	ASSERT_VALUE(RESIDENT, "", 20);
	pass(10);
	see_late(3600000, REPORT(1, 13000000000, 30));
	ASSERT_VALUE(CPU, "", 3);
}

static void amounts_that_are_none_are_left_out(void **state)
{
	(void)state;
	see("{\"kind\":\"resource_usage\",\"server\":{\"name\":\"fs\"},\"cpu_ns\":-5,\"rss_bytes\":-1,\"net_rx_bytes\":"
	    "5,"
	    "\"net_tx_bytes\":9223372036854775807}");
	see("{\"kind\":\"resource_usage\",\"server\":{\"name\":\"fs\"},\"net_rx_bytes\":25,\"net_tx_bytes\":7}");
	ASSERT_VALUE(CPU, "", -1);
	ASSERT_VALUE(RESIDENT, "", -1);
	ASSERT_VALUE(RECEIVED, "", 20);
	ASSERT_VALUE(SENT, "", 7);
}

/* --- limits --- */

static void newcomers_beyond_the_limit_are_turned_away_and_counted(void **state)
{
	(void)state;
	char json[300];
	see("{" CALL ",\"session_id\":\"known\"}");
	owner = 2;
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(json, sizeof(json), "{" CALL ",\"session_id\":\"%u\"}", i);
		see(json);
	}
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 51); /* 50 of the 99 that were free */
	ASSERT_VALUE("mcpledger_tracked_turned_away_total", "of=\"sessions\"", 950);
	owner = 1;
	pass(20 * 60);
	see("{" CALL ",\"session_id\":\"known\"}");
	see("{" CALL ",\"session_id\":\"another\"}");
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 52);
	pass(10 * 60);
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 2);
	owner = 3;
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(json, sizeof(json), "{" CALL ",\"session_id\":\"new-%u\"}", i);
		see(json);
	}
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 51); /* 49 of the 98 that are free again */
}

static void servers_beyond_the_limit_share_a_series_whose_sum_is_right(void **state)
{
	(void)state;
	char json[300];
	for (unsigned round = 1; round <= 2; round++) {
		for (unsigned i = 0; i < 50; i++) {
			(void)snprintf(json, sizeof(json),
				"{\"kind\":\"resource_usage\",\"server\":{\"name\":\"s-%u\"},\"cpu_ns\":%u000000000,"
				"\"rss_bytes\":7}",
				i, round);
			see(json);
		}
	}
	ASSERT_VALUE(CPU, "", 50);
	ASSERT_VALUE(CPU, "otel_metric_overflow", 30);
	ASSERT_VALUE(RESIDENT, "", 350);
	pass(5 * 60);
	ASSERT_VALUE(RESIDENT, "", 0); /* that of the overflow series, which stays */
}

/* --- threads --- */

struct crowd {
	struct presence_worker *worker;
	struct event events[40];
};

static void *see_all(void *context)
{
	struct crowd *crowd = context;
	for (unsigned i = 0; i < 4000; i++) {
		struct sighting sighting = {
			.event = &crowd->events[i % 40],
			.owner = 1,
			.now = DECODING_NOW + i * NS_PER_S,
			.elapsed = NS_PER_DAY + i * NS_PER_S,
			.has_offset = true,
			.offset = i,
		};
		presence_see(crowd->worker, &sighting);
		usage_see(usage, &sighting);
		if (i % 100 == 0) {
			presence_expire(presence, sighting.elapsed);
			usage_expire(usage, sighting.elapsed);
		}
	}
	return NULL;
}

static void make_events(struct event events[40])
{
	static char ids[20][16];
	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "id-%u", i);
		event_clear(&events[i]);
		events[i].kind = i % 2 ? KIND_CONNECTION : KIND_TOOL_CALL;
		event_set_text(&events[i], FIELD_SESSION_ID, text_of(ids[i]));
		event_set_text(&events[i], FIELD_CLIENT_NAME, text_of(ids[i / 2]));
		event_set_text(&events[i], FIELD_PHASE, TEXT("initialize"));
		event_clear(&events[20 + i]);
		events[20 + i].kind = KIND_RESOURCE_USAGE;
		event_set_text(&events[20 + i], FIELD_SERVER_NAME, text_of(ids[i / 4]));
		event_set_number(&events[20 + i], FIELD_PID, i);
		event_set_number(&events[20 + i], FIELD_RSS_BYTES, 1000);
	}
}

static void threads_and_scrapes_agree_on_who_is_there(void **state)
{
	(void)state;
	static struct crowd crowds[3];
	pthread_t threads[3];
	for (int i = 0; i < 3; i++) {
		make_events(crowds[i].events);
		assert_int_equal(presence_worker_create(&crowds[i].worker, presence), STATUS_OK);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, see_all, &crowds[i]), 0);
	for (int i = 0; i < 100; i++)
		assert_true(value_of(SESSIONS_ACTIVE, "") <= 20);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		presence_worker_destroy(&crowds[i].worker);
	}
	ASSERT_VALUE(SESSIONS_ACTIVE, "", 20);
	ASSERT_VALUE(CONNECTIONS_ACTIVE, "", 10);
	ASSERT_VALUE(CLIENTS_ACTIVE, "", 10);
	ASSERT_VALUE(RESIDENT, "", 20000);
}

#define PRESENCE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PRESENCE_TEST(a_session_is_active_from_its_first_event_to_its_close),
		PRESENCE_TEST(sessions_of_two_tenants_differ),
		PRESENCE_TEST(a_session_expires_when_it_is_idle_and_its_labels_later),
		PRESENCE_TEST(a_closed_session_is_not_opened_by_events_that_come_late),
		PRESENCE_TEST(refused_requests_and_late_events_make_no_session),
		PRESENCE_TEST(when_a_session_was_opened_is_known),
		PRESENCE_TEST(connections_count_from_open_to_close),
		PRESENCE_TEST(a_connection_that_becomes_a_session_counts_once),
		PRESENCE_TEST(calls_keep_a_connection_and_silence_ends_it),
		PRESENCE_TEST(clients_are_distinct_and_leave_after_five_minutes),
		PRESENCE_TEST(an_emitter_is_remembered_for_a_day),
		PRESENCE_TEST(the_freshest_event_shows_the_skew),
		PRESENCE_TEST(a_clock_that_is_ahead_shows_as_positive),
		PRESENCE_TEST(a_process_found_running_counts_from_its_first_report),
		PRESENCE_TEST(a_process_whose_start_was_seen_counts_in_full),
		PRESENCE_TEST(processes_of_a_server_are_summed_up_and_leave),
		PRESENCE_TEST(a_new_process_under_the_same_pid_adds_its_own),
		PRESENCE_TEST(late_reports_are_passed_over_but_a_clock_set_back_is_not),
		PRESENCE_TEST(amounts_that_are_none_are_left_out),
		PRESENCE_TEST(newcomers_beyond_the_limit_are_turned_away_and_counted),
		PRESENCE_TEST(servers_beyond_the_limit_share_a_series_whose_sum_is_right),
		PRESENCE_TEST(threads_and_scrapes_agree_on_who_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
