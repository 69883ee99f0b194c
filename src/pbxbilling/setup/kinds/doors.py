"""The hook of calls that come in: a context of ours in front of a trunk's own.

The trunk's endpoint gets it in place of its context. It asks, then goes on in the trunk's own
context: phones that reach the same extensions are not asked as callers from outside, and a number
added later needs no line. It includes the trunk's context: what is no number (`sip:sales@pbx`) goes
there unasked, as before, for no tenant can own a name.
"""

from __future__ import annotations

from collections.abc import Sequence

from pbxbilling.setup.conf.edits import with_value
from pbxbilling.setup.kinds.hooks import PREFIX, Hooks
from pbxbilling.setup.kinds.shipped import CONTEXT, hook_line
from pbxbilling.setup.pbx.dialplan import Dialplan
from pbxbilling.setup.pbx.endpoints import Endpoint


def incoming(hooks: Hooks, dialplan: Dialplan, endpoints: Sequence[Endpoint]) -> None:
    """Give the trunks' endpoints a context of ours in front of their own."""
    for endpoint in endpoints:
        context = endpoint.context
        if context.startswith(PREFIX) or _asks(dialplan, context):
            continue
        _redirect(hooks, endpoint)
        ours = f"{PREFIX}{context}"
        if ours not in dialplan.contexts and f"[{ours}]" not in hooks.contexts:
            hooks.contexts += door(context, has_s=_has_s(dialplan, context))


def _asks(dialplan: Dialplan, context: str) -> bool:
    """Return whether the trunk's context has hooks of the site's own."""
    return any(
        f"{CONTEXT},s,1(inbound" in step.arguments
        for one in dialplan.reached(context)
        for step in one.steps
    )


def _has_s(dialplan: Dialplan, context: str) -> bool:
    return any("s" in one.extens() for one in dialplan.reached(context))


def _redirect(hooks: Hooks, endpoint: Endpoint) -> None:
    """Set the context in the endpoint's own section: a template may be a phone's too."""
    ours = f"{PREFIX}{endpoint.context}"
    line = endpoint.context_line
    edits = hooks.edits[line.path if line else endpoint.section.path]
    if line is not None:
        edits.replace(line.number, [with_value(line, ours)])
    else:
        edits.insert_after(endpoint.section.number, [f"{endpoint.context_key} = {ours}"])


def door(context: str, *, has_s: bool) -> list[str]:
    """Return our context in front of a trunk's: it asks, then goes on in the trunk's own."""
    known = f"${{DIALPLAN_EXISTS({context},${{EXTEN}},1)}}"
    asked = hook_line("${EXTEN}", "inbound")
    lines = [
        "",
        f"; Calls that come in for {context}. A number that it does not have is answered by 404.",
        f"[{PREFIX}{context}]",
        f"exten => _[+*#0-9]!,1,GotoIf($[{known} = 0]?unknown)",
        f" same => n,{asked}",
        f" same => n,Goto({context},${{EXTEN}},1)",
        " same => n(unknown),Hangup(1)",
    ]
    if has_s:
        lines += [
            "; A trunk that sends no number: write the number in place of ${EXTEN}.",
            f"exten => s,1,{asked}",
            f" same => n,Goto({context},s,1)",
        ]
    return [*lines, "; Names that are no numbers go on unasked.", f"include => {context}"]
