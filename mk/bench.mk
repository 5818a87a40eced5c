# SPDX-License-Identifier: Apache-2.0
# Measurements: each program selftests/perf/bench_* prints figures, the runner
# collects them in $(O)/bench.json. BENCH="relay crypt" narrows it, PEER=rtpengine
# and PEER=kamailio measure the usual peers in the same run.

PERF_BENCH := $(sort $(wildcard selftests/perf/bench_*.c))
PERF_BIN := $(PERF_BENCH:selftests/perf/%.c=$(O)/perf/%)
PERF_BIN += $(O)/perf/load $(O)/perf/soak
# What the programs share; the linker takes what each needs.
PERF_SRC := $(filter-out $(PERF_BENCH) %/load.c %/soak.c %.bpf.c,$(wildcard selftests/perf/*.c))
PERF_OBJ := $(PERF_SRC:%.c=$(O)/%.o)

$(O)/selftests/perf/libperf.a: $(PERF_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/perf/%: $(O)/selftests/perf/%.o $(O)/selftests/perf/libperf.a $(O)/libsluiced.a | bpf
	$(Q)mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: bench bench-build
bench-build: $(PERF_BIN)

bench: all bench-build ## figures, with ratios to a baseline of the same run (PEER=, BENCH=)
	$(if $(PEER),$(Q)tools/deps.sh peer)
	$(Q)O=$(abspath $(O)) PEER="$(PEER)" V=$(V) selftests/perf/run $(BENCH)
