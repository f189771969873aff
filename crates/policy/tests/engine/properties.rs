//! What holds whatever the documents and the request are.

use std::sync::Arc;

use policy::{Boundary, Mode, Policies, Policy, PolicyKind, Request, evaluate, rewrite_principals};
use proptest::prelude::*;

use crate::support::{AWAY, HOME, Keys, caller};

const ACTIONS: &[&str] = &[
    "*",
    "s3:*",
    "s3:GetObject",
    "S3:get*",
    "kms:Encrypt",
    "kms:?ncrypt",
    "sts:AssumeRole",
    "*:*",
    "iam:PassRole",
];
const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:kms:*:111122223333:key/*",
    "arn:aws:s3:::*",
    "arn:aws:s3*",
    "arn:aws:iam::111122223333:role/r",
];
const CONDITIONS: &[&str] = &[
    "{}",
    r#"{"StringEquals":{"aws:username":"alice"}}"#,
    r#"{"StringNotLikeIfExists":{"aws:username":"a*"}}"#,
    r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["a","${aws:username}"]}}"#,
    r#"{"ForAnyValue:StringLike":{"aws:TagKeys":"?"}}"#,
    r#"{"Null":{"aws:username":"true"}}"#,
    r#"{"NumericLessThan":{"a:n":5},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
    r#"{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/${a:n}"}}"#,
];
const PRINCIPALS: &[&str] = &[
    r#""*""#,
    r#"{"AWS":"111122223333"}"#,
    r#"{"AWS":["arn:aws:iam::111122223333:user/team/alice","arn:aws:iam::444455556666:root"]}"#,
    r#"{"AWS":["arn:aws:iam::111122223333:role/path/app","111122223333","arn:aws:sts::111122223333:assumed-role/app/s1"]}"#,
    r#"{"AWS":"AROAAPPAPPAPPAPPAPP1","Service":"cloudtrail.amazonaws.com"}"#,
    r#"{"Federated":"accounts.google.com"}"#,
];
const CALLERS: &[&str] = &[
    "anonymous",
    "service",
    "provider",
    "root",
    "far-root",
    "alice",
    "bob",
    "session",
    "far-session",
    "federated",
];

fn one_of(list: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(list)
}

fn statement(kind: PolicyKind, effects: &'static [&'static str]) -> impl Strategy<Value = String> {
    let shape = (one_of(effects), any::<bool>(), any::<bool>(), any::<bool>());
    let parts =
        (prop::collection::vec(one_of(ACTIONS), 1..4), prop::collection::vec(one_of(RESOURCES), 1..3));
    (shape, parts, one_of(CONDITIONS), one_of(PRINCIPALS)).prop_map(
        move |(
            (effect, not_action, not_resource, not_principal),
            (actions, resources),
            condition,
            principal,
        )| {
            let trust = kind == PolicyKind::Trust;
            let not = |not: bool| if not && !trust { "Not" } else { "" };
            let actions = if trust { vec!["sts:*"] } else { actions };
            let mut text = format!(
                r#"{{"Effect":"{effect}","{}Action":{actions:?},"Condition":{condition}"#,
                not(not_action)
            );
            if !trust {
                text += &format!(r#","{}Resource":{resources:?}"#, not(not_resource));
            }
            if matches!(kind, PolicyKind::Resource | PolicyKind::Key | PolicyKind::Trust) {
                text += &format!(r#","{}Principal":{principal}"#, not(not_principal));
            }
            text + "}"
        },
    )
}

const BOTH: &[&str] = &["Allow", "Allow", "Deny"];

fn statements(kind: PolicyKind) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(statement(kind, BOTH), 1..4)
}

fn document(kind: PolicyKind, statements: &[String]) -> Arc<Policy> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    Arc::new(Policy::parse(&text, kind).unwrap_or_else(|error| panic!("{text}: {error:?}")))
}

/// A request with its policies, as text.
#[derive(Clone, Debug)]
pub(crate) struct World {
    mode: usize,
    who: &'static str,
    action: &'static str,
    resource: &'static str,
    owner: &'static str,
    context: &'static str,
    grant: bool,
    identity: Vec<String>,
    boundary: Option<Vec<String>>,
    session: Option<Vec<String>>,
    own: Option<Vec<String>>,
}

impl World {
    fn mode(&self) -> (Mode, PolicyKind) {
        match self.mode {
            0 => (Mode::Standard, PolicyKind::Resource),
            1 => (Mode::KmsKey, PolicyKind::Key),
            _ => (Mode::AssumeRole, PolicyKind::Trust),
        }
    }

    fn allowed(&self) -> bool {
        self.with(|request, policies, mode| {
            let decision = evaluate(request, policies, mode);
            assert!(decision.message(request).contains(self.action));
            decision.allowed
        })
    }

    /// Calls `with` with the parsed request and policies.
    pub(crate) fn with<T>(&self, with: impl FnOnce(&Request<'_>, &Policies<'_>, Mode) -> T) -> T {
        let (mode, kind) = self.mode();
        let identity = [document(PolicyKind::Identity, &self.identity)];
        let boundary = self.boundary.as_deref().map(|statements| document(PolicyKind::Boundary, statements));
        let session = self.session.as_deref().map(|statements| document(PolicyKind::Session, statements));
        let own = self.own.as_deref().map(|statements| document(kind, statements));
        let keys = Keys::parse(self.context);
        let request = Request {
            action: self.action,
            resource: self.resource,
            resource_account: self.owner,
            principal: caller(self.who),
            context: &keys,
        };
        let policies = Policies {
            identity: &identity,
            boundary: boundary.as_deref().map_or(Boundary::None, Boundary::Policy),
            session: session.as_slice(),
            resource: own.as_deref(),
            grant: self.grant,
        };
        with(&request, &policies, mode)
    }
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let request = (
        0..3_usize,
        one_of(CALLERS),
        one_of(&["s3:GetObject", "kms:Encrypt", "sts:AssumeRole", "iam:PassRole", "none"]),
        one_of(&[
            "*",
            "arn:aws:s3:::b/alice/k",
            "arn:aws:kms:r:111122223333:key/k",
            "arn:aws:iam::111122223333:role/r",
            "x",
        ]),
        one_of(&[HOME, AWAY]),
        one_of(&[
            "",
            "aws:username=alice",
            "aws:username=bob; aws:TagKeys=[a,b]; a:n=4; aws:SourceIp=10.1.1.1",
            "aws:TagKeys=[]",
        ]),
        any::<bool>(),
    );
    request.prop_flat_map(|(mode, who, action, resource, owner, context, grant)| {
        let kind = [PolicyKind::Resource, PolicyKind::Key, PolicyKind::Trust][mode];
        let policies = (
            statements(PolicyKind::Identity),
            prop::option::of(statements(PolicyKind::Boundary)),
            prop::option::of(statements(PolicyKind::Session)),
            prop::option::of(statements(kind)),
        );
        policies.prop_map(move |(identity, boundary, session, own)| World {
            mode,
            who,
            action,
            resource,
            owner,
            context,
            grant,
            identity,
            boundary,
            session,
            own,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_deny_never_allows(world in world(), deny in statement(PolicyKind::Identity, &["Deny"]), place in 0..4_usize) {
        let mut more = world.clone();
        match place {
            0 => more.identity.insert(0, deny),
            1 => more.boundary.iter_mut().for_each(|statements| statements.push(deny.clone())),
            2 => more.session.iter_mut().for_each(|statements| statements.push(deny.clone())),
            _ => {}
        }
        prop_assert!(world.allowed() || !more.allowed());
    }

    #[test]
    fn a_deny_on_the_resource_never_allows((world, deny) in world().prop_flat_map(|world| {
        let kind = world.mode().1;
        (Just(world), statement(kind, &["Deny"]))
    })) {
        let mut more = world.clone();
        more.own.get_or_insert_default().push(deny);
        prop_assert!(world.allowed() || !more.allowed());
    }

    #[test]
    fn a_boundary_never_widens(world in world(), boundary in statements(PolicyKind::Boundary)) {
        let without = World { boundary: None, ..world };
        let with = World { boundary: Some(boundary), ..without.clone() };
        prop_assert!(without.allowed() || !with.allowed());
    }

    #[test]
    fn a_session_policy_never_widens_a_role(world in world(), session in statements(PolicyKind::Session)) {
        prop_assume!(world.who != "federated");
        let without = World { session: None, ..world };
        let with = World { session: Some(session), ..without.clone() };
        prop_assert!(without.allowed() || !with.allowed());
    }

    #[test]
    fn an_allow_never_denies(world in world(), allow in statement(PolicyKind::Identity, &["Allow"])) {
        let mut more = world.clone();
        more.identity.push(allow);
        prop_assert!(!world.allowed() || more.allowed());
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in any::<String>()) {
        let _ = Policy::parse(&text, PolicyKind::Identity);
        let _ = rewrite_principals(&text, |_| None);
    }

    /// Documents that are almost right reach deeper.
    #[test]
    fn broken_documents_do_not_panic(
        world in world(),
        cut in any::<prop::sample::Index>(),
        insert in "[\\[\\]{}\":,*?$0-9aA\\\\-]{0,3}",
    ) {
        let mut text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, world.identity.join(","));
        let at = cut.index(text.len());
        text.replace_range(at..at + 1, &insert);
        for kind in [PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust, PolicyKind::Key] {
            if let Err(error) = Policy::parse(&text, kind) {
                prop_assert!(error.offset() <= text.len());
            }
        }
    }

    #[test]
    fn arbitrary_requests_do_not_panic(action in any::<String>(), resource in any::<String>(), world in world()) {
        let identity = [document(PolicyKind::Identity, &world.identity)];
        let keys = Keys::parse(world.context);
        let request = Request {
            action: &action,
            resource: &resource,
            resource_account: world.owner,
            principal: caller(world.who),
            context: &keys,
        };
        let _ = evaluate(&request, &Policies { identity: &identity, ..Policies::default() }, world.mode().0);
    }
}
