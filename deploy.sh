#!/usr/bin/env bash
# Build the image for arm64, push it to ECR, deploy the stack with it, and ask it one question.
#
#   AWS_REGION=eu-central-1 ./deploy.sh [--dry-run] [--stack NAME] [--repository NAME] [Parameter=value …]
#
# Parameters are those of template.yaml, such as Authorization=OPEN; what is not given stays as it was. It is safe to
# run again: what is there already is left alone. If the answer is no rating, the last deployment is put back; if the
# question could not be asked, the stack stays, and what to do is told.
#
# ROLE_ARN=ARN lets CloudFormation make the stack by that role, the BuilderArn of infra/deploy-role.yaml for one;
# REGISTRY=HOST[:PORT] pushes to another registry than the account's own; BASE=IMAGE builds on another base image;
# AWS_ENDPOINT_URL talks to another AWS than Amazon's.
set -euo pipefail
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    echo "this is bash $BASH_VERSION, as macOS has it; bash 4.4 or newer is needed (brew install bash)" >&2
    exit 2
fi
cd "$(dirname "$0")"

stack=pkai
repository=pkai
dry_run=
parameters=()
smoke_event=events/direct_base64.json
by_role=(${ROLE_ARN:+--role-arn "$ROLE_ARN"})

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"; }
while (($#)); do
    case $1 in
        --dry-run) dry_run=1 ;;
        --stack | --repository)
            if (($# < 2)); then echo "$1 needs a name" >&2; exit 2; fi
            printf -v "${1#--}" %s "$2"
            shift ;;
        --help | -h) usage; exit 0 ;;
        *=*) parameters+=("$1") ;;
        *) echo "$1 is not understood; ./deploy.sh --help tells what is" >&2; exit 2 ;;
    esac
    shift
done
if [[ ! $stack =~ ^[a-z][a-z0-9-]{0,24}$ ]]; then
    echo "the stack's name is $stack; it must be lower case, 25 characters at most: buckets are named after it" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lambda takes no image that an attestation is attached to.
export BUILDX_NO_DEFAULT_ATTESTATIONS=1

step() { printf '\n== %s\n' "$*" >&2; }
say() { printf '%s\n' "$*" >&2; }
# Shows a command, and runs it unless this is a dry run.
run() {
    local shown=("$@")
    [[ $1 != amazon ]] || shown=(aws --region "$region" "${@:2}")
    { printf '+'; printf ' %q' "${shown[@]}"; printf '\n'; } >&2
    [[ -n $dry_run ]] || "$@" >&2
}
amazon() { aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} --region "$region" "$@"; }
deploy_stack() { run amazon cloudformation deploy --no-fail-on-empty-changeset "$@"; }
# The service's stack from a template, with parameters.
deploy_service() {
    deploy_stack --stack-name "$stack" --template-file "$1" --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND \
        "${by_role[@]}" --parameter-overrides "${@:2}"
}
# Whether what a command describes is there; that it "does not exist" is an answer, any other failure ends the script.
is_there() {
    if amazon "$@" >"$work/described" 2>"$work/refused"; then return 0; fi
    if grep --quiet "does not exist" "$work/refused"; then return 1; fi
    say "AWS does not tell what is there ($1 $2), so nothing is deployed:"
    cat "$work/refused" >&2
    exit 1
}
output_of() {
    amazon cloudformation describe-stacks --stack-name "$stack" \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
}

missing=()
lacks() { missing+=("$1"); }
can_build_for_arm64() {
    [[ $(uname -m) == aarch64 || $(uname -m) == arm64 || $(uname -s) == Darwin ]] \
        || [[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]]
}

check_tools() {
    command -v git >/dev/null || lacks "git"
    if ! command -v aws >/dev/null; then
        lacks "the AWS command line, version 2 (https://aws.amazon.com/cli)"
    else
        local version
        version=$(aws --version 2>&1) || true
        [[ $version == aws-cli/2.* ]] \
            || lacks "version 2 of the AWS command line (https://aws.amazon.com/cli): $(command -v aws) is ${version%% *}"
    fi
    if ! command -v docker >/dev/null; then
        lacks "docker"
    elif ! docker info >/dev/null 2>&1; then
        lacks "a Docker engine that answers: start it, or let yourself use it"
    elif ! can_build_for_arm64; then
        lacks "emulation of arm64: docker run --privileged --rm tonistiigi/binfmt --install arm64"
    fi
}

find_commit() {
    local deployed=(.dockerignore Dockerfile.lambda requirements lambda model template.yaml)
    commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || { lacks "a git checkout, whose commit tags the image"; commit=COMMIT; }
    if [[ -n $(git status --porcelain -- "${deployed[@]}" 2>/dev/null) ]]; then
        lacks "a commit of what is changed here: git status shows it, and the commit must tell what is deployed"
    fi
}

find_account() {
    region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
    if [[ -z $region ]] && command -v aws >/dev/null; then region=$(aws configure get region || true); fi
    if [[ -z $region ]]; then lacks "a region: set AWS_REGION"; region=REGION; fi
    account=ACCOUNT
    if [[ $region != REGION ]] && command -v aws >/dev/null; then
        account=$(amazon sts get-caller-identity --query Account --output text 2>"$work/identity") || {
            lacks "credentials that AWS accepts (aws configure, or AWS_PROFILE): $(tail -n 1 "$work/identity")"
            account=ACCOUNT
        }
    else
        lacks "credentials, which can be tried once the above is there"
    fi
}

