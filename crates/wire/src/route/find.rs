//! The search itself, protocol by protocol.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, header, request::Parts};

use super::{
    OPERATION_BYTES_MAX, Route, RouteError, Router, Served,
    atlas::{self, Spoken},
    error::Reason,
    form::{Action, Twice},
    host, is_json, is_query, is_rest, speaks, spoken, template,
};
use crate::{
    model::{Protocol, ServiceModel},
    sigv4::{self, Scope},
};

/// Names of headers that each request is asked for, made once.
static X_AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");
static SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");

impl Router {
    /// The operation that a request is for. `scope` is that of its signature, if it has one; `body` is looked at
    /// only if it is a form.
    ///
    /// # Errors
    /// [`RouteError`], which names service and protocol as far as they are known.
    pub fn route(&self, parts: &Parts, body: &[u8], scope: Option<&Scope>) -> Result<Route, RouteError> {
        let search = Search { router: self, parts, scope };
        match search.run(body) {
            Ok((service, operation, protocol)) => {
                Ok(Route { service, operation, protocol: search.answered_in(protocol) })
            }
            Err(error) => {
                let error = search.elsewhere(error, body);
                Err(RouteError { protocol: search.answered_in(error.protocol), ..error })
            }
        }
    }
}

type Found = (&'static ServiceModel, &'static crate::model::OperationModel, Protocol);

struct Search<'a> {
    router: &'a Router,
    parts: &'a Parts,
    scope: Option<&'a Scope>,
}

impl<'a> Search<'a> {
    fn run(&self, body: &[u8]) -> Result<Found, RouteError> {
        let headers = &self.parts.headers;
        match (one(headers, &X_AMZ_TARGET), one(headers, &SMITHY_PROTOCOL)) {
            (One::Value(target), One::Absent) => self.json(target),
            (One::Absent, One::Value(protocol)) => self.cbor(protocol),
            (One::Absent, One::Absent) => self.query_or_rest(body),
            (One::Many, One::Absent) => {
                let protocol = self.json_protocol().unwrap_or(Protocol::Json11);
                Err(self.error(None, protocol, Reason::Conflicting("more than one X-Amz-Target header")))
            }
            (One::Absent, One::Many) => Err(self.error(
                None,
                Protocol::Cbor,
                Reason::Conflicting("more than one smithy-protocol header"),
            )),
            // Smithy RPC v2 CBOR: requests with X-Amz-Target must be rejected.
            _ => Err(self.error(
                None,
                Protocol::Cbor,
                Reason::Conflicting("X-Amz-Target and smithy-protocol headers"),
            )),
        }
    }

    /// The same refusal, unless the request means a service of AWS that is not served here: then that is the refusal.
    fn elsewhere(&self, error: RouteError, body: &[u8]) -> RouteError {
        match (&error.reason, error.service) {
            (Reason::Conflicting(_), _) => return error,
            // Services of AWS that are not one may share a signing name: IAM and IAM Toolbox.
            (Reason::NoOperation | Reason::UnsupportedProtocol, _) | (_, None) => {}
            (_, Some(_)) => return error,
        }
        let (mut parameters, text);
        let (spoken, operation) = match (one(&self.parts.headers, &X_AMZ_TARGET), error.protocol) {
            (One::Value(target), _) => {
                let (prefix, name) = target.rsplit_once('.').unwrap_or((target, ""));
                (Spoken::Json(prefix), name)
            }
            (_, Protocol::Cbor) => {
                let mut segments = self.parts.uri.path().rsplit('/');
                let (name, prefix) =
                    (segments.next().unwrap_or_default(), segments.nth(1).unwrap_or_default());
                (Spoken::Cbor(prefix), name)
            }
            _ => {
                text = if self.is_form() { std::str::from_utf8(body).unwrap_or_default() } else { "" };
                parameters = Action::default();
                // Both named twice is a refusal of its own.
                let query = self.parts.uri.query().unwrap_or_default();
                let _twice = parameters.read(query).and_then(|()| parameters.read(text));
                match &parameters.action {
                    Some(action) => (Spoken::Query(parameters.version.as_deref()), action.as_ref()),
                    None => {
                        let (method, path) = (self.parts.method.as_str(), self.parts.uri.path());
                        (Spoken::Rest { method, path }, "")
                    }
                }
            }
        };
        let meant = atlas::meant(self.router, spoken, self.scope, sigv4::host(self.parts));
        let Some(&first) = meant.first() else { return error };
        // A service that is served here is meant by what does not say otherwise.
        let says_nothing = matches!(spoken, Spoken::Rest { path: "/", .. }) || !speaks(first, spoken.kind());
        if error.service.is_some() && says_nothing {
            return error;
        }
        let protocol = atlas::answered_in(first, spoken, error.protocol);
        // A parameter of a service that speaks REST may be called `Action` as well.
        let is_named = spoken.kind()(protocol) && !operation.is_empty();
        let operation = is_named.then(|| shortened(operation));
        self.error(None, protocol, Reason::Elsewhere { meant, operation })
    }

