"""Templates as CloudFormation gets them: SAM's transform done, parameters chosen, conditions decided."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

IMAGE = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/pkai@sha256:" + 64 * "0"
_ABSENT = object()


class _NoManagedPolicies:
    """SAM's names of AWS's policies: there are none, as every role is written out."""

    def load(self) -> dict[str, str]:
        return {}


@cache
def resolved(template: Path, **parameters: str) -> dict[str, dict[str, Any]]:
    """Resources of a template by logical id, without those that the parameters leave out.

    Refs to parameters become their values; Fn::If, its chosen branch. Other functions stay as they are.
    """
    document = yaml_parse(template.read_text(encoding="utf-8"))
    if "Transform" in document:
        chosen = {"ImageUri": IMAGE, **parameters}
        policies = _NoManagedPolicies()
        validator = SamTemplateValidator(document, policies, region="eu-central-1", parameter_overrides=chosen)
        document = yaml_parse(validator.get_translated_template_if_valid())
    values = {name: parameter.get("Default", "") for name, parameter in document.get("Parameters", {}).items()}
    for name, parameter in document.get("Parameters", {}).items():
        text = parameters.get(name, values[name])
        values[name] = text.split(",") if parameter["Type"] == "CommaDelimitedList" else text
    decided = {
        name: bool(_resolve(condition, values, {})) for name, condition in document.get("Conditions", {}).items()
    }
    return {
        name: _resolve(resource, values, decided)
        for name, resource in document["Resources"].items()
        if decided.get(resource.get("Condition"), True)
    }


def of_type(resources: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Properties of the resources of one type, by logical id."""
    return {name: one.get("Properties", {}) for name, one in resources.items() if one["Type"] == kind}


def statements(resources: dict[str, dict[str, Any]], *, role: str | None = None) -> Iterator[dict[str, Any]]:
    """Each statement of what roles may do, or of what one role may do; a boundary only limits, and is none."""
    for name, one in resources.items():
        properties = one.get("Properties", {})
        match one["Type"]:
            case "AWS::IAM::Role" if role in (None, name):
                for policy in properties.get("Policies", []):
                    yield from policy["PolicyDocument"]["Statement"]
            case "AWS::IAM::RolePolicy" if role is None or properties["RoleName"] == {"Ref": role}:
                yield from properties["PolicyDocument"]["Statement"]


def listed(value: object) -> list[Any]:
    """A value that may be one thing or a list of them, as a list."""
    return value if isinstance(value, list) else [value]


def _are_plain(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str | int) for part in value)


def _resolve(node: object, values: Mapping[str, object], decided: Mapping[str, bool]) -> Any:
    if isinstance(node, list):
        return [one for one in (_resolve(item, values, decided) for item in node) if one is not _ABSENT]
    if not isinstance(node, dict):
        return node
    match dict(node):
        case {"Ref": "AWS::NoValue"}:
            return _ABSENT
        case {"Ref": str(name)} if name in values:
            return values[name]
        case {"Fn::If": [str(condition), yes, no]}:
            return _resolve(yes if decided[condition] else no, values, decided)
        case {"Fn::Equals": [left, right]}:
            return _resolve(left, values, decided) == _resolve(right, values, decided)
        case {"Fn::Not": [condition]}:
            return not _resolve(condition, values, decided)
        case {"Fn::Join": [str(between), parts]} if _are_plain(chosen := _resolve(parts, values, decided)):
            return between.join(map(str, chosen))
    plain = {key: _resolve(value, values, decided) for key, value in node.items()}
    return {key: value for key, value in plain.items() if value is not _ABSENT}
