"""Prompt templates: Jinja2 in its sandbox, where a misspelt field is an error and code cannot be reached."""

from collections.abc import Mapping
from functools import cached_property

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import SandboxedEnvironment

from harness.errors import ConfigurationError, nearest


def _environment() -> SandboxedEnvironment:
    # A prompt is plain text for a model, not HTML: nothing in it is to be escaped.
    return SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


class PromptTemplate:
    """A task's prompt.

    Args:
        source: Jinja2 text; surrounding white space is dropped.
    """

    def __init__(self, source: str) -> None:
        self.source = source.strip()

    @cached_property
    def _template(self) -> Template:
        template = _environment().from_string(self.source)
        # A plain dict in place of jinja2's chain of mappings, which it would copy slowly for every sample.
        template.globals = dict(template.globals)
        return template

    def render(self, fields: Mapping[str, str]) -> str:
        """Returns the prompt for one sample.

        Raises:
            ConfigurationError: the template uses a field that the reader does not give; names the nearest.
        """
        try:
            return self._template.render(fields)
        except UndefinedError as error:
            missing = str(error).split("'")[1] if "'" in str(error) else str(error)
            raise ConfigurationError(
                f"the prompt uses {missing!r}, which this data set's samples do not have.{nearest(missing, fields)} "
                f"Known fields: {', '.join(sorted(fields))}."
            ) from error
        except TemplateError as error:
            raise ConfigurationError(f"the prompt cannot be rendered: {error}") from error


def template_error(source: str) -> str | None:
    """Returns what is wrong with a template's syntax, or None."""
    try:
        _environment().parse(source)
    except TemplateSyntaxError as error:
        return f"line {error.lineno} of the template: {error.message}"
    return None
