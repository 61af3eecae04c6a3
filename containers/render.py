#!/usr/bin/env python3
"""docker compose config --format json | render.py [--without SERVICE...] > compose.json

Takes the digests away, so that images of the same name and tag that were made on this machine are used, forbids
pulling, and leaves out the named services. Nothing else is changed."""
import json
import re
import sys


def without_digest(image):
    return re.sub(r"@sha256:[0-9a-f]{64}$", "", image)


project = json.load(sys.stdin)
for name in sys.argv[2:]:
    del project["services"][name]
for service in project["services"].values():
    service["image"] = without_digest(service["image"])
    service["pull_policy"] = "never"
    arguments = service.get("build", {}).get("args", {})
    for argument, value in arguments.items():
        arguments[argument] = without_digest(value)
json.dump(project, sys.stdout)
