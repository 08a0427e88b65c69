# SPDX-License-Identifier: ISC
# What is put before the C library of a daemon under test, and the long runs.

TORTURE_SO = $(B)/torture/hook.so $(B)/torture/oom.so
LINT_TESTS += $(sort $(wildcard tests/torture/*.c))

$(B)/torture/hook.so: tests/torture/hook.c tests/torture/trace.c
$(B)/torture/oom.so: tests/torture/oom.c
$(TORTURE_SO): tests/torture/control.c tests/torture/control.h tests/fault/beside.c tests/fault/beside.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(BASE_CFLAGS)) $(CPPFLAGS) $(CFLAGS) -fPIC -shared $(LDFLAGS) \
	    -o $@ $(filter %.c,$^) -ldl

check-system: $(TORTURE_SO)

# The tests of make check, for hours instead of seconds: the same scripts.
LONG = B=$(B) PYTHONDONTWRITEBYTECODE=1
.PHONY: soak torture

# 2,000 kills under load, every message accounted for; then load without kills,
# through which memory and descriptors must not drift.  Some ten minutes.
soak: all $(TORTURE_SO)
	@tests/deps check
	@$(LONG) KILLS=2000 MESSAGES=200000 SECONDS=3600 CALM=120 tests/system/40-killstorm

# Every call fails once, 200 power cuts (and two that a test without eyes would
# pass), 10,000 texts that break off, each allocation.  Some twenty minutes.
torture: all $(TORTURE_SO) $(B)/unit/check_store_fault
	@tests/deps check
	FAULT_EVERY=1 CK_DEFAULT_TIMEOUT=1800 $(B)/unit/check_store_fault
	@$(LONG) CUTS=200 tests/system/42-powercut
	@$(LONG) CUTS=8 LIE=1 tests/system/42-powercut
	@$(LONG) CUTS=8 LIE=2 tests/system/42-powercut
	@$(LONG) ABORTS=10000 tests/system/43-order
	@$(LONG) FAULT_EVERY=1 MEMORY_EVERY=5 tests/system/41-faults
