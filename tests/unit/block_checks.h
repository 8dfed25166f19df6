/* block_checks - checks that fit a changed image, as one who can write the store would make them fit. */
#ifndef MCPLEDGER_TESTS_BLOCK_CHECKS_H
#define MCPLEDGER_TESTS_BLOCK_CHECKS_H

#include <stddef.h>

/*
 * Sets the check of each column and that of the directory to what the image (lib/block/image.h) now holds, as far as
 * its directory can still be read.  Nothing is done to less than a header.
 */
void checks_fit(char *image, size_t len);

#endif
