"""Stripe's error answers, in the shape that the stripe package turns into its exceptions.

https://docs.stripe.com/api/errors
"""

from rig.fakestripe.bodies import Body


class RejectedError(Exception):
    """An error answer: the HTTP `status` and the body's `error`."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        error = {"type": kind, "message": message, "code": code, "param": param}
        self.body: Body = {"error": {key: value for key, value in error.items() if value}}


def missing(
    kind: str, object_id: str, param: str, *, in_path: bool, other_mode: str = ""
) -> RejectedError:
    """No such object: 404 where the path names it, 400 where a parameter does.

    `other_mode` is "live" or "test" when the object exists in that mode.
    """
    message = f"No such {kind.replace('_', ' ')}: '{object_id}'"
    if other_mode:
        own = "live" if other_mode == "test" else "test"
        message += (
            f"; a similar object exists in {other_mode} mode, but a {own} mode key was used to make"
            " this request."
        )
    status = 404 if in_path else 400
    return RejectedError(message, status=status, code="resource_missing", param=param)


def bad_key(key: str) -> RejectedError:
    """The secret key is unknown."""
    shown = f"{key[:8]}***{key[-4:]}" if len(key) > 12 else "***"
    return RejectedError(f"Invalid API Key provided: {shown}", status=401)


def needed(param: str) -> RejectedError:
    """A required parameter was left out."""
    return RejectedError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown(param: str) -> RejectedError:
    """A parameter that the endpoint does not have."""
    return RejectedError(
        f"Received unknown parameter: {param}", code="parameter_unknown", param=param
    )
