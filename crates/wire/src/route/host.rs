//! What a host name such as `kms.us-east-1.example.net` says about the service.

use std::collections::HashMap;

/// Most labels an endpoint prefix may have; AWS's longest have three.
const PREFIX_LABELS_MAX: usize = 4;

/// The services whose endpoint prefix in `by_endpoint` begins `host`, which may have a port.
pub(super) fn services<'a>(host: &str, by_endpoint: &'a HashMap<&'static str, Vec<usize>>) -> &'a [usize] {
    let name = name(host);
    let dots = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
    let prefixes = dots.take(PREFIX_LABELS_MAX).filter_map(|end| name.get(..end));
    let found = prefixes.filter_map(|prefix| by_endpoint.get(prefix.strip_suffix("-fips").unwrap_or(prefix)));
    // The longest prefix says most.
    found.last().map_or(&[], Vec::as_slice)
}

/// The length of `prefix` if it is an endpoint prefix that begins `host`, which may have a port.
pub(super) fn prefix_length(host: &str, prefix: &str) -> Option<usize> {
    let name = name(host);
    let rest = name.strip_prefix(prefix)?;
    let rest = rest.strip_prefix("-fips").unwrap_or(rest);
    // A host that is all prefix may be anybody's.
    rest.starts_with('.').then_some(prefix.len())
}

fn name(host: &str) -> String {
    host.split_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        let by_endpoint = HashMap::from([("kms", vec![0]), ("api.ecr", vec![1]), ("api", vec![2])]);
        let cases: [(&str, &[usize]); 12] = [
            ("kms.us-east-1.example.net", &[0]),
            ("KMS.US-EAST-1.Example.net:8443", &[0]),
            ("kms-fips.us-gov-west-1.example.net", &[0]),
            ("kms", &[0]),
            ("api.ecr.eu-central-1.example.net", &[1]),
            ("api.eu-central-1.example.net", &[2]),
            ("other.ap-southeast-12.example.net", &[]),
            ("127.0.0.1:4566", &[]),
            ("[::1]:4566", &[]),
            ("localhost", &[]),
            ("", &[]),
            ("kms..", &[0]),
        ];
        for (host, expected) in cases {
            assert_eq!(services(host, &by_endpoint), expected, "{host}");
        }
    }
}
