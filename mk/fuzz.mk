# SPDX-License-Identifier: Apache-2.0
# libFuzzer on whatever strangers can send. `make fuzz` runs each target for
# FUZZ_SECONDS; FUZZ= names the targets. What is found stays in $(O)/fuzz.

FUZZ_SECONDS ?= 60
FUZZ_ALL := $(sort $(patsubst selftests/fuzz/fuzz_%.c,%,$(wildcard selftests/fuzz/fuzz_*.c)))
FUZZ ?= $(FUZZ_ALL)
FUZZ_DIR := $(O)/fuzz
FUZZ_BIN := $(FUZZ:%=$(FUZZ_DIR)/fuzz_%)
FUZZ_FLAGS := -std=gnu11 -pthread -O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
# The linker takes of it what a target needs.
FUZZ_DIRS := core sdp sip wss
FUZZ_LIB_SRC := $(sort $(foreach d,$(FUZZ_DIRS),$(wildcard userspace/$(d)/*.c)))
FUZZ_LIB_OBJ := $(FUZZ_LIB_SRC:%.c=$(FUZZ_DIR)/obj/%.o)

$(FUZZ_DIR)/obj/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(say) FUZZCC $@
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link $(CPPFLAGS) \
		-MMD -MP -c -o $@ $<

$(FUZZ_DIR)/libfuzzed.a: $(FUZZ_LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(FUZZ_DIR)/fuzz_%: $(FUZZ_DIR)/obj/selftests/fuzz/fuzz_%.o $(FUZZ_DIR)/libfuzzed.a
	$(say) LD $@
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

.SECONDARY: $(FUZZ:%=$(FUZZ_DIR)/obj/selftests/fuzz/fuzz_%.o)

# Without the runtime of the fuzzer there is nothing to build; short.sh skips.
FUZZ_RUNTIME := $(wildcard \
	$(shell $(CLANG) -print-resource-dir 2>/dev/null)/lib/*/libclang_rt.fuzzer*.a)

.PHONY: fuzz fuzz-build check-fuzz
fuzz-build: $(if $(FUZZ_RUNTIME),$(FUZZ_BIN))

fuzz: fuzz-build ## libFuzzer, FUZZ_SECONDS (60) each; FUZZ= narrows it
	$(Q)O=$(abspath $(O)) SECONDS_EACH=$(FUZZ_SECONDS) V=1 \
		SEED=$(or $(SEED),$(shell date +%s)) \
		selftests/fuzz/short.sh $(FUZZ)

check-fuzz: fuzz-build
	$(Q)$(RUN) selftests/fuzz/short.sh
