/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluicectl as an operator meets it: the program itself runs, in a pipe and on
 * a pseudo terminal, against a daemon that is a thread of this test.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define OUTPUT_BYTES	65536

static char dir[] = "/tmp/test_sluicectl.XXXXXX";
static char socket_path[64], program[512];

/* ---- the daemon ------------------------------------------------------ */

static const char call_list[] =
	"{\"schema\":1,\"ok\":true,\"time\":\"2026-11-22T10:01:56.411Z\","
	"\"calls\":["
	"{\"id\":\"9c41\",\"state\":\"up\",\"one_way\":true,\"age_ms\":192000,"
	"\"from\":\"sip:alice@example.org\",\"to\":\"sip:1004@198.51.100.1\","
	"\"codec\":\"opus\",\"web_to_sip_packets\":9600,"
	"\"sip_to_web_packets\":0,\"loss_percent\":0.0,\"jitter_ms\":3.1,"
	"\"path\":\"kernel\",\"path_reason\":\"\","
	"\"started\":\"2026-11-22T10:01:56.411Z\"},"
	"{\"id\":\"b207\",\"state\":\"up\",\"one_way\":false,"
	"\"age_ms\":90061000,"
	"\"from\":\"sip:\\u001b[31mevil\\tname@example.org\","
	"\"to\":\"sip:j\xc3\xb6rg.with.a.very.long.name.indeed@example.org\","
	"\"codec\":\"PCMU\",\"web_to_sip_packets\":100,"
	"\"sip_to_web_packets\":20000,\"loss_percent\":1.25,"
	"\"jitter_ms\":0.5,\"path\":\"user\",\"path_reason\":\"lo\"}]}\n";

static const struct {
	const char *request, *answer;
} answers[] = {
	{ "{\"command\":\"show calls\"}\n", call_list },
	{ "{\"command\":\"show call\",\"args\":{\"id\":\"9c\"}}\n",
	  "{\"schema\":1,\"ok\":true,\"call\":{\"id\":\"9c41\",\"legs\":["
	  "{\"side\":\"web\"},{\"side\":\"sip\"}],\"age_ms\":5}}\n" },
	{ "{\"command\":\"show call\",\"args\":{\"id\":\"zz\"}}\n",
	  "{\"schema\":1,\"ok\":false,\"code\":\"not-found\","
	  "\"error\":\"no call zz\"}\n" },
	{ "{\"command\":\"terminate call\",\"args\":{\"id\":\"9c41\"}}\n",
	  "{\"schema\":1,\"ok\":true,\"terminated\":\"9c41\"}\n" },
	{ "{\"command\":\"move call\",\"args\":{\"id\":\"9c41\","
	  "\"path\":\"user\"}}\n",
	  "{\"schema\":1,\"ok\":true,\"moved\":\"9c41\",\"path\":\"user\"}\n" },
	{ "{\"command\":\"status\"}\n",
	  "{\"schema\":1,\"ok\":true,\"code\":\"degraded\","
	  "\"version\":\"9.9\",\"uptime_s\":3661,\"config\":\"/c\","
	  "\"trunk\":{\"uri\":\"sip:pbx\",\"state\":\"down\","
	  "\"reason\":\"timeout\"},"
	  "\"warnings\":[\"pbx is down: timeout\"]}\n" },
	{ "{\"command\":\"reload\"}\n",
	  "{\"schema\":1,\"ok\":false,\"code\":\"refused\","
	  "\"error\":\"the configuration is not reloaded\","
	  "\"messages\":[\"/c:3: pbx is missing\"]}\n" },
	{ "{\"command\":\"trace\"}\n",
	  "{\"schema\":1,\"ok\":true,\"stream\":\"trace\"}\n"
	  "{\"time\":\"2026-11-22T10:01:56.411Z\",\"call\":\"9c41\","
	  "\"direction\":\"sent\",\"side\":\"sip\",\"peer\":\"198.51.100.10:"
	  "5060\",\"text\":\"BYE sip:x SIP/2.0\\r\\nCSeq: 2 \\u0007BYE\\r\\n"
	  "\\r\\n\"}\n" },
	{ "{\"command\":\"events\"}\n", "no json\n" },
};

