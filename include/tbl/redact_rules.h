/* Rules of the redaction that is always on: REDACT_RULE(NAME, "name", "what it takes away").  Append only. */
REDACT_RULE(HEADER, "header", "Authorization, Cookie, Set-Cookie and Mcp-Param-* header values")
REDACT_RULE(MEMBER, "member", "members named access_token, refresh_token, id_token, password, secret, token, api_key, …")
REDACT_RULE(OAUTH, "oauth", "OAuth state, code and code_verifier")
REDACT_RULE(BEARER, "bearer", "bearer tokens")
REDACT_RULE(PEM, "pem", "PEM private keys")
REDACT_RULE(JWT, "jwt", "JSON Web Tokens")
REDACT_RULE(KEY, "key", "well-known key shapes: AKIA…, ASIA…, gh?_…, xox…, sk-…")
REDACT_RULE(URL_USER, "url_user", "the password of scheme://user:password@")
