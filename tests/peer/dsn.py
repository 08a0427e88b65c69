# SPDX-License-Identifier: ISC
"""dsn: a delivery status notification taken apart without mercy (RFC 3464):
what the standard library finds wrong with it is an error."""
import email
import email.policy

STRICT = email.policy.SMTP.clone(raise_on_defect=True)
KINDS = {
    "delivery-status": ("message/delivery-status", "text/rfc822-headers", "message/rfc822"),
    "global-delivery-status": (
        "message/global-delivery-status",
        "message/global-headers",
        "message/global",
    ),
}
ACTIONS = {"failed": "45", "delayed": "4", "delivered": "2", "relayed": "2"}


class Wrong(Exception):
    pass


def need(good, what):
    if not good:
        raise Wrong(what)


class Report:
    """text: for people; message, recipients: the fields, names in lower case;
    returned: the third part; kind: its type."""

    def __init__(self, data):
        self.data = data
        self.mail = email.message_from_bytes(data, policy=STRICT)
        for name in ("From", "To", "Date", "Message-ID", "MIME-Version", "Subject"):
            need(len(self.mail.get_all(name, [])) == 1, "one %s" % name)
        need(self.mail["Auto-Submitted"] == "auto-replied", "Auto-Submitted")
        need(self.mail.get_content_type() == "multipart/report", "multipart/report")
        kinds = KINDS[self.mail.get_param("report-type")]
        parts = self.mail.get_payload()
        need(len(parts) == 3, "three parts")
        need(parts[0].get_content_type() == "text/plain", "a text first")
        need(parts[1].get_content_type() == kinds[0], "then the fields")
        self.kind = parts[2].get_content_type()
        need(self.kind in kinds[1:] + KINDS["global-delivery-status"][1:], "then what was sent")
        self.text = parts[0].get_content()
        self.returned = parts[2]
        for line in data.split(b"\r\n"):
            need(len(line) <= 998 and b"\n" not in line and b"\r" not in line, "line ends")
        self.fields(parts[1])

    def fields(self, part):
        """RFC 3464 s2.1: groups of fields, an empty line between them."""
        raw = self.data.split(b"\r\n--" + part_boundary(self.mail))[2]
        groups = raw.split(b"\r\n\r\n")[1:]
        groups = [dict(unfold(g)) for g in groups if g.strip()]
        need(len(groups) >= 2, "fields of the message and of a recipient")
        self.message, self.recipients = groups[0], groups[1:]
        need("reporting-mta" in self.message, "Reporting-MTA")
        for r in self.recipients:
            for name in ("final-recipient", "action", "status"):
                need(name in r, name)
            need(r["action"] in ACTIONS, "action " + r["action"])
            need(r["status"][0] in ACTIONS[r["action"]], "status of " + r["action"])
            need(r["action"] == "delayed" or "will-retry-until" not in r, "no more tries")
            for name in ("final-recipient", "original-recipient", "diagnostic-code"):
                need(name not in r or ";" in r[name], name + " has a type")

    def of(self, address):
        found = [r for r in self.recipients if r["final-recipient"].endswith(" " + address)]
        need(len(found) == 1, "one group for " + address)
        return found[0]


def part_boundary(mail):
    return mail.get_boundary().encode()


def unfold(group):
    name = value = None
    for line in group.decode("utf-8").split("\r\n"):
        if line[:1] in (" ", "\t"):
            need(name is not None and line.strip(), "a line that goes on")
            value += line
            continue
        if name is not None:
            yield name, value
        if not line:
            name = None
            continue
        name, colon, value = line.partition(": ")
        need(colon and name and " " not in name, "field " + line)
        name = name.lower()
    if name is not None:
        yield name, value


def parse(data):
    return Report(data)
