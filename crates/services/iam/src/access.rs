//! How the service asks whether the caller may do something.

use crate::api;
use crate::tags::Tags;
use platform::{Access, Cx, Fault, Principal};

/// An action with the condition keys that the Service Authorization Reference ("Actions, resources, and condition keys for AWS
/// Identity and Access Management") lists for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'i> {
    action: &'static str,
    policy_arn: Option<&'i str>,
    boundary: Option<&'i str>,
    /// Whether `iam:PermissionsBoundary` is the boundary that the entity has.
    boundary_held: bool,
    tags: &'i [api::Tag],
    /// What the caller calls the resource.
    called: Option<&'i str>,
    /// The action that is asked for as well, for the tags of what is created.
    tagging: Option<&'static str>,
    tag_keys: &'i [String],
    passed_to: Option<&'static str>,
    /// Other condition keys of the action.
    keys: &'i [(&'static str, String)],
    /// What the same call asks for after this.
    further: Option<(&'static str, &'i str)>,
}

impl<'i> Ask<'i> {
    /// An action, such as `iam:CreateUser`.
    pub(crate) fn to(action: &'static str) -> Self {
        Self {
            action,
            policy_arn: None,
            boundary: None,
            boundary_held: false,
            tags: &[],
            called: None,
            tagging: None,
            tag_keys: &[],
            passed_to: None,
            keys: &[],
            further: None,
        }
    }

    /// The same call asks for this after it: an action, and what is known of its resource.
    pub(crate) fn before(self, action: &'static str, resource: &'i str) -> Self {
        Self { further: Some((action, resource)), ..self }
    }

    /// What a denial calls the resource: no more than the caller has said.
    pub(crate) fn called<'s>(self, name: &'s str) -> Ask<'s>
    where
        'i: 's,
    {
        Ask { called: Some(name), ..self }
    }

    /// `iam:PolicyARN`: the managed policy that is attached or detached.
    pub(crate) fn policy_arn(self, arn: &'i str) -> Self {
        Self { policy_arn: Some(arn), ..self }
    }

    /// `iam:PermissionsBoundary`: the boundary that the request gives.
    pub(crate) fn boundary(self, arn: Option<&'i str>) -> Self {
        Self { boundary: arn, ..self }
    }

    /// `iam:PermissionsBoundary`: the boundary that the user or role has.
    pub(crate) fn with_own_boundary(self) -> Self {
        Self { boundary_held: true, ..self }
    }

    /// `aws:RequestTag/…` and `aws:TagKeys` of tags that the request gives.
    pub(crate) fn tags(self, tags: &'i [api::Tag]) -> Self {
        Self { tags, ..self }
    }

    /// Tags of what is created. Whoever gives any has to be allowed to tag, too (IAM User Guide, "Tags for IAM resources"): `action` is
    /// what adds them to what exists.
    pub(crate) fn new_tags(self, action: &'static str, tags: Option<&'i Vec<api::Tag>>) -> Self {
        match tags {
            Some(tags) if !tags.is_empty() => Self { tags, tagging: Some(action), ..self },
            _ => self,
        }
    }

    /// `aws:TagKeys` of tags that the request takes away.
    pub(crate) fn tag_keys(self, tag_keys: &'i [String]) -> Self {
        Self { tag_keys, ..self }
    }

    /// `iam:PassedToService`: the service that is to act in the role.
    pub(crate) fn passed_to(self, service: &'static str) -> Self {
        Self { passed_to: Some(service), ..self }
    }

    /// Condition keys that the action alone has.
    pub(crate) fn keys(self, keys: &'i [(&'static str, String)]) -> Self {
        Self { keys, ..self }
    }

    /// The action's name.
    pub(crate) fn action(self) -> &'static str {
        self.action
    }

    /// Tells the boundary that the user or role has, where the action asks for it.
    pub(crate) fn held_boundary<'s>(self, arn: Option<&'s str>) -> Ask<'s>
    where
        'i: 's,
    {
        if self.boundary_held { Ask { boundary: arn, ..self } } else { self }
    }

    /// Requires that the caller is allowed the action on the resource.
    pub(crate) fn authorize(self, cx: &mut Cx<'_>, resource: &str, tags: Option<&Tags>) -> Result<(), Fault> {
        refuse_borrowed_credentials(cx)?;
        let mut access = Access::to(self.action, resource);
        if let Some(name) = self.called {
            access = access.called(name);
        }
        if let Some(tags) = tags {
            access = access.tagged(tags);
        }
        if let Some(arn) = self.policy_arn {
            access = access.key("iam:PolicyARN", arn);
        }
        if let Some(arn) = self.boundary {
            access = access.key("iam:PermissionsBoundary", arn);
        }
        if let Some(service) = self.passed_to {
            access = access.key("iam:PassedToService", service);
        }
        for (name, value) in self.keys {
            access = access.key(*name, value.as_str());
        }
        if !self.tags.is_empty() {
            access =
                access.requesting_tags(self.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())));
        }
        if !self.tag_keys.is_empty() {
            access = access.removing_tags(self.tag_keys.iter().map(String::as_str));
        }
        let tagging = self.tagging.map(|action| (action, resource));
        for (action, resource) in tagging.into_iter().chain(self.further) {
            access = access.before(action, resource);
        }
        cx.authorize(&access)?;
        match self.tagging {
            Some(action) => {
                Ask { called: self.called, ..Ask::to(action).tags(self.tags) }.authorize(cx, resource, None)
            }
            None => Ok(()),
        }
    }
}

/// Temporary credentials of a user or of the root user cannot call IAM at all, unless an MFA device vouched for them (STS API Reference, both operations).
fn refuse_borrowed_credentials(cx: &Cx<'_>) -> Result<(), Fault> {
    let caller = cx.caller();
    let borrowed = match caller.principal {
        Principal::User { .. } | Principal::Root { .. } => {
            caller.session.as_ref().is_some_and(|session| session.mfa.is_none())
        }
        Principal::Federated { .. } => true,
        _ => false,
    };
    if borrowed {
        return Err(Fault::new(
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ));
    }
    Ok(())
}
