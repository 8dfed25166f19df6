#include "http_guard.h"

#include <arpa/inet.h>

struct text http_head_field(const struct http_head *head, const char *name, size_t *count)
{
	struct text found = {NULL, 0};
	size_t n = 0;
	for (size_t i = 0; i < head->field_count; i++)
		if (http_text_same(head->fields[i].name, text_of(name)) && n++ == 0)
			found = head->fields[i].value;
	if (count)
		*count = n;
	return found;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool http_text_same(struct text a, struct text b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	return true;
}

static int hex_digit(char c)
{
	char l = lower(c);
	return l >= '0' && l <= '9' ? l - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

enum status http_unescape(struct text text, struct arena *arena, struct text *plain)
{
	char *to = arena_alloc(arena, text.len + 1);
	if (to == NULL)
		return STATUS_NO_MEMORY;
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] != '%') {
			to[len++] = text.at[i];
			continue;
		}
		if (text.len - i < 3 || hex_digit(text.at[i + 1]) < 0 || hex_digit(text.at[i + 2]) < 0)
			return STATUS_INVALID;
		to[len++] = (char)(hex_digit(text.at[i + 1]) * 16 + hex_digit(text.at[i + 2]));
		i += 2;
	}
	*plain = (struct text){to, len};
	return STATUS_OK;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		char l = lower(text.at[i]);
		bool letter_or_digit = (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9');
		if (!letter_or_digit && (l == 0 || strchr("!#$%&'*+-.^_`|~", l) == NULL))
			return false;
	}
	return text.len > 0;
}

static bool has_control(struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = (uint8_t)text.at[i];
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* libmicrohttpd leaves the white space before a colon in the name, and that behind a value in the value. */
static struct text trim_end(struct text text)
{
	while (text.len && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
		text.len--;
	return text;
}

static bool read_length(struct text digits, uint64_t *length)
{
	uint64_t n = 0;
	if (digits.len == 0 || digits.len > 18)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(digits.at[i] - '0');
	}
	*length = n;
	return true;
}

static const char *check_body(const struct http_head *head, struct http_framing *framing)
{
	size_t lengths = 0;
	size_t codings = 0;
	struct text length = http_head_field(head, "Content-Length", &lengths);
	struct text coding = trim_end(http_head_field(head, "Transfer-Encoding", &codings));
	if (lengths && codings)
		return "Content-Length and Transfer-Encoding exclude each other";
	if (lengths > 1)
		return "Content-Length stands more than once";
	if (codings > 1 || (codings && !http_text_same(coding, TEXT("chunked"))))
		return "the only transfer coding taken is chunked, once";
	if (codings && !head->is_http_1_1)
		return "Transfer-Encoding needs HTTP/1.1";
	if (lengths && !read_length(trim_end(length), &framing->length))
		return "Content-Length is not a number";
	framing->has_length = lengths == 1;
	framing->chunked = codings == 1;
	return NULL;
}

static const char *check_host(const struct http_head *head)
{
	size_t hosts = 0;
	struct text host = http_head_field(head, "Host", &hosts);
	if (hosts > 1)
		return "Host stands more than once";
	if (hosts == 0 && head->is_http_1_1)
		return "HTTP/1.1 needs a Host";
	for (size_t i = 0; i < host.len; i++)
		if (strchr(" \t,@/\\?#", host.at[i]))
			return "Host is not a name or address";
	return NULL;
}

const char *http_guard_framing(const struct http_head *head, struct http_framing *framing)
{
	struct http_framing found = {0};
	if (head->too_many)
		return "too many header fields or parameters";
	if (head->odd_lines)
		return "a line of the head is folded, holds a NUL or a stray space, or does not end with CR LF";
	if (head->path.len == 0 || head->path.at[0] != '/' || has_control(head->path))
		return "the request target is not a path";
	for (size_t i = 0; i < head->field_count; i++) {
		if (!is_token(head->fields[i].name))
			return "a header field's name holds a character that names can't have";
		if (has_control(head->fields[i].value))
			return "a header field holds a control character";
	}
	const char *why = check_host(head);
	if (why == NULL)
		why = check_body(head, &found);
	if (why)
		return why;
	size_t expects = 0;
	struct text expect = http_head_field(head, "Expect", &expects);
	if (expects && !http_text_same(expect, TEXT("100-continue")))
		return "the only expectation met is 100-continue";
	found.expects_continue = expects > 0;
	*framing = found;
	return NULL;
}

/* "name:port", "[v6]:port" -> name, v6. */
static struct text host_name(struct text host)
{
	const char *end = NULL;
	if (host.len && host.at[0] == '[') {
		end = memchr(host.at, ']', host.len);
		return end ? (struct text){host.at + 1, (size_t)(end - host.at) - 1} : (struct text){NULL, 0};
	}
	end = host.len ? memchr(host.at, ':', host.len) : NULL;
	return end ? (struct text){host.at, (size_t)(end - host.at)} : host;
}

static bool is_loopback(struct text name)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr v4;
	struct in6_addr v6;
	struct text suffix = TEXT(".localhost"); /* RFC 6761: never asked of DNS */
	if (http_text_same(name, TEXT("localhost")))
		return true;
	if (name.len > suffix.len && http_text_same((struct text){name.at + name.len - suffix.len, suffix.len}, suffix))
		return true;
	if (name.len == 0 || name.len >= sizeof(text))
		return false;
	memcpy(text, name.at, name.len);
	text[name.len] = 0;
	if (inet_pton(AF_INET, text, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool http_guard_host(struct text host, const struct conf_list *hosts)
{
	struct text name = host_name(host);
	if (is_loopback(name))
		return true;
	for (size_t i = 0; name.len && i < hosts->count; i++)
		if (http_text_same(name, text_of(hosts->items[i])) || http_text_same(host, text_of(hosts->items[i])))
			return true;
	return false;
}

bool http_guard_origin(const struct http_head *head)
{
	size_t origins = 0;
	struct text origin = http_head_field(head, "Origin", &origins);
	if (origins == 0)
		return true;
	struct text host = http_head_field(head, "Host", NULL);
	struct text schemes[] = {TEXT("http://"), TEXT("https://")};
	for (size_t i = 0; origins == 1 && host.len && i < 2; i++)
		if (origin.len == schemes[i].len + host.len &&
			http_text_same((struct text){origin.at, schemes[i].len}, schemes[i]) &&
			http_text_same((struct text){origin.at + schemes[i].len, host.len}, host))
			return true;
	return false;
}
