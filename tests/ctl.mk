# SPDX-License-Identifier: ISC
# ctl.mk: tests of the control socket. smtp.c refers to the role, and what
# stands behind the archives here needs them once more.

$(B)/unit/check_smtp_ctl: $(B)/relayd/role.o
$(B)/unit/check_smtp_ctl: LINK_AGAIN = $(call libs,$(AREAS)) $(PKG_LIBS)
$(B)/unit/check_smtp_ctl: CHECK_LIBS += $(LINK_AGAIN)

$(B)/replay/fuzz_smtp_ctl: $(B)/relayd/smtp/ctl_request.o
$(B)/replay/fuzz_smtp_ctl: PKG_LIBS := $(call libs,$(call upto,mail,$(AREAS))) $(PKG_LIBS)
