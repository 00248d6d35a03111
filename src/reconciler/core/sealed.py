"""A secret value that compares by digest and cannot be printed."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

KEY: Final = "sealed"


class Sealed:
    """A secret: equal when its keyed digest is; ``reveal()`` gives the value where it is known.

    What is observed knows only the digest, what is desired knows both, so one comparison serves
    diff without a secret ever being stored. Printed, dumped or logged it is ``(secret)`` or
    ``{"sealed": digest}``.
    """

    __slots__ = ("_value", "digest")

    def __init__(self, digest: str, value: str | None = None) -> None:
        self.digest = digest
        self._value = value

    @classmethod
    def of(cls, value: str, key: bytes) -> Sealed:
        """Seal ``value``; the digest is HMAC-SHA256 under ``key``, 32 hex digits."""
        return cls(hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:32], value)

    def reveal(self) -> str:
        """The value, for the one place that hands it on."""
        if self._value is None:
            raise ValueError("only the digest of this secret is known")
        return self._value

    @property
    def known(self) -> bool:
        """Whether the value is, and not only its digest."""
        return self._value is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and hmac.compare_digest(self.digest, other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return "(secret)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type[Sealed], tuple[str]]:
        return Sealed, (self.digest,)

    @classmethod
    def _parse(cls, value: Any) -> Sealed:
        match value:
            case Sealed():
                return value
            case {"sealed": str(digest)} if len(value) == 1:
                return cls(digest)
        raise ValueError("not a secret")

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._parse,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda sealed: {KEY: sealed.digest}
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        source = {"type": "string", "minLength": 1}
        return {
            "type": "object",
            "description": "A secret, read when the specs are loaded and shown nowhere.",
            "properties": {
                "from": {
                    "type": "object",
                    "properties": {"env": source, "file": source},
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": False,
                }
            },
            "required": ["from"],
            "additionalProperties": False,
        }
