/*
 * mcpledgerd - the only place that joins all parts.  daemon_start is the map of the program: what is started first is
 * stopped last.
 *
 *   main      signals; reload; starts and stops the others
 *   writer    every change of the store (writer.h)
 *   sealer    tail chunks to blocks (sealer.h)
 *   udp       datagrams (udp.h)
 *   http …    connections, queries, deadlines (http.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "core.h"
#include "heap.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "query.h"
#include "store_dir.h"
#include "timestamp.h"
#include "udp.h"

enum { HEAP_KEPT_BYTES = 8 * 1024 * 1024 }; /* of each of its few arenas */

struct daemon {
	struct arguments arguments;
	struct conf conf;
	char store_dir[PATH_MAX];
	struct metric_registry *registry;
	struct core core;
	struct udp *udp;
	struct query_api *query;
	struct http_server *http;
	_Atomic int64_t drain_time_max; /* ns */
	pthread_mutex_t reload_lock;    /* a signal and POST /-/reload may come together */
};

static void say_error(const struct error *error)
{
	log_line(LOG_LEVEL_ERROR, error->text, NULL);
}

/* --- configuration --- */

static void log_warnings(const struct buf *warnings)
{
	const char *at = warnings->at;
	const char *end = at + warnings->len;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = newline ? (size_t)(newline - at) : (size_t)(end - at);
		char line[400];
		(void)snprintf(line, sizeof(line), "%.*s", (int)len, at);
		log_line(LOG_LEVEL_WARNING, line, NULL);
		at += len + 1;
	}
}

static enum status load_conf(const struct arguments *arguments, struct conf *conf, struct error *error)
{
	struct buf warnings;
	buf_init(&warnings, 64 * 1024);
	enum status status = conf_load(conf, arguments->conf_file, environ, &warnings, error);
	log_warnings(&warnings);
	buf_finish(&warnings);
	return status;
}

static void set_log_level(const struct conf *conf)
{
	enum log_level level = LOG_LEVEL_INFO;
	if (log_level_find(conf->log_level, &level) == STATUS_OK)
		log_set_level(level);
}

/* Puts a reload on record; restart: names of settings that need one, a line each. */
static void note_config_change(struct daemon *daemon, const struct buf *restart)
{
	struct buf detail;
	buf_init(&detail, 16 * 1024);
	buf_put_string(&detail, "{\"restart_needed\":[");
	const char *separator = "\"";
	for (size_t at = 0; at < restart->len;) {
		const char *newline = memchr(restart->at + at, '\n', restart->len - at);
		size_t len = newline ? (size_t)(newline - restart->at) - at : restart->len - at;
		buf_put_string(&detail, separator);
		buf_put(&detail, restart->at + at, len);
		separator = "\",\"";
		at += len + 1;
	}
	buf_put_string(&detail, restart->len ? "\"]}" : "]}");
	if (buf_status(&detail) == STATUS_OK)
		ingest_note(daemon->core.ingest, "config_change", buf_text(&detail));
	buf_finish(&detail);
}

static void set_query_limits(struct query_api *query, const struct conf *conf)
{
	query_api_set_limits(query, &(struct query_limits){.time_max_ns = conf->query_time_max,
					    .rows_max = conf->query_rows_max,
					    .bytes_max = conf->query_bytes_max});
}

/* All or nothing: what can fail comes before what changes something. */
static enum status take_over(struct daemon *daemon, const struct conf *wanted, struct error *error)
{
	enum status status = core_check(wanted, error);
	if (status == STATUS_OK && daemon->http)
		status = http_server_reload(daemon->http, wanted, error);
	if (status == STATUS_OK)
		status = core_reload(&daemon->core, wanted, error);
	if (status != STATUS_OK)
		return status;
	set_query_limits(daemon->query, wanted);
	atomic_store(&daemon->drain_time_max, wanted->lifecycle_drain_time_max);
	set_log_level(wanted);
	return STATUS_OK;
}

/* What SIGHUP does: a bad file keeps the settings there are. */
static enum status reload_locked(struct daemon *daemon, struct error *error)
{
	struct conf wanted = {0};
	enum status status = load_conf(&daemon->arguments, &wanted, error);
	if (status == STATUS_OK)
		status = take_over(daemon, &wanted, error);
	metric_set(daemon->core.metrics.reload_successful, status == STATUS_OK);
	if (status != STATUS_OK) {
		log_line(LOG_LEVEL_ERROR, "the configuration was not taken over", "reason", error->text, NULL);
		conf_finish(&wanted);
		return status;
	}
	metric_set(daemon->core.metrics.reload_time, (double)timestamp_now() / 1e9);
	struct buf restart;
	buf_init(&restart, 16 * 1024);
	conf_restart_needed(&restart, &daemon->conf, &wanted);
	note_config_change(daemon, &restart);
	buf_put_byte(&restart, 0);
	log_line(LOG_LEVEL_INFO, "the configuration was taken over", "restart_needed",
		restart.len > 1 ? restart.at : "no", NULL);
	buf_finish(&restart);
	conf_finish(&wanted);
	return STATUS_OK;
}