/* A call that ends after it was shown once. */
static const char ending[] =
	"{\"command\":\"show call\",\"args\":{\"id\":\"ww\"}}\n";

static const char *ending_call(void)
{
	static bool was_shown;

	if (was_shown)
		return "{\"schema\":1,\"ok\":false,\"code\":\"not-found\","
		       "\"error\":\"no call ww\"}\n";
	was_shown = true;
	return "{\"schema\":1,\"ok\":true,\"call\":{\"id\":\"ww\"}}\n";
}

/* A counter that begins anew, and the end of it. */
static const char drops[] = "{\"command\":\"show drops\"}\n";

static const char *drops_anew(void)
{
	static const char *const texts[] = {
		"{\"schema\":1,\"ok\":true,\"drops\":[{\"side\":\"media\","
		"\"reason\":\"auth\",\"total\":100000}]}\n",
		"{\"schema\":1,\"ok\":true,\"drops\":[{\"side\":\"media\","
		"\"reason\":\"auth\",\"total\":5000}]}\n",
		"{\"schema\":1,\"ok\":false,\"code\":\"refused\"}\n",
	};
	static int at;

	return texts[at < 2 ? at++ : 2];
}

static void answer(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		perror("send");
}

static void serve(int fd)
{
	char request[512] = "";
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(request) - 1 && !strchr(request, '\n')) {
		n = read(fd, request + len, sizeof(request) - 1 - len);
		if (n <= 0)
			return;
		len += (size_t)n;
		request[len] = '\0';
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		if (!strcmp(request, answers[i].request))
			answer(fd, answers[i].answer);
	if (!strcmp(request, ending))
		answer(fd, ending_call());
	if (!strcmp(request, drops))
		answer(fd, drops_anew());
}

static void *daemon_thread(void *arg)
{
	int listener = *(int *)arg, fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		serve(fd);
		close(fd);
	}
	return NULL;
}

static int listen_at(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, path);
	if (bind(fd, (void *)&sun, sizeof(sun)) || listen(fd, 8)) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* ---- running the program --------------------------------------------- */

struct result {
	int code;
	char out[OUTPUT_BYTES], err[OUTPUT_BYTES];
};

static struct result result;

static void collect(int fd, char *text, size_t *len)
{
	ssize_t n = read(fd, text + *len, OUTPUT_BYTES - 1 - *len);

	if (n > 0) {
		*len += (size_t)n;
		text[*len] = '\0';
	}
}

static void drain(int out, int err)
{
	struct pollfd fds[2] = { { .fd = out, .events = POLLIN },
				 { .fd = err, .events = POLLIN } };
	size_t lens[2] = { 0 };
	char *texts[2] = { result.out, result.err };
	size_t before;

	result.out[0] = result.err[0] = '\0';
	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++) {
			if (!(fds[i].revents & (POLLIN | POLLHUP | POLLERR)))
				continue;
			before = lens[i];
			collect(fds[i].fd, texts[i], &lens[i]);
			if (lens[i] == before)
				fds[i].fd = -1;
		}
	}
}

static int open_terminal(int *ret_slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || grantpt(master) || unlockpt(master))
		return -1;
	*ret_slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return *ret_slave < 0 ? -1 : master;
}

