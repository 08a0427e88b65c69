# SPDX-License-Identifier: ISC
# make bench: relayd, Postfix and a minimal pipe on the same work in one run.
# Sizes by environment or argument: see `tests/bench/run --help`.

BENCH_SHARED = tally wire server client
BENCH_BIN = $(B)/bench/sink $(B)/bench/load $(B)/bench/pipe
QUEUE_BIN = $(B)/bench/fill $(B)/bench/slow_fsync.so

$(B)/bench/%: $(B)/tests/bench/%.o $(BENCH_SHARED:%=$(B)/tests/bench/%.o)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ -levent -lssl -lcrypto $(LDLIBS)

# Fills a spool through lib/store; a disk that flushes slowly.
$(B)/bench/fill: $(B)/tests/bench/fill.o $(call libs,$(call upto,store,$(AREAS)))
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(B)/bench/slow_fsync.so: tests/fault/slow_fsync.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) $(CPPFLAGS) $(CFLAGS) -fPIC -shared $(LDFLAGS) -o $@ $< -ldl

.PHONY: bench-tools bench-queue
bench-tools: $(BENCH_BIN) $(QUEUE_BIN)

bench: $(PROGRAMS) $(BENCH_BIN)
	@tests/deps bench
	@tests/bench/run --build $(B) $(BENCH_ARGS)

# A queue far larger than memory, a slow disk, a tarpit: figures and pass or fail.
bench-queue: $(PROGRAMS) $(BENCH_BIN) $(QUEUE_BIN)
	@tests/deps bench
	@tests/bench/queue --build $(B) $(BENCH_ARGS)