static enum status reload(void *context, struct error *error)
{
	struct daemon *daemon = context;
	pthread_mutex_lock(&daemon->reload_lock);
	enum status status = reload_locked(daemon, error);
	pthread_mutex_unlock(&daemon->reload_lock);
	return status;
}

/* --- start --- */

static bool is_ready(void *context, char reason[200])
{
	const struct daemon *daemon = context;
	return writer_is_ready(daemon->core.writer, reason);
}

static enum status start_http(struct daemon *daemon, struct error *error)
{
	struct http_server_options options = {
		.conf = &daemon->conf,
		.ingest = daemon->core.ingest,
		.budget = &daemon->core.budget,
		.registry = daemon->registry,
		.route_context = daemon->query,
		.feed = query_api_feed,
		.ready = is_ready,
		.reload = reload,
		.context = daemon,
	};
	options.route_count = query_api_routes(&options.routes);
	/* A reload may be asked for before this returns: it must find the server. */
	pthread_mutex_lock(&daemon->reload_lock);
	enum status status = http_server_create(&daemon->http, &options, error);
	pthread_mutex_unlock(&daemon->reload_lock);
	return status;
}

static enum status start_query(struct daemon *daemon, struct error *error)
{
	enum status status = query_api_create(&daemon->query, daemon->core.store);
	if (status != STATUS_OK)
		return error_set(error, status, "starting failed: %s", status_text(status));
	set_query_limits(daemon->query, &daemon->conf);
	return STATUS_OK;
}

static enum status daemon_start(struct daemon *daemon, struct error *error)
{
	const struct conf *conf = &daemon->conf;
	enum status status = store_dir_find(daemon->arguments.data_dir, conf->store_dir, daemon->store_dir, error);
	if (status != STATUS_OK)
		return status;
	status = metric_registry_create(&daemon->registry, conf->metrics_series_max);
	if (status != STATUS_OK)
		return error_set(error, status, "starting failed: %s", status_text(status));
	status = core_start(&daemon->core, conf, daemon->store_dir, daemon->registry, error);
	if (status == STATUS_OK)
		status = udp_start(&daemon->udp, daemon->core.ingest, conf, error);
	if (status == STATUS_OK)
		status = start_query(daemon, error);
	if (status == STATUS_OK)
		status = start_http(daemon, error);
	if (status != STATUS_OK)
		return status;
	status = metric_registry_status(daemon->registry);
	return status == STATUS_OK ? status : error_set(error, status, "starting failed: %s", status_text(status));
}

/* false: the stop was not clean. */
static bool daemon_stop(struct daemon *daemon)
{
	if (daemon->http)
		http_server_stop(daemon->http);
	udp_stop(&daemon->udp);
	if (daemon->http)
		http_server_destroy(&daemon->http, atomic_load(&daemon->drain_time_max) / 2);
	query_api_destroy(&daemon->query);
	bool clean = core_stop(&daemon->core);
	metric_registry_destroy(&daemon->registry);
	conf_finish(&daemon->conf);
	return clean;
}

static enum status put_address(FILE *file, const char *name, const char *address)
{
	/* Addresses are numbers, or a path that may hold a quote. */
	struct buf text;
	buf_init(&text, 4096);
	if (address)
		json_put_string(&text, text_of(address));
	else
		buf_put_string(&text, "null");
	(void)fprintf(file, ",\"%s\":%.*s", name, (int)text.len, text.at);
	enum status status = buf_status(&text);
	buf_finish(&text);
	return status;
}

/* Renamed into place, so that who waits for it never sees half of it. */
static enum status write_ready_file(const struct daemon *daemon, struct error *error)
{
	const char *path = daemon->arguments.ready_file;
	if (path == NULL)
		return STATUS_OK;
	char temporary[PATH_MAX];
	if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
		return error_set(error, STATUS_INVALID, "--ready-file: the path is too long");
	FILE *file = fopen(temporary, "we");
	if (file == NULL)
		return error_set(error, STATUS_IO, "%s: %s", temporary, strerror(errno));
	(void)fprintf(file, "{\"pid\":%d", (int)getpid());
	enum status status = put_address(file, "http", daemon->http ? http_server_address(daemon->http) : NULL);
	if (status == STATUS_OK)
		status = put_address(file, "udp", daemon->udp ? udp_address(daemon->udp) : NULL);
	if (status == STATUS_OK)
		status = put_address(file, "otlp", NULL);
	if (status == STATUS_OK)
		status = put_address(file, "otlp_grpc", NULL);
	(void)fprintf(file, "}\n");
	if (fclose(file) != 0 || (status == STATUS_OK && rename(temporary, path) != 0))
		return error_set(error, STATUS_IO, "%s: %s", path, strerror(errno));
	return status == STATUS_OK ? status : error_set(error, status, "%s: %s", path, status_text(status));
}

