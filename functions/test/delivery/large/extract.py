"""What Python's email package finds in messages: one JSON line per path, the leaves with the SHA-256 of their content."""
import email
import hashlib
import json
import sys


def leaves(part):
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for each in part.get_payload():
            yield from leaves(each)
    else:
        yield part


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        # From bytes, not from the file: read as a file, CRLF would become LF.
        message = email.message_from_bytes(file.read())
    found = []
    for part in leaves(message):
        attached = part.get_content_disposition() == "attachment"
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and not attached:
            continue
        if part.get_content_maintype() == "message":
            found.append({"type": kind, "sha256": None})
            continue
        content = part.get_payload(decode=True)
        found.append({"type": kind, "sha256": hashlib.sha256(content or b"").hexdigest()})
    print(json.dumps(found))
