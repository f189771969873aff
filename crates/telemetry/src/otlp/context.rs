//! Which trace a call belongs to (W3C Trace Context, level 1) and whether it is sampled.

use http::HeaderValue;

/// From how many equally likely numbers the one is that decides on sampling: the random bits in the last seven bytes of a UUID.
pub(super) const DRAWS: u64 = 1 << 56;

/// The places of a call's spans in a trace. Ids are in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace: String,
    /// The caller's span.
    pub(super) parent: Option<String>,
    pub(super) span: String,
    /// The span of the call's commit.
    pub(super) commit: String,
}

impl Context {
    /// The context of a call, if it is sampled: by its caller, or, where the caller is silent, because its number is below `sampled`.
    ///
    /// The ids are those of the call itself, which are random: so the audit record leads to the trace and the trace to the record.
    pub(super) fn of(
        traceparent: Option<&HeaderValue>,
        request_id: &str,
        event_id: &str,
        sampled: u64,
    ) -> Option<Self> {
        let own = digits(request_id)?;
        let (trace, parent) = match traceparent.and_then(parse) {
            Some((_, _, false)) => return None,
            Some((trace, parent, true)) => (trace.to_owned(), Some(parent.to_owned())),
            None => {
                let number = u64::from_str_radix(own.get(18..)?, 16).ok()?;
                if number >= sampled {
                    return None;
                }
                (own, None)
            }
        };
        let ids = digits(event_id)?;
        let (span, commit) = ids.split_at_checked(16)?;
        Some(Self { trace, parent, span: span.to_owned(), commit: commit.to_owned() })
    }
}

/// The 32 digits of a UUID.
fn digits(uuid: &str) -> Option<String> {
    let digits: String = uuid.chars().filter(|char| *char != '-').collect();
    is_id(&digits, 32).then_some(digits)
}

/// Trace, span and whether it is sampled, from `00-<trace>-<span>-<flags>`. Later versions may have more behind it.
fn parse(header: &HeaderValue) -> Option<(&str, &str, bool)> {
    let text = header.to_str().ok()?;
    let mut parts = text.splitn(5, '-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !known || !is_id(trace, 32) || !is_id(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    Some((trace, span, u8::from_str_radix(flags, 16).ok()? & 1 == 1))
}

/// Whether a text is an id: all zeros is none.
fn is_id(text: &str, len: usize) -> bool {
    is_hex(text, len) && text.bytes().any(|byte| byte != b'0')
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "0af76519-16cd-43dd-8448-eb211c80319c";
    const EVENT: &str = "b7ad6b71-6920-4333-9aaa-bbbbccccdddd";
    const TRACE: &str = "11112222333344445555666677778888";

    fn of(traceparent: &str, sampled: u64) -> Option<Context> {
        Context::of(Some(&HeaderValue::from_str(traceparent).unwrap()), REQUEST, EVENT, sampled)
    }

    #[test]
    fn without_a_caller_s_trace_the_request_id_is_the_trace_and_decides() {
        let context = Context::of(None, REQUEST, EVENT, DRAWS).unwrap();
        assert_eq!(context.trace, "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(
            (context.span.as_str(), context.commit.as_str()),
            ("b7ad6b7169204333", "9aaabbbbccccdddd")
        );
        assert_eq!(context.parent, None);
        let number = 0x48_eb21_1c80_319c;
        assert_eq!(Context::of(None, REQUEST, EVENT, number), None);
        assert_eq!(Context::of(None, REQUEST, EVENT, number + 1), Some(context));
        assert_eq!(Context::of(None, REQUEST, EVENT, 0), None);
    }

    #[test]
    fn the_caller_s_decision_goes_before_ours() {
        let parent = "aaaabbbbccccdddd";
        let context = of(&format!("00-{TRACE}-{parent}-01"), 0).unwrap();
        assert_eq!((context.trace.as_str(), context.parent.as_deref()), (TRACE, Some(parent)));
        assert_eq!(of(&format!("00-{TRACE}-{parent}-00"), DRAWS), None);
        assert!(of(&format!("01-{TRACE}-{parent}-03-more"), 0).is_some());
    }

    #[test]
    fn what_is_no_trace_context_is_as_if_absent() {
        let own = Context::of(None, REQUEST, EVENT, DRAWS);
        let zeros = "0".repeat(32);
        for header in [
            "",
            "00",
            &format!("00-{TRACE}-aaaabbbbccccdddd-01-more"),
            &format!("ff-{TRACE}-aaaabbbbccccdddd-01"),
            &format!("00-{zeros}-aaaabbbbccccdddd-01"),
            &format!("00-{TRACE}-0000000000000000-01"),
            &format!("00-{}-aaaabbbbccccdddd-01", TRACE.replace('1', "A")),
            &format!("00-{TRACE}-aaaabbbbccccdddd-1"),
            &format!("00-{TRACE}-aaaabbbbccccdddd-0g"),
            &format!("00-{TRACE}1-aaaabbbbccccdddd-01"),
        ] {
            assert_eq!(of(header, DRAWS), own, "{header}");
            assert_eq!(of(header, 0), None, "{header}");
        }
    }
}
