# SPDX-License-Identifier: ISC
"""certs: the certificates of the cases, by the kind that a case names."""
import itertools

import ca

RSA_SMALL = ("-newkey", "rsa:1024", "-nodes", "-batch")


class Shop:
    """Makes certificates.  A kind is "who signs:what is wrong or special"."""

    def __init__(self, net):
        self.net = net
        self.count = itertools.count(1)
        self.trusted = net.ca
        self.private = net.private_ca("private-root", present=True)
        self.silent = net.private_ca("silent-root", present=False)
        self.middle = self._middle()
        self.leafy = self._leaf(self.trusted, "leafy", ["leafy.invalid"])
        self.leafy.present = True

    def _middle(self):
        """An intermediate CA below the private root."""
        made = ca.CA.__new__(ca.CA)
        ca.Cert.__init__(made, self.net.certs, "private-middle", self.private)
        made.path, made.present, made.count = self.net.certs, True, 0
        self._openssl(made, "Middle", ("-addext", "keyUsage=critical,keyCertSign,cRLSign",
                                       "-addext", "basicConstraints=critical,CA:TRUE"))
        return made.finish()

    def _openssl(self, made, cn, more, newkey=ca.NEWKEY):
        sign = ()
        if made.issuer is not None:
            sign = ("-CA", made.issuer.cert, "-CAkey", made.issuer.key)
        ca.openssl("req", "-x509", *newkey, "-subj", "/CN=" + cn[:60], "-days", "9", *sign,
                   "-keyout", made.key, "-out", made.cert, *more)

    def _leaf(self, issuer, cn, names, newkey=ca.NEWKEY, purpose=""):
        made = ca.Cert(self.net.certs, "leaf-%d" % next(self.count), issuer)
        more = ca.leaf(names or ["none.invalid"])
        if purpose:
            more = more[:-1] + ("extendedKeyUsage=" + purpose,)
        self._openssl(made, cn, more if names else more[2:], newkey)
        made.finish()
        if issuer is self.middle:
            with open(made.chain, "a", encoding="ascii") as f, open(
                self.private.cert, encoding="ascii"
            ) as root:
                f.write(root.read())
        return made

    def make(self, kind, name, domain):
        """For the host name in domain."""
        who, _, what = kind.partition(":")
        issuer = {"self": None, "private": self.private, "silent": self.silent,
                  "middle": self.middle, "leafy": self.leafy}.get(who, self.trusted)
        names = {
            "": [name], "other": ["mx.elsewhere.invalid"], "cn": [], "apex": [domain],
            "wild": ["*." + name.split(".", 1)[1]], "wild2": ["*." + name.split(".", 2)[-1]],
            "partial": [name[0] + "*." + name.split(".", 1)[1]], "upper": [name.upper()],
            "many": ["a.invalid", "b.invalid", name], "cn-right": ["mx.elsewhere.invalid"],
            "inside": [name.replace(".", ".*.", 1)], "longer": [name + ".invalid"],
            "small": [name], "expired": [name], "client": [name],
            "crowd": ["n%d.x" % i for i in range(10000)] + [name],
        }[what]
        if what == "expired":
            return (issuer or self.private).issue(name, days=-5) if issuer else self._expired(name)
        if what == "client":
            return self._leaf(issuer, name, names, purpose="clientAuth")
        cn = name if what in ("", "cn", "cn-right", "small") else (names or [name])[0]
        return self._leaf(issuer, cn, names, RSA_SMALL if what == "small" else ca.NEWKEY)

    def _expired(self, name):
        """Nobody's, and over."""
        made = self.silent.issue(name, days=-5)
        made.issuer = None
        return made


def tlsa(spec, cert, shop, domain):
    """Record data: "3 1 1" of the certificate, "2 0 1" of its issuer; then
    "wrong" (another key's), "root", or hexadecimal data in its place."""
    words = spec.split()
    usage, selector, mtype = (int(w) for w in words[:3])
    made = cert
    if usage in (0, 2) and cert.issuer is not None:
        made = cert.issuer
    what = words[3] if len(words) > 3 else ""
    if what == "wrong":
        made = shop.silent if usage in (0, 2) else shop.middle
    elif what == "root":
        made = shop.private
    elif what == "leaf":
        made = cert
    elif what == "trusted":
        made = shop.trusted
    elif what == "cut":
        return made.tlsa(usage, selector, mtype)[:-8]
    elif what:
        return " ".join(words)
    if mtype not in (0, 1, 2) or selector > 1:
        return "%d %d %d %s" % (usage, selector, mtype, made.tlsa(3, 1, 1).split()[3])
    return made.tlsa(usage, selector, mtype)
