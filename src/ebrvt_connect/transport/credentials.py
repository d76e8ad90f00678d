"""How a REST system knows us: a token, or a user name with its password."""

from __future__ import annotations

import base64

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class TokenOrPassword(BaseModel):
    """A token (Bearer), or a user name with its password (Basic); one of both."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    token: SecretStr | None = None
    """Sent as `Authorization: Bearer`."""
    username: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^:\x00-\x1f\x7f]+$")
    """For `Authorization: Basic`; holds no colon."""
    password: SecretStr | None = None
    """For `Authorization: Basic`."""

    @model_validator(mode="after")
    def _one_way(self) -> TokenOrPassword:
        basic = (self.username is not None, self.password is not None)
        if self.token is not None and any(basic):
            raise ValueError("give a token or a user name with its password, not both")
        if self.token is None and not all(basic):
            raise ValueError("a token, or a user name with its password, is needed")
        return self

    @property
    def authorization(self) -> str:
        """The value of the `Authorization` header: a secret."""
        if self.token is not None:
            return f"Bearer {self.token.get_secret_value()}"
        password = self.password.get_secret_value() if self.password else ""
        return "Basic " + base64.b64encode(f"{self.username}:{password}".encode()).decode("ascii")
