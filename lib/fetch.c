#include "fetch.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "timestamp.h"

enum { TOKEN_BYTES_MAX = 4096 };

struct fetch {
	CURL *curl;
	char *base;          /* owned; "http://localhost" for a Unix socket */
	char *authorization; /* owned; the header, or NULL */
	char message[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
	assert(code == CURLE_OK);
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* The token is the file's first line; what could begin another header is refused. */
static enum status read_token(struct fetch *fetch, const char *file, struct error *error)
{
	static const char header[] = "Authorization: Bearer ";
	char line[TOKEN_BYTES_MAX];
	FILE *from = fopen(file, "re");
	if (from == NULL) {
		enum status status = errno == ENOENT ? STATUS_NOT_FOUND : errno == EACCES ? STATUS_DENIED : STATUS_IO;
		return error_set(error, status, "the token file %s can't be read: %s", file, strerror(errno));
	}
	char *got = fgets(line, sizeof(line), from);
	(void)fclose(from);
	size_t len = got ? strcspn(line, "\r\n") : 0;
	for (size_t i = 0; i < len; i++)
		if (line[i] <= ' ' || line[i] > '~')
			len = 0;
	if (len == 0)
		return error_set(error, STATUS_INVALID, "the token file %s holds no token", file);
	fetch->authorization = malloc(sizeof(header) + len);
	if (fetch->authorization == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	(void)snprintf(fetch->authorization, sizeof(header) + len, "%s%.*s", header, (int)len, line);
	return STATUS_OK;
}

static enum status set_base(struct fetch *fetch, const char *url, struct error *error)
{
	static const char unix_prefix[] = "unix:";
	bool is_unix = starts_with(url, unix_prefix);
	if (!is_unix && !starts_with(url, "http://") && !starts_with(url, "https://"))
		return error_set(
			error, STATUS_INVALID, "the address must be http://host:port, https://host:port or unix:/path");
	if (is_unix)
		curl_easy_setopt(fetch->curl, CURLOPT_UNIX_SOCKET_PATH, url + strlen(unix_prefix));
	fetch->base = strdup(is_unix ? "http://localhost" : url);
	if (fetch->base == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	for (size_t len = strlen(fetch->base); len > 0 && fetch->base[len - 1] == '/'; len--)
		fetch->base[len - 1] = 0;
	return STATUS_OK;
}

static void set_limits(struct fetch *fetch, const struct fetch_options *options)
{
	CURL *curl = fetch->curl;
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fetch->message);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "mcpledger/" MCPLEDGER_VERSION);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(options->connect_time_max_ns / NS_PER_MS));
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)(options->silence_time_max_ns / NS_PER_S));
}

enum status fetch_open(struct fetch **fetch, const struct fetch_options *options, struct error *error)
{
	pthread_once(&once, start_curl);
	struct fetch *made = calloc(1, sizeof(*made));
	if (made)
		made->curl = curl_easy_init();
	if (made == NULL || made->curl == NULL) {
		free(made);
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	}
	enum status status = set_base(made, options->url, error);
	if (status == STATUS_OK && options->token_file)
		status = read_token(made, options->token_file, error);
	if (status != STATUS_OK) {
		fetch_close(&made);
		return status;
	}
	set_limits(made, options);
	*fetch = made;
	return STATUS_OK;
}

void fetch_close(struct fetch **fetch)
{
	if (*fetch == NULL)
		return;
	curl_easy_cleanup((*fetch)->curl);
	free((*fetch)->base);
	if ((*fetch)->authorization)
		explicit_bzero((*fetch)->authorization, strlen((*fetch)->authorization));
	free((*fetch)->authorization);
	free(*fetch);
	*fetch = NULL;
}

/* --- one request --- */

struct request {
	struct fetch *fetch;
	fetch_take *take;
	void *context;
	enum status status; /* of take */
};

