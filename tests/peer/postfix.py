# SPDX-License-Identifier: ISC
"""postfix: a real Postfix as receiving mail server, run by an ordinary user
from where it was unpacked.  Postfix wants root, a user and a group of its own:
nss_wrapper and uid_wrapper let it believe in them.  Mail goes into one maildir.
"""
import os
import re

import proc
from servers import MailServer

MAIN = """
compatibility_level = 3.6
queue_directory = %(dir)s/spool
data_directory = %(dir)s/data
command_directory = %(sbin)s
daemon_directory = %(daemons)s
meta_directory = %(dir)s
shlib_directory = %(libs)s
mail_owner = postfix
setgid_group = postdrop
default_privs = nobody
import_environment = LD_LIBRARY_PATH LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
	UID_WRAPPER UID_WRAPPER_ROOT PATH=/usr/bin:/bin TZ=UTC MAIL_CONFIG
maillog_file = %(dir)s/maillog
maillog_file_prefixes = /
inet_protocols = ipv4
myhostname = mail.example
mydestination =
mynetworks =
local_recipient_maps =
alias_maps =
alias_database =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:mail/
virtual_mailbox_base = %(dir)s
virtual_uid_maps = static:%(uid)d
virtual_gid_maps = static:%(gid)d
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
message_size_limit = 200000000
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtputf8_enable = no
disable_dns_lookups = yes
in_flow_delay = 0
"""
SERVICE = """%(address)s:%(port)d inet n - n - 50 smtpd
	-o myhostname=%(name)s -o smtpd_tls_chain_files=%(key)s,%(chain)s
"""
MASTER = """
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class Delivered:
    """A message in the maildir: what virtual(8) put on top tells the envelope."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        m = re.match(
            rb"Return-Path: <([^>\n]*)>\n(?:X-Original-To: [^\n]*\n)?Delivered-To: ([^\n]*)\n",
            data,
        )
        self.sender, self.recipient = m.group(1).decode(), m.group(2).decode()
        self.data = data[m.end() :].replace(b"\n", b"\r\n")


class Postfix(MailServer):
    """hosts: {address: (name, Cert)}"""

    log_name = "maillog"

    def __init__(self, scratch, servers, hosts, port):
        self.path = scratch.dir("postfix")
        self.port = port
        self.hosts = hosts
        for folder in (
            "data",
            "mail",
            "mail/new",
            "mail/cur",
            "mail/tmp",
            "spool",
            *(
                "spool/" + n
                for n in (
                    "active",
                    "bounce",
                    "corrupt",
                    "defer",
                    "deferred",
                    "flush",
                    "hold",
                    "incoming",
                    "maildrop",
                    "pid",
                    "private",
                    "public",
                    "saved",
                    "trace",
                )
            ),
        ):
            scratch.dir("postfix", folder, mode=0o700)
        uid, gid = proc.unprivileged()
        library = os.path.join(servers.root, "usr/lib/postfix")
        self.env = servers.env_named(
            {"postfix": uid, "nobody": 4001}, root=True, groups={"postdrop": 4002}
        )
        self.env["LD_LIBRARY_PATH"] += ":" + library
        self.env["MAIL_CONFIG"] = self.path
        values = {
            "dir": self.path,
            "sbin": os.path.join(servers.root, "usr/sbin"),
            "libs": library,
            "daemons": os.path.join(library, "sbin"),
            "uid": uid,
            "gid": gid,
            "port": port,
        }
        scratch.write("postfix/main.cf", MAIN % values)
        services = "".join(
            SERVICE
            % {"address": a, "port": port, "name": name, "chain": cert.chain, "key": cert.key}
            for a, (name, cert) in hosts.items()
        )
        scratch.write("postfix/master.cf", services + MASTER)
        self.argv = [os.path.join(library, "sbin", "master"), "-c", self.path, "-d"]

    def mail(self):
        folder = os.path.join(self.path, "mail", "new")
        return [Delivered(os.path.join(folder, n)) for n in sorted(os.listdir(folder))]
