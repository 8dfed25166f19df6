/*
 * The threads that run routes, since a scan can take long and may block; and how an exchange sees its job (http_job.h).
 *
 * Jobs wait in one lane for each weight, so that expensive questions never keep cheap ones waiting: one thread takes light
 * ones only, and those that take as long as their client never have all of the others.
 */
#include "http_job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "priority.h"
#include "timestamp.h"

enum { WAITING_PER_THREAD_MAX = 16, LANES = HTTP_UNENDING + 1, GZIP_WORTH_BYTES = 1024 };

struct lane {
	struct http_job *waiting, **waiting_end;
	unsigned waiting_count, waiting_max;
	unsigned running, running_max;
};

struct http_queries {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct lane lanes[LANES];
	struct http_job *running;
	uint64_t arrivals;
	bool stopping;
	pthread_t *threads; /* the first one takes light jobs only */
	unsigned thread_count;
};

/* --- an exchange and its job --- */

static bool enqueue(struct http_queries *queries, struct http_job *job)
{
	struct lane *lane = &queries->lanes[job->weight];
	pthread_mutex_lock(&queries->lock);
	bool taken = !queries->stopping && lane->waiting_count < lane->waiting_max;
	if (taken) {
		http_job_hold(job);
		job->arrival = queries->arrivals++;
		*lane->waiting_end = job;
		lane->waiting_end = &job->next;
		lane->waiting_count++;
		pthread_cond_broadcast(&queries->work); /* not every thread takes every job */
	}
	pthread_mutex_unlock(&queries->lock);
	return taken;
}

void http_query_start(struct http_exchange *exchange)
{
	struct http_job *job = NULL;
	const char *why = NULL;
	enum status status = exchange->body.failed;
	if (status == STATUS_TOO_LARGE) {
		http_count_limit(exchange->server, HTTP_LIMIT_FORM);
		http_answer_problem(exchange, 413, "the body is longer than query.form_bytes_max");
		return;
	}
	if (status == STATUS_OK)
		status = http_job_create(&job, exchange, &why);
	if (status == STATUS_OK) {
		const struct http_route *route = job->entry->route;
		job->weight = route->weigh ? route->weigh(&job->request) : HTTP_WEIGHTY;
		if (enqueue(exchange->server->queries, job)) {
			exchange->job = job;
			return;
		}
		http_count_limit(exchange->server, HTTP_LIMIT_QUERIES);
		http_job_release(job);
	}
	if (status == STATUS_INVALID)
		http_answer_problem(exchange, 400, why);
	else
		http_answer_problem(exchange, 503, "too many queries are running (query.threads)");
}

/* With the job's lock held: a whole answer goes out packed where that is worth it. */
static void take_whole(struct http_job *job, struct http_answer *answer)
{
	struct text plain = {job->pipe.at + job->taken, job->pipe.len - job->taken};
	bool packs = job->takes_gzip && plain.len >= GZIP_WORTH_BYTES;
	answer->varies = true;
	answer->gzip = packs && codec_pack(plain, CODEC_GZIP, CODEC_FAST, &answer->body) == STATUS_OK;
	if (answer->gzip)
		return;
	buf_finish(&answer->body);
	answer->body = job->pipe;
	buf_init(&job->pipe, PIPE_BYTES);
}

bool http_query_finish(struct http_exchange *exchange)
{
	struct http_job *job = exchange->job;
	struct http_answer *answer = &exchange->answer;
	pthread_mutex_lock(&job->lock);
	bool ready = job->finished || job->streams;
	if (ready && !job->streams && job->failed) {
		http_answer_problem(exchange, 503, "the query was cancelled");
	} else if (ready) {
		answer->status = job->status;
		answer->content_type = job->content_type;
		answer->retry_after_s = job->status == 503 && job->account.limit == NULL;
		/* A HEAD is answered as a stream whose body is never asked for: its length is not known. */
		answer->streams = job->streams || job->head_only;
		answer->lasts = job->tail.is_one;
		if (!answer->streams)
			take_whole(job, answer);
	}
	pthread_mutex_unlock(&job->lock);
	return ready;
}

enum status http_query_read(struct http_exchange *exchange, char *to, size_t max, size_t *len, bool *end)
{
	struct http_job *job = exchange->job;
	pthread_mutex_lock(&job->lock);
	size_t held = job->pipe.len - job->taken;
	size_t n = held < max ? held : max;
	if (n) {
		memcpy(to, job->pipe.at + job->taken, n);
		job->taken += n;
		if (job->tail.is_one)
			http_tail_progress(job, n);
		else
			pthread_cond_signal(&job->room);
	}
	bool over = n == 0 && job->finished;
	bool whole = !job->failed;
	pthread_mutex_unlock(&job->lock);
	if (over && !whole)
		return STATUS_CANCELLED;
	*len = n;
	*end = over;
	return STATUS_OK;
}

void http_query_detach(struct http_exchange *exchange)
{
	struct http_job *job = exchange->job;
	pthread_mutex_lock(&job->lock);
	job->gate = NULL;
	if (!job->finished)
		http_job_cancel(job);
	pthread_mutex_unlock(&job->lock);
	http_job_release(job);
	exchange->job = NULL;
}

/* --- the threads --- */