    /// `X-Amz-Target: TrentService.Encrypt`.
    fn json(&self, target: &str) -> Result<Found, RouteError> {
        let named = self.json_protocol();
        let likely = named.unwrap_or(Protocol::Json11);
        let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
        let candidates = self.router.by_target.get(prefix).map_or(&[][..], Vec::as_slice);
        let Some(served) = self.choose(candidates, |served| served.operations.contains_key(name)) else {
            let service = self.first(candidates);
            let reason = if service.is_some() { unknown(name) } else { Reason::UnknownService };
            return Err(self.error(service, likely, reason));
        };
        // Without a content type the service's own version is meant; with a foreign one, none of the two.
        let protocol = match (named, self.content_type()) {
            (Some(named), _) => served.model.protocols.contains(&named).then_some(named),
            (None, None) => spoken(served.model, is_json),
            (None, Some(_)) => None,
        };
        match (protocol, served.operations.get(name)) {
            (Some(protocol), Some(operation)) if self.parts.method == http::Method::POST => {
                Ok((served.model, operation, protocol))
            }
            (Some(protocol), _) => Err(self.error(Some(served.model), protocol, unknown(name))),
            (None, _) => {
                let protocol = spoken(served.model, is_json).unwrap_or(likely);
                Err(self.error(Some(served.model), protocol, Reason::UnsupportedProtocol))
            }
        }
    }