/* --- signals --- */

static const int watched[] = {SIGTERM, SIGINT, SIGHUP};

static sigset_t watched_set(void)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		sigaddset(&set, watched[i]);
	return set;
}

/* Before any thread is made, so that all of them inherit it. */
static void block_signals(void)
{
	sigset_t set = watched_set();
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static void end_at_once(int number)
{
	static const char too_late[] = "level=error msg=\"lifecycle.drain_time_max has passed: stopping at once\"\n";
	static const char again[] = "level=warning msg=\"a second signal: stopping at once\"\n";
	if (number == SIGALRM)
		(void)!write(STDERR_FILENO, too_late, sizeof(too_late) - 1);
	else
		(void)!write(STDERR_FILENO, again, sizeof(again) - 1);
	_exit(EXIT_FAILED); /* what was acknowledged is durable */
}

/* From now on a second signal, or too long a stop, ends the process. */
static void bound_the_stop(int64_t time_max)
{
	struct sigaction action = {.sa_handler = end_at_once};
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm((unsigned)((time_max + NS_PER_S - 1) / NS_PER_S));
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void run_until_signal(struct daemon *daemon)
{
	sigset_t set = watched_set();
	for (;;) {
		int number = 0;
		if (sigwait(&set, &number) != 0)
			continue;
		if (number != SIGHUP)
			break;
		struct error error;
		(void)!reload(daemon, &error);
	}
	log_line(LOG_LEVEL_INFO, "stopping", NULL);
}

/* --- the program --- */

static void harden(void)
{
	struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)umask(077);
}

static int print_conf(const struct conf *conf)
{
	struct buf text;
	buf_init(&text, 1024 * 1024);
	conf_print(&text, conf);
	bool ok = buf_status(&text) == STATUS_OK && fwrite(text.at, 1, text.len, stdout) == text.len &&
		  fflush(stdout) == 0;
	buf_finish(&text);
	return ok ? EXIT_OK : EXIT_FAILED;
}

static int run(struct daemon *daemon)
{
	struct error error = {.text = ""};
	enum status status = daemon_start(daemon, &error);
	if (status == STATUS_OK)
		status = write_ready_file(daemon, &error);
	if (status != STATUS_OK) {
		say_error(&error);
		(void)daemon_stop(daemon);
		return EXIT_FAILED;
	}
	log_line(LOG_LEVEL_INFO, "ready", "version", MCPLEDGER_VERSION, "store", daemon->store_dir, "http",
		daemon->http ? http_server_address(daemon->http) : "off", "udp",
		daemon->udp ? udp_address(daemon->udp) : "off", NULL);
	run_until_signal(daemon);
	bound_the_stop(atomic_load(&daemon->drain_time_max));
	if (daemon->arguments.ready_file)
		(void)unlink(daemon->arguments.ready_file);
	if (!daemon_stop(daemon)) {
		log_line(LOG_LEVEL_ERROR,
			"stopped, but the end could not be written; all that was acknowledged is stored", NULL);
		return EXIT_FAILED;
	}
	log_line(LOG_LEVEL_INFO, "stopped", NULL);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	static struct daemon daemon = {.reload_lock = PTHREAD_MUTEX_INITIALIZER};
	int code = arguments_parse(argc, argv, &daemon.arguments);
	if (code >= 0)
		return code;
	heap_keep(HEAP_KEPT_BYTES);
	harden();
	block_signals();
	log_start(LOG_LEVEL_INFO);
	struct error error;
	if (load_conf(&daemon.arguments, &daemon.conf, &error) != STATUS_OK) {
		say_error(&error);
		conf_finish(&daemon.conf);
		return EXIT_USE;
	}
	set_log_level(&daemon.conf);
	atomic_store(&daemon.drain_time_max, daemon.conf.lifecycle_drain_time_max);
	if (daemon.arguments.print_config || daemon.arguments.check_config) {
		code = daemon.arguments.print_config ? print_conf(&daemon.conf) : EXIT_OK;
		conf_finish(&daemon.conf);
		return code;
	}
	return run(&daemon);
}
