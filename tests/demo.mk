# SPDX-License-Identifier: ISC
# make demo: relayd in a private internet of real servers and some rogues.

demo:
	@tests/deps build demo
	@$(MAKE) --no-print-directory all
	@tests/peer/fetch-servers build/servers
	@B=$(B) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/demo/demo
