"""Signatures for S3 are the ones that Amazon's own library makes."""

from __future__ import annotations

import datetime as dt
import hashlib
from unittest.mock import patch

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients.blobs_s3 import Bucket
from reconciler.clients.sigv4 import EMPTY, Keys, Request, sign

keys = st.text("abcABC019-_.", min_size=1, max_size=20)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    url=st.builds(
        Bucket("https://minio.example:9000", "blobs", "a/b/").url,
        keys,
        st.dictionaries(st.sampled_from(["list-type", "prefix", "uploadId"]), values),
    ),
    content=st.binary(max_size=50),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
)
def test_signs_as_the_original(method: str, url: str, content: bytes, secret: str) -> None:
    """The same request of the same moment has the same signature."""
    digest = hashlib.sha256(content).hexdigest() if content else EMPTY
    headers = {"x-amz-meta-sha256": digest}
    ours = sign(
        Request(method, url, headers, digest, "20260102T030405Z"), Keys("me", secret, "eu-west-1")
    )
    theirs = AWSRequest(method, url, headers=dict(headers), data=content)
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    with patch("botocore.auth.get_current_datetime", return_value=moment):
        S3SigV4Auth(Credentials("me", secret), "s3", "eu-west-1").add_auth(theirs)
    assert ours["authorization"] == theirs.headers["Authorization"]
    assert ours["x-amz-content-sha256"] == theirs.headers["X-Amz-Content-SHA256"]
