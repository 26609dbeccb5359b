"""A server of others on loopback that takes what goes to Sentry: `kent` or `bugsink`.

It says its port and key in one line of JSON. Each line on stdin is answered with the events it has by then; it ends with stdin."""

import json
import os
import pathlib
import sys
import tempfile
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


class Threading(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def kent(_port, _folder):
    from kent.app import create_app

    app = create_app({})

    def events():
        client = app.test_client()
        listed = client.get("/api/eventlist/").json["events"]
        ids = [event["event_id"] if isinstance(event, dict) else event for event in listed]
        return [client.get(f"/api/event/{event}").json for event in ids]

    return app, "0123456789abcdef0123456789abcdef", events


def bugsink(port, folder):
    conf = pathlib.Path(folder, "bugsink_conf.py")
    conf.write_text(
        f"""
from bugsink.settings.default import *
SECRET_KEY = "of no worth, but long enough for those who look at its length: 0123456789"
TIME_ZONE = "UTC"
ALLOWED_HOSTS = ["*"]
SNAPPEA = {{"TASK_ALWAYS_EAGER": True}}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
DATABASES["default"]["NAME"] = {folder!r} + "/db.sqlite3"
DATABASES["snappea"]["NAME"] = {folder!r} + "/snappea.sqlite3"
BUGSINK = {{"BASE_URL": "http://127.0.0.1:{port}", "SINGLE_USER": True, "SINGLE_TEAM": True, "VALIDATE_ON_DIGEST": "strict", "PHONEHOME": False}}
"""
    )
    sys.path.insert(0, folder)
    os.chdir(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "bugsink_conf"
    import django

    django.setup()
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    for database in ("default", "snappea"):
        call_command("migrate", database=database, verbosity=0)
    from events.models import Event
    from projects.models import Project

    project = Project.objects.create(name="test")
    assert project.id == 1

    def events():
        return [json.loads(event.data) for event in Event.objects.all()]

    return get_wsgi_application(), project.sentry_key.hex, events


def main():
    shared = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        # Bound before there is anything to serve: one of the two wants to know its address.
        app = None
        server = make_server("127.0.0.1", 0, lambda env, start: app(env, start), Threading, Quiet)
        app, key, events = {"kent": kent, "bugsink": bugsink}[sys.argv[1]](server.server_port, folder)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps({"port": server.server_port, "key": key}), flush=True)
        for _ in sys.stdin:
            print(json.dumps(events()), flush=True)


main()