check() {
    step "Checking tools, commit and credentials"
    check_tools
    find_commit
    find_account
    registry=${REGISTRY:-$account.dkr.ecr.$region.amazonaws.com}
    image=$registry/$repository
    if ((${#missing[@]})); then
        say "missing:"
        printf '  - %s\n' "${missing[@]}" >&2
        [[ -n $dry_run ]] || exit 1
        say "a deployment would stop here; these are its steps all the same"
    else
        say "account $account, region $region, commit $commit"
    fi
}

make_repository() {
    step "Repository $repository: made once by infra/ecr.yaml"
    if [[ -z $dry_run ]] && is_there ecr describe-repositories --repository-names "$repository"; then
        say "it is there"
    else
        deploy_stack --stack-name "$stack-ecr" --template-file infra/ecr.yaml \
            --parameter-overrides "RepositoryName=$repository"
    fi
}

log_in() {
    step "Logging in to $registry"
    say "+ aws ecr get-login-password | docker login --username AWS --password-stdin $registry"
    [[ -n $dry_run ]] || amazon ecr get-login-password \
        | docker login --username AWS --password-stdin "$registry" >/dev/null 2>"$work/login" \
        || { cat "$work/login" >&2; return 1; }
}

push_image() {
    step "Image $image:$commit"
    if [[ -z $dry_run ]] && docker pull --quiet --platform linux/arm64 "$image:$commit" >/dev/null 2>&1; then
        say "it is there"
    else
        local base=(${BASE:+--build-arg "BASE=$BASE"})
        run docker build --platform linux/arm64 "${base[@]}" --file Dockerfile.lambda --tag "$image:$commit" .
        run docker push --quiet "$image:$commit"
    fi
    digest="$image@sha256:DIGEST"
    if [[ -z $dry_run ]]; then
        digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image:$commit" \
            | grep --max-count 1 --fixed-strings "$image@")
    fi
}

# The wait is longer than the function may take: Lambda ends what hangs, and that is an answer too.
question=(lambda invoke --function-name "$stack-judge:live" --cli-binary-format raw-in-base64-out
    --cli-read-timeout 360 --payload "file://$smoke_event")
# Whether an answer holds a rating.
rates() { grep --quiet '"rating":' "$1"; }

# What is deployed now, so that it can be put back; what gives no rating is not worth that.
remember() {
    step "Remembering what stack $stack is now"
    before=
    local status=
    if [[ -z $dry_run ]] && is_there cloudformation describe-stacks --stack-name "$stack" \
        --query "Stacks[0].StackStatus" --output text; then
        status=$(<"$work/described")
    fi
    case $status in
        "" | REVIEW_IN_PROGRESS) say "this is its first deployment" ;;
        ROLLBACK_COMPLETE)
            say "its first deployment failed, and such a stack can only be removed"
            run amazon cloudformation delete-stack --stack-name "$stack" "${by_role[@]}"
            run amazon cloudformation wait stack-delete-complete --stack-name "$stack" ;;
        *)
            amazon cloudformation get-template --stack-name "$stack" --template-stage Original \
                --query TemplateBody --output text >"$work/before.yaml"
            amazon cloudformation describe-stacks --stack-name "$stack" --output text \
                --query "Stacks[0].Parameters[].join('=',[ParameterKey,ParameterValue])" | tr '\t' '\n' >"$work/before.parameters"
            say "its image is $(sed -n 's/^ImageUri=//p' "$work/before.parameters")"
            if amazon "${question[@]}" "$work/former.json" >/dev/null 2>&1 && ! rates "$work/former.json"; then
                say "it gives no rating, so there is nothing to go back to"
            else
                before=1
            fi ;;
    esac
}

deploy() {
    step "Stack $stack, with the image by its digest"
    deploy_service template.yaml "ImageUri=$digest" "${parameters[@]}"
}

smoke() {
    step "Smoke request: the recording in $smoke_event is to be rated"
    if ! run amazon "${question[@]}" "$work/answer.json"; then
        say "it could not be asked, which is not the judge's fault: stack $stack stays as commit $commit made it, untried"
        say "  to ask again: aws --region $region ${question[*]} /dev/stdout"
        [[ -z $before ]] || say "  to go back: ./deploy.sh from the commit, and with the parameters, of before"
        exit 1
    fi
    [[ -n $dry_run ]] || rates "$work/answer.json" || {
        say "the answer holds no rating: $(head -c 600 "$work/answer.json")"
        return 1
    }
}

put_back() {
    if [[ -z $before ]]; then
        step "Nothing to go back to: stack $stack stays for you to look at"
        say "its log: aws logs tail /aws/lambda/$stack-judge; to remove it: aws cloudformation delete-stack --stack-name $stack"
        return
    fi
    step "Putting back what was deployed before, all at once"
    local former
    mapfile -t former <"$work/before.parameters"
    deploy_service "$work/before.yaml" "${former[@]}" Rollout=AllAtOnce
    step "Putting back how traffic moves to the next version"
    deploy_service "$work/before.yaml" "${former[@]}"
}

check
make_repository
log_in
push_image
remember
deploy
if ! smoke; then
    put_back
    say "the smoke request failed; commit $commit is not deployed"
    exit 1
fi

step "Deployed"
if [[ -n $dry_run ]]; then
    say "nothing was changed; without --dry-run the addresses stand here"
else
    for name in ApiUrl AliasArn UploadsBucket ResultsBucket DashboardUrl; do
        printf '%s\t%s\n' "$name" "$(output_of "$name")"
    done
fi
