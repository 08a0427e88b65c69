# SPDX-License-Identifier: ISC
# make check: what a developer and CI run.  Bounded in time, loopback only.

deps:
	@tests/deps build check

check:
	@tests/deps build check
	@$(MAKE) --no-print-directory -s $(ALL_JOBS) check-unit
	@$(MAKE) --no-print-directory -s $(ALL_JOBS) check-system

# Every unit test program, two at a time; then every fuzz target over its
# corpus.  Each may run for three minutes.
check-unit: $(UNIT) $(REPLAY)
	@printf '%s\n' $(UNIT) $(REPLAY) | xargs -r -P 2 -I{} tests/system/one-unit {} | \
	    awk '{ print } /^ok   /{ good++ } /^FAIL /{ bad++ } END { \
	    printf "unit tests: %d passed, %d failed\n", good, bad; exit bad > 0 || good == 0 }'

check-system: all $(FAULT_SO)
	@tests/peer/fetch-servers build/servers
	@B=$(B) PYTHONDONTWRITEBYTECODE=1 tests/system/run
