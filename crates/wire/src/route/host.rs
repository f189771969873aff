//! What a host name says about service and region.

use std::collections::HashMap;

/// Most labels an endpoint prefix may have; AWS's longest have three.
const PREFIX_LABELS_MAX: usize = 4;

/// Service and region in a host name such as `kms.us-east-1.example.net`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hint<'a> {
    /// Services whose endpoint prefix the name begins with.
    pub(super) services: &'a [usize],
    pub(super) region: Option<String>,
}

/// Reads `host`, which may have a port, against the endpoint prefixes in `by_endpoint`.
pub(super) fn hint<'a>(host: &str, by_endpoint: &'a HashMap<&'static str, Vec<usize>>) -> Hint<'a> {
    let name = host.split_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let mut found: &[usize] = &[];
    // Without a known prefix the first label is taken for one: the region follows it all the same.
    let mut rest = name.split_once('.').map_or("", |(_, rest)| rest);
    let dots = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
    for end in dots.take(PREFIX_LABELS_MAX) {
        let (prefix, after) = name.split_at_checked(end).unwrap_or_default();
        let prefix = prefix.strip_suffix("-fips").unwrap_or(prefix);
        if let Some(services) = by_endpoint.get(prefix) {
            found = services;
            rest = after.strip_prefix('.').unwrap_or(after);
        }
    }
    let region = rest.split('.').next().filter(|label| is_region(label));
    Hint { services: found, region: region.map(str::to_owned) }
}

/// Whether `label` has the form of a region: `us-east-1`, `us-gov-west-1`.
fn is_region(label: &str) -> bool {
    let pieces: Vec<&str> = label.split('-').collect();
    let [partition, middle @ .., number] = pieces.as_slice() else { return false };
    let is_word = |piece: &str| !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=4).contains(&partition.len())
        && is_word(partition)
        && (1..=3).contains(&middle.len())
        && middle.iter().all(|piece| is_word(piece))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        let by_endpoint = HashMap::from([("kms", vec![0]), ("api.ecr", vec![1]), ("api", vec![2])]);
        let cases: [(&str, &[usize], Option<&str>); 15] = [
            ("kms.us-east-1.example.net", &[0], Some("us-east-1")),
            ("KMS.US-EAST-1.Example.net:8443", &[0], Some("us-east-1")),
            ("kms-fips.us-gov-west-1.example.net", &[0], Some("us-gov-west-1")),
            ("kms.example.net", &[0], None),
            ("kms", &[0], None),
            ("api.ecr.eu-central-1.example.net", &[1], Some("eu-central-1")),
            ("api.eu-central-1.example.net", &[2], Some("eu-central-1")),
            ("other.ap-southeast-12.example.net", &[], Some("ap-southeast-12")),
            ("us-east-1.example.net", &[], None),
            ("127.0.0.1:4566", &[], None),
            ("[::1]:4566", &[], None),
            ("localhost", &[], None),
            ("", &[], None),
            ("kms..", &[0], None),
            ("kms.us-east-1x.example", &[0], None),
        ];
        for (host, services, region) in cases {
            let expected = Hint { services, region: region.map(str::to_owned) };
            assert_eq!(hint(host, &by_endpoint), expected, "{host}");
        }
    }
}
