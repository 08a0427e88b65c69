# SPDX-License-Identifier: ISC
# The failing disk is linked into the tests that need it.

$(B)/unit/check_store_fault: $(B)/tests/fault/vfs_shim.o $(B)/tests/fault/disk.o
