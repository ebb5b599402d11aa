"""What template.yaml and infra/ must hold, read from what CloudFormation gets."""

import json
import re
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse

from conftest import ROOT
from resolved_stack import IMAGE, listed, of_type, resolved, statements

TEMPLATE = ROOT / "template.yaml"
INFRA = sorted((ROOT / "infra").glob("*.yaml"))
JWT = {"Authorization": "JWT", "JwtIssuer": "https://issuer.example", "JwtAudience": "pkai"}
CONTRACT = {
    "POST /v1/assessments",
    "GET /v1/assessments/{id}",
    "POST /v1/comparisons",
    "GET /v1/references",
    "POST /v1/uploads",
    "GET /v1/health",
    "GET /openapi.json",
    "GET /",
    "GET /config.json",
    "GET /assets/{file}",
}
# These know no resource, says AWS's service authorization reference, or none where they are asked without names: only
# "*" allows them.
WITHOUT_RESOURCE = {
    "cloudwatch:DescribeAlarms",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


@pytest.fixture(scope="module")
def stack() -> dict[str, dict[str, Any]]:
    return resolved(TEMPLATE)


@pytest.fixture(scope="module", params=[TEMPLATE, *INFRA], ids=lambda path: path.stem)
def each_stack(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    return resolved(request.param)


def test_the_function_is_an_image_for_arm64(stack: dict[str, dict[str, Any]]) -> None:
    (function,) = of_type(stack, "AWS::Lambda::Function").values()
    assert function["PackageType"] == "Image"
    assert function["Architectures"] == ["arm64"]
    assert function["Code"]["ImageUri"] == IMAGE


def test_traffic_moves_to_a_new_version_in_steps_that_alarms_take_back(stack: dict[str, dict[str, Any]]) -> None:
    (group,) = of_type(stack, "AWS::CodeDeploy::DeploymentGroup").values()
    watched = {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    alarms = of_type(stack, "AWS::CloudWatch::Alarm")
    assert watched <= alarms.keys()
    # Errors over HTTP are answers of the function, and no failures of it: only the API counts them.
    assert {"NewVersionErrors", "ServerErrors"} <= watched
    for name in watched:
        assert alarms[name]["Period"] * alarms[name]["EvaluationPeriods"] <= 300, "the shortest rollout is over by then"
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert "CodeDeployLambdaAliasUpdate" in stack["JudgeAliaslive"]["UpdatePolicy"]


def test_no_alarm_of_a_rollout_waits_for_the_alias_that_it_moves(stack: dict[str, dict[str, Any]]) -> None:
    group, alias = "JudgeDeploymentGroup", "JudgeAliaslive"
    assert group in _needs(stack, alias)
    assert alias not in _needs(stack, group)


def test_no_alarm_stops_a_move_all_at_once() -> None:
    (group,) = of_type(resolved(TEMPLATE, Rollout="AllAtOnce"), "AWS::CodeDeploy::DeploymentGroup").values()
    assert group["AlarmConfiguration"] == {}, "without the property CodeDeploy would keep the alarms of before"


def test_a_parameter_that_changes_the_function_makes_a_new_version() -> None:
    function = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"]["Judge"]["Properties"]
    versioned = json.dumps([function[name] for name in ("MemorySize", "Environment")])
    changing = {
        "Model": "pdr",
        "MemoryMb": "2048",
        "References": "s3://some/references.json",
        "RecordingBuckets": "a,b",
    }
    assert set(re.findall(r'{"Ref": "(\w+)"}', versioned)) == changing.keys()
    made = [_version(), *(_version(**{name: value}) for name, value in changing.items())]
    # CloudFormation replaces a version whose description is another one.
    assert len({json.dumps(version, sort_keys=True) for version in made}) == len(made)


def test_no_version_is_left_that_would_bar_its_content(stack: dict[str, dict[str, Any]]) -> None:
    (version,) = (one for one in stack.values() if one["Type"] == "AWS::Lambda::Version")
    assert version["DeletionPolicy"] == "Delete"


def test_everything_invokes_the_alias_and_never_the_newest_code(stack: dict[str, dict[str, Any]]) -> None:
    alias = {"Ref": "JudgeAliaslive"}
    permissions = of_type(resolved(TEMPLATE, UploadTrigger="EVENTBRIDGE"), "AWS::Lambda::Permission")
    assert len(permissions) == 3
    assert all(permission["FunctionName"] == alias for permission in permissions.values())
    assert all("SourceArn" in permission for permission in permissions.values())
    assert "${JudgeAliaslive}" in stack["ToJudge"]["Properties"]["IntegrationUri"]["Fn::Sub"]


def test_the_api_has_the_routes_of_the_contract_and_no_other(stack: dict[str, dict[str, Any]]) -> None:
    keys = {route["RouteKey"] for route in of_type(stack, "AWS::ApiGatewayV2::Route").values()}
    assert keys == CONTRACT


@pytest.mark.parametrize(
    ("parameters", "authorization"),
    [({}, "AWS_IAM"), (JWT, "JWT"), ({"Authorization": "OPEN"}, "NONE")],
    ids=["unless asked otherwise", "JWT", "open when asked for"],
)
def test_every_route_is_authorized(parameters: dict[str, str], authorization: str) -> None:
    resources = resolved(TEMPLATE, **parameters)
    for route in of_type(resources, "AWS::ApiGatewayV2::Route").values():
        assert route["AuthorizationType"] == authorization
        assert route.get("AuthorizerId") == ({"Ref": "JwtAuthorizer"} if authorization == "JWT" else None)
    assert ("JwtAuthorizer" in resources) == (authorization == "JWT")


def test_a_token_must_be_of_the_issuer_and_for_the_audience() -> None:
    authorizer = resolved(TEMPLATE, **JWT)["JwtAuthorizer"]["Properties"]
    assert authorizer["JwtConfiguration"] == {"Issuer": "https://issuer.example", "Audience": ["pkai"]}


def test_no_origin_may_call_from_a_browser_unless_named() -> None:
    closed, opened = resolved(TEMPLATE), resolved(TEMPLATE, CorsOrigins="https://a.example,https://b.example")
    for name in ("Api", "Uploads"):
        assert "CorsConfiguration" not in closed[name]["Properties"]
    origins = ["https://a.example", "https://b.example"]
    assert opened["Api"]["Properties"]["CorsConfiguration"]["AllowOrigins"] == origins
    assert opened["Uploads"]["Properties"]["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"] == origins


def test_the_api_is_throttled_and_its_use_logged(stack: dict[str, dict[str, Any]]) -> None:
    stage = stack["Stage"]["Properties"]
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] > 0
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["ApiLog", "Arn"]}
    assert json.loads(stage["AccessLogSettings"]["Format"])["requestId"] == "$context.requestId"


def test_every_bucket_is_encrypted_private_and_by_tls_only(each_stack: dict[str, dict[str, Any]]) -> None:
    policies = of_type(each_stack, "AWS::S3::BucketPolicy").values()
    for name, bucket in of_type(each_stack, "AWS::S3::Bucket").items():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        access = bucket["PublicAccessBlockConfiguration"]
        assert len(access) == 4
        assert all(access.values())
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        (policy,) = (one for one in policies if one["Bucket"] == {"Ref": name})
        _denies_plain_http(policy["PolicyDocument"]["Statement"], n_resources=2)
        allowed = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
        assert all("Service" in one["Principal"] and "Condition" in one for one in allowed)


def test_every_object_expires_and_nothing_unfinished_or_replaced_stays(each_stack: dict[str, dict[str, Any]]) -> None:
    for name, bucket in of_type(each_stack, "AWS::S3::Bucket").items():
        rules = bucket["LifecycleConfiguration"]["Rules"]
        assert all(rule["Status"] == "Enabled" for rule in rules)
        told = {key for rule in rules for key in rule}
        assert {"NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"} <= told
        assert "ExpirationInDays" in told or name == "Files", "only the page stays"


def test_no_assessment_expires_before_its_recording() -> None:
    days = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Parameters"]
    assert days["UploadDays"]["MaxValue"] <= days["ResultDays"]["MinValue"]


def test_uploads_start_the_function_and_results_never_do(stack: dict[str, dict[str, Any]]) -> None:
    (told,) = stack["Uploads"]["Properties"]["NotificationConfiguration"]["LambdaConfigurations"]
    assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "uploads/"}]
    assert told["Function"] == {"Ref": "JudgeAliaslive"}
    assert stack["Uploads"]["DependsOn"] == "S3MayInvoke"
    assert "NotificationConfiguration" not in stack["Results"]["Properties"]
    assert not of_type(stack, "AWS::Events::Rule")


