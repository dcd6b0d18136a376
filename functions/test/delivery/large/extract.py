"""What Python's email package finds in messages: one JSON line per path, with the leaves that are no text of the body and
whether it had to guess."""
import email
import email.header
import email.policy
import hashlib
import json
import re
import sys

# An attached message as it stands in the one around it: nothing folded anew, no line beginning with "From " changed.
AS_IT_IS = email.policy.compat32.clone(linesep="\r\n", max_line_length=0, mangle_from_=False)


def leaves(part):
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for each in part.get_payload():
            yield from leaves(each)
    else:
        yield part


def content_of(part):
    if part.get_content_maintype() == "message" and part.is_multipart():
        return b"".join(each.as_bytes(policy=AS_IT_IS) for each in part.get_payload())
    encoding = part.get("content-transfer-encoding")
    if encoding is not None:  # with a blank behind it Python would not know it
        part.replace_header("content-transfer-encoding", str(encoding).strip())
    return part.get_payload(decode=True) or b""


def name_of(part):
    for _, value in part.raw_items():
        raw = value.encode("utf-8", "surrogateescape")
        found = re.search(rb'filename="([^"]*)"', raw)
        if found and re.search(rb"[\x80-\xff\x1b]", found[1]):
            return decoded(found[1])
    name = part.get_filename() or ""
    try:
        return str(email.header.make_header(email.header.decode_header(name)))
    except (LookupError, UnicodeDecodeError, email.errors.HeaderParseError):
        return name


def decoded(raw):
    """A name in bytes that say nothing of their charset, by the first that fits."""
    for charset in ("iso-2022-jp", "utf-8", "shift_jis"):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        # From bytes, not from the file: read as a file, CRLF would become LF.
        message = email.message_from_bytes(file.read())
    found = []
    guessed = any(part.defects for part in message.walk())
    for part in leaves(message):
        attached = part.get_content_disposition() == "attachment"
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and not attached:
            continue
        content = content_of(part)
        guessed = guessed or bool(part.defects)
        found.append(
            {
                "type": kind,
                "name": name_of(part),
                "contentId": str(part.get("content-id", "")).strip().strip("<>"),
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
    print(json.dumps({"attachments": found, "guessed": guessed}))
