"""A mail relay for the tests, by Debian's aiosmtpd.

Says its port, then each message that it takes as a line of JSON.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 <nobody> no such user here"
        if address.startswith("later@"):
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "user": session.auth_data,
            "text": envelope.original_content.decode("latin-1"),
        }
        print(json.dumps(message), flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"alarm" and data.password == b"correct horse"
    # What a careless relay would say.
    words = None if good else f"535 5.7.8 wrong: {data.password.decode()}"
    return AuthResult(success=good, handled=False, auth_data="alarm", message=words)


async def main(mode, certificate=None, key=None):
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    options = dict(hostname="relay.test", enable_SMTPUTF8=True)
    if mode == "auth-starttls":
        options.update(authenticator=authenticate, auth_required=True)
    if mode in ("starttls", "auth-starttls"):
        options.update(tls_context=context, require_starttls=True)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), loop=loop, **options),
        "127.0.0.1",
        0,
        ssl=context if mode == "tls" else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
