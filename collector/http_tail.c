/*
 * Tails: responses without end (http_api.h).  One thread feeds all of them, so that a thousand cost one thread; each has
 * a bounded pipe, so that a client that does not read costs what fits into it and nothing more.
 *
 * Of query.tail_bytes_max one half is shared out evenly: what fits into its share, a tail always gets.  The other half is a
 * pool for events longer than a share, which a tail gets when its pipe is empty.  The socket's send buffer is kept small:
 * the kernel would else hold megabytes for each client that does not read.
 *
 *   handler   http_tail_begin, http_tail_hand_over     into the list; fed from now on
 *   feeding   http_tail_put, then http_tail_end
 *   watching  http_tails_tick                          finds those that are over; lets go of those ended
 *
 * Locks: tails' lock, then a job's, then wake_lock.
 */
#include "http_job.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "priority.h"
#include "timestamp.h"

enum { FEED_MS = 200, FEED_PAUSE_MS = 5, SEND_BUFFER_BYTES = 64 * 1024, SHARE_BYTES_MIN = 4096 };
#define END_TIME_MAX NS_PER_S /* to take the rest, once a tail was ended */

struct http_tails {
	pthread_mutex_t lock;  /* guards what is below */
	struct http_job *list; /* each is held */
	unsigned count, count_max;
	unsigned unended;
	bool stopping;

	uint64_t share_bytes, pool_bytes_max;
	int64_t stall_time_max;
	_Atomic uint64_t pool_bytes; /* in use */

	pthread_mutex_t wake_lock;
	pthread_cond_t wake;
	bool woken;

	pthread_t thread;
	bool runs;
};

static void wake_feeder(struct http_tails *tails)
{
	pthread_mutex_lock(&tails->wake_lock);
	tails->woken = true;
	pthread_cond_signal(&tails->wake);
	pthread_mutex_unlock(&tails->wake_lock);
}

/* --- one tail --- */

