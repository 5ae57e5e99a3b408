"""The configuration: `config.yaml`, overridden by `JC_…` environment variables, checked before anything starts."""

from __future__ import annotations

import ipaddress
import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from jinaconnect.core.billing.prices import price_list
from jinaconnect.telephony.transcribe.local import model_directory


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        return (
            json.loads(value)
            if value.lstrip().startswith("[")
            else [part.strip() for part in value.split(",") if part.strip()]
        )
    return value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Http(_Section):
    """The listening side."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_url: str = ""
    frontend_url: str = ""
    origins: Listed = ()
    trusted_proxies: Listed = ()
    max_upload_bytes: int = Field(100 * 1024 * 1024, ge=1024)
    drain_s: float = Field(10, ge=0)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            ipaddress.ip_network(each, strict=False)  # a ValueError that names it
        return value


class Mongodb(_Section):
    """The database."""

    uri: str = ""
    database: str = "jinaconnect"
    timeout_s: float = Field(5, gt=0)


class Redis(_Section):
    """The bell between processes."""

    url: str = ""


class SecretsSection(_Section):
    """The master key."""

    master_key: str = ""


class Auth(_Section):
    """Lifetimes of tokens."""

    access_minutes: int = Field(30, ge=1)
    refresh_days: int = Field(14, ge=1)


class Limits(_Section):
    """Budgets of tenants, principals and addresses."""

    tenant_per_minute: int = Field(600, ge=1)
    tenant_per_day: int = Field(100_000, ge=1)
    writes_per_minute: int = Field(120, ge=1)
    anonymous_per_minute: int = Field(600, ge=1)
    logins_per_minute: int = Field(10, ge=1)
    letters_per_hour: int = Field(5, ge=1)
    sockets_per_tenant: int = Field(10_000, ge=1)
    sockets_per_principal: int = Field(2_000, ge=1)


class Mail(_Section):
    """The SMTP server that letters go out by; without a host they are written below the var directory."""

    host: str = ""
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = Field("", repr=False)
    sender: str = Field("no-reply@localhost", pattern=r"^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+$")


class Printing(_Section):
    """Pages on paper; `fonts` are the directories that have fonts, with all below them."""

    fonts: Listed = ("/usr/share/fonts", "/usr/local/share/fonts")


class Dns(_Section):
    """Name servers that records of domains are asked of; none: the machine's own."""

    servers: Listed = ()


class Log(_Section):
    """The event log and the program's own log."""

    retention_days: int = Field(30, ge=1)
    level: Literal["debug", "info", "warning", "error"] = "info"


class Build(_Section):
    """Which build of the program this is, as whoever made it says; anybody is told."""

    number: str = Field("", max_length=100)
    commit: str = Field("", max_length=100)
    date: str = Field("", max_length=100)


class Metrics(_Section):
    """Who may read the figures."""

    token: str = Field("", repr=False)


class OutboundSection(_Section):
    """Requests to the outside."""

    timeout_s: float = Field(15, gt=0)
    allow_networks: Listed = ()


class Whatsapp(_Section):
    """Defaults of WhatsApp accounts."""

    base_url: str = "https://graph.facebook.com"
    api_version: str = "v23.0"


class Gupshup(_Section):
    """Where Gupshup's APIs and its files are, and what it calls the header with an account's key."""

    base_url: str = "https://api.gupshup.io/wa"
    partner_url: str = "https://partner.gupshup.io/partner"
    media_url: str = "https://filemanager.gupshup.io"
    key_header: str = Field("apikey", pattern=r"^[A-Za-z0-9_-]{1,64}$")


class Telegram(_Section):
    """Where the Bot API is: Telegram's own, or a server of one's own."""

    base_url: str = "https://api.telegram.org"


class MetaRcs(_Section):
    """RCS by a contract that Meta is assumed to have and has not published: off unless somebody knows better."""

    enabled: bool = False
    base_url: str = "https://graph.facebook.com"
    api_version: str = "v23.0"


class Rcs(_Section):
    """Where Google's RBM is: of a region, for agents of that region."""

    base_url: str = "https://rcsbusinessmessaging.googleapis.com"
    meta: MetaRcs = MetaRcs()


class Razorpay(_Section):
    """Recharges by Razorpay; without a key there are none."""

    base_url: str = "https://api.razorpay.com"
    key_id: str = ""
    key_secret: str = Field("", repr=False)
    webhook_secret: str = Field("", repr=False)


