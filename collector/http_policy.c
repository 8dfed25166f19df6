#include "http_policy.h"

#include <stdlib.h>

#include "http_head.h"

static void destroy(struct http_policy *policy)
{
	for (size_t i = 0; i < policy->hosts.count; i++)
		free(policy->hosts.items[i]);
	free(policy->hosts.items);
	tokens_destroy(&policy->tokens);
	free(policy);
}

static enum status copy_hosts(struct http_policy *policy, const struct conf_list *hosts)
{
	if (hosts->count == 0)
		return STATUS_OK;
	policy->hosts.items = calloc(hosts->count, sizeof(char *));
	if (policy->hosts.items == NULL)
		return STATUS_NO_MEMORY;
	for (; policy->hosts.count < hosts->count; policy->hosts.count++) {
		char *copy = strdup(hosts->items[policy->hosts.count]);
		if (copy == NULL)
			return STATUS_NO_MEMORY;
		policy->hosts.items[policy->hosts.count] = copy;
	}
	return STATUS_OK;
}

enum status http_policy_create(struct http_policy **policy, const struct conf *conf, struct error *error)
{
	struct http_policy *made = calloc(1, sizeof(*made));
	if (made == NULL || copy_hosts(made, &conf->http_hosts) != STATUS_OK) {
		if (made)
			destroy(made);
		return error_set(error, STATUS_NO_MEMORY, "http: out of memory");
	}
	struct error why = {0};
	enum status status =
		conf->http_tokens_file[0] ? tokens_load(&made->tokens, conf->http_tokens_file, &why) : STATUS_OK;
	if (status != STATUS_OK) {
		destroy(made);
		if (why.line)
			return error_set(error, status, "http.tokens_file: %s, line %u: %s", conf->http_tokens_file,
				why.line, why.text);
		return error_set(error, status, "http.tokens_file: %s", why.text);
	}
	atomic_init(&made->holders, 1);
	*policy = made;
	return STATUS_OK;
}

void http_policy_hold(struct http_policy *policy)
{
	atomic_fetch_add_explicit(&policy->holders, 1, memory_order_relaxed);
}

void http_policy_release(struct http_policy **policy)
{
	if (*policy && atomic_fetch_sub_explicit(&(*policy)->holders, 1, memory_order_acq_rel) == 1)
		destroy(*policy);
	*policy = NULL;
}

const struct token *http_policy_caller(const struct http_policy *policy, struct text authorization)
{
	struct text scheme = TEXT("Bearer ");
	if (authorization.len <= scheme.len || !http_text_same((struct text){authorization.at, scheme.len}, scheme))
		return NULL;
	struct text token = {authorization.at + scheme.len, authorization.len - scheme.len};
	while (token.len && token.at[0] == ' ') {
		token.at++;
		token.len--;
	}
	while (token.len && (token.at[token.len - 1] == ' ' || token.at[token.len - 1] == '\t'))
		token.len--;
	return tokens_find(policy->tokens, token);
}