/* Words are separated by blanks; "@" stands for the socket's path. */
static int run(const char *line, bool on_terminal)
{
	char copy[512], *args[16] = { program }, *rest = copy, *word;
	int out[2], err[2], count = 1, status;
	pid_t pid;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")) && count < 15)
		args[count++] = strcmp(word, "@") ? word : socket_path;
	if (on_terminal)
		out[0] = open_terminal(&out[1]);
	if ((!on_terminal && pipe2(out, O_CLOEXEC)) || out[0] < 0 ||
	    pipe2(err, O_CLOEXEC))
		exit(1);
	pid = fork();
	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		execv(program, args);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	drain(out[0], err[0]);
	close(out[0]);
	close(err[0]);
	waitpid(pid, &status, 0);
	result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return result.code;
}

static int piped(const char *line)
{
	return run(line, false);
}

/* ---- the tests ------------------------------------------------------- */

static void test_pipe(void)
{
	CHECK_INT(piped("-s @ show calls"), 0, "list_in_pipe_exits_0");
	CHECK(strstr(result.out, "call\tstate\tage\tfrom\tto\tcodec\tweb->sip\t"
		     "sip->web\tloss\tmos\tpath\n"),
	      "list_in_pipe_has_header_with_tabs");
	CHECK(strstr(result.out, "9c41\tup one-way\t00:03:12\talice\t1004\t"
		     "opus\t9600\t0\t0.0%\t-\tkernel\n"),
	      "list_in_pipe_has_row_with_tabs");
	CHECK(strstr(result.out, "b207\tup\t1d01h\t?[31mevil?name\t"
		     "j\xc3\xb6rg.with.a.very.long.name.indeed\t"),
	      "list_in_pipe_is_whole_and_harmless");
	piped("-s @ -H -o call,path show calls");
	CHECK_STR(result.out, "9c41\tkernel\nb207\tuser: lo\n",
		  "columns_are_chosen_header_left_out");
	piped("show calls -s @ -H -o call --sort -age");
	CHECK_STR(result.out, "b207\n9c41\n", "rows_are_sorted_downwards");
	piped("show calls -s @ -H -o call --sort web->sip -n 1");
	CHECK_STR(result.out, "b207\n", "rows_are_limited_after_sorting");
	piped("show calls -s @ -H -o started --utc -n 1");
	CHECK_STR(result.out, "2026-11-22T10:01:56.411Z\n", "time_utc_is_iso");
	piped("show calls -s @ -H -o started -n 1");
	CHECK_STR(result.out, "2026-11-22T12:01:56.411+0200\n",
		  "time_is_local_with_offset");
	CHECK_INT(piped("-s @ -o nope show calls"), 2,
		  "column_unknown_is_usage");
	CHECK(strstr(result.err, "no column \"nope\"; there are: call state"),
	      "column_unknown_lists_columns");
	CHECK_INT(piped("-j -s @ show calls"), 0, "json_exits_0");
	CHECK(!strncmp(result.out, "{\"schema\":1,", 12) &&
	      strstr(result.out, "\"jitter_ms\":3.1"),
	      "json_is_the_daemons_document");
}

static void test_terminal(void)
{
	int slave, master = open_terminal(&slave);
	char *line, *rest = result.out;
	bool is_narrow = true;

	if (master < 0) {
		tap_skip("list_on_terminal_is_aligned", "no pseudo terminal");
		return;
	}
	close(master);
	close(slave);
	setenv("COLUMNS", "80", 1);
	setenv("NO_COLOR", "1", 1);
	CHECK_INT(run("-s @ show calls", true), 0, "list_on_terminal_exits_0");
	CHECK(!strncmp(result.out, "CALL STATE      AGE      FROM", 29),
	      "list_on_terminal_is_aligned");
	CHECK(strstr(result.out, "~"), "list_on_terminal_is_cut");
	CHECK(!strchr(result.out, '\033'), "colour_with_no_color_is_off");
	while ((line = strsep(&rest, "\r"))) {
		unsigned int width = 0;

		for (line += *line == '\n'; *line; line++)
			width += (*line & 0xc0) != 0x80;
		is_narrow &= width <= 80;
	}
	CHECK(is_narrow, "list_on_terminal_stays_in_its_width");
	run("-s @ --color always show calls", true);
	CHECK(strstr(result.out, "\033[31mup one-way\033[0m"),
	      "colour_marks_the_state_word");
	setenv("COLUMNS", "200", 1);
	run("-s @ show calls", true);
	CHECK(!strncmp(result.out, "CALL  STATE       AGE       FROM", 32) &&
	      !strstr(result.out, "~") && strstr(result.out, "name.indeed"),
	      "list_on_wide_terminal_is_whole");
	CHECK_INT(run("-s @ status", true), 5, "status_degraded_exits_5");
	CHECK(strstr(result.out, "sluiced 9.9  up 01:01:01  config /c  DEGRADED"),
	      "status_degraded_says_so");
	CHECK(strstr(result.out, "sip:pbx down: timeout") &&
	      strstr(result.out, "! pbx is down: timeout"),
	      "status_names_the_reason");
}

