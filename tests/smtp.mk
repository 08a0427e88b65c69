# SPDX-License-Identifier: ISC
# What tests the SMTP engine as a whole needs its objects, and those need role.
# They stand behind the archives on the command line, so the archives come again.

SMTP_CHECKS = $(filter $(B)/unit/check_smtp_%,$(UNIT))
SMTP_FUZZ = $(filter $(B)/replay/fuzz_smtp_%,$(REPLAY))

$(SMTP_CHECKS) $(SMTP_FUZZ): $(B)/relayd/role.o
$(SMTP_CHECKS) $(SMTP_FUZZ): private LDLIBS += $(call libs,$(AREAS)) $(PKG_LIBS)
$(SMTP_FUZZ): $(call role_objects,smtp)
$(SMTP_FUZZ): private LDLIBS += $(CHECK_LIBS)