static void run(struct http_job *job, bool cancelled)
{
	const unsigned failure = cancelled ? 503 : 500;
	if (!cancelled)
		job->entry->route->handle(job->entry->route_context, &job->request, &job->response);
	if (job->status == 0)
		http_response_problem(
			&job->response, &(struct http_problem){.http_status = failure,
						.title = http_status_title(failure),
						.detail = cancelled ? "the collector is stopping" : NULL});
	if (job->entry->is_on_record && !cancelled)
		http_note_query(job, job->tail.is_one ? HTTP_PHASE_BEGIN : HTTP_PHASE_WHOLE);
	if (job->tail.is_one)
		http_tail_hand_over(job);
	else
		http_job_finish(job);
}

/* With the lock held: the lane of the job that came first, of those that may run now. */
static struct lane *choose_lane(struct http_queries *queries, bool only_light)
{
	struct lane *chosen = NULL;
	for (size_t i = 0; i < (only_light ? HTTP_LIGHT + 1 : LANES); i++) {
		struct lane *lane = &queries->lanes[i];
		if (lane->waiting == NULL || lane->running == lane->running_max)
			continue;
		if (chosen == NULL || lane->waiting->arrival < chosen->waiting->arrival)
			chosen = lane;
	}
	return chosen;
}

/* With the lock held: from the waiting to the running. */
static struct http_job *take_job(struct http_queries *queries, struct lane *lane)
{
	struct http_job *job = lane->waiting;
	lane->waiting = job->next;
	if (lane->waiting == NULL)
		lane->waiting_end = &lane->waiting;
	lane->waiting_count--;
	lane->running++;
	job->next = queries->running;
	queries->running = job;
	return job;
}

/* With the lock held. */
static void forget_job(struct http_queries *queries, struct lane *lane, struct http_job *job)
{
	struct http_job **at = &queries->running;
	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (lane->running-- == lane->running_max)
		pthread_cond_broadcast(&queries->work); /* the lane is open again */
}

static void serve(struct http_queries *queries, bool only_light)
{
	pthread_mutex_lock(&queries->lock);
	for (;;) {
		struct lane *lane = choose_lane(queries, only_light);
		if (lane == NULL && queries->stopping)
			break;
		if (lane == NULL) {
			pthread_cond_wait(&queries->work, &queries->lock);
			continue;
		}
		struct http_job *job = take_job(queries, lane);
		bool cancelled = queries->stopping;
		pthread_mutex_unlock(&queries->lock);
		run(job, cancelled);
		pthread_mutex_lock(&queries->lock);
		forget_job(queries, lane, job);
		http_job_release(job);
	}
	pthread_mutex_unlock(&queries->lock);
}

static void *serve_light(void *context)
{
	serve(context, true);
	return NULL;
}

static void *serve_all(void *context)
{
	priority_give_way();
	serve(context, false);
	return NULL;
}

static void init_lanes(struct http_queries *queries, unsigned thread_count)
{
	const unsigned running_max[LANES] = {[HTTP_LIGHT] = thread_count + 1,
		[HTTP_WEIGHTY] = thread_count,
		[HTTP_UNENDING] = thread_count > 1 ? thread_count - 1 : 1};
	for (size_t i = 0; i < LANES; i++) {
		struct lane *lane = &queries->lanes[i];
		lane->waiting_end = &lane->waiting;
		lane->waiting_max = thread_count * WAITING_PER_THREAD_MAX;
		lane->running_max = running_max[i];
	}
}

enum status http_queries_create(struct http_server *server, unsigned thread_count)
{
	struct http_queries *queries = calloc(1, sizeof(*queries));
	if (queries == NULL)
		return STATUS_NO_MEMORY;
	unsigned wanted = thread_count + 1;
	queries->threads = calloc(wanted, sizeof(pthread_t));
	init_lanes(queries, thread_count);
	pthread_mutex_init(&queries->lock, NULL);
	pthread_cond_init(&queries->work, NULL);
	server->queries = queries;
	while (queries->threads && queries->thread_count < wanted &&
		pthread_create(&queries->threads[queries->thread_count], NULL,
			queries->thread_count == 0 ? serve_light : serve_all, queries) == 0)
		queries->thread_count++;
	return queries->thread_count == wanted ? STATUS_OK : STATUS_NO_MEMORY;
}

void http_queries_cancel(struct http_server *server)
{
	struct http_queries *queries = server->queries;
	pthread_mutex_lock(&queries->lock);
	queries->stopping = true;
	for (struct http_job *job = queries->running; job; job = job->next) {
		pthread_mutex_lock(&job->lock);
		http_job_cancel(job);
		pthread_mutex_unlock(&job->lock);
	}
	pthread_cond_broadcast(&queries->work);
	pthread_mutex_unlock(&queries->lock);
}

void http_queries_join(struct http_server *server)
{
	struct http_queries *queries = server->queries;
	http_queries_cancel(server);
	while (queries->thread_count)
		pthread_join(queries->threads[--queries->thread_count], NULL);
}

void http_queries_destroy(struct http_server *server)
{
	struct http_queries *queries = server->queries;
	if (queries == NULL)
		return;
	http_queries_join(server);
	pthread_cond_destroy(&queries->work);
	pthread_mutex_destroy(&queries->lock);
	free(queries->threads);
	free(queries);
	server->queries = NULL;
}

void http_queries_tick(struct http_server *server)
{
	struct http_queries *queries = server->queries;
	pthread_mutex_lock(&queries->lock);
	for (struct http_job *job = queries->running; job; job = job->next) {
		pthread_mutex_lock(&job->lock);
		if (http_job_client_left(job)) {
			http_job_cancel(job);
		} else if (job->pipe.len > job->taken) {
			job->streams = true;
			http_job_wake(job);
		}
		pthread_mutex_unlock(&job->lock);
	}
	pthread_mutex_unlock(&queries->lock);
}