static size_t take_piece(char *bytes, size_t size, size_t count, void *context)
{
	struct request *request = context;
	long http_status = 0;
	curl_easy_getinfo(request->fetch->curl, CURLINFO_RESPONSE_CODE, &http_status);
	request->status = request->take(request->context, (unsigned)http_status, (struct text){bytes, size * count});
	return request->status == STATUS_OK ? size * count : 0;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *header, bool *failed)
{
	struct curl_slist *more = header ? curl_slist_append(headers, header) : headers;
	*failed = *failed || (header && more == NULL);
	return more ? more : headers;
}

static enum status perform(struct request *request, const char *path, struct curl_slist *headers, struct error *error)
{
	struct fetch *fetch = request->fetch;
	CURL *curl = fetch->curl;
	char *url = NULL;
	if (asprintf(&url, "%s%s", fetch->base, path) < 0)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	fetch->message[0] = 0;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_piece);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, request);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	free(url);
	if (request->status != STATUS_OK)
		return request->status;
	if (code != CURLE_OK)
		return error_set(error, STATUS_IO, "%s: %s", fetch->base,
			fetch->message[0] ? fetch->message : curl_easy_strerror(code));
	return STATUS_OK;
}

static enum status keep_piece(void *context, unsigned http_status, struct text piece)
{
	struct buf *body = context;
	(void)http_status;
	buf_put_text(body, piece);
	return buf_status(body);
}

static void set_body(struct fetch *fetch, struct text body)
{
	curl_easy_setopt(fetch->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(fetch->curl, CURLOPT_POSTFIELDS, body.len > 0 ? body.at : "");
	curl_easy_setopt(fetch->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
}

enum status fetch_post(struct fetch *fetch, const char *path, const char *content_type, struct text body,
	struct fetch_answer *answer, struct error *error)
{
	char type[128];
	bool failed = false;
	struct request request = {.fetch = fetch, .take = keep_piece, .context = &answer->body};
	(void)snprintf(type, sizeof(type), "Content-Type: %s", content_type);
	struct curl_slist *headers = add_header(NULL, type, &failed);
	headers = add_header(headers, "Expect:", &failed);
	headers = add_header(headers, fetch->authorization, &failed);
	buf_clear(&answer->body);
	set_body(fetch, body);
	enum status status = failed ? error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY))
				    : perform(&request, path, headers, error);
	curl_slist_free_all(headers);
	if (status == STATUS_OK) {
		long http_status = 0;
		curl_off_t retry_after_s = 0;
		curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &http_status);
		curl_easy_getinfo(fetch->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
		answer->http_status = (unsigned)http_status;
		answer->retry_after_s = retry_after_s > 0 && retry_after_s < 3600 ? (unsigned)retry_after_s : 0;
	}
	return status;
}

/* What comes is passed on piece by piece. */
static enum status take_answer(
	struct request *request, const char *path, const char *header, unsigned *http_status, struct error *error)
{
	struct fetch *fetch = request->fetch;
	bool failed = false;
	struct curl_slist *headers = add_header(NULL, fetch->authorization, &failed);
	headers = add_header(headers, header, &failed);
	enum status status = failed ? error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY))
				    : perform(request, path, headers, error);
	curl_slist_free_all(headers);
	if (status == STATUS_OK) {
		long code = 0;
		curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &code);
		*http_status = (unsigned)code;
	}
	return status;
}

enum status fetch_get(struct fetch *fetch, const char *path, fetch_take *take, void *context, unsigned *http_status,
	struct error *error)
{
	struct request request = {.fetch = fetch, .take = take, .context = context};
	curl_easy_setopt(fetch->curl, CURLOPT_HTTPGET, 1L);
	return take_answer(&request, path, NULL, http_status, error);
}

enum status fetch_post_form(struct fetch *fetch, const struct fetch_form *form, fetch_take *take, void *context,
	unsigned *http_status, struct error *error)
{
	struct request request = {.fetch = fetch, .take = take, .context = context};
	set_body(fetch, form->fields); /* curl says itself that it is a form */
	return take_answer(&request, form->path, "Expect:", http_status, error);
}

void fetch_put_escaped(struct buf *out, struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			     strchr("-._~", c) != NULL;
		if (plain && c != 0)
			buf_put_byte(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}