static void test_verbs(void)
{
	char line[600];

	CHECK_INT(piped("-s @ show call 9c"), 0, "call_by_prefix_exits_0");
	CHECK(strstr(result.out, "id\t9c41\n") &&
	      strstr(result.out, "legs[1].side\tsip\n"), "call_is_shown_flat");
	CHECK_INT(piped("-s @ show call zz"), 4, "call_unknown_exits_4");
	CHECK_STR(result.err, "sluicectl: no call zz\n", "call_unknown_says_so");
	CHECK_INT(piped("-j -s @ show call zz"), 4,
		  "call_unknown_with_json_exits_4");
	CHECK(strstr(result.out, "\"code\":\"not-found\""),
	      "call_unknown_with_json_prints_it");
	CHECK_INT(piped("-s @ -w 1 show call ww"), 4,
		  "call_is_watched_to_its_end");
	CHECK(strstr(result.out, "id\tww\n"), "call_watched_is_shown");
	piped("-s @ -w 1 -H -o total show drops");
	CHECK(!strncmp(result.out, "100000\n", 7) && result.out[7] > '0' &&
	      strstr(result.out, "/s\n"),
	      "rate_of_a_counter_begun_anew_is_not_negative");
	CHECK_INT(piped("-s @ terminate call 9c41"), 0, "terminate_exits_0");
	CHECK_INT(piped("-s @ terminate 9c41"), 0,
		  "terminate_without_object_exits_0");
	CHECK_STR(result.out, "call 9c41 ends\n", "terminate_names_the_call");
	CHECK_INT(piped("-s @ move call 9c41 path=user"), 0, "move_exits_0");
	CHECK_STR(result.out, "call 9c41 moves to the user path\n",
		  "move_names_call_and_path");
	CHECK_INT(piped("-s @ move 9c41"), 2, "move_without_path_exits_2");
	CHECK_INT(piped("-s @ reload"), 1, "reload_refused_exits_1");
	CHECK(strstr(result.err, "/c:3: pbx is missing\n"),
	      "reload_refused_prints_messages");
	CHECK_INT(piped("-s @ --utc trace"), 0, "trace_until_daemon_leaves");
	CHECK_STR(result.out,
		  "2026-11-22T10:01:56.411Z [9c41] sent to 198.51.100.10:5060\n"
		  "    BYE sip:x SIP/2.0\n    CSeq: 2 ?BYE\n    \n    \n",
		  "trace_prints_message_harmlessly");
	CHECK_INT(piped("-s @ events"), 3, "answer_no_json_exits_3");
	snprintf(line, sizeof(line), "check %s/none", dir);
	CHECK_INT(piped(line), 1, "check_missing_file_exits_1");
	CHECK(strstr(result.err, "/none:1: No such file"),
	      "check_missing_file_says_so");
}

