"""The PBX's side of FastAGI, as in res_agi.c, up to the verdict variable."""

from __future__ import annotations

import asyncio
import contextlib
import re

from rig.virtualpbx.channel import Channel

_SET = re.compile(r'^SET VARIABLE __PBXBILLING "?(.*?)"?\s*$')


async def ask_hook(
    host: str, port: int, channel: Channel, direction: str, arguments: tuple[str, ...]
) -> str:
    """Run one session; return the value of `PBXBILLING`, empty where the server set none.

    An unreachable server gets the 2 s of res_agi.c; a silent one holds the call, as it would hold
    a real one.
    """
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return ""
    try:
        for line in _environment(host, port, channel, direction, arguments):
            writer.write(line.encode())
        return await _serve(reader, writer)
    except ConnectionError:
        return ""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def _environment(
    host: str, port: int, channel: Channel, direction: str, arguments: tuple[str, ...]
) -> list[str]:
    fields = {
        "network": "yes",
        "network_script": direction,
        "request": f"agi://{host}:{port}/{direction}",
        "channel": channel.name,
        "language": "en",
        "type": channel.name.partition("/")[0],
        "uniqueid": channel.uniqueid,
        "version": "22.10.0",
        "callerid": channel.caller or "unknown",
        "calleridname": "unknown",
        "callingpres": "0",
        "callingani2": "0",
        "callington": "0",
        "callingtns": "0",
        "dnid": "unknown",
        "rdnis": "unknown",
        "context": channel.context,
        "extension": channel.exten,
        "priority": "1",
        "enhanced": "0.0",
        "accountcode": channel.accountcode,
        "threadid": "1",
    }
    fields.update({f"arg_{i}": argument for i, argument in enumerate(arguments, 1)})
    return [f"agi_{key}: {value}\n" for key, value in fields.items()] + ["\n"]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    verdict = ""
    with contextlib.suppress(ConnectionError):  # what was set before the server left remains valid
        while line := await reader.readline():
            found = _SET.match(line.decode())
            if found:
                verdict = found[1]
            writer.write(b"200 result=1\n" if found else b"510 Invalid or unknown command\n")
    return verdict
