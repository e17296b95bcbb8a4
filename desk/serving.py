"""How this desk is served: the address, who may ask how much, and to whom its signals go.

Nothing here decides anything, so none of it is part of the policy hash.
"""

from pydantic import BaseModel, ConfigDict, Field


class ApiSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", min_length=1, max_length=255)
    port: int = Field(8710, ge=1, le=65_535)
    public: bool = Field(False, description="whether it may be bound to an address that others can reach")
    requests_per_minute: int = Field(600, ge=1, le=1_000_000, description="of one key")
    body_bytes: int = Field(65_536, ge=1_024, le=16_777_216)
    timeout_s: int = Field(30, ge=1, le=600, description="of one request; streams have none")
    streams: int = Field(200, ge=1, le=10_000, description="open at once, of all keys")


class SignalSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    third_parties: bool = False
