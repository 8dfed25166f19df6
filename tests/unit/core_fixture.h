/* core_fixture - a core over a store in a temporary directory, and what tests of it ask. */
#ifndef MCPLEDGER_CORE_FIXTURE_H
#define MCPLEDGER_CORE_FIXTURE_H

#include "core.h"

struct fixture {
	char dir[64];
	struct conf conf;
	struct metric_registry *registry;
	struct core core;
	struct ingest_worker *worker;
};

/* Makes the directory and default settings, but does not start. */
void fixture_init(struct fixture *fixture);
void fixture_start(struct fixture *fixture);
void fixture_stop(struct fixture *fixture);
/* Removes the directory; the fixture must be stopped. */
void fixture_finish(struct fixture *fixture);

/* cmocka's fixture: *state is a struct fixture of the test's own, not started. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Submits a body and waits for its answer; rejects of the result are not valid any more. */
struct ingest_result fixture_submit(struct fixture *fixture, const struct ingest_request *request);
struct ingest_result fixture_submit_text(struct fixture *fixture, const char *body);

/* Calls visit for each event with kind other than `ledger` (or only for these) in order of seq. */
typedef void event_visit(void *context, const struct event *event);
void fixture_read(struct fixture *fixture, bool ledger, event_visit *visit, void *context);
/* Canonical bytes of all events but the ledger's, a line each; NUL-terminated, the caller frees. */
char *fixture_lines(struct fixture *fixture);
unsigned fixture_count(struct fixture *fixture);
/* How many ledger events have this op. */
unsigned fixture_count_notes(struct fixture *fixture, const char *op);

#endif
