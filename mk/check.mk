# SPDX-License-Identifier: Apache-2.0
# Tests. Every test speaks TAP; selftests/run adds them up.

UNIT_SRC := $(sort $(wildcard selftests/unit/test_*.c))
UNIT_BIN := $(UNIT_SRC:selftests/unit/%.c=$(O)/unit/%)

$(O)/unit/%: $(O)/selftests/unit/%.o $(O)/libsluiced.a
	$(Q)mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: unit
unit: $(UNIT_BIN)

# Tests of BPF objects by BPF_PROG_TEST_RUN; they need root and skip without.
BPF_TEST_SRC := $(sort $(wildcard selftests/bpf/test_*.c))
BPF_TEST_BIN := $(BPF_TEST_SRC:selftests/bpf/%.c=$(O)/bpf/%)

$(O)/bpf/%: $(O)/selftests/bpf/%.o $(O)/libsluiced.a | bpf
	$(Q)mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: bpftest
bpftest: $(BPF_TEST_BIN)