class Billing(_Section):
    """Wallets: the margin on carriers' prices (per cent), and a file of price and exchange rows of the operator's own.
    """

    margin_percent: Decimal = Field(Decimal(15), ge=0, le=1000)
    rates_file: Path | None = None
    razorpay: Razorpay = Razorpay()

    @field_validator("rates_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        try:
            price_list(value, Decimal(0))
        except (OSError, yaml.YAMLError) as error:
            raise ValueError(str(error)) from error
        return value


class Sms(_Section):
    """Where SMS carriers are asked, unless an account says otherwise."""

    twilio_url: str = "https://api.twilio.com"
    msg91_url: str = "https://control.msg91.com"
    fast2sms_url: str = "https://www.fast2sms.com"


class Sandbox(_Section):
    """The simulated carriers; in `chaos` each reports as badly as any does, whatever a tenant has chosen."""

    chaos: bool = False


class S3(_Section):
    """An S3-compatible bucket for blobs; an empty name keeps them in the var directory."""

    bucket: str = ""
    endpoint_url: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: str = Field("", repr=False)
    prefix: str = ""


class Blobs(_Section):
    """Where media, prompts and recordings are kept."""

    s3: S3 = S3()


class Asterisk(_Section):
    """One Asterisk: `url` is the root of its HTTP server, `app` the ARI application its dialplan hands calls to.

    `sip_domain` (`host` or `host:port`) and `websocket_url` are where softphones register, as they see it; by default
    the host of `url`, and `/ws` there.
    """

    name: str = Field("main", pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    url: str = Field(pattern=r"^https?://[^@/?#]+$")
    user: str = "jinaconnect"
    password: str = Field("", repr=False)
    app: str = Field("jinaconnect", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    sip_domain: str = Field("", pattern=r"^([A-Za-z0-9.-]+(:[0-9]{1,5})?)?$")
    websocket_url: str = Field("", pattern=r"^(wss?://[^@?#]+)?$")

    @property
    def registrar(self) -> str:
        """Where softphones register by SIP."""
        return self.sip_domain or str(urlsplit(self.url).hostname)

    @property
    def websocket(self) -> str:
        """Where browsers register by SIP over WebSocket (RFC 7118)."""
        return self.websocket_url or self.url.replace("http", "ws", 1).rstrip("/") + "/ws"


class Voice(_Section):
    """Telephony. `media_url` is where Asterisk fetches prompts from (default: this gateway's own address).

    `keep_withheld` keeps the numbers of callers who withhold theirs, sealed, where the law asks for them.
    `check_credentials` has HTTP carriers asked about credentials when they are given. `supervisions` is how many
    supervisors may be in an organisation's calls at once, on each Asterisk.
    """

    asterisks: tuple[Asterisk, ...] = ()
    media_url: str = ""
    keep_withheld: bool = False
    supervisions: int = Field(20, ge=0, le=1000)
    check_credentials: bool = True
    operators: Listed = ()

    @field_validator("asterisks")
    @classmethod
    def _named_once(cls, value: tuple[Asterisk, ...]) -> tuple[Asterisk, ...]:
        names = [each.name for each in value]
        if len(set(names)) < len(names) or "sandbox" in names:
            raise ValueError("every Asterisk needs a name of its own, other than 'sandbox'")
        return value


class DeepgramSection(_Section):
    """Deepgram, which recordings are sent to where it is the engine."""

    base_url: str = "https://api.deepgram.com"
    api_key: str = Field("", repr=False)


class OpenAiSection(_Section):
    """OpenAI, which recordings are sent to where it is the engine."""

    base_url: str = "https://api.openai.com"
    api_key: str = Field("", repr=False)


class Transcription(_Section):
    """Who writes recordings down: nobody, a model on this machine, a service, or the carrier that made them."""

    engine: Literal["none", "local", "deepgram", "openai", "provider"] = "none"
    model_dir: str = ""
    deepgram: DeepgramSection = DeepgramSection()
    openai: OpenAiSection = OpenAiSection()

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.engine == "local":
            model_directory(self.model_dir)  # a ValueError that says what is missing
        keys = {"deepgram": self.deepgram.api_key, "openai": self.openai.api_key}
        if not keys.get(self.engine, "none needed"):
            raise ValueError(f"engine '{self.engine}' needs {self.engine}.api_key")
        return self


class Config(BaseSettings):
    """Every setting there is."""

    model_config = SettingsConfigDict(env_prefix="JC_", env_nested_delimiter="__", extra="forbid")

    var_dir: Path = Path("var")
    http: Http = Http()
    mongodb: Mongodb = Mongodb()
    redis: Redis = Redis()
    secrets: SecretsSection = SecretsSection()
    auth: Auth = Auth()
    limits: Limits = Limits()
    mail: Mail = Mail()
    dns: Dns = Dns()
    log: Log = Log()
    printing: Printing = Printing()
    metrics: Metrics = Metrics()
    build: Build = Build()
    outbound: OutboundSection = OutboundSection()
    whatsapp: Whatsapp = Whatsapp()
    gupshup: Gupshup = Gupshup()
    telegram: Telegram = Telegram()
    rcs: Rcs = Rcs()
    billing: Billing = Billing()
    sms: Sms = Sms()
    sandbox: Sandbox = Sandbox()
    blobs: Blobs = Blobs()
    voice: Voice = Voice()
    transcription: Transcription = Transcription()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file over defaults."""
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=_file)


_file: Path | None = None


def load(path: Path | None) -> Config:
    """Read the configuration; raises pydantic.ValidationError naming each faulty setting."""
    global _file
    _file = path
    return Config()