    /// `smithy-protocol: rpc-v2-cbor` with a path that ends in `/service/TrentService/operation/Encrypt`.
    fn cbor(&self, protocol: &str) -> Result<Found, RouteError> {
        let fail = |service, reason| Err(self.error(service, Protocol::Cbor, reason));
        if protocol != "rpc-v2-cbor" {
            return fail(None, Reason::UnsupportedProtocol);
        }
        let mut segments = self.parts.uri.path().rsplit('/');
        let (Some(name), Some("operation"), Some(prefix), Some("service")) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return fail(None, Reason::NoOperation);
        };
        let candidates = self.router.by_target.get(prefix).map_or(&[][..], Vec::as_slice);
        let Some(served) = self.choose(candidates, |served| served.operations.contains_key(name)) else {
            let service = self.first(candidates);
            return fail(service, if service.is_some() { unknown(name) } else { Reason::UnknownService });
        };
        match served.operations.get(name) {
            _ if !served.model.protocols.contains(&Protocol::Cbor) => {
                fail(Some(served.model), Reason::UnsupportedProtocol)
            }
            Some(operation) if self.parts.method == http::Method::POST => {
                Ok((served.model, operation, Protocol::Cbor))
            }
            _ => fail(Some(served.model), unknown(name)),
        }
    }

    fn query_or_rest(&self, body: &[u8]) -> Result<Found, RouteError> {
        let candidates = self.candidates();
        let mut parameters = Action::default();
        let query = self.parts.uri.query().unwrap_or_default();
        let is_form = self.is_form();
        let form = if is_form { std::str::from_utf8(body).unwrap_or_default() } else { "" };
        let read = parameters.read(query).and_then(|()| parameters.read(form));
        // A service known to speak REST only may call its own parameters so.
        let only_rest = !candidates.is_empty()
            && candidates.iter().all(|&index| {
                self.served(index)
                    .is_some_and(|served| speaks(served.model, is_rest) && !speaks(served.model, is_query))
            });
        if !only_rest {
            let likely = |service: Option<&ServiceModel>| {
                service.and_then(|service| spoken(service, is_query)).unwrap_or(Protocol::Query)
            };
            if let Err(Twice) = read {
                let service = self.first(candidates);
                let reason = Reason::Conflicting("more than one Action or Version parameter");
                return Err(self.error(service, likely(service), reason));
            }
            if let Some(action) = &parameters.action {
                return self.query(candidates, action, parameters.version.as_deref());
            }
            if is_form {
                let service = self.first(candidates);
                return Err(self.error(service, likely(service), Reason::NoOperation));
            }
        }
        self.rest(candidates, query)
    }

    /// `Action=GetUser&Version=2010-05-08`.
    fn query(&self, candidates: &[usize], action: &str, version: Option<&str>) -> Result<Found, RouteError> {
        let known = !candidates.is_empty();
        let candidates =
            if known { candidates } else { self.router.by_action.get(action).map_or(&[][..], Vec::as_slice) };
        let speaking =
            |index: &&usize| self.served(**index).is_some_and(|served| speaks(served.model, is_query));
        let in_version: Vec<usize> = candidates
            .iter()
            .filter(speaking)
            .filter(|&&index| {
                self.served(index).is_some_and(|served| Some(served.model.api_version) == version)
            })
            .copied()
            .collect();
        let with_action = |served: &Served| served.operations.contains_key(action);
        if let Some(served) = self.choose(&in_version, with_action)
            && let (Some(operation), Some(protocol)) =
                (served.operations.get(action), spoken(served.model, is_query))
            && matches!(self.parts.method, http::Method::POST | http::Method::GET)
        {
            return Ok((served.model, operation, protocol));
        }
        let service = self.first(&in_version).or_else(|| self.first(candidates)).filter(|_| known);
        let protocol = service.and_then(|service| spoken(service, is_query)).unwrap_or(Protocol::Query);
        let reason = if known && !candidates.iter().any(|index| speaking(&index)) {
            Reason::UnsupportedProtocol
        } else if in_version.is_empty() && !candidates.is_empty() {
            Reason::WrongVersion { action: shortened(action), version: version.map(shortened) }
        } else {
            unknown(action)
        };
        Err(self.error(service, protocol, reason))
    }

    /// Method and path.
    fn rest(&self, candidates: &[usize], query: &str) -> Result<Found, RouteError> {
        let all: Vec<usize>;
        let known = !candidates.is_empty();
        let candidates = if known {
            candidates
        } else {
            all = (0..self.router.services.len()).collect();
            &all
        };
        let path: Vec<&str> = template::segments(self.parts.uri.path()).collect();
        // Signatures of services other than S3 cover the path without empty and dot segments; a path that has
        // them must not be read differently here.
        let is_plain = !path.iter().any(|segment| matches!(*segment, "" | "." | ".."));
        let method = self.parts.method.as_str();
        let find = |served: &Served| {
            let readable = is_plain || served.model.signing_name == "s3";
            let mut templates = served.templates.iter().filter(|_| readable);
            templates
                .find(|template| template.matches(method, &path, query))
                .map(|template| template.operation)
        };
        if let Some(served) = self.choose(candidates, |served| find(served).is_some())
            && let (Some(operation), Some(protocol)) = (find(served), spoken(served.model, is_rest))
        {
            return Ok((served.model, operation, protocol));
        }
        // XKS Proxy API Specification, "API operations": its URIs answer 405 to other methods.
        let of_proxy = candidates.iter().filter_map(|&index| self.served(index)).find(|served| {
            served.model.protocols.contains(&Protocol::Xks)
                && served.templates.iter().any(|template| is_plain && template.has_path(&path))
        });
        if let Some(served) = of_proxy {
            let name = shortened(&format!("{method} {}", self.parts.uri.path()));
            return Err(self.error(Some(served.model), Protocol::Xks, Reason::WrongMethod(name)));
        }
        let service = self.first(candidates).filter(|_| known);
        let protocol =
            service.and_then(|service| service.protocols.first().copied()).unwrap_or(Protocol::RestJson);
        let reason = match service {
            Some(service) if speaks(service, is_rest) => {
                unknown(&format!("{method} {}", self.parts.uri.path()))
            }
            Some(_) => Reason::NoOperation,
            None => Reason::UnknownService,
        };
        Err(self.error(service, protocol, reason))
    }

    /// Services that the scope of the signature names, else those that the host name does.
    fn candidates(&self) -> &'a [usize] {
        let scoped = self.scope.and_then(|scope| self.router.by_signing_name.get(scope.service.as_str()));
        let hinted = || sigv4::host(self.parts).map(|host| host::services(host, &self.router.by_endpoint));
        scoped.map(Vec::as_slice).or_else(hinted).unwrap_or_default()
    }

    /// The one among `candidates` that `fits`: the one that scope or host name, else the first if all that fit
    /// sign alike (AWS has families of models for one service). `None` if none fits or they are strangers.
    fn choose(&self, candidates: &[usize], fits: impl Fn(&Served) -> bool) -> Option<&'a Served> {
        let fitting = |index: &&usize| self.served(**index).is_some_and(&fits);
        let hinted = self.candidates();
        let mut fitting_ones = candidates.iter().filter(fitting);
        if let Some(&index) = candidates.iter().filter(fitting).find(|index| hinted.contains(index)) {
            return self.served(index);
        }
        let first = self.served(*fitting_ones.next()?)?;
        let alike = |&index: &usize| {
            self.served(index).is_some_and(|served| served.model.signing_name == first.model.signing_name)
        };
        fitting_ones.all(alike).then_some(first)
    }

    fn served(&self, index: usize) -> Option<&'a Served> {
        self.router.services.get(index)
    }

    fn first(&self, candidates: &[usize]) -> Option<&'static ServiceModel> {
        candidates.first().and_then(|&index| self.served(index)).map(|served| served.model)
    }

    /// Query has two forms of answers. The first media type of `Accept` that names one of them decides; without any it is XML.
    fn answered_in(&self, protocol: Protocol) -> Protocol {
        let values =
            self.parts.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut media = values.flat_map(|value| value.split(',')).map(media_type);
        let form = media.find_map(|media| match () {
            () if media.eq_ignore_ascii_case("application/json") => Some(Protocol::QueryJson),
            () if ["text/xml", "application/xml", "*/*"]
                .iter()
                .any(|xml| media.eq_ignore_ascii_case(xml)) =>
            {
                Some(Protocol::Query)
            }
            () => None,
        });
        form.filter(|_| protocol == Protocol::Query).unwrap_or(protocol)
    }

    /// Media type without parameters; `None` if there is none, "" if there are several or it is no text.
    fn content_type(&self) -> Option<&'a str> {
        match one(&self.parts.headers, &header::CONTENT_TYPE) {
            One::Absent => None,
            One::Many => Some(""),
            One::Value(value) => Some(media_type(value)),
        }
    }

    fn is_form(&self) -> bool {
        let is = |media: &str| media.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        self.parts.method == http::Method::POST && self.content_type().is_some_and(is)
    }

    fn json_protocol(&self) -> Option<Protocol> {
        let media = self.content_type()?;
        let is = |name: &str| media.eq_ignore_ascii_case(name);
        match () {
            () if is("application/x-amz-json-1.0") => Some(Protocol::Json10),
            () if is("application/x-amz-json-1.1") => Some(Protocol::Json11),
            () => None,
        }
    }

    fn error(
        &self,
        service: Option<&'static ServiceModel>,
        protocol: Protocol,
        reason: Reason,
    ) -> RouteError {
        RouteError { service, protocol, reason, served: Arc::clone(&self.router.names) }
    }
}

/// A media type without its parameters.
fn media_type(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

/// A header that may be present once.
enum One<'a> {
    Absent,
    /// Empty if it is no ASCII text.
    Value(&'a str),
    Many,
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> One<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => One::Absent,
        (Some(value), None) => One::Value(value.to_str().unwrap_or_default()),
        (Some(_), Some(_)) => One::Many,
    }
}

fn unknown(name: &str) -> Reason {
    Reason::UnknownOperation(shortened(name))
}

/// At most as much of what the caller wrote as a true name may have.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(OPERATION_BYTES_MAX).collect()
}
