# SPDX-License-Identifier: ISC
# make build/bench_store: what a put and its settlement cost

$(B)/bench_store: $(B)/tests/bench/bench_store.o $(call libs,base proc io store)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)
