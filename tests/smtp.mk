# SPDX-License-Identifier: ISC
# Fuzz targets of the SMTP engine need its objects, too.

$(B)/replay/fuzz_smtp_%: $(B)/tests/fuzz/fuzz_smtp_%.o $(B)/tests/fuzz/replay.o \
		$(call role_objects,smtp) $(call libs,$(AREAS))
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)
