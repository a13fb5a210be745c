"""Services that moto has no backend for, or none that starts here: responses of moto's kind, served as its own."""

from typing import Any

from flask import Flask
from moto.core.responses import BaseResponse
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import HTTP_METHODS, BackendRequest, create_backend_app

from sandbox.aws.health import HealthResponse
from sandbox.aws.xray.operations import XRayResponse

OWN: dict[str, type[BaseResponse]] = {"health": HealthResponse, "xray": XRayResponse}


def service_of(host: str | None) -> str | None:
    """The name of one of these, if the host is its."""
    name = (host or "").split(".", 1)[0]
    return name if name in OWN else None


def create_app(service: Any) -> Flask:
    if service not in OWN:
        return create_backend_app(service)
    app = Flask(service)
    app.request_class = BackendRequest
    view = convert_to_flask_response(OWN[service].dispatch)
    for path in ("/", "/<path:path>"):
        app.add_url_rule(path, endpoint=path, methods=HTTP_METHODS, view_func=view, strict_slashes=False)
    return app
