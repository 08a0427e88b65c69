# SPDX-License-Identifier: ISC
# peer.mk: unit tests that talk to a server of their own. The peers use
# libraries only, so they may stand behind the archives.
DNS_PEER = $(B)/tests/peer/dns_peer.o $(B)/tests/peer/dns_peer_zone.o

$(B)/unit/check_dns_resolver: $(DNS_PEER)
