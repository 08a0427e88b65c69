# SPDX-License-Identifier: ISC
# make lint: all of it, or one part of it, as in make lint-layers.  Nothing
# is run, nothing touches the network.  make format: clang-format on changed lines.

LINT_C = $(sort $(wildcard lib/*/*.c relayd/*.c relayd/*/*.c))
LINT_TESTS = $(sort $(wildcard tests/unit/*.c tests/fuzz/*.c tests/peer/*.c tests/bench/*.c tests/fault/*.c))
LINT_SH = .ci/run tests/deps tests/peer/fetch-servers tests/system/one-unit tests/lint/install \
	tests/lint/spdx tests/lint/units tests/lint/conf-docs
LINT_PARTS = layers spdx conf-docs log-docs man units sh gcc clang cppcheck tidy install
CLANG ?= clang
CLANG_TIDY ?= clang-tidy
LINT_FLAGS = $(filter-out -MMD -MP -g -O2 -Wno-unused-parameter,$(BASE_CFLAGS)) -Wno-unused-parameter $(PKG_CFLAGS)

.PHONY: $(LINT_PARTS:%=lint-%)

lint:
	@tests/deps build check lint
	@$(MAKE) --no-print-directory -k $(LINT_PARTS:%=lint-%) && echo "lint: clean"

lint-layers lint-spdx lint-conf-docs lint-log-docs: lint-%:
	@tests/lint/$*

# "Referenced manual not found" and the like depend on the machine: no STYLE.
lint-man:
	@mandoc -Tlint -Wwarning $(PAGES) && echo "man: $(words $(PAGES)) pages"

lint-units:
	@tests/lint/units

lint-sh:
	@if command -v shellcheck >/dev/null; then shellcheck $(LINT_SH) && echo "sh: $(words $(LINT_SH)) scripts"; \
	else echo "sh: no shellcheck here, not checked"; fi

# The product and every test, as it is built, in a folder of its own.
lint-gcc:
	@$(MAKE) -k --no-print-directory B=build/lint-gcc CC=gcc CFLAGS=-Werror \
	    $(LINT_C:%.c=build/lint-gcc/%.o) $(LINT_TESTS:%.c=build/lint-gcc/%.o) >build/lint-gcc.log 2>&1 || \
	    { grep -v '^  cc \|up to date' build/lint-gcc.log; exit 1; }
	@echo "gcc: $(words $(LINT_C) $(LINT_TESTS)) files"

lint-clang: $(B)/version.h
	@printf '%s\n' $(LINT_C) $(LINT_TESTS) | xargs -P2 -n8 $(CLANG) -fsyntax-only -Werror $(LINT_FLAGS)
	@echo "clang: $(words $(LINT_C) $(LINT_TESTS)) files"

# It reads no system header but the one whose macros declare things.
QUEUE_H = $(firstword $(wildcard /usr/include/sys/queue.h /usr/include/*/sys/queue.h))
lint-cppcheck: $(B)/version.h
	@mkdir -p build/lint-cppcheck
	@cppcheck -q -j2 --cppcheck-build-dir=build/lint-cppcheck --std=c11 --error-exitcode=1 \
	    --enable=warning,portability --inline-suppr --suppressions-list=tests/lint/cppcheck.txt \
	    --library=posix --library=gnu --library=tests/lint/cppcheck.cfg $(QUEUE_H:%=--include=%) -I. -I$(B) -D_GNU_SOURCE $(LINT_C)
	@echo "cppcheck: $(words $(LINT_C)) files"

# A file is looked at again only when it, or a header that it uses, changed.
lint-tidy: $(LINT_C:%.c=build/lint-tidy/%.ok)
	@echo "clang-tidy: $(words $(LINT_C)) files"

build/lint-tidy/%.ok: %.c tests/lint/.clang-tidy | $(B)/version.h
	@mkdir -p $(@D)
	@$(CLANG_TIDY) --quiet --config-file=tests/lint/.clang-tidy $< -- $(LINT_FLAGS) >$@.log 2>$@.err || \
	    { cat $@.log; exit 1; }
	@$(CLANG) -MM -MP -MT $@ -MF $(@:.ok=.d) $(LINT_FLAGS) $< && touch $@

-include $(shell find build/lint-tidy -type f -name '*.d' 2>/dev/null)

lint-install: all
	@B=$(B) tests/lint/install

# Only lines that differ from the last commit: tables are aligned by hand.
format:
	@git diff -U0 --no-color HEAD -- '*.c' '*.h' | clang-format-diff -p1 -i
