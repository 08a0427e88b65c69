# SPDX-License-Identifier: ISC
"""exim: a real Exim as receiving mail server for many hosts at once, each on
its own loopback address with its own name and certificate.  It runs as an
ordinary user and writes each delivery to a file of its own."""
import os
import re

import proc
from servers import MailServer

CONF = """
exim_user = %(uid)d
exim_group = %(gid)d
exim_path = %(exim)s
keep_environment = ^LD_ : ^NSS_WRAPPER_
add_environment = <; PATH=/bin:/usr/bin
deliver_drop_privilege = true
spool_directory = %(dir)s/spool
log_file_path = %(dir)s/log/%%slog
pid_file_path = %(dir)s/pid
primary_hostname = mail.example
smtp_active_hostname = ${lookup{$received_ip_address}lsearch{%(dir)s/names}{$value}{mail.example}}
local_interfaces = <; %(addresses)s
daemon_smtp_ports = %(port)d
tls_advertise_hosts = *
tls_certificate = %(dir)s/$received_ip_address.crt
tls_privatekey = %(dir)s/$received_ip_address.key
tls_dhparam = none
hosts_require_helo =
host_lookup =
rfc1413_hosts =
rfc1413_query_timeout = 0s
received_header_text =
received_headers_max = 100
message_size_limit = 200M
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 100000
smtp_accept_max_nonmail = 100000
smtp_enforce_sync = false
check_spool_space = 0
check_spool_inodes = 0
accept_8bitmime = true
smtputf8_advertise_hosts = *
acl_smtp_rcpt = always
acl_smtp_data = always
begin acl
always:
  accept
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  directory = %(dir)s/mail
  directory_file = ${message_exim_id}-${inode}
  create_directory = false
  message_prefix = "${received_ip_address} FROM <$return_path> TO <$local_part@$domain>\\n"
  message_suffix =
  use_crlf = true
  check_string =
  escape_string =
  mode = 0644
begin retry
* * F,1h,1m
"""


class Delivered:
    def __init__(self, path):
        with open(path, "rb") as f:
            head, self.data = f.read().split(b"\n", 1)
        words = re.match(r"(\S+) FROM <([^>]*)> TO <([^>]*)>", head.decode().strip())
        self.address, self.sender, self.recipient = words.groups()


class Exim(MailServer):
    """hosts: {address: (name, Cert)}"""

    log_name, errors_name = "log/mainlog", "log/stderr"

    def __init__(self, scratch, servers, hosts, port):
        self.path = scratch.dir("exim")
        for folder in ("exim/spool", "exim/log", "exim/mail"):
            scratch.dir(folder)
        self.port = port
        self.hosts = hosts
        names = ""
        for address, (name, cert) in hosts.items():
            names += "%s: %s\n" % (address, name)
            for suffix, source in (("crt", cert.chain), ("key", cert.key)):
                with open(source, "rb") as f:
                    scratch.write("exim/%s.%s" % (address, suffix), f.read())
        scratch.write("exim/names", names)
        uid, gid = proc.unprivileged()
        self.exim = servers.program("exim4")
        conf = scratch.write(
            "exim/conf",
            CONF
            % {
                "uid": uid,
                "gid": gid,
                "exim": self.exim,
                "dir": self.path,
                "port": port,
                "addresses": " ; ".join(hosts),
            },
        )
        self.env = servers.env_named({"Debian-exim": uid})
        self.argv = [self.exim, "-C", conf, "-bdf"]

    def mail(self):
        folder = os.path.join(self.path, "mail")
        return [
            Delivered(os.path.join(folder, n))
            for n in sorted(os.listdir(folder))
            if not n.startswith("temp")
        ]
