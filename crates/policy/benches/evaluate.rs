//! Nanoseconds for one decision: `cargo bench -p policy`.
//!
//! Ten policies are attached, as many as AWS's quota: nine the size of ReadOnlyAccess, then AdministratorAccess.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use policy::{
    Context, Mode, Policies, Policy, PolicyError, PolicyKind, Principal, Request, Values, evaluate, explain,
};

/// Decisions timed together.
const ROUNDS: u32 = 10_000;
/// Times this is repeated; the fastest counts, since whatever else runs on the machine only slows down.
const BATCHES: usize = 200;
/// Services in a document like ReadOnlyAccess, and literal actions of each.
const SERVICES: usize = 200;
const ACTIONS: usize = 6;

struct Keys;

impl Context for Keys {
    fn get(&self, key: &str) -> Option<Values<'_>> {
        match key {
            "aws:multifactorauthpresent" => Some(Values::One("true")),
            "aws:sourceip" => Some(Values::One("203.0.113.7")),
            "aws:username" => Some(Values::One("alice")),
            _ => None,
        }
    }
}

fn parse(text: &str, kind: PolicyKind) -> Result<Arc<Policy>, PolicyError> {
    Policy::parse(text, kind).map(Arc::new)
}

/// Some 1,200 literal actions and 600 patterns over 200 services, of which `kms` is one.
fn read_only(number: usize) -> Result<Arc<Policy>, PolicyError> {
    let mut actions = Vec::new();
    for service in 0..SERVICES {
        let prefix = if service == number { "kms".to_owned() } else { format!("service{service}") };
        actions.extend((0..ACTIONS).map(|action| format!("\"{prefix}:DescribeThing{number}x{action}\"")));
        actions.extend(["Describe*", "Get*", "List*"].map(|name| format!("\"{prefix}:{name}\"")));
    }
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{}],"Resource":"*"}}]}}"#,
        actions.join(",")
    );
    parse(&text, PolicyKind::Identity)
}

fn measure(name: &str, request: &Request<'_>, policies: &Policies<'_>, mode: Mode) {
    let mut best = f64::INFINITY;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            let _ = black_box(evaluate(black_box(request), black_box(policies), mode));
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS));
    }
    let outcome = evaluate(request, policies, mode);
    write(&format!("{name:<58} {best:>8.1} ns  {:?}\n", outcome.reason));
}

fn write(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn main() -> Result<(), PolicyError> {
    let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let mut identity: Vec<Arc<Policy>> = (0..9).map(read_only).collect::<Result<_, _>>()?;
    let nine = identity.clone();
    identity.push(parse(all, PolicyKind::Identity)?);
    let key = parse(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}}"#,
        PolicyKind::Key,
    )?;
    let conditional = [parse(
        r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:username}/*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}},
            {"Effect":"Deny","NotAction":"sts:*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}]}"#,
        PolicyKind::Identity,
    )?];
    let ask = |action: &'static str, resource: &'static str| Request {
        action,
        resource,
        resource_account: "111122223333",
        principal: Principal::User {
            account: "111122223333",
            arn: "arn:aws:iam::111122223333:user/alice",
            id: "AIDAALICEALICEALICE1",
        },
        context: &Keys,
    };
    let encrypt =
        ask("kms:Encrypt", "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let get = ask("s3:GetObject", "arn:aws:s3:::home/alice/report.txt");
    let ten = Policies { identity: &identity, ..Policies::default() };
    let with_key = Policies { resource: Some(&key), ..ten };
    measure("ten large policies, the last allows", &encrypt, &ten, Mode::Standard);
    measure("ten large policies and a key policy", &encrypt, &with_key, Mode::KmsKey);
    measure(
        "nine large policies, none allows",
        &encrypt,
        &Policies { identity: &nine, ..ten },
        Mode::Standard,
    );
    measure(
        "one policy: a variable, an address, a flag",
        &get,
        &Policies { identity: &conditional, ..ten },
        Mode::Standard,
    );
    for (name, request, policies, mode) in [
        (
            "explaining: one policy and a key policy, neither allows",
            &encrypt,
            Policies { identity: &conditional, ..with_key },
            Mode::KmsKey,
        ),
        (
            "explaining: nine large policies, none allows",
            &encrypt,
            Policies { identity: &nine, ..ten },
            Mode::Standard,
        ),
    ] {
        let mut best = u128::MAX;
        for _ in 0..BATCHES {
            let start = Instant::now();
            let _ = black_box(explain(black_box(request), &policies, mode, &policy::Known::default()));
            best = best.min(start.elapsed().as_micros());
        }
        write(&format!("{name:<58} {best:>8} µs\n"));
    }
    let start = Instant::now();
    let _ = black_box(read_only(0));
    write(&format!("making and parsing a large policy: {} µs\n", start.elapsed().as_micros()));
    Ok(())
}
