"""Events as they are kept."""

from __future__ import annotations

from datetime import datetime

from pbxbilling.subscriptions.events import Message, WebhookEvent


def stored_event(message: Message, body: bytes, received_at: datetime) -> WebhookEvent:
    """A verified event with its body, to be kept."""
    return WebhookEvent(
        id=message.id,
        kind=message.kind,
        about=message.about,
        created_at=message.created_at,
        received_at=received_at,
        live=message.live,
        body=body.decode(),
    )
