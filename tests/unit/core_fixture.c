#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

void fixture_init(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	(void)snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/mcpledger-core-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	struct error error;
	struct buf warnings;
	buf_init(&warnings, 4096);
	assert_int_equal(conf_load(&fixture->conf, NULL, NULL, &warnings, &error), STATUS_OK);
	buf_finish(&warnings);
	fixture->conf.store_ballast_bytes = 4096;
	fixture->conf.store_map_bytes = UINT64_C(1) << 30;
	fixture->conf.ingest_dedup_ids_max = 100000;
}

void fixture_start(struct fixture *fixture)
{
	struct error error = {.text = ""};
	assert_int_equal(metric_registry_create(&fixture->registry, 1000), STATUS_OK);
	enum status status = core_start(&fixture->core, &fixture->conf, fixture->dir, fixture->registry, &error);
	if (status != STATUS_OK)
		print_error("%s\n", error.text);
	assert_int_equal(status, STATUS_OK);
	assert_int_equal(ingest_worker_create(&fixture->worker, fixture->core.ingest), STATUS_OK);
}

void fixture_stop(struct fixture *fixture)
{
	ingest_worker_destroy(&fixture->worker);
	assert_true(core_stop(&fixture->core));
	metric_registry_destroy(&fixture->registry);
	memset(&fixture->core, 0, sizeof(fixture->core));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
	(void)info;
	(void)type;
	(void)at;
	return remove(path);
}

void fixture_finish(struct fixture *fixture)
{
	(void)nftw(fixture->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	conf_finish(&fixture->conf);
}

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool given;
	struct ingest_result result;
};

static void take_answer(void *context, const struct ingest_result *result)
{
	struct answer *answer = context;
	pthread_mutex_lock(&answer->lock);
	answer->result = *result;
	answer->given = true;
	pthread_cond_signal(&answer->changed);
	pthread_mutex_unlock(&answer->lock);
}

struct ingest_result fixture_submit(struct fixture *fixture, const struct ingest_request *request)
{
	struct answer answer = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, {0}};
	ingest_submit(fixture->worker, request, take_answer, &answer);
	pthread_mutex_lock(&answer.lock);
	while (!answer.given)
		pthread_cond_wait(&answer.changed, &answer.lock);
	pthread_mutex_unlock(&answer.lock);
	return answer.result;
}

struct ingest_result fixture_submit_text(struct fixture *fixture, const char *body)
{
	struct ingest_request request = {.source = SOURCE_HTTP, .body = text_of(body), .auth = TEXT("none")};
	return fixture_submit(fixture, &request);
}

struct reading {
	struct store_reader *reader;
	struct store_unit unit;
	bool ledger;
	event_visit *visit;
	void *context;
	uint64_t next_seq;
};

static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	struct reading *reading = context;
	return store_reader_payload(reading->reader, reading->unit.segment_number, key, arena, payload);
}

static void read_block(struct reading *reading, struct block *block)
{
	block_set_payload_source(block, (struct payload_source){get_payload, reading});
	assert_int_equal(block_first_seq(block), reading->next_seq);
	for (uint32_t row = 0; row < block_count(block); row++) {
		struct event event;
		assert_int_equal(block_event(block, row, &event), STATUS_OK);
		assert_int_equal(event.value[FIELD_SEQ].number, reading->next_seq);
		reading->next_seq++;
		if (text_equal(event_text(&event, FIELD_KIND), TEXT("ledger")) == reading->ledger)
			reading->visit(reading->context, &event);
	}
}

static void read_unit(struct reading *reading)
{
	struct error error;
	struct block *block = NULL;
	if (reading->unit.sealed) {
		assert_int_equal(block_open(reading->unit.bytes, &block, &error), STATUS_OK);
		read_block(reading, block);
		block_close(&block);
		return;
	}
	size_t at = 0;
	struct tail_part part;
	while (tail_next(reading->unit.bytes, &at, &part) == STATUS_OK) {
		assert_int_equal(block_open_part(&part, &block, &error), STATUS_OK);
		read_block(reading, block);
		block_close(&block);
	}
}

void fixture_read(struct fixture *fixture, bool ledger, event_visit *visit, void *context)
{
	struct error error;
	struct reading reading = {.ledger = ledger, .visit = visit, .context = context};
	enum status status = fixture->core.store ? store_reader_attach(&reading.reader, fixture->core.store, &error)
						 : store_reader_open(&reading.reader, fixture->dir, &error);
	assert_int_equal(status, STATUS_OK);
	reading.next_seq = store_reader_first_seq(reading.reader);
	while (reading.next_seq < store_reader_next_seq(reading.reader)) {
		assert_int_equal(
			store_reader_unit(reading.reader, reading.next_seq, false, &reading.unit, &error), STATUS_OK);
		read_unit(&reading);
	}
	store_reader_close(&reading.reader);
}

static void put_line(void *context, const struct event *event)
{
	struct buf *lines = context;
	event_put_canonical(lines, event);
	buf_put_byte(lines, '\n');
}

char *fixture_lines(struct fixture *fixture)
{
	struct buf lines;
	buf_init(&lines, 1024 * 1024 * 1024);
	fixture_read(fixture, false, put_line, &lines);
	buf_put_byte(&lines, 0);
	assert_int_equal(buf_status(&lines), STATUS_OK);
	return lines.at;
}

static void count_one(void *context, const struct event *event)
{
	(void)event;
	++*(unsigned *)context;
}

unsigned fixture_count(struct fixture *fixture)
{
	unsigned count = 0;
	fixture_read(fixture, false, count_one, &count);
	return count;
}

struct search {
	struct text op;
	unsigned found;
};

static void count_op(void *context, const struct event *event)
{
	struct search *search = context;
	search->found += text_equal(event_text(event, FIELD_OP), search->op);
}

unsigned fixture_count_notes(struct fixture *fixture, const char *op)
{
	struct search search = {text_of(op), 0};
	fixture_read(fixture, true, count_op, &search);
	return search.found;
}

int fixture_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	assert_non_null(fixture);
	fixture_init(fixture);
	*state = fixture;
	return 0;
}

int fixture_tear_down(void **state)
{
	struct fixture *fixture = *state;
	fixture_finish(fixture);
	free(fixture);
	return 0;
}
