/*
 * fuzz - one target for each kind of hostile bytes.  A target is LLVMFuzzerTestOneInput in fuzz_NAME.c; what it must
 * never do is crash, hang, leak or fail an assertion.  `./dev fuzz` runs it under libFuzzer; `./dev test` runs replay.c,
 * which feeds it tests/fuzz/seeds/NAME and mutations of them.
 */
#ifndef MCPLEDGER_TESTS_FUZZ_H
#define MCPLEDGER_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