def test_uploads_come_by_eventbridge_when_asked_for_and_never_by_both() -> None:
    resources = resolved(TEMPLATE, UploadTrigger="EVENTBRIDGE")
    told = resources["Uploads"]["Properties"]["NotificationConfiguration"]
    assert told == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    rule = resources["UploadRule"]["Properties"]
    assert rule["EventPattern"]["detail"]["bucket"]["name"] == [{"Ref": "Uploads"}]
    assert rule["EventPattern"]["detail"]["object"]["key"] == [{"prefix": "uploads/"}]
    assert rule["Targets"][0]["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    policy = resources["DeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert [one["Sid"] for one in policy] == ["TlsOnly", "FromTheRule"]


def test_what_cannot_be_done_is_tried_again_and_then_kept(stack: dict[str, dict[str, Any]]) -> None:
    (config,) = of_type(stack, "AWS::Lambda::EventInvokeConfig").values()
    assert config["MaximumRetryAttempts"] == 2
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    queue = stack["DeadLetters"]["Properties"]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    _denies_plain_http(stack["DeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"], n_resources=1)


def test_no_role_may_do_anything_without_saying_what_and_on_which(each_stack: dict[str, dict[str, Any]]) -> None:
    for statement in statements(each_stack):
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & statement.keys()
        actions = listed(statement["Action"])
        assert not [action for action in actions if "*" in action]
        if any(_is_wildcard(resource) for resource in listed(statement["Resource"])):
            assert set(actions) <= WITHOUT_RESOURCE


def test_no_role_takes_policies_that_are_not_written_out(each_stack: dict[str, dict[str, Any]]) -> None:
    roles = of_type(each_stack, "AWS::IAM::Role")
    assert not [name for name, role in roles.items() if "ManagedPolicyArns" in role]
    for role in roles.values():
        for trust in role["AssumeRolePolicyDocument"]["Statement"]:
            assert "*" not in json.dumps(trust["Principal"])


def test_the_function_may_do_what_it_does_and_nothing_else(stack: dict[str, dict[str, Any]]) -> None:
    allowed = {action for one in statements(stack, role="JudgeRole") for action in listed(one["Action"])}
    assert allowed == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:PutObject",
        "sqs:SendMessage",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_further_buckets_are_read_only_and_only_those_named() -> None:
    assert "ReadRecordingBuckets" not in resolved(TEMPLATE)
    resources = resolved(TEMPLATE, RecordingBuckets="first,second")
    objects, buckets = resources["ReadRecordingBuckets"]["Properties"]["PolicyDocument"]["Statement"]
    assert objects["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert _arns(objects["Resource"]) == ["arn:aws:s3:::first/*", "arn:aws:s3:::second/*"]
    assert buckets["Action"] == "s3:ListBucket"
    assert _arns(buckets["Resource"]) == ["arn:aws:s3:::first", "arn:aws:s3:::second"]
    assert resources["Judge"]["Properties"]["Environment"]["Variables"]["PKAI_BUCKETS"] == "first,second"


def test_references_elsewhere_are_read_and_only_they() -> None:
    assert "ReadReferences" not in resolved(TEMPLATE)
    resources = resolved(TEMPLATE, References="s3://our-references/school/references.json")
    objects, bucket = resources["ReadReferences"]["Properties"]["PolicyDocument"]["Statement"]
    assert (objects["Action"], bucket["Action"]) == ("s3:GetObject", "s3:ListBucket")
    text, place = objects["Resource"]["Fn::Sub"]
    assert text == "arn:${AWS::Partition}:s3:::${Place}"
    assert place["Place"] == {"Fn::Join": ["", {"Fn::Split": ["s3://", "s3://our-references/school/references.json"]}]}
    told = resources["Judge"]["Properties"]["Environment"]["Variables"]["PKAI_REFERENCES"]
    assert told == "s3://our-references/school/references.json"


def test_the_environment_is_what_the_settings_read(stack: dict[str, dict[str, Any]]) -> None:
    variables = stack["Judge"]["Properties"]["Environment"]["Variables"]
    assert {name for name in variables if name.startswith("PKAI_")} == {
        "PKAI_MODEL_DIR",
        "PKAI_MODEL",
        "PKAI_THREADS",
        "PKAI_BUCKETS",
        "PKAI_UPLOADS_BUCKET",
        "PKAI_RESULTS_BUCKET",
        "PKAI_REFERENCES",
    }
    for kind in ("Uploads", "Results"):
        assert variables[f"PKAI_{kind.upper()}_BUCKET"] == stack[kind]["Properties"]["BucketName"]


def test_every_log_is_kept_for_a_while_and_no_longer(each_stack: dict[str, dict[str, Any]]) -> None:
    for group in of_type(each_stack, "AWS::Logs::LogGroup").values():
        assert 1 <= group["RetentionInDays"] <= 365
    for function in of_type(each_stack, "AWS::Lambda::Function").values():
        assert function["LoggingConfig"]["LogGroup"]["Ref"] in of_type(each_stack, "AWS::Logs::LogGroup")


@pytest.mark.parametrize(
    ("namespace", "metric"),
    [
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/Lambda", "Duration"),
        ("AWS/Lambda", "DestinationDeliveryFailures"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/ApiGateway", "5xx"),
    ],
)
def test_an_alarm_watches(namespace: str, metric: str) -> None:
    alarms = of_type(resolved(TEMPLATE, AlarmTopicArn="arn:topic"), "AWS::CloudWatch::Alarm").values()
    watching = [one for one in alarms if (one["Namespace"], one["MetricName"]) == (namespace, metric)]
    assert watching
    assert all(one["AlarmActions"] == ["arn:topic"] for one in watching)


def test_the_dashboard_is_valid_and_lies_on_its_grid(stack: dict[str, dict[str, Any]]) -> None:
    widgets = json.loads(stack["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    places = [(one["x"], one["y"]) for one in widgets]
    assert len(set(places)) == len(widgets) >= 5
    assert all(one["x"] + one["width"] <= 24 for one in widgets)


def test_images_are_scanned_and_never_replaced() -> None:
    repository = resolved(ROOT / "infra" / "ecr.yaml")["Repository"]["Properties"]
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"].replace("${KeptImages}", "30"))
    assert [rule["selection"]["tagStatus"] for rule in rules["rules"]] == ["untagged", "any"]


def test_only_the_named_environment_of_the_named_repository_may_deploy() -> None:
    role = resolved(ROOT / "infra" / "deploy-role.yaml")["Deployer"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
    }


def test_the_builder_makes_bounded_roles_only() -> None:
    resources = resolved(ROOT / "infra" / "deploy-role.yaml")
    for statement in statements(resources, role="Builder"):
        if {"iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"} & set(listed(statement["Action"])):
            assert statement["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": {"Ref": "Boundary"}}}
    bounded = of_type(resolved(TEMPLATE, PermissionsBoundary="arn:boundary"), "AWS::IAM::Role")
    assert all(role["PermissionsBoundary"] == "arn:boundary" for role in bounded.values())


def test_the_builder_changes_no_role_but_those_of_the_service() -> None:
    resources = resolved(ROOT / "infra" / "deploy-role.yaml")
    changed = {
        resource["Fn::Sub"].rpartition("/")[2]
        for statement in statements(resources, role="Builder")
        for resource in listed(statement["Resource"])
        if any(action.startswith("iam:") for action in listed(statement["Action"]))
    }
    assert changed == {f"${{ServiceStack}}-{name}-*" for name in of_type(resolved(TEMPLATE), "AWS::IAM::Role")}


def test_a_stack_that_was_made_without_the_boundary_can_be_given_it() -> None:
    builder = statements(resolved(ROOT / "infra" / "deploy-role.yaml"), role="Builder")
    assert "iam:PutRolePermissionsBoundary" in {action for one in builder for action in listed(one["Action"])}


def test_the_builder_may_read_what_cloudformation_reads() -> None:
    builder = statements(resolved(ROOT / "infra" / "deploy-role.yaml"), role="Builder")
    allowed = {action for statement in builder for action in listed(statement["Action"])}
    # Of the permissions that handlers declare in the schemas of their resources.
    assert allowed >= {
        "codedeploy:ListDeployments",
        "lambda:GetFunction",
        "lambda:GetFunctionCodeSigningConfig",
        "lambda:GetFunctionRecursionConfig",
        "lambda:GetFunctionScalingConfig",
        "logs:DescribeIndexPolicies",
        "logs:GetDataProtectionPolicy",
    }


def test_the_boundary_allows_all_that_the_roles_of_the_stack_ask() -> None:
    bounds = resolved(ROOT / "infra" / "deploy-role.yaml")["Boundary"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = {action for one in bounds for action in listed(one["Action"])}
    asked = {
        action for one in statements(resolved(TEMPLATE, RecordingBuckets="some")) for action in listed(one["Action"])
    }
    assert asked == allowed


def test_the_page_loads_nothing_from_elsewhere_and_no_one_may_frame_it() -> None:
    headers = resolved(ROOT / "infra" / "page.yaml")["Headers"]["Properties"]["ResponseHeadersPolicyConfig"]
    policy, _ = headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert "unsafe" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("signs_in", [False, True])
def test_the_page_is_told_where_to_ask_and_how_to_sign_in(signs_in: bool) -> None:
    sign_in = {"authorize": "https://login.example/authorize", "token": "https://login.example/token"}
    parameters = {
        "SignInAuthorizeUrl": sign_in["authorize"],
        "SignInTokenUrl": sign_in["token"],
        "SignInClientId": "page",
    }
    stack = resolved(ROOT / "infra" / "page.yaml", **(parameters if signs_in else {}))
    code, names = stack["Config"]["Properties"]["FunctionCode"]["Fn::Sub"]
    (told,) = re.findall(r"data: '(.*)'", code)
    how = names["SignIn"] if isinstance(names["SignIn"], str) else names["SignIn"]["Fn::Sub"]
    filled = told.replace("${SignIn}", how).replace("${ApiOrigin}", "https://api.example")
    for name, value in {**parameters, "SignInScope": "openid"}.items():
        filled = filled.replace(f"${{{name}}}", value)
    asked = {**sign_in, "client_id": "page", "scope": "openid"} if signs_in else None
    assert json.loads(filled) == {"api": "https://api.example", "sign_in": asked}
    _, sources = stack["Headers"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"][
        "ContentSecurityPolicy"
    ]["ContentSecurityPolicy"]["Fn::Sub"]
    assert bool(sources["SignIn"]) == signs_in


def _version(**parameters: str) -> dict[str, dict[str, Any]]:
    return of_type(resolved(TEMPLATE, **parameters), "AWS::Lambda::Version")


def _denies_plain_http(policy: list[dict[str, Any]], *, n_resources: int) -> None:
    (denial,) = (one for one in policy if one.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}})
    assert denial["Effect"] == "Deny"
    assert denial["Principal"] == "*"
    assert len(listed(denial["Resource"])) == n_resources


def _needs(resources: dict[str, dict[str, Any]], name: str) -> set[str]:
    """All resources that CloudFormation makes before one."""
    found: set[str] = set()
    waiting = {name}
    while waiting:
        text = json.dumps(resources[waiting.pop()])
        named = re.findall(r'"(?:Ref|DependsOn)": "(\w+)"|"Fn::GetAtt": \["(\w+)"|\$\{(\w+)', text)
        new = {one for groups in named for one in groups} & resources.keys() - found
        found |= new
        waiting |= new
    return found


def _is_wildcard(resource: object) -> bool:
    text = resource.get("Fn::Sub") if isinstance(resource, dict) else resource
    return isinstance(text, str) and (text == "*" or text.endswith(":*"))


def _arns(split: dict[str, Any]) -> list[str]:
    comma, substituted = split["Fn::Split"]
    text, names = substituted["Fn::Sub"]
    return str(text).replace("${Names}", names["Names"]).split(comma)
