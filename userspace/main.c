/* SPDX-License-Identifier: Apache-2.0 */
/* sluiced: command line, background, exit codes. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf.h"
#include "core/log.h"
#include "daemon.h"

/* Options without a letter. */
enum { DISCARD_MEDIA = 256, KEEP_MEDIA };

struct options {
	const char *config;
	bool foreground;
	bool check;
	struct daemon_options daemon;
};

static void usage(FILE *to)
{
	fputs("usage: sluiced --config FILE [--foreground] [--check]\n"
	      "  -c, --config FILE   configuration (sluice.conf(5))\n"
	      "  -f, --foreground    stay in the foreground, log to stderr\n"
	      "  -n, --check         check the configuration and exit\n"
	      "      --discard-media end the calls that an earlier run left in\n"
	      "                      the kernel, instead of adopting them\n"
	      "      --keep-media    a stop leaves the calls to the next start\n"
	      "  -V, --version       print the version and exit\n", to);
}

/* 0, or the exit code plus one. */
static int parse_options(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "check", no_argument, NULL, 'n' },
		{ "discard-media", no_argument, NULL, DISCARD_MEDIA },
		{ "keep-media", no_argument, NULL, KEEP_MEDIA },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "c:fnVh", longs, NULL)) != -1) {
		switch (opt) {
		case 'c':
			ret->config = optarg;
			break;
		case 'f':
			ret->foreground = true;
			break;
		case 'n':
			ret->check = true;
			break;
		case DISCARD_MEDIA:
			ret->daemon.discard_media = true;
			break;
		case KEEP_MEDIA:
			ret->daemon.keep_media = true;
			break;
		case 'V':
			printf("sluiced %s\n", SLUICE_VERSION);
			return 1;
		case 'h':
			usage(stdout);
			return 1;
		default:
			usage(stderr);
			return 3;
		}
	}
	if (!ret->config || optind != argc) {
		usage(stderr);
		return 3;
	}
	return 0;
}

/*
 * Into the background before any thread exists. The parent stays until the
 * child says over the pipe that it serves, so that a failed start is seen.
 */
static int go_background(void)
{
	int pipe_fds[2];
	char byte;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	switch (fork()) {
	case -1:
		return -errno;
	case 0:
		close(pipe_fds[0]);
		setsid();
		return pipe_fds[1];
	default:
		close(pipe_fds[1]);
		_exit(read(pipe_fds[0], &byte, 1) == 1 ? 0 : 1);
	}
}

static void say_ready(int fd)
{
	int null;

	if (fd < 0)
		return;
	if (write(fd, "", 1) < 0)
		log_warn("nobody waits for the start, ignoring");
	close(fd);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
}

int main(int argc, char **argv)
{
	struct options opt = { 0 };
	struct daemon *d;
	struct conf *conf;
	int code, ready_fd = -1;

	code = parse_options(argc, argv, &opt);
	if (code)
		return code - 1;
	if (conf_load(opt.config, stderr, &conf))
		return 1;
	if (opt.check) {
		printf("%s: ok\n", opt.config);
		conf_free(conf);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	if (!opt.foreground) {
		ready_fd = go_background();
		if (ready_fd < 0) {
			log_err("cannot go to the background: %s",
				strerror(-ready_fd));
			return 1;
		}
	}
	if (daemon_start(conf, &opt.daemon, &d))
		return 1;
	say_ready(ready_fd);
	daemon_run(d);
	daemon_free(d);
	return 0;
}
