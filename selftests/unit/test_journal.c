/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's native protocol, towards a journal of this test. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/journal.h"
#include "tap.h"

static char folder[] = "/tmp/sluice-journal-XXXXXX";
static char path[64];

static int serve(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(path, sizeof(path), "%s/socket", folder);
	memcpy(sun.sun_path, path, sizeof(path));
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return -1;
	return fd;
}

static void test_records(int server)
{
	struct journal_record r = { .priority = 4, .message = "[9c41] BYE",
				    .call = "9c41" };
	static char got[16384], text[10000];
	int fd = journal_open(path);
	ssize_t n;

	CHECK(fd >= 0, "journal_there_is_opened");
	CHECK_INT(journal_send(fd, &r), 0, "record_is_sent");
	n = recv(server, got, sizeof(got) - 1, 0);
	got[n < 0 ? 0 : n] = '\0';
	CHECK_STR(got, "MESSAGE=[9c41] BYE\nPRIORITY=4\n"
		  "SYSLOG_IDENTIFIER=sluiced\nSLUICE_CALL=9c41\n",
		  "record_has_its_fields");
	r.call = NULL;
	r.event = "call-ended";
	r.message_id = "b3d2e7c8154f4d0fa6c90b1e8d5f7a42";
	journal_send(fd, &r);
	n = recv(server, got, sizeof(got) - 1, 0);
	got[n < 0 ? 0 : n] = '\0';
	CHECK(strstr(got, "\nSLUICE_EVENT=call-ended\nMESSAGE_ID=b3d2e7c8") &&
	      !strstr(got, "SLUICE_CALL"), "record_of_an_event_has_its_id");
	memset(text, 'x', sizeof(text) - 1);
	r.message = text;
	CHECK(!journal_send(fd, &r) &&
	      recv(server, got, sizeof(got), 0) > 0 &&
	      !strncmp(got, "PRIORITY=4\n", 11),
	      "record_with_a_field_too_long_goes_without_it");
	close(fd);
	unlink(path);
	CHECK(journal_open(path) < 0, "journal_not_there_is_an_error");
	CHECK_INT(journal_open(text), -ENAMETOOLONG,
		  "journal_with_too_long_a_path_is_refused");
}

#define MORE_RECORDS	50	/* than it takes */

/* A journal whose disk hangs: its queue is full, nobody reads. */
static void test_stuck(int server)
{
	struct journal_record r = { .priority = 4, .message = "a line" };
	int fd = journal_open(path), err = 0, i;
	uint64_t since_ms;
	char got[256];

	for (i = 0; !err && i < 100000; i++)
		err = journal_send(fd, &r);
	CHECK_INT(err, -EAGAIN, "record_to_a_stuck_journal_is_lost");
	since_ms = clock_ms();
	for (i = 0; i < MORE_RECORDS; i++)
		journal_send(fd, &r);
	CHECK(clock_ms() - since_ms < MORE_RECORDS * 100 / 2,
	      "records_behind_it_are_not_waited_for");
	while (recv(server, got, sizeof(got), 0) > 0)
		;
	CHECK_INT(journal_send(fd, &r), 0,
		  "record_to_a_journal_that_reads_again_is_sent");
	close(fd);
}

static void test_behind(int fd)
{
	struct stat st;
	char stream[64];

	fstat(fd, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	CHECK(journal_is_behind(fd, stream), "stream_of_the_journal_is_found");
	CHECK(!journal_is_behind(fd, "0:0"), "stream_elsewhere_is_not");
	CHECK(!journal_is_behind(fd, "junk") && !journal_is_behind(fd, NULL),
	      "stream_not_named_is_not");
}

int main(void)
{
	int server;

	if (!mkdtemp(folder))
		return 1;
	server = serve();
	if (server < 0)
		return 1;
	test_records(server);
	close(server);
	server = serve();
	test_stuck(server);
	unlink(path);
	test_behind(server);
	close(server);
	rmdir(folder);
	return tap_done();
}
