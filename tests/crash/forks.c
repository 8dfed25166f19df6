/*
 * forks - preloaded into a program that a test runs a hundred thousand times: it is loaded and linked once, stops before
 * main, and forks whenever it is told to.  The child is then the program as it is, from main on.
 *
 * CRASH_FORKS="IN OUT": numbers of pipes.  For each byte read from IN a child runs, with its standard output and error in
 * the files CRASH_FORKS_OUT and CRASH_FORKS_ERR; its wait status is written to OUT, 4 bytes.  A child that runs for
 * longer than CHILD_SECONDS_MAX ends by SIGALRM.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_SECONDS_MAX = 30 };

static void redirect(int fd, const char *variable)
{
	const char *path = getenv(variable);
	int file = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	if (file < 0 || dup2(file, fd) < 0)
		_exit(127);
	(void)close(file);
}

/* Libraries that are torn down take longer than what the program does. */
static void leave(int status, void *unused)
{
	(void)unused;
	(void)fflush(NULL);
	_exit(status);
}

static void serve(int in, int out)
{
	char byte = 0;
	while (read(in, &byte, 1) == 1) {
		int32_t status = -1;
		pid_t child = fork();
		if (child == 0) {
			redirect(STDOUT_FILENO, "CRASH_FORKS_OUT");
			redirect(STDERR_FILENO, "CRASH_FORKS_ERR");
			(void)close(in);
			(void)close(out);
			(void)alarm(CHILD_SECONDS_MAX);
			(void)on_exit(leave, NULL);
			return;
		}
		if (child < 0 || waitpid(child, &status, 0) != child || write(out, &status, 4) != 4)
			break;
	}
	_exit(0);
}

__attribute__((constructor)) static void begin(void)
{
	const char *pipes = getenv("CRASH_FORKS");
	if (pipes == NULL)
		return;
	char *end = NULL;
	long in = strtol(pipes, &end, 10);
	long out = strtol(end, NULL, 10);
	(void)unsetenv("LD_PRELOAD");
	serve((int)in, (int)out);
}
