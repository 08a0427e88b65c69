# SPDX-License-Identifier: ISC
# make bench: relayd, Postfix and a minimal pipe on the same work in one run.
# Sizes by environment or argument: see `tests/bench/run --help`.

BENCH_SHARED = tally wire server client
BENCH_BIN = $(B)/bench/sink $(B)/bench/load $(B)/bench/pipe

$(B)/bench/%: $(B)/tests/bench/%.o $(BENCH_SHARED:%=$(B)/tests/bench/%.o)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ -levent -lssl -lcrypto $(LDLIBS)

.PHONY: bench-tools
bench-tools: $(BENCH_BIN)

bench: $(PROGRAMS) $(BENCH_BIN)
	@tests/deps bench
	@tests/bench/run --build $(B) $(BENCH_ARGS)
