"""The peers from Debian's packages at their best settings: ejabberd, Prosody, mosquitto.

Settings: direct TLS with a P-256 certificate, PLAIN over it with passwords stored as they are (no key stretching at
login), no rosters, no limits, Nagle off where it can be; their message archives on (``mod_mam``). mosquitto speaks
TLS-PSK and keeps its sessions.
"""

import hashlib
import shutil
import socket
import subprocess
from pathlib import Path

from test.ports import free_port

from .common import wait_for
from .load import mqtt, xmpp
from .systems import Missing, System

_EJABBERD = """\
hosts: [localhost]
loglevel: error
certfiles: ["{directory}/server.pem"]
auth_method: internal
auth_password_format: plain
listen:
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    tls: true
    tls_compression: false
    backlog: 4096
    max_stanza_size: 262144
    access: all
acl:
  local:
    user_regexp: ""
access_rules:
  unlimited:
    allow: all
max_fsm_queue: 100000
modules:
  mod_offline:
    access_max_user_messages: unlimited_messages
  mod_mam:
    default: always
    db_type: mnesia
  mod_stream_mgmt:
    max_ack_queue: infinity
shaper_rules:
  unlimited_messages:
    infinity: all
"""

_PROSODY = """\
run_as_root = true
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
certificates = "{directory}"
log = {{ error = "{directory}/error.log" }}
modules_enabled = {{ "saslauth", "tls", "mam", "offline", "smacks" }}
modules_disabled = {{ "s2s", "roster" }}
authentication = "internal_plain"
storage = "internal"
archive_expires_after = "never"
default_archive_policy = true
archive_cleanup_interval = 86400
gc = {{ mode = "generational" }}
network_settings = {{ tcp_backlog = 4096, nagle = false }}
c2s_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ }}
c2s_direct_tls_ports = {{ {port} }}
c2s_direct_tls_interfaces = {{ "127.0.0.1" }}
c2s_direct_tls_ssl = {{ certificate = "{directory}/server.pem"; key = "{directory}/server.pem" }}
c2s_require_encryption = true
ssl = {{ certificate = "{directory}/server.pem"; key = "{directory}/server.pem" }}
limits = {{ }}
smacks_max_unacked_stanzas = 100000
VirtualHost "localhost"
"""

_MOSQUITTO = """\
user root
listener {port} 127.0.0.1
psk_hint bench
psk_file {directory}/psk
use_identity_as_username true
set_tcp_nodelay true
persistence true
persistence_location {directory}/
autosave_interval 1800
max_queued_messages 0
max_inflight_messages 0
max_connections -1
log_type error
"""


class PackagedSystem(System):
    """A program of a Debian package."""

    package = ""
    program = ""

    def start(self, clients: int) -> "PackagedSystem":
        if self.path() is None:
            raise Missing(f"{self.name} is not installed: apt-get install --no-install-recommends {self.package}")
        self.address = ("127.0.0.1", free_port())
        self.launch(clients)
        wait_for(self._listens, f"{self.name} listens (see {self.directory}/output)", 120)
        return self

    def launch(self, clients: int) -> None:
        raise NotImplementedError

    def path(self) -> str | None:
        return shutil.which(self.program, path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")

    def _listens(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self.said()[-2000:]}")
        with socket.socket() as sock:
            return sock.connect_ex(self.address) == 0

    def version(self) -> str:
        told = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", self.package], capture_output=True, text=True)
        return told.stdout.strip() or "unknown"

    def write(self, name: str, text: str) -> Path:
        file = self.directory / name
        file.write_text(text.format(directory=self.directory, port=self.address[1]))
        return file

    def certificate(self) -> None:
        """A self-signed P-256 certificate with its key, in server.pem."""
        pem = self.directory / "server.pem"
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-keyout",
                str(self.directory / "key.pem"),
                "-out",
                str(pem),
            ],
            check=True,
            capture_output=True,
        )
        pem.write_text((self.directory / "key.pem").read_text() + pem.read_text())


