/*
 * http_rig - the HTTP server over real sockets with the funnel replaced, and a client that speaks bytes.
 * For the tests of the server; one server at a time.
 */
#ifndef MCPLEDGER_TEST_HTTP_RIG_H
#define MCPLEDGER_TEST_HTTP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <cmocka.h>

#include "http.h"

enum { ANSWER_BYTES = 1 << 16 };

/* Stands for ingest.h: what it was given last, and what it answers. */
struct funnel {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool holds; /* answers wait for release_all */
	ingest_done *done[64];
	void *context[64];
	size_t held;
	unsigned submitted;
	struct ingest_result result;
	struct ingest_reject reject;
	bool from_export;
	enum source source;
	char emitter[64];
	size_t tenant_count;
	char body[256];
	size_t body_len;
	unsigned drops[REASON_COUNT];
	char note[4096];
};
extern struct funnel funnel;
bool was_noted(const char *part); /* whether the last note holds it */
void wait_held(size_t count);     /* until so many wait for their commit */
void release_all(void);

extern struct http_server *server;
extern struct metric_registry *registry;
extern struct budget budget;
extern struct conf conf;
extern bool is_ready;    /* what /readyz is told */
extern unsigned reloads; /* POST /-/reload; the second one fails */
/* /api/v1/flood writes until it is told to stop, leaves why, and waits here. */
extern pthread_barrier_t flood_ended;
extern _Atomic unsigned flood_status;

int clean(void **state); /* cmocka's setup and teardown */
int stop(void **state);
enum status start_with(char *const *environment, struct error *error) MUST_CHECK;
void start(const char *setting); /* on 127.0.0.1:0, with one more MCPLEDGER_… variable or NULL */

int dial(void);
void send_all(int fd, const char *bytes, size_t len);
/* Reads until enough(answer), the end, or size; returns how much. */
size_t receive_until(int fd, char *to, size_t size, bool (*enough)(const char *text));
bool is_whole(const char *text); /* an answer with Content-Length, without NUL */

extern char answer[ANSWER_BYTES]; /* the last one */
const char *ask(const char *request);
const char *post(const char *path, const char *fields, const char *body);
const char *get(const char *path, const char *fields);
void assert_code(const char *text, const char *code);

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, clean, stop)

#endif
