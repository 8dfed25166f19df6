/*
 * http_policy - what a reload can change: tokens and host names.  A request holds the policy it began with.
 */
#ifndef MCPLEDGER_HTTP_POLICY_H
#define MCPLEDGER_HTTP_POLICY_H

#include <stdatomic.h>

#include "conf.h"
#include "tokens.h"

struct http_policy {
	_Atomic unsigned holders;
	struct tokens *tokens; /* NULL: no authentication is asked for */
	struct conf_list hosts;
};

/* Reads http.tokens_file and http.hosts of conf; held once. */
enum status http_policy_create(struct http_policy **policy, const struct conf *conf, struct error *error) MUST_CHECK;
void http_policy_hold(struct http_policy *policy);
void http_policy_release(struct http_policy **policy);

/* Who sends this Authorization field; NULL: nobody that is known. */
const struct token *http_policy_caller(const struct http_policy *policy, struct text authorization);

#endif
