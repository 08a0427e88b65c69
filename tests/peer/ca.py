# SPDX-License-Identifier: ISC
"""ca: certificate authorities and certificates for a private internet."""
import base64
import hashlib
import os
import re
import subprocess
import time

from proc import Failed


def openssl(*argv, stdin=None):
    done = subprocess.run(("openssl",) + argv, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise Failed("openssl %s: %s" % (argv[0], done.stderr.decode(errors="replace")))
    return done.stdout


class Cert:
    """A certificate and its key: PEM files, world-readable (they are toys)."""

    def __init__(self, path, name, issuer=None):
        self.cert = os.path.join(path, name + ".crt")
        self.key = os.path.join(path, name + ".key")
        self.chain = os.path.join(path, name + ".chain.pem")
        self.issuer = issuer

    def finish(self):
        with open(self.cert, encoding="ascii") as f:
            text = f.read()
        with open(self.chain, "w", encoding="ascii") as f:
            f.write(text)
            if self.issuer is not None and self.issuer.present:
                with open(self.issuer.cert, encoding="ascii") as up:
                    f.write(up.read())
        for path in (self.cert, self.key, self.chain):
            os.chmod(path, 0o644)
        return self

    def der(self):
        with open(self.cert, encoding="ascii") as f:
            return base64.b64decode(re.sub(r"-----[^-]*-----|\s", "", f.read()))

    def spki(self):
        pub = openssl("x509", "-in", self.cert, "-noout", "-pubkey")
        return openssl("pkey", "-pubin", "-outform", "DER", stdin=pub)

    def tlsa(self, usage=3, selector=1, mtype=1):
        """TLSA record data that matches this certificate (RFC 6698 s2.1)."""
        data = self.spki() if selector else self.der()
        if mtype:
            data = hashlib.new({1: "sha256", 2: "sha512"}[mtype], data).digest()
        return "%d %d %d %s" % (usage, selector, mtype, data.hex())


class CA(Cert):
    """present: servers send the CA's own certificate too (DANE-TA needs it)."""

    def __init__(self, path, name, present=False):
        super().__init__(path, name)
        self.path = path
        self.present = present
        self.count = 0
        openssl(
            "req",
            "-x509",
            *NEWKEY,
            "-subj",
            "/CN=" + name,
            "-days",
            "30",
            "-keyout",
            self.key,
            "-out",
            self.cert,
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign"
        )
        self.finish()

    def issue(self, *names, days=10):
        """A server certificate for these DNS names.  days < 0: that long expired."""
        self.count += 1
        made = Cert(self.path, "%s-%d" % (os.path.basename(self.cert)[:-4], self.count), self)
        if days < 0:
            return self._issue_dated(made, names, days)
        openssl(
            "req",
            "-x509",
            *NEWKEY,
            "-subj",
            "/CN=" + names[0][:60],
            "-days",
            str(days),
            "-CA",
            self.cert,
            "-CAkey",
            self.key,
            "-keyout",
            made.key,
            "-out",
            made.cert,
            *leaf(names)
        )
        return made.finish()

    def _issue_dated(self, made, names, days):
        """Only "openssl ca" can make a certificate whose time is over."""
        request = made.cert + ".req"
        openssl(
            "req",
            "-new",
            *NEWKEY,
            "-subj",
            "/CN=" + names[0][:60],
            "-keyout",
            made.key,
            "-out",
            request,
            *leaf(names)
        )
        conf = made.cert + ".conf"
        with open(conf, "w", encoding="ascii") as f:
            f.write(CA_CONF % {"index": made.cert + ".index"})
        with open(made.cert + ".index", "w", encoding="ascii"):
            pass
        end = time.time() + days * 86400
        openssl(
            "ca",
            "-batch",
            "-notext",
            "-create_serial",
            "-config",
            conf,
            "-in",
            request,
            "-out",
            made.cert,
            "-cert",
            self.cert,
            "-keyfile",
            self.key,
            "-outdir",
            self.path,
            "-startdate",
            stamp(end - 90 * 86400),
            "-enddate",
            stamp(end),
        )
        return made.finish()


CA_CONF = """[ca]
default_ca = here
[here]
database = %(index)s
serial = %(index)s.serial
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = optional
"""


def stamp(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


NEWKEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch")


def leaf(names):
    return (
        "-addext",
        "subjectAltName=" + ",".join("DNS:" + n for n in names),
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-addext",
        "keyUsage=critical,digitalSignature",
        "-addext",
        "extendedKeyUsage=serverAuth,clientAuth",
    )


def self_signed(path, *names, days=10):
    made = Cert(path, "self-" + names[0])
    openssl(
        "req",
        "-x509",
        *NEWKEY,
        "-subj",
        "/CN=" + names[0][:60],
        "-days",
        str(days),
        "-keyout",
        made.key,
        "-out",
        made.cert,
        *leaf(names)
    )
    return made.finish()
