"""What GitHub's API says of a release and of an asset, in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MOMENT: Final = "2026-01-02T03:04:05Z"


def user_shape(base: str) -> Any:
    links = (
        *("followers", "following", "gists", "starred", "subscriptions", "organizations"),
        *("repos", "events", "received_events"),
    )
    return {
        "login": "me",
        "id": 1,
        "node_id": "U_1",
        "avatar_url": f"{base}/me.png",
        "gravatar_id": "",
        "url": f"{base}/users/me",
        "html_url": f"{base}/me",
        **{f"{name}_url": f"{base}/users/me/{name}" for name in links},
        "type": "User",
        "site_admin": False,
    }


def release_shape(base: str, repo: str, facts: Mapping[str, Any]) -> Any:
    url = f"{base}/repos/{repo}/releases/{facts['id']}"
    return {
        "url": url,
        "html_url": f"{base}/{repo}/releases/tag/{facts['tag']}",
        "assets_url": f"{url}/assets",
        "upload_url": url.replace("/repos/", "/api/uploads/repos/", 1) + "/assets{?name,label}",
        "tarball_url": None,
        "zipball_url": None,
        "id": facts["id"],
        "node_id": f"R_{facts['id']}",
        "tag_name": facts["tag"],
        "target_commitish": "main",
        "name": facts["tag"],
        "body": "",
        "draft": False,
        "prerelease": True,
        "created_at": _MOMENT,
        "published_at": _MOMENT,
        "author": user_shape(base),
        "assets": facts["assets"],
    }


def uploaded_shape(base: str, repo: str, facts: Mapping[str, Any]) -> Any:
    return {
        "url": f"{base}/repos/{repo}/releases/assets/{facts['id']}",
        "browser_download_url": f"{base}/{repo}/releases/download/blobs/{facts['name']}",
        "id": facts["id"],
        "node_id": f"RA_{facts['id']}",
        "name": facts["name"],
        "label": "",
        "state": facts["state"],
        "content_type": "application/octet-stream",
        "size": facts["size"],
        "digest": facts["digest"],
        "download_count": 0,
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
        "uploader": user_shape(base),
    }
