# SPDX-License-Identifier: Apache-2.0
# How the code looks and what a machine sees in it. FILES= narrows it.

STYLE_FILES := $(or $(FILES),$(shell git ls-files '*.c' '*.h' 2>/dev/null))
SHELL_FILES := $(shell git grep -lE '^\#!(/usr)?/bin/(env )?(ba)?sh' -- . 2>/dev/null) \
	tools/completion.bash
LINT_SRC := $(filter userspace/%.c tools/%.c selftests/unit/%.c,$(STYLE_FILES))

.PHONY: help format lint lint-warnings lint-cppcheck lint-shell lint-layout
help: ## this list
	@awk -F '## ' '/^[a-z][a-z-]*:.*## / { split($$1, target, ":"); \
		printf "  %-14s %s\n", target[1], $$2 }' $(MAKEFILE_LIST)

format: ## clang-format in place (FILES= or all)
	$(Q)clang-format -i $(STYLE_FILES)

lint: lint-warnings lint-cppcheck lint-shell lint-layout ## warnings as errors, cppcheck, shellcheck, layout

# Only the front end runs: quick, and nothing of the build is touched.
lint-warnings:
	$(say) LINT "gcc -Werror"
	$(Q)for f in $(LINT_SRC); do \
		$(CC) $(CFLAGS) $(CPPFLAGS) -Werror -fsyntax-only $$f || \
			exit 1; \
	done

# Suppressed: what it gets wrong about sys/queue.h and across functions.
lint-cppcheck:
	$(say) LINT cppcheck
	$(Q)command -v cppcheck >/dev/null || \
		{ echo "lint: install cppcheck" >&2; exit 1; }
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
		--enable=warning,portability --suppress=missingInclude \
		--suppress=unknownMacro --suppress=syntaxError \
		--suppress=uninitvar --suppress=ctunullpointer \
		--suppress=ctuuninitvar -Iuserspace -Ibpf -Itools \
		$(filter %.c,$(filter userspace/% tools/%,$(STYLE_FILES)))

lint-shell:
	$(say) LINT shellcheck
	$(Q)command -v shellcheck >/dev/null || \
		{ echo "lint: install shellcheck" >&2; exit 1; }
	$(Q)shellcheck --severity=warning $(SHELL_FILES)

# SPDX first, 100 columns at most, no file above 800 lines.
lint-layout:
	$(say) LINT layout
	$(Q)awk 'FNR == 1 && !/SPDX-License-Identifier/ \
			{ print FILENAME ": no SPDX line"; bad = 1 } \
		{ line = $$0; gsub(/\t/, "        ", line) } \
		length(line) > 100 \
			{ print FILENAME ":" FNR ": over 100 columns"; bad = 1 } \
		FNR == 801 { print FILENAME ": over 800 lines"; bad = 1 } \
		END { exit bad }' $(STYLE_FILES)
