"""A mail server on loopback that takes, refuses, stalls or hangs up by the recipient's name.

Flows in: one JSON object as the only argument: `mode` (plain, starttls, tls), `certificate`, `key`, `user`, `password`.
Flows out: one JSON object a line: first the port, then each email that was taken, as it came and as Python's parser reads it.
"""

import asyncio
import base64
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

seen = set()


def say(**what):
    print(json.dumps(what), flush=True)


def first(address):
    """Whether this is the first time that somebody asks about it."""
    is_first = address not in seen
    seen.add(address)
    return is_first


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "later" and first(address):
            return "451 4.7.1 greylisted, come back"
        if name == "never":
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        names = {address.split("@")[0] for address in envelope.rcpt_tos}
        if "hang" in names:
            await asyncio.sleep(600)
        if "cut" in names:
            server.transport.abort()
            await asyncio.sleep(600)
        if "full" in names and first("full"):
            return "452 4.3.1 disk full"
        if "spam" in names:
            return "554 5.7.1 this is spam"
        taken(server, session, envelope)
        return "250 2.0.0 queued"


def taken(server, session, envelope):
    parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
    parts = {part.get_content_type(): part.get_content() for part in parsed.walk() if not part.is_multipart()}
    say(
        sender=envelope.mail_from,
        to=envelope.rcpt_tos,
        raw=base64.b64encode(envelope.content).decode(),
        headers={name: str(value) for name, value in parsed.items()},
        text=parts.get("text/plain", ""),
        html=parts.get("text/html", ""),
        defects=[str(defect) for part in parsed.walk() for defect in part.defects],
        encrypted=server.transport.get_extra_info("sslcontext") is not None,
        login=bool(session.authenticated),
    )


async def main():
    options = json.loads(sys.argv[1])
    context = None
    if options["mode"] != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["certificate"], options["key"])

    def judge(server, session, envelope, mechanism, data):
        known = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == (
            options["user"],
            options["password"],
        )
        return AuthResult(success=known, handled=False)

    def protocol():
        return SMTP(
            Handler(),
            hostname="mail.example.com",
            tls_context=context if options["mode"] == "starttls" else None,
            require_starttls=options["mode"] == "starttls",
            authenticator=judge,
            auth_required=bool(options.get("user")),
            auth_require_tls=options["mode"] == "starttls",
        )

    loop = asyncio.get_running_loop()
    implicit = context if options["mode"] == "tls" else None
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=implicit)
    say(port=server.sockets[0].getsockname()[1])
    # Ends with whoever started it.
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
