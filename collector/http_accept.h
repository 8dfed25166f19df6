/*
 * http_accept - what a client can read, from its Accept and Accept-Encoding fields (RFC 9110, 12.5).  Any thread.
 */
#ifndef MCPLEDGER_HTTP_ACCEPT_H
#define MCPLEDGER_HTTP_ACCEPT_H

#include "http_head.h"
#include "metric.h"

/*
 * OpenMetrics where the client names it (version 1.0.0, or none) and likes it as well as text/plain or better; else the
 * text format, also for who accepts neither: a scraper that errs in its fields is better served than refused.
 */
enum metric_format http_accept_metrics(const struct http_head *head);
bool http_accept_gzip(const struct http_head *head);

#endif
