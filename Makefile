# SPDX-License-Identifier: ISC
# relayd: make, make check, make demo, make lint, make bench, make install.
# B=DIR builds elsewhere; SAN=1 builds with ASan and UBSan in build/san;
# CC, CPPFLAGS, CFLAGS, LDFLAGS, LDLIBS are honoured and never overridden.

VERSION = 0.1.0
SAN ?=
B ?= build$(if $(SAN),/san)
V ?=
Q = $(if $(V),,@)

PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
SYSTEMDUNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
EXAMPLEDIR ?= $(PREFIX)/share/doc/relayd

PKGS = libevent openssl ldns libunbound libcurl libconfig sqlite3 jansson libidn2

# Row by row, lowest first: an area may use only those before it (DESIGN 6).
AREAS = base proc meter io store conf mail dns tls sts plan history queue ipc

# Link order is the reverse: an archive resolves against those after it.
reverse = $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))
upto = $(if $(filter $(1),$(firstword $(2))),$(1),$(firstword $(2)) $(call upto,$(1),$(wordlist 2,99,$(2))))
libs = $(foreach a,$(call reverse,$(1)),$(B)/lib$(a).a)

BASE_CFLAGS = -std=c17 -D_GNU_SOURCE -I. -I$(B) -O2 -g -pthread \
	-Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wvla -Wswitch-enum \
	-Wformat=2 -Wundef -Wno-unused-parameter -Wno-format-nonliteral \
	-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing \
	-ffile-prefix-map=$(CURDIR)=. -MMD -MP
HARDEN = $(if $(SAN),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined,\
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection $(AUTO_INIT) -fPIE)
# clang 14 wants a second flag for it; ask rather than guess.
AUTO_INIT := $(shell $(CC) -ftrivial-auto-var-init=zero -x c -c -o /dev/null /dev/null 2>/dev/null && \
	echo -ftrivial-auto-var-init=zero)
HARDEN_LD = $(if $(SAN),-fsanitize=address$(comma)undefined,-pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now$(comma)-z$(comma)noexecstack)
comma = ,
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -levent_pthreads -lcrypt
CHECK_LIBS = $(shell pkg-config --libs check 2>/dev/null)
COMPILE = $(CC) $(BASE_CFLAGS) $(HARDEN) $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) -pthread $(HARDEN_LD) $(CFLAGS) $(LDFLAGS)

