# SPDX-License-Identifier: ISC
# make demo: relayd in a private internet of real servers and some rogues.

# As many compilers as processors, unless the caller said how many.
ALL_JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

demo:
	@tests/deps build demo
	@$(MAKE) --no-print-directory -s $(ALL_JOBS) all
	@tests/peer/fetch-servers build/servers
	@B=$(B) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/demo/demo