enum status http_tail_begin(struct http_response *response, const char *content_type)
{
	struct http_job *job = response->job;
	struct http_tails *tails = job->server->tails;
	if (job->head_only)
		return STATUS_CANCELLED;
	pthread_mutex_lock(&tails->lock);
	enum status status = tails->stopping                    ? STATUS_CANCELLED
			     : tails->count == tails->count_max ? STATUS_BUSY
								: STATUS_OK;
	if (status == STATUS_OK) {
		http_job_hold(job);
		job->next_tail = tails->list;
		tails->list = job;
		tails->count++;
		tails->unended++;
	}
	pthread_mutex_unlock(&tails->lock);
	if (status == STATUS_BUSY)
		http_count_limit(job->server, HTTP_LIMIT_TAILS);
	if (status != STATUS_OK)
		return status;
	http_response_begin(response, 200, content_type);
	pthread_mutex_lock(&job->lock);
	job->tail.is_one = true;
	job->tail.progress_at = timestamp_elapsed();
	job->pipe.max = tails->share_bytes + tails->pool_bytes_max;
	int bytes = SEND_BUFFER_BYTES;
	if (job->gate)
		(void)setsockopt(job->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	pthread_mutex_unlock(&job->lock);
	return STATUS_OK;
}

void http_tail_hand_over(struct http_job *job)
{
	pthread_mutex_lock(&job->lock);
	job->tail.is_fed = true;
	job->streams = true;
	http_job_wake(job);
	pthread_mutex_unlock(&job->lock);
	wake_feeder(job->server->tails);
}

static bool take_of_pool(struct http_tails *tails, uint64_t bytes)
{
	uint64_t used = atomic_load(&tails->pool_bytes);
	do {
		if (bytes > tails->pool_bytes_max - used)
			return false;
	} while (!atomic_compare_exchange_weak(&tails->pool_bytes, &used, used + bytes));
	return true;
}

/* With the job's lock held. */
static void give_to_pool(struct http_job *job)
{
	atomic_fetch_sub(&job->server->tails->pool_bytes, job->tail.pool_bytes);
	job->tail.pool_bytes = 0;
}

/* With the job's lock held. */
static bool fits_share(const struct http_job *job, size_t len)
{
	return job->pipe.len - job->taken + len <= job->server->tails->share_bytes;
}

/* With the job's lock held. */
static bool has_room(struct http_job *job, size_t len)
{
	struct http_tails *tails = job->server->tails;
	size_t held = job->pipe.len - job->taken;
	if (fits_share(job, len))
		return true;
	if (held > 0 || !take_of_pool(tails, len))
		return false;
	job->tail.pool_bytes = len;
	return true;
}

/* With the job's lock held. */
static void append(struct http_job *job, struct text bytes)
{
	if (job->taken > 0) {
		job->pipe.len -= job->taken;
		memmove(job->pipe.at, job->pipe.at + job->taken, job->pipe.len);
		job->taken = 0;
	}
	if (job->pipe.len == 0)
		job->tail.progress_at = timestamp_elapsed();
	buf_put_text(&job->pipe, bytes);
	job->total += bytes.len;
	job->tail.lags = false;
	http_job_wake(job);
}

enum status http_tail_put(struct http_response *response, struct text bytes)
{
	struct http_job *job = response->job;
	struct http_tails *tails = job->server->tails;
	enum status status = STATUS_OK;
	if (bytes.len > tails->share_bytes && bytes.len > tails->pool_bytes_max)
		return STATUS_TOO_LARGE;
	pthread_mutex_lock(&job->lock);
	if (job->tail.is_over) {
		status = STATUS_CANCELLED;
	} else if (!job->tail.is_fed || !has_room(job, bytes.len)) {
		if (job->tail.is_fed && !job->tail.lags)
			http_count_limit(job->server, HTTP_LIMIT_TAIL_BYTES);
		job->tail.lags = true;
		status = STATUS_BUSY;
	} else {
		append(job, bytes);
		status = buf_status(&job->pipe);
	}
	pthread_mutex_unlock(&job->lock);
	return status;
}

bool http_tail_takes(const struct http_response *response, size_t len)
{
	struct http_job *job = response->job;
	const struct http_tails *tails = job->server->tails;
	pthread_mutex_lock(&job->lock);
	bool is_empty = job->pipe.len == job->taken;
	bool takes =
		fits_share(job, len) || (is_empty && len <= tails->pool_bytes_max - atomic_load(&tails->pool_bytes));
	takes = takes && job->tail.is_fed && !job->tail.is_over;
	pthread_mutex_unlock(&job->lock);
	return takes;
}

void http_tail_progress(struct http_job *job, size_t bytes)
{
	struct http_tails *tails = job->server->tails;
	size_t held = job->pipe.len - job->taken;
	if (bytes > 0)
		job->tail.progress_at = timestamp_elapsed();
	if (held == 0) {
		give_to_pool(job);
		job->taken = 0;
		if (job->pipe.capacity > 2 * tails->share_bytes) {
			size_t max = job->pipe.max;
			buf_finish(&job->pipe);
			buf_init(&job->pipe, max);
		} else {
			buf_clear(&job->pipe);
		}
	}
	if (job->tail.lags && held <= tails->share_bytes / 2)
		wake_feeder(tails);
}

bool http_tail_is_over(const struct http_response *response)
{
	struct http_job *job = response->job;
	pthread_mutex_lock(&job->lock);
	bool over = job->tail.is_over && job->tail.is_fed;
	pthread_mutex_unlock(&job->lock);
	return over;
}

void http_tail_end(struct http_response **response, const struct http_account *account)
{
	struct http_job *job = (*response)->job;
	struct http_tails *tails = job->server->tails;
	job->account = *account;
	http_note_query(job, HTTP_PHASE_END);
	pthread_mutex_lock(&job->lock);
	job->tail.is_over = true;
	job->tail.ended_at = timestamp_elapsed();
	job->finished = true;
	http_job_wake(job);
	pthread_mutex_unlock(&job->lock);
	pthread_mutex_lock(&tails->lock);
	tails->unended--;
	pthread_mutex_unlock(&tails->lock);
	*response = NULL;
}

/* --- watching --- */

/* With the job's lock held: nothing more is sent. */
static void cut(struct http_job *job)
{
	job->failed = true;
	if (job->gate)
		(void)shutdown(job->fd, SHUT_RDWR);
}

/* With the job's lock held. */
static bool is_stalled(const struct http_job *job, int64_t now)
{
	return job->pipe.len > job->taken && now - job->tail.progress_at > job->server->tails->stall_time_max;
}

/* true: let go of it. */
static bool look_after(struct http_job *job, const struct http_policy *policy, int64_t now)
{
	struct http_tail *tail = &job->tail;
	pthread_mutex_lock(&job->lock);
	bool was_over = tail->is_over;
	if (tail->is_fed && !was_over && is_stalled(job, now)) {
		http_count_limit(job->server, HTTP_LIMIT_TAIL_STALL);
		cut(job);
		tail->is_over = true;
	}
	if (http_job_client_left(job) || !http_job_is_allowed(job, policy))
		tail->is_over = true;
	if (job->gate == NULL)
		tail->is_over = true;
	if (tail->ended_at && now - tail->ended_at > END_TIME_MAX)
		cut(job);
	bool gone = tail->ended_at && job->gate == NULL;
	if (gone)
		give_to_pool(job);
	bool ends = tail->is_over && !was_over;
	pthread_mutex_unlock(&job->lock);
	if (ends)
		wake_feeder(job->server->tails);
	return gone;
}

void http_tails_tick(struct http_server *server)
{
	struct http_tails *tails = server->tails;
	struct http_policy *policy = http_server_policy(server);
	int64_t now = timestamp_elapsed();
	pthread_mutex_lock(&tails->lock);
	for (struct http_job **at = &tails->list; *at;) {
		struct http_job *job = *at;
		if (!look_after(job, policy, now)) {
			at = &job->next_tail;
			continue;
		}
		*at = job->next_tail;
		tails->count--;
		http_job_release(job);
	}
	pthread_mutex_unlock(&tails->lock);
	http_policy_release(&policy);
}

/* --- the feeding thread --- */

/* Waits until there is something to do; false: all tails were ended, and no more come. */
static bool wait_for_work(struct http_tails *tails)
{
	const struct timespec pause = {.tv_nsec = FEED_PAUSE_MS * NS_PER_MS};
	struct timespec until;
	(void)nanosleep(&pause, NULL); /* many clients that read fast are fed together */
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += FEED_MS * NS_PER_MS;
	until.tv_sec += until.tv_nsec / NS_PER_S;
	until.tv_nsec %= NS_PER_S;
	pthread_mutex_lock(&tails->wake_lock);
	while (!tails->woken && pthread_cond_timedwait(&tails->wake, &tails->wake_lock, &until) == 0)
		;
	tails->woken = false;
	pthread_mutex_unlock(&tails->wake_lock);
	pthread_mutex_lock(&tails->lock);
	bool over = tails->stopping && tails->unended == 0;
	pthread_mutex_unlock(&tails->lock);
	return !over;
}

static void *feed(void *context)
{
	struct http_server *server = context;
	priority_give_way();
	while (wait_for_work(server->tails))
		if (server->options.feed)
			server->options.feed(server->options.route_context);
	return NULL;
}

static double count_tails(void *context)
{
	struct http_tails *tails = context;
	pthread_mutex_lock(&tails->lock);
	unsigned count = tails->count;
	pthread_mutex_unlock(&tails->lock);
	return count;
}

static void add_metric(struct http_server *server)
{
	static const struct metric_info info = {
		.type = METRIC_GAUGE,
		.name = "mcpledger_http_tails",
		.help = "Clients that follow events (GET /api/v1/tail).",
	};
	server->tails_open = metric_series_get(metric_family_add(server->options.registry, &info), NULL);
	metric_series_compute(server->tails_open, count_tails, server->tails);
}

enum status http_tails_create(struct http_server *server, const struct conf *conf)
{
	struct http_tails *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->count_max = (unsigned)conf->query_tails_max;
	made->stall_time_max = conf->query_tail_stall_time_max;
	made->share_bytes = conf->query_tail_bytes_max / 2 / conf->query_tails_max;
	if (made->share_bytes < SHARE_BYTES_MIN)
		made->share_bytes = SHARE_BYTES_MIN;
	made->pool_bytes_max = conf->query_tail_bytes_max / 2;
	pthread_mutex_init(&made->lock, NULL);
	pthread_mutex_init(&made->wake_lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&made->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	server->tails = made;
	add_metric(server);
	made->runs = pthread_create(&made->thread, NULL, feed, server) == 0;
	return made->runs ? STATUS_OK : STATUS_NO_MEMORY;
}

void http_tails_stop(struct http_server *server)
{
	struct http_tails *tails = server->tails;
	pthread_mutex_lock(&tails->lock);
	tails->stopping = true;
	for (struct http_job *job = tails->list; job; job = job->next_tail) {
		pthread_mutex_lock(&job->lock);
		job->tail.is_over = true;
		pthread_mutex_unlock(&job->lock);
	}
	pthread_mutex_unlock(&tails->lock);
	wake_feeder(tails);
}

void http_tails_join(struct http_server *server)
{
	struct http_tails *tails = server->tails;
	http_tails_stop(server);
	if (tails->runs)
		pthread_join(tails->thread, NULL);
	tails->runs = false;
}

void http_tails_destroy(struct http_server *server)
{
	struct http_tails *tails = server->tails;
	if (tails == NULL)
		return;
	http_tails_join(server);
	metric_series_compute(server->tails_open, NULL, NULL);
	while (tails->list) {
		struct http_job *job = tails->list;
		tails->list = job->next_tail;
		http_job_release(job);
	}
	pthread_cond_destroy(&tails->wake);
	pthread_mutex_destroy(&tails->wake_lock);
	pthread_mutex_destroy(&tails->lock);
	free(tails);
	server->tails = NULL;
}