static void test_usage(void)
{
	static const char *const lines[] = { "", "fly", "show", "show planes",
		"show call", "status now", "terminate", "check",
		"show calls and more", "-n 0 show calls", "-n x show calls",
		"--color blue status", "--nope" };
	char name[96];

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		snprintf(name, sizeof(name), "usage_\"%s\"_exits_2", lines[i]);
		CHECK(piped(lines[i]) == 2 && result.err[0] && !result.out[0],
		      name);
	}
	CHECK_INT(piped("-s /nonexistent/x show calls"), 3,
		  "daemon_down_exits_3");
	CHECK(strstr(result.err, "/nonexistent/x: No such file") &&
	      strstr(result.err, "systemctl start sluice"),
	      "daemon_down_names_socket_and_what_to_do");
	CHECK(piped("--help") == 0 && strstr(result.out, "terminate call ID"),
	      "help_lists_commands");
}

static void test_full_disk(void)
{
	char command[1024];
	int status;

	if (access("/dev/full", W_OK)) {
		tap_skip("output_to_full_disk_exits_1", "no /dev/full");
		return;
	}
	snprintf(command, sizeof(command), "%s -s %s show calls >/dev/full "
		 "2>/dev/null", program, socket_path);
	status = system(command);
	CHECK_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 1,
		  "output_to_full_disk_exits_1");
}

static void test_completion(void)
{
	static char text[OUTPUT_BYTES];
	FILE *f = fopen("tools/completion.bash", "r");

	if (!f) {
		tap_skip("completion_file_is_the_tables", "not run in the "
			 "source folder");
		return;
	}
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	piped("completion");
	CHECK(!strcmp(result.out, text), "completion_file_is_the_tables");
}

/* The words that bash offers behind these; "" is the one that is begun. */
static const char *completed(const char *words)
{
	static char line[256];
	char command[512];
	FILE *f;

	snprintf(command, sizeof(command), "bash -c '. tools/completion.bash; "
		 "COMP_WORDS=(sluicectl %s \"\"); "
		 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sluicectl; "
		 "echo \"${COMPREPLY[*]}\"'", words);
	f = popen(command, "r");
	if (!f || !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		pclose(f);
	return line;
}

static void test_completed_words(void)
{
	if (access("tools/completion.bash", R_OK)) {
		tap_skip("completion_offers_words", "not run in the source "
			 "folder");
		return;
	}
	CHECK_STR(completed("detach"), "datapath\n",
		  "completion_offers_the_object");
	CHECK_STR(completed("-s /x detach"), "datapath\n",
		  "completion_passes_over_an_option");
	CHECK_STR(completed("--socket /x detach"), "datapath\n",
		  "completion_passes_over_a_long_option");
	CHECK_STR(completed("--socket = /x detach"), "datapath\n",
		  "completion_passes_over_a_long_option_with_its_value");
}

/* O/sluicectl for O/unit/test_sluicectl; a sanitized test takes O/san's, or
 * the plain one above it.
 */
static bool find_program(const char *self)
{
	static const char *const places[] = { "../sluicectl",
					      "../../sluicectl" };
	const char *slash = strrchr(self, '/');
	int len = slash ? (int)(slash - self) : 1;

	for (int i = 0; i < 2; i++) {
		snprintf(program, sizeof(program), "%.*s/%s", len,
			 slash ? self : ".", places[i]);
		if (access(program, X_OK) == 0)
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int listener;

	if (!find_program(argv[0])) {
		puts("1..0 # SKIP sluicectl is not built");
		return 4;
	}
	if (!mkdtemp(dir))
		return 1;
	setenv("TZ", "UTC-2", 1);
	snprintf(socket_path, sizeof(socket_path), "%s/sock", dir);
	listener = listen_at(socket_path);
	pthread_create(&thread, NULL, daemon_thread, &listener);
	test_pipe();
	test_terminal();
	test_verbs();
	test_usage();
	test_full_disk();
	test_completion();
	test_completed_words();
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
	unlink(socket_path);
	rmdir(dir);
	return tap_done();
}
