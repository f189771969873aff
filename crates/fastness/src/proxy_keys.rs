//! `fastness xks`: the keys by which external key stores call this deployment as their proxy. What they then may is what the key's user
//! may.

use crate::admin::{self, Command, merge, words};
use crate::args::{Place, XksArgs, XksCommand, XksKeyArgs};
use crate::config::Config;
use crate::deployment::Data;
use crate::exit::Exit;
use crate::{Failure, failure, output};
use serde_json::{Value, json};
use server::Deployment;
use std::io::Write as _;
use std::process::ExitCode;

pub(crate) fn run(args: &XksArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        XksCommand::Create(args) => {
            let made = ask(&args.place, &Command::CreateProxyKey { user: args.user.clone() })?;
            // The form in which the store's KMS takes it, for people as well.
            output::print(|| made.clone(), |out| Ok(writeln!(out, "{made:#}")?))?;
        }
        XksCommand::List(args) => {
            let keys = ask(&args.place, &Command::ProxyKeys {})?;
            output::print(
                || keys.clone(),
                |out| {
                    for key in keys.as_array().into_iter().flatten() {
                        let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or("-");
                        let (id, status) = (text("AccessKeyId"), text("Status"));
                        writeln!(out, "{id} {status:<8} {} {}", text("CreateDate"), text("User"))?;
                    }
                    Ok(())
                },
            )?;
        }
        XksCommand::Disable(args) => set(args, Change::Disable)?,
        XksCommand::Enable(args) => set(args, Change::Enable)?,
        XksCommand::Delete(args) => set(args, Change::Delete)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A change of a key.
#[derive(Clone, Copy)]
enum Change {
    Enable,
    Disable,
    Delete,
}

/// Changes a key, and tells what it is now.
fn set(args: &XksKeyArgs, change: Change) -> Result<(), Failure> {
    let id = args.id.clone();
    let (command, status, text) = match change {
        Change::Enable => (Command::SetProxyKeyActive { id, active: true }, "Active", "may be used again"),
        Change::Disable => (Command::SetProxyKeyActive { id, active: false }, "Inactive", "cannot be used"),
        Change::Delete => (Command::DeleteProxyKey { id }, "Deleted", "is removed"),
    };
    ask(&args.place, &command)?;
    let facts = || json!({ "AccessKeyId": args.id, "Status": status });
    output::print(facts, |out| Ok(writeln!(out, "The key {} {text}.", args.id)?))
}

fn ask(place: &Place, command: &Command) -> Result<Value, Failure> {
    let config = Config::read(place)?;
    admin::ask(&Data::locate(place, &config)?, command)
}

/// Makes a key, and answers what the console of AWS KMS and `CreateCustomKeyStore` take (XKS Proxy API Specification, "XKS proxy
/// configuration in AWS KMS console").
pub(crate) async fn create(
    deployment: &Deployment,
    account: &str,
    user: &str,
    by: Value,
) -> Result<Value, Failure> {
    let work = |cx: &mut platform::Cx<'_>| {
        let key = iam::create_proxy_key(cx, account, user)?;
        let told = details(&by, json!({ "accessKeyId": key.id, "user": user }));
        Ok((key, told))
    };
    let key = deployment.operate("CreateProxyKey", work).await.map_err(words)?;
    Ok(json!({
        "XksProxyUriPath": format!("/{}{}", key.user_id, kms::XKS_PATH),
        "XksProxyAuthenticationCredential": {
            "AccessKeyId": key.id,
            "RawSecretAccessKey": key.secret.as_str(),
        },
    }))
}

/// Lists the keys.
pub(crate) async fn list(deployment: &Deployment, by: Value) -> Result<Value, Failure> {
    let work = |cx: &mut platform::Cx<'_>| Ok((iam::proxy_keys(cx)?, by.clone()));
    let keys = deployment.operate("ListProxyKeys", work).await.map_err(words)?;
    let keys = keys.into_iter().map(|key| {
        json!({
            "AccessKeyId": key.id,
            "Status": if key.active { "Active" } else { "Inactive" },
            "CreateDate": key.created.to_string(),
            "User": key.user.map(|(arn, _)| arn),
        })
    });
    Ok(keys.collect())
}

/// Lets a key be used, or not.
pub(crate) async fn set_active(
    deployment: &Deployment,
    id: &str,
    active: bool,
    by: Value,
) -> Result<Value, Failure> {
    let work = |cx: &mut platform::Cx<'_>| {
        let told = details(&by, json!({ "accessKeyId": id, "active": active }));
        Ok((iam::set_proxy_key_active(cx, id, active)?, told))
    };
    let there = deployment.operate("UpdateProxyKey", work).await.map_err(words)?;
    found(there, id)
}

/// Removes a key.
pub(crate) async fn delete(deployment: &Deployment, id: &str, by: Value) -> Result<Value, Failure> {
    let work = |cx: &mut platform::Cx<'_>| {
        Ok((iam::delete_proxy_key(cx, id)?, details(&by, json!({ "accessKeyId": id }))))
    };
    let there = deployment.operate("DeleteProxyKey", work).await.map_err(words)?;
    found(there, id)
}

fn found(there: bool, id: &str) -> Result<Value, Failure> {
    if there { Ok(json!({})) } else { Err(failure("no such key", id).with(Exit::Absent)) }
}

fn details(by: &Value, more: Value) -> Value {
    let mut details = by.clone();
    merge(&mut details, more);
    details
}
