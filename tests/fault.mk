# SPDX-License-Identifier: ISC
# The failing disk is linked into the tests that need it.

$(B)/unit/check_store_fault $(B)/unit/check_store_states: $(B)/tests/fault/vfs_shim.o $(B)/tests/fault/disk.o

# What is put before the C library of a running daemon.
FAULT_SO = $(B)/tests/fault/wall_clock.so $(B)/tests/fault/stuck_flush.so

$(FAULT_SO): $(B)/tests/fault/%.so: tests/fault/%.c tests/fault/beside.c tests/fault/beside.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(BASE_CFLAGS)) -fPIC -shared -o $@ $(filter %.c,$^) -ldl