RELAYD_SRC = $(sort $(wildcard relayd/*.c relayd/parent/*.c relayd/smtp/*.c relayd/policy/*.c))
CTL_SRC = $(sort $(wildcard relayd/ctl/*.c))
RELAYD_OBJ = $(RELAYD_SRC:%.c=$(B)/%.o)
CTL_OBJ = $(CTL_SRC:%.c=$(B)/%.o)
PROGRAMS = $(B)/relayd.bin/relayd $(B)/relayd.bin/relayctl

.PHONY: all deps check check-unit check-system demo lint bench clean dist install format fuzz help
.SUFFIXES:
.SECONDARY:

all: $(PROGRAMS)

$(B)/%.o: %.c | $(B)/version.h
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc $<")
	$(Q)$(COMPILE) -c -o $@ $<

$(B)/version.h: Makefile
	@mkdir -p $(@D)
	@echo '#define RELAYD_VERSION "$(VERSION)"' > $@.tmp$$$$ && mv $@.tmp$$$$ $@

define area_archive
$(B)/lib$(1).a: $$(patsubst %.c,$$(B)/%.o,$$(sort $$(wildcard lib/$(1)/*.c)))
	@rm -f $$@
	$$(Q)ar Dcr $$@ $$^
endef
$(foreach a,$(AREAS),$(eval $(call area_archive,$(a))))

$(B)/relayd.bin/relayd: $(RELAYD_OBJ) $(call libs,$(AREAS))
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(B)/relayd.bin/relayctl: $(CTL_OBJ) $(call libs,$(AREAS))
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

# ---- unit tests: check_<area>_<file> links lib<area> and lower rows only; ----
# ---- check_smtp_*, check_policy_*, check_parent_* link that role's objects ----
UNIT_SRC = $(sort $(wildcard tests/unit/check_*.c))
UNIT = $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
area_of = $(word 2,$(subst _, ,$(1)))
role_objects = $(patsubst %.c,$(B)/%.o,$(sort $(wildcard relayd/$(1)/*.c)))
define unit_rule
$(B)/unit/$(1): $(B)/tests/unit/$(1).o $(if $(filter $(call area_of,$(1)),$(AREAS)),$(call libs,$(call upto,$(call area_of,$(1)),$(AREAS))),$(call role_objects,$(call area_of,$(1))) $(call libs,$(AREAS)))
	@mkdir -p $$(@D)
	$$(Q)$$(LINK) -o $$@ $$^ $$(CHECK_LIBS) $$(PKG_LIBS) $$(LDLIBS)
endef
$(foreach u,$(UNIT_SRC:tests/unit/%.c=%),$(eval $(call unit_rule,$(u))))

# ---- fuzz targets, built here as replayers of tests/corpus/<name>/* ----
FUZZ_SRC = $(sort $(wildcard tests/fuzz/fuzz_*.c))
REPLAY = $(FUZZ_SRC:tests/fuzz/%.c=$(B)/replay/%)
define replay_rule
$(B)/replay/$(1): $(B)/tests/fuzz/$(1).o $(B)/tests/fuzz/replay.o $(call libs,$(AREAS))
	@mkdir -p $$(@D)
	$$(Q)$$(LINK) -o $$@ $$^ $$(PKG_LIBS) $$(LDLIBS)
endef
$(foreach f,$(FUZZ_SRC:tests/fuzz/%.c=%),$(eval $(call replay_rule,$(f))))

include $(wildcard tests/*.mk)

# ---- install: DESTDIR, PREFIX and the directories above are honoured; a ----
# ---- relayd.conf that is there is left alone; tests/lint/install checks it ----
PAGES = relayd/relayd.8 relayd/relayctl.8 relayd/relayd.conf.5 relayd/relayd-logs.5
PLACES = -e 's,/usr/sbin/relayd,$(SBINDIR)/relayd,g' -e 's,/etc/relayd/,$(SYSCONFDIR)/relayd/,g' \
	-e 's,/usr/share/doc/relayd,$(EXAMPLEDIR),g'
PUT = install -m 0644
# $(call put_edited,file,target): with the paths of this installation in it
put_edited = sed $(PLACES) $(1) > $(B)/put.tmp && $(PUT) $(B)/put.tmp $(2) && rm $(B)/put.tmp

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 \
	    $(DESTDIR)$(SYSTEMDUNITDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(TMPFILESDIR) \
	    $(DESTDIR)$(EXAMPLEDIR)/examples $(DESTDIR)$(SYSCONFDIR)/relayd
	install -m 0755 $(PROGRAMS) $(DESTDIR)$(SBINDIR)
	$(foreach p,$(PAGES),$(call put_edited,$(p),$(DESTDIR)$(MANDIR)/man$(lastword $(subst ., ,$(p)))/$(notdir $(p))) &&) :
	$(call put_edited,systemd/relayd.service,$(DESTDIR)$(SYSTEMDUNITDIR)/relayd.service)
	$(PUT) systemd/relayd.socket $(DESTDIR)$(SYSTEMDUNITDIR)
	$(PUT) systemd/relayd.sysusers $(DESTDIR)$(SYSUSERSDIR)/relayd.conf
	$(PUT) systemd/relayd.tmpfiles $(DESTDIR)$(TMPFILESDIR)/relayd.conf
	$(PUT) README.md COPYING $(DESTDIR)$(EXAMPLEDIR)
	$(PUT) conf/relayd.conf conf/relayd.logrotate conf/alerts.rules systemd/rootless.conf conf/examples/*.conf \
	    $(DESTDIR)$(EXAMPLEDIR)/examples
	test -e $(DESTDIR)$(SYSCONFDIR)/relayd/relayd.conf || \
	    $(PUT) conf/relayd.conf $(DESTDIR)$(SYSCONFDIR)/relayd/relayd.conf

# The same tree gives the same bytes: sorted, no owner, one date.
DIST = relayd-$(VERSION)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
dist:
	@mkdir -p build
	@{ git ls-files 2>/dev/null || find . -name build -prune -o -type f -print; } | \
	    LC_ALL=C sort | tar --no-recursion --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw,a-s \
	    --mtime=@$(SOURCE_DATE_EPOCH) --transform='s,^\(\./\)\{0\,1\},$(DIST)/,' \
	    -T - -cf - | gzip -9n > build/$(DIST).tar.gz
	@echo build/$(DIST).tar.gz

clean:
	rm -rf build

-include $(shell find $(B)/lib $(B)/relayd $(B)/tests -type f -name '*.d' 2>/dev/null)