class Ejabberd(PackagedSystem):
    name = "ejabberd"
    protocol = "xmpp"
    package = program = "ejabberd"

    def path(self) -> str | None:
        return shutil.which("ejabberdctl", path="/usr/sbin:/usr/bin") and shutil.which("erl")

    def launch(self, clients: int) -> None:
        self.certificate()
        config = self.write("ejabberd.yml", _EJABBERD)
        made = self.directory / "accounts-made"
        register = (
            f'[ejabberd_auth:try_register(U, <<"localhost">>, <<"secret-of-", U/binary>>) || '
            f'N <- lists:seq(0, {clients - 1}), U <- [<<"u", (integer_to_binary(N))/binary>>]], '
            f'file:write_file("{made}", "").'
        )
        env = {
            "EJABBERD_CONFIG_PATH": str(config),
            "ERL_LIBS": "/usr/lib/x86_64-linux-gnu",
            "HOME": str(self.directory),
            "ERL_MAX_PORTS": "32000",
            "ERL_MAX_ETS_TABLES": "1400",
            "EJABBERD_LOG_PATH": str(self.directory / "log"),
            "ERL_CRASH_DUMP_BYTES": "0",
        }
        schedulers = str(len(self.cores))
        self.spawn(
            "erl",
            "+K",
            "true",
            "+P",
            "250000",
            "+S",
            f"{schedulers}:{schedulers}",
            "+sbwt",
            "none",
            "-noinput",
            "-mnesia",
            "dir",
            f'"{self.directory}/spool"',
            "-s",
            "ejabberd",
            "-eval",
            register,
            env=env,
        )
        wait_for(made.exists, f"ejabberd has made {clients} accounts (see {self.directory}/output)", 180)

    def about(self) -> dict[str, str]:
        return {
            "version": self.version(),
            "settings": "direct TLS, PLAIN, mod_mam always (mnesia), mod_stream_mgmt, "
            "no roster, one scheduler a core, no busy waiting",
            "sync": "mnesia: log and tables written back by timer, never synced for a message",
        }

    def who(self, number: int) -> xmpp.XmppUser:
        return xmpp.XmppUser(self.address, f"u{number}")


class Prosody(PackagedSystem):
    name = "prosody"
    protocol = "xmpp"
    package = program = "prosody"

    def launch(self, clients: int) -> None:
        self.certificate()
        accounts = self.directory / "data" / "localhost" / "accounts"
        accounts.mkdir(parents=True)
        for number in range(clients):
            (accounts / f"u{number}.dat").write_text(f'return {{ ["password"] = "secret-of-u{number}"; }};\n')
        self.spawn(self.path() or self.program, "-F", "--config", str(self.write("prosody.cfg.lua", _PROSODY)))

    def about(self) -> dict[str, str]:
        return {
            "version": self.version(),
            "settings": "generational collector, epoll, Nagle off, direct TLS, PLAIN, mod_mam, mod_smacks, no roster",
            "sync": "internal storage: appended to files, never synced",
        }

    def who(self, number: int) -> xmpp.XmppUser:
        return xmpp.XmppUser(self.address, f"u{number}")


class Mosquitto(PackagedSystem):
    name = "mosquitto"
    protocol = "mqtt"
    package = program = "mosquitto"

    def launch(self, clients: int) -> None:
        (self.directory / "psk").write_text(
            "".join(f"u{number}:{self._key(number).hex()}\n" for number in range(clients))
        )
        self.spawn(self.path() or self.program, "-c", str(self.write("mosquitto.conf", _MOSQUITTO)))

    @staticmethod
    def _key(number: int) -> bytes:
        return hashlib.sha256(f"u{number}".encode()).digest()

    def about(self) -> dict[str, str]:
        return {
            "version": self.version(),
            "settings": "TLS-PSK, QoS 1, persistent sessions, no queue limit, Nagle off",
            "sync": "persistence on: the whole store saved every 1800 s (default) and at the end",
        }

    def who(self, number: int) -> mqtt.MqttUser:
        return mqtt.MqttUser(self.address, f"u{number}", self._key(number))
