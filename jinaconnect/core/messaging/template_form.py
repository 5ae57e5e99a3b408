"""What is written of a template that a carrier reviews."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from jinaconnect.core.messaging.templates import element_name
from jinaconnect.core.schema import Id, Request, Text, example, unkept

MAX_EXAMPLE = 8 * 1024
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")]


def _kept(value: Any) -> Any:
    wrong = unkept(value, "", MAX_EXAMPLE)
    if wrong:
        raise ValueError(" ".join(next(iter(wrong.values()))))
    return value


class Button(Request):
    """A button of a template."""

    type: Literal[
        "QUICK_REPLY",
        "URL",
        "PHONE_NUMBER",
        "COPY_CODE",
        "FLOW",
        "VOICE_CALL",
        "CALL_REQUEST",
        "CATALOG",
        "ORDER_DETAILS",
        "OTP",
    ]
    text: Annotated[Text, StringConstraints(min_length=1, max_length=25)]
    url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://")] | None = None
    phone_number: Annotated[str, StringConstraints(max_length=20)] | None = None
    example: Annotated[Any, AfterValidator(_kept)] = None


class TemplateFields(Request, json_schema_extra=example(content="Your order {{1}} is on its way.")):
    """What may be changed of a template."""

    name: Annotated[Text, StringConstraints(max_length=255)] | None = None
    category: Literal["AUTHENTICATION", "MARKETING", "UTILITY"] | None = None
    content: Annotated[Text, StringConstraints(max_length=1024)] | None = None
    header: Annotated[Text, StringConstraints(max_length=60)] | None = None
    footer: Annotated[Text, StringConstraints(max_length=60)] | None = None
    buttons: list[Button] | None = Field(None, max_length=10)
    example_body: Annotated[list[str] | dict[str, str] | None, AfterValidator(_kept)] = None
    is_active: bool | None = None


class NewTemplate(
    TemplateFields,
    json_schema_extra=example(
        element_name="order_sent",
        category="UTILITY",
        content="Hello {{1}}, your order {{2}} is on its way.",
        example_body=["Ann", "4711"],
    ),
):
    """A template to write."""

    wa_app: Id | None = None
    element_name: Annotated[str, StringConstraints(max_length=512), AfterValidator(element_name)]
    language_code: Language = "en"
    template_type: Literal["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"] = "TEXT"

    @model_validator(mode="after")
    def _complete(self) -> NewTemplate:
        if not self.content:
            raise ValueError("content is required")
        if self.category == "AUTHENTICATION" and any(button.type != "OTP" for button in self.buttons or ()):
            raise ValueError("AUTHENTICATION templates take OTP buttons only")
        return self
