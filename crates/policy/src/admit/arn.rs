//! The parts of an ARN in a `Resource` or `NotResource` element, as IAM takes them.

/// The partitions of AWS (AWS General Reference, "Amazon Resource Names").
const PARTITIONS: &[&str] =
    &["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

/// What the last part of an ARN of IAM begins with, if it is neither `*` nor `root`. The list is that of IAM's answer.
const IAM_PATHS: &[&str] = &[
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

/// An ARN pattern, split as IAM splits it: what comes before the first colon is not looked at, and a part that is missing is any.
struct Parts<'a> {
    partition: &'a str,
    service: Option<&'a str>,
    region: Option<&'a str>,
    account: Option<&'a str>,
    resource: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// None of `*`, and of what has no colon.
    fn of(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':').skip(1);
        let partition = parts.next()?;
        let mut next = || parts.next();
        Some(Self { partition, service: next(), region: next(), account: next(), resource: next() })
    }

    fn in_partition(&self) -> bool {
        self.partition == "*" || PARTITIONS.contains(&self.partition)
    }
}

/// Whether IAM's oldest parser takes the pattern. It does not look at patterns that [`fault`] refuses by their partition.
pub(super) fn is_legacy(text: &str) -> bool {
    let Some(parts) = Parts::of(text).filter(Parts::in_partition) else { return true };
    let Some(service) = parts.service else { return true };
    let short = parts.resource.is_none() && text.contains("::");
    let plain = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'*' | b'?'))
    };
    let account = |part: &str| {
        plain(part)
            && (part.is_empty() || part.len() == 12 || !part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    !service.is_empty()
        && !short
        && plain(service)
        && parts.region.is_none_or(plain)
        && parts.account.is_none_or(account)
}

/// The fault of one pattern, in IAM's words.
pub(super) fn fault(text: &str) -> Result<(), String> {
    if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
        return Ok(());
    }
    let Some(parts) = Parts::of(text) else {
        return Err(format!("Resource {text} must be in ARN format or \"*\"."));
    };
    if !parts.in_partition() {
        return Err(parts.wrong_partition());
    }
    let service = match parts.service {
        Some(service) if !service.contains(['*', '?']) => service,
        _ => return Err("Resource vendor must be fully qualified and cannot contain regexes.".to_owned()),
    };
    let regional = parts.region.is_some_and(|region| !region.is_empty());
    match service {
        "iam" if regional => Err(format!("IAM resource {text} cannot contain region information.")),
        "iam" if !parts.resource.is_none_or(is_of_iam) => {
            let known = IAM_PATHS.join(", ");
            Err(format!("IAM resource path must either be \"*\", root, or start with {known}."))
        }
        // Buckets have neither Region nor account; access points and jobs have both.
        "s3" if regional && parts.account == Some("") => {
            Err(format!("Resource {text} can not contain region information."))
        }
        _ => Ok(()),
    }
}

impl Parts<'_> {
    /// IAM repeats the pattern as it has read it: with its own scheme, and with what is missing filled in.
    fn wrong_partition(&self) -> String {
        let part = |part: Option<&str>| part.unwrap_or("*").to_owned();
        let service = match (self.service, self.region) {
            (Some(""), None) => "*".to_owned(),
            (service, _) => part(service),
        };
        let rest = [service, part(self.region), part(self.account), part(self.resource)].join(":");
        let partition = self.partition;
        format!("Partition \"{partition}\" is not valid for resource \"arn:{partition}:{rest}\".")
    }
}

fn is_of_iam(resource: &str) -> bool {
    matches!(resource, "*" | "root") || IAM_PATHS.iter().any(|path| resource.starts_with(path))
}
