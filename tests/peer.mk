# SPDX-License-Identifier: ISC
# peer.mk: unit tests that talk to a server of their own. The peers use
# libraries only, so they may stand behind the archives.
DNS_PEER = $(B)/tests/peer/dns_peer.o $(B)/tests/peer/dns_peer_zone.o
HTTPS_PEER = $(B)/tests/peer/https_peer.o $(B)/tests/peer/https_cert.o

$(B)/unit/check_dns_resolver: $(DNS_PEER)
$(B)/unit/check_sts_fetch: $(HTTPS_PEER)
$(B)/unit/check_sts_engine: $(DNS_PEER) $(HTTPS_PEER)
